"""The plain majority of Redis keys, judged by whole parts in workers: as expected to the byte, or looked at one by one.

A part is about a megabyte of the dataset's lines. Of its eaos keys that map without anything unusual it is only kept
what they become; a live hash that is just that is right in value, form and time to live, and nothing more is asked.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tvmigrate.contract import exact_json, new, old, quick, rules
from tvmigrate.contract.outcome import Fate, Mapped, Quarantined, Reason
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset import redis_form
from tvmigrate.dataset.errors import bad_line
from tvmigrate.dataset.model import LIST, RedisKey
from tvmigrate.dataset.read import redis_key
from tvmigrate.engines.redis_opener import open_redis
from tvmigrate.engines.redis_wire import ask, of_hash, pack

TTL_TOLERANCE_MS = 1000  # contract §3, Rollback: to a second
_PART_BYTES = 1 << 20
_BATCH = 1000
_CLOCK = 100  # keys between two looks at the server's clock
_EAOS_NEW = new.EAOS_PREFIX.encode()
_NAMES = tuple(name.encode() for name in new.EAOS_FIELDS)
_TIME = pack(b"TIME")
_PTTL = b"*2\r\n$4\r\nPTTL\r\n$%d\r\n%b\r\n"
_HGETALL = b"*2\r\n$7\r\nHGETALL\r\n$%d\r\n%b\r\n"
_LRANGE = b"*4\r\n$6\r\nLRANGE\r\n$%d\r\n%b\r\n$1\r\n0\r\n$%d\r\n%d\r\n"
_HPEXPIRETIME = (b"FIELDS", b"%d" % len(_NAMES), *_NAMES)


class NotPlain(Exception):  # noqa: N818 - a fact about a dataset, and never past `redis_outcomes`
    """A key whose target another key may have too, so that all have to be looked up one by one."""


class PlainKey(NamedTuple):
    """An eaos key and the hash that it becomes; `deadline` in ms since the epoch, None if it does not expire."""

    key: bytes
    old: bytes
    texts: tuple[bytes, ...]
    filled: tuple[str, ...]
    deadline: int | None

    @property
    def state(self) -> dict[str, Any]:
        """What stands in `redis_outcomes.ExpectedKey.state` of such a hash."""
        fields = {name: text.decode() for name, text in zip(new.EAOS_FIELDS, self.texts, strict=True)}
        return {"fields": fields, "filled": list(self.filled), "kept_updated_at": None}


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole lines of `redis.ndjson`, from line `first` on, and what their outcomes depend on."""

    path: Path
    first: int
    lines: bytes
    epoch_ms: int
    policy: Policy


# What became of an item of a metrics list: its event as (key, ns, body, fate), or the reason why there is none.
Item = tuple[str, int, str, str] | Reason


@dataclass(slots=True)
class Outcomes:
    """What became of a part: of plain keys as a pickled list of `PlainKey`, of metrics lists item by item.

    `others` are lines that are looked at one by one, with their numbers.
    """

    count: int = 0
    filled: int = 0
    plain: bytes = b""
    names: bytes = b""
    archive: list[tuple[str, str, int | None]] = field(default_factory=list)
    inconsistent: list[tuple[str, str]] = field(default_factory=list)
    lists: list[tuple[RedisKey, list[Item]]] = field(default_factory=list)
    others: list[tuple[int, bytes]] = field(default_factory=list)


def cut(path: Path, epoch_ms: int, policy: Policy) -> Iterator[Lines]:
    """Yield the lines of a dataset's Redis file in parts."""
    number = 1
    with path.open("rb") as file:
        while lines := file.read(_PART_BYTES):
            lines += file.readline()
            yield Lines(path, number, lines, epoch_ms, policy)
            number += lines.count(b"\n")


def work_out(part: Lines) -> Outcomes:
    """Map the keys of a part.

    Raises:
        DatasetError: a line is not of the form.
        NotPlain: two of the dataset's keys may have one target.
    """
    found = Outcomes()
    plain: list[PlainKey] = []
    *lines, rest = part.lines.split(b"\n")
    if rest:
        number = part.first + len(lines)
        raise bad_line(part.path, number, "the last line does not end with a line feed", "a file that is whole")
    for number, line in enumerate(lines, part.first):
        string = redis_form.string_of(line)
        if string is None or string[0] != old.REDIS_DB or not string[1].startswith(old.EAOS_PREFIX):
            _other(found, part, number, line)
            continue
        _, key, ttl, value = string
        if may_share(key, part.policy):
            raise NotPlain
        if ttl is not None and ttl <= 0:
            continue
        mapped = quick.eaos(key[len(old.EAOS_PREFIX) :], value, part.policy)
        if mapped is None:
            found.others.append((number, line))
            continue
        program_id, texts, filled, archived, says = mapped
        deadline = None if ttl is None else part.epoch_ms + ttl
        target = _EAOS_NEW + program_id.encode()
        plain.append(PlainKey(target, key, texts, filled, deadline))
        if filled:
            found.filled += 1
        if archived:
            found.archive.append((show_bytes(key), exact_json.dump(archived), deadline))
        if says:
            found.inconsistent.append((show_bytes(key), says))
    found.count = len(plain)
    found.names, found.plain = pickled(plain)
    return found


def pickled(keys: Sequence[PlainKey]) -> tuple[bytes, bytes]:
    """Return the new names of plain keys, and the keys, as they are kept."""
    return pickle.dumps([one.key for one in keys]), pickle.dumps([tuple(one) for one in keys])


