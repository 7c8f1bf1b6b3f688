"""Whole parts of a dataset's keys held against live ones, in workers: which are just as the dataset has them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import redis

from tvmigrate.dataset.model import STRING, RedisKey
from tvmigrate.dataset.read import redis_key
from tvmigrate.dataset.redis_lengths import lengths
from tvmigrate.engines.redis_opener import open_redis
from tvmigrate.engines.redis_wire import ask, ask_unless
from tvmigrate.verify import redis_state
from tvmigrate.verify.redis_names import batches, by_weight
from tvmigrate.verify.redis_plain import Lines
from tvmigrate.verify.redis_plain_live import NEVER, PTTL, TIME, clock_ms, same_deadline

_BATCH = 1000
_ITEMS = 10_000  # of lists, sets and the like that are read at once; one key may have more
_DB = 0
_GET = b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n"
_TYPE = b"*2\r\n$4\r\nTYPE\r\n$%d\r\n%b\r\n"


@dataclass(slots=True)
class Same:
    """The names of those keys of a part that are there as the dataset has them; lines, with numbers, of all others.

    `others` has keys that are wrong or gone, and those that are looked at one by one in any case: of other databases,
    and those of which the file does not tell what Redis holds.
    """

    names: list[bytes] = field(default_factory=list)
    others: list[tuple[int, bytes]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    line: bytes
    key: RedisKey
    deadline: int | None


@dataclass(frozen=True, slots=True)
class Due:
    """A key, when it expires (ms since the epoch; None: never), and its state (`redis_state`)."""

    key: bytes
    deadline: int | None
    state: dict[str, Any]


def same(given: tuple[str, Lines]) -> Same:
    """Return which keys of a part are there with just the type, the value and the time to live of the dataset.

    Raises:
        DatasetError: a line is not of the form.
        redis.RedisError: the server went away.
    """
    url, part = given
    found = Same()
    strings: list[_Line] = []
    rest: list[_Line] = []
    for number, line in enumerate(part.lines.splitlines(), part.first):
        key = redis_key(part.path, number, line)
        if key is None:
            continue
        if key.db != _DB or redis_state.file_does_not_tell(key):
            found.others.append((number, line))
            continue
        deadline = None if key.ttl_ms is None else part.epoch_ms + key.ttl_ms
        (strings if key.type == STRING else rest).append(_Line(number, line, key, deadline))
    with open_redis(url) as client:
        right = {*_same_strings(client, strings), *_same_others(client, rest)}
    for one in (*strings, *rest):
        if one.number in right:
            found.names.append(one.key.key)
        else:
            found.others.append((one.number, one.line))
    return found


def _same_strings(client: redis.Redis, lines: Sequence[_Line]) -> Iterator[int]:
    """Yield the line numbers of those strings that are there; compared as bytes, where all are and none expires."""
    lasting = [one for one in lines if one.deadline is None]
    for some in batches(lasting, _BATCH):
        names = [one.key.key for one in some]
        commands = b"".join([_GET % (len(name), name) + PTTL % (len(name), name) for name in names])
        wanted = b"".join([b"$%d\r\n%b\r\n%b" % (len(one.key.value), one.key.value, NEVER) for one in some])
        answers = ask_unless(client, commands, 2 * len(some), wanted)
        for n, one in enumerate(some):
            if answers is None or (answers[2 * n] == one.key.value and answers[2 * n + 1] == -1):
                yield one.number
    for some in batches((one for one in lines if one.deadline is not None), _BATCH):
        names = [one.key.key for one in some]
        commands = b"".join([TIME, *(_GET % (len(name), name) + PTTL % (len(name), name) for name in names)])
        clock, *answers = ask(client, commands, 1 + 2 * len(some))
        for n, one in enumerate(some):
            if answers[2 * n] == one.key.value and same_deadline(one.deadline, clock_ms(clock), answers[2 * n + 1]):
                yield one.number


def _same_others(client: redis.Redis, lines: Iterable[_Line]) -> Iterator[int]:
    """Yield the line numbers of those keys of other types that are there."""
    for some in batches(lines, _BATCH):
        due = [Due(one.key.key, one.deadline, redis_state.of_dataset(one.key)) for one in some]
        for one, right in zip(some, _are_there(client, due), strict=True):
            if right:
                yield one.number


def are_there(given: tuple[str, Sequence[tuple[bytes, int | None, str]]]) -> list[bool]:
    """Return of each key (name, deadline, JSON of its state) whether it is there just so."""
    url, keys = given
    with open_redis(url) as client:
        return _are_there(client, [Due(key, deadline, json.loads(state)) for key, deadline, state in keys])


def _are_there(client: redis.Redis, keys: Sequence[Due]) -> list[bool]:
    commands = [TIME, *(_TYPE % (len(one.key), one.key) + PTTL % (len(one.key), one.key) for one in keys)]
    clock, *answers = ask(client, b"".join(commands), 1 + 2 * len(keys))
    right = [
        one
        for one, kind, left in zip(keys, answers[::2], answers[1::2], strict=True)
        if redis_state.type_name(kind) == one.state["type"] and same_deadline(one.deadline, clock_ms(clock), left)
    ]
    sizes = lengths(client, ((one.key, one.state["type"]) for one in right))
    same_keys: set[bytes] = set()
    for pairs in by_weight(((one, sizes.get(one.key, 1)) for one in right), itemgetter(1), _ITEMS):
        states = redis_state.live_states(client, [(one.key, one.state["type"], False) for one, _ in pairs])
        same_keys.update(one.key for (one, _), state in zip(pairs, states, strict=True) if state == one.state)
    return [one.key in same_keys for one in keys]
