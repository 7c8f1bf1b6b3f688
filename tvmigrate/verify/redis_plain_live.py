"""Live keys held against what plain ones are to be, by whole parts in workers: which of them are not just so."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import redis

from tvmigrate.contract import new
from tvmigrate.engines.redis_opener import open_redis
from tvmigrate.engines.redis_wire import ask, ask_unless, of_hash, pack, values
from tvmigrate.verify.redis_names import batches
from tvmigrate.verify.redis_plain import Packed, plain_names, read_packed, uncommon_of

TTL_TOLERANCE_MS = 1000  # contract §3, Rollback: to a second
_BATCH = 1000
_CLOCK = 100  # keys between two looks at the server's clock
_NAMES = tuple(name.encode() for name in new.EAOS_FIELDS)
TIME = pack(b"TIME")
PTTL = b"*2\r\n$4\r\nPTTL\r\n$%d\r\n%b\r\n"
_HGETALL = b"*2\r\n$7\r\nHGETALL\r\n$%d\r\n%b\r\n"
NEVER = b":-1\r\n"  # the answer to PTTL of a key that does not expire
_LRANGE = b"*4\r\n$6\r\nLRANGE\r\n$%d\r\n%b\r\n$1\r\n0\r\n$%d\r\n%d\r\n"
_HPEXPIRETIME = (b"FIELDS", b"%d" % len(_NAMES), *_NAMES)


def unlike_hashes(given: tuple[str, Path, bool]) -> list[int]:
    """Return which of the plain keys in a file are not there just as expected; `fields_expire` if any hash has such."""
    url, file, fields_expire = given
    packed = read_packed(file)
    names = plain_names(packed.names)
    deadlines = {n: deadline for n, (_, deadline) in uncommon_of(packed).items() if deadline is not None}
    with open_redis(url) as client:
        unlike = {*_unlike_values(client, names, packed, deadlines), *_unlike_deadlines(client, names, deadlines)}
        if fields_expire:
            unlike.update(_with_fields_that_expire(client, names))
    return sorted(unlike)


def _unlike_values(
    client: redis.Redis, names: Sequence[bytes], packed: Packed, deadlines: Container[int]
) -> Iterator[int]:
    """Yield the positions of those keys that hold something else, or expire and have no deadline.

    Where the answer is the one expected, which is in RESP3, which the driver speaks unless its URL says otherwise, it
    is compared as bytes, and nothing is made of it.
    """
    lasting = [n for n in range(len(names)) if n not in deadlines]
    commands = [_HGETALL % (len(name), name) for name in names]
    commands += [PTTL % (len(names[n]), names[n]) for n in lasting]
    wanted = packed.answers + NEVER * len(lasting)
    answers = ask_unless(client, b"".join(commands), len(commands), wanted) if commands else None
    if answers is None:
        return
    for n, (fields, expected) in enumerate(zip(answers[: len(names)], values(packed.answers), strict=True)):
        if not _is_hash(fields, expected):
            yield n
    for n, left in zip(lasting, answers[len(names) :], strict=True):
        if left != -1:
            yield n


def _unlike_deadlines(client: redis.Redis, names: Sequence[bytes], deadlines: Mapping[int, int]) -> Iterator[int]:
    for some in batches(deadlines.items(), _CLOCK):
        commands = [TIME, *(PTTL % (len(names[n]), names[n]) for n, _ in some)]
        clock, *answers = ask(client, b"".join(commands), len(commands))
        for (n, deadline), left in zip(some, answers, strict=True):
            if not same_deadline(deadline, clock_ms(clock), left):
                yield n


def _with_fields_that_expire(client: redis.Redis, names: Sequence[bytes]) -> Iterator[int]:
    commands = [pack(b"HPEXPIRETIME", name, *_HPEXPIRETIME) for name in names]
    for n, answer in enumerate(ask(client, b"".join(commands), len(commands)) if commands else ()):
        if not _none_expires(answer):
            yield n


def unlike_lists(given: tuple[str, Sequence[tuple[bytes, Sequence[str], int | None]]]) -> list[bool]:
    """Return of each list (key, items, deadline) whether it is not there just as expected."""
    url, lists = given
    commands: list[bytes] = []
    for key, items, _ in lists:
        last = b"%d" % len(items)  # one more than there should be
        commands += (TIME, PTTL % (len(key), key), _LRANGE % (len(key), key, len(last), len(items)))
    with open_redis(url) as client:
        answers = iter(ask(client, b"".join(commands), len(commands)))
    unlike = []
    for _, items, deadline in lists:
        clock, left, found = clock_ms(next(answers)), next(answers), next(answers)
        right = same_deadline(deadline, clock, left) and found == [item.encode() for item in items]
        unlike.append(not right)
    return unlike


def same_deadline(deadline: int | None, clock: int, left: Any) -> bool:
    """Return whether a key that has `left` ms by PTTL at `clock` expires at `deadline`, both in ms since the epoch."""
    if deadline is None:
        return bool(left == -1)
    return isinstance(left, int) and left >= 0 and abs(clock + left - deadline) <= TTL_TOLERANCE_MS


def _is_hash(fields: Any, expected: Any) -> bool:
    if isinstance(fields, Exception):
        return False  # it is of another type
    return bool(of_hash(fields) == expected)


def _none_expires(answer: Any) -> bool:
    if isinstance(answer, Exception):  # before Redis 7.4 fields did not expire
        return "unknown command" in str(answer)
    return not answer or all(at <= 0 for at in answer)


def clock_ms(clock: Any) -> int:
    """Return what TIME answered in ms since the epoch; raises the error that it answered instead."""
    if isinstance(clock, Exception):
        raise clock
    seconds, microseconds = clock
    return int(seconds) * 1000 + int(microseconds) // 1000