def may_share(key: bytes, policy: Policy) -> bool:
    """Return whether an old key may have the target of another old key, or be one; there is no entity map.

    Of two entities with one program id, one has the show before it already. A target without a slash is of an entity
    that is kept.
    """
    if policy.show is None:
        return key.startswith(_EAOS_NEW)
    if key.startswith(_EAOS_NEW):
        return b"/" in key
    return key.startswith(old.EAOS_PREFIX + f"{policy.show}/".encode())


def _other(found: Outcomes, part: Lines, number: int, line: bytes) -> None:
    """Take a line that is no string under `eaos:`: an item of a metrics list is worked out here too."""
    if b'"metrics:' not in line[:60]:
        found.others.append((number, line))
        return
    key = redis_key(part.path, number, line)
    if key is None or key.db != old.REDIS_DB or key.type != LIST or not key.key.startswith(old.METRICS_PREFIX):
        found.others.append((number, line))
        return
    name = key.key[len(old.METRICS_PREFIX) :]
    found.lists.append((key, [item(name, n, raw, part.policy) for n, raw in enumerate(key.value)]))


def item(metric: bytes, position: int, raw: bytes, policy: Policy) -> Item:
    """Map one item of a metrics list (`redis.metric`)."""
    name = _name(metric)
    plain = quick.event(name, raw, policy) if name else None
    if plain is not None:
        return plain.key, plain.seconds * 10**9 + plain.nanos, plain.body.decode(), Fate.MAPPED
    mapped = rules.redis_metric(metric, position, raw, policy)
    if isinstance(mapped, Quarantined):
        return mapped.reason
    return _told(mapped)


def _name(metric: bytes) -> str:
    """Return the name of a metric; empty where only the rule can say what is wrong with it."""
    try:
        return metric.decode()
    except UnicodeDecodeError:
        return ""


def _told(mapped: Mapped[rules.Event]) -> Item:
    event = mapped.value
    return event.key, event.order[0], event.body, mapped.fate


def plain_keys(pickled: bytes) -> list[PlainKey]:
    """Return the keys of `Outcomes.plain`."""
    return [PlainKey(*one) for one in pickle.loads(pickled)]  # noqa: S301 - of our own making


def plain_names(pickled: bytes) -> list[bytes]:
    """Return the new keys of `Outcomes.names`."""
    names: list[bytes] = pickle.loads(pickled)  # noqa: S301 - of our own making
    return names


# ------------------------------------------------------------------------------------------------------------ live keys


def unlike_hashes(given: tuple[str, bytes, bool]) -> list[int]:
    """Return which of the plain keys are not there just as expected; `fields_expire` if any hash has such fields."""
    url, pickled, fields_expire = given
    expected = pickle.loads(pickled)  # noqa: S301 - of our own making
    unlike: list[int] = []
    with open_redis(url) as client:
        for start in range(0, len(expected), _BATCH):
            some = expected[start : start + _BATCH]
            commands: list[bytes] = []
            for n, (key, _, _, _, _) in enumerate(some):
                if n % _CLOCK == 0:
                    commands.append(_TIME)
                size = len(key)
                commands.append(_PTTL % (size, key))
                commands.append(_HGETALL % (size, key))
                if fields_expire:
                    commands.append(pack(b"HPEXPIRETIME", key, *_HPEXPIRETIME))
            answers = iter(ask(client, b"".join(commands), len(commands)))
            clock = 0
            for n, (_, _, texts, _, deadline) in enumerate(some):
                if n % _CLOCK == 0:
                    clock = _ms(next(answers))
                left, fields = next(answers), next(answers)
                right = _same_deadline(deadline, clock, left) and _is_hash(fields, texts)
                if fields_expire and not _none_expires(next(answers)):
                    right = False
                if not right:
                    unlike.append(start + n)
    return unlike


def unlike_lists(given: tuple[str, Sequence[tuple[bytes, Sequence[str], int | None]]]) -> list[bool]:
    """Return of each list (key, items, deadline) whether it is not there just as expected."""
    url, lists = given
    commands: list[bytes] = []
    for key, items, _ in lists:
        last = b"%d" % len(items)  # one more than there should be
        commands += (_TIME, _PTTL % (len(key), key), _LRANGE % (len(key), key, len(last), len(items)))
    with open_redis(url) as client:
        answers = iter(ask(client, b"".join(commands), len(commands)))
    unlike = []
    for _, items, deadline in lists:
        clock, left, found = _ms(next(answers)), next(answers), next(answers)
        right = _same_deadline(deadline, clock, left) and found == [item.encode() for item in items]
        unlike.append(not right)
    return unlike


def _same_deadline(deadline: int | None, clock: int, left: Any) -> bool:
    if deadline is None:
        return bool(left == -1)
    return isinstance(left, int) and left >= 0 and abs(clock + left - deadline) <= TTL_TOLERANCE_MS


def _is_hash(fields: Any, texts: tuple[bytes, ...]) -> bool:
    if isinstance(fields, Exception):
        return False  # it is of another type
    return of_hash(fields) == dict(zip(_NAMES, texts, strict=True))


def _none_expires(answer: Any) -> bool:
    if isinstance(answer, Exception):  # before Redis 7.4 fields did not expire
        return "unknown command" in str(answer)
    return not answer or all(at <= 0 for at in answer)


def _ms(clock: Any) -> int:
    if isinstance(clock, Exception):
        raise clock
    seconds, microseconds = clock
    return int(seconds) * 1000 + int(microseconds) // 1000
