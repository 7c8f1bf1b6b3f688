"""The plain majority of Redis keys, judged by whole parts in workers: as expected to the byte, or looked at one by one.

A part is about two megabytes of the dataset's lines. Of its eaos keys that map without anything unusual it is only kept
what Redis answers when it is asked for what they become; where it does, the live hash is right in value and form.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from tvmigrate.contract import exact_json, new, old, quick, rules
from tvmigrate.contract.outcome import Fate, Mapped, Quarantined, Reason
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset import eaos_lines, redis_form
from tvmigrate.dataset.errors import bad_line
from tvmigrate.dataset.model import LIST, STRING, RedisKey
from tvmigrate.dataset.read import redis_key
from tvmigrate.engines.redis_wire import values

_PART_BYTES = 1 << 20
_EAOS_NEW = new.EAOS_PREFIX.encode()
_NAMES = tuple(name.encode() for name in new.EAOS_FIELDS)
# Of each field what stands in RESP3's answer to HGETALL before its value, by the value's length.
_SCORE, _POSITIVE, _NEGATIVE, _NEUTRAL, _TOTAL, _UPDATED_AT = (
    [b"\r\n$%d\r\n%b\r\n$%d\r\n" % (len(name), name, length) for length in range(64)] for name in _NAMES
)
_MAP = b"%%%d" % len(_NAMES)
_COMMON: tuple[tuple[str, ...], int | None] = ((), None)


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


class Packed(NamedTuple):
    """Plain keys as they are kept: new names and old ones, line feeds between them, and what HGETALL of them answers.

    Such names hold no line feeds. `uncommon` is a pickled dict: the position of a key, and its `filled` and `deadline`.
    """

    names: bytes
    olds: bytes
    answers: bytes
    uncommon: bytes

    def keep(self, path: Path) -> None:
        """Write them to the file `path`, for whatever process looks at them; raises OSError."""
        path.write_bytes(pickle.dumps(tuple(self)))


def read_packed(path: Path) -> Packed:
    """Return what `Packed.keep` wrote; raises OSError."""
    return Packed(*pickle.loads(path.read_bytes()))  # noqa: S301 - our own


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole lines of `redis.ndjson`, from line `first` on, and what their outcomes depend on."""

    path: Path
    first: int
    lines: bytes
    epoch_ms: int
    policy: Policy
    run_ns: int


# What became of an item of a metrics list: its event as (key, ns, body, fate), or the reason why there is none.
Item = tuple[str, int, str, str] | Reason


@dataclass(slots=True)
class Outcomes:
    """What became of a part: of plain keys all together, of metrics lists item by item, of other eaos keys by the rule.

    `plain` is the file that the `count` plain keys are kept in, None if there are none.
    `others` are lines that are looked at one by one, with their numbers.
    """

    count: int = 0
    filled: int = 0
    plain: Path | None = None
    archive: list[tuple[str, str, int | None]] = field(default_factory=list)
    inconsistent: list[tuple[str, str]] = field(default_factory=list)
    lists: list[tuple[RedisKey, list[Item]]] = field(default_factory=list)
    judged: list[tuple[RedisKey, Mapped[rules.Hash] | Quarantined]] = field(default_factory=list)
    others: list[tuple[int, bytes]] = field(default_factory=list)


def cut(path: Path, epoch_ms: int, policy: Policy, run_ns: int) -> Iterator[Lines]:
    """Yield the lines of a dataset's Redis file in parts; `run_ns` is the instant of the run (ns since the epoch)."""
    number = 1
    with path.open("rb") as file:
        while lines := file.read(_PART_BYTES):
            lines += file.readline()
            yield Lines(path, number, lines, epoch_ms, policy, run_ns)
            number += lines.count(b"\n")


def work_out(given: tuple[Lines, Path]) -> Outcomes:
    """Map the keys of a part, and keep the plain ones in a file of the folder that is given.

    Raises:
        DatasetError: a line is not of the form.
        NotPlain: two of the dataset's keys may have one target.
    """
    part, folder = given
    found, packing = Outcomes(), _Packing()
    if not part.lines.endswith(b"\n"):
        number = part.first + part.lines.count(b"\n")
        raise bad_line(part.path, number, "the last line does not end with a line feed", "a file that is whole")
    shared = (
        _EAOS_NEW if part.policy.show is None else (_EAOS_NEW, _own(part.policy.layout.eaos_prefix, part.policy.show))
    )
    for number, line in enumerate(eaos_lines.rows(part.lines, part.policy), part.first):
        row = _closely(found, part, number, line) if isinstance(line, bytes) else line
        if row is None:
            continue
        key, ttl, target, texts, filled, archived, says = row
        if key.startswith(shared) and may_share(key, part.policy):
            raise NotPlain
        if ttl is not None and ttl <= 0:
            continue
        deadline = None if ttl is None else part.epoch_ms + ttl
        packing.add(target, key, texts, filled, deadline)
        if filled:
            found.filled += 1
        if archived:
            found.archive.append((show_bytes(key), exact_json.dump(archived), deadline))
        if says:
            found.inconsistent.append((show_bytes(key), says))
    found.count = len(packing.names)
    if found.count:
        found.plain = folder / f"{part.first}.plain"
        packing.packed().keep(found.plain)
    return found


def _closely(found: Outcomes, part: Lines, number: int, line: bytes) -> eaos_lines.Row | None:
    """Return the row of a line that is not of the common form; None of one that is no plain key's."""
    string, prefix = redis_form.string_of(line), part.policy.layout.eaos_prefix
    if string is None or string[0] != old.REDIS_DB or not string[1].startswith(prefix):
        _other(found, part, number, line)
        return None
    _, key, ttl, value = string
    if may_share(key, part.policy):
        raise NotPlain
    if ttl is not None and ttl <= 0:
        return None
    name = key[len(prefix) :]
    mapped = quick.eaos(name, value, part.policy)
    if mapped is None:
        outcome = rules.redis_eaos(name, value, part.policy, part.run_ns)
        found.judged.append((RedisKey(old.REDIS_DB, key, STRING, ttl, value, number), outcome))
        return None
    program_id, texts, filled, archived, says = mapped
    return key, ttl, _EAOS_NEW + program_id.encode(), texts, filled, archived, says


class _Packing:
    """Takes plain keys in, one by one."""

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self._olds: list[bytes] = []
        self._answers: list[bytes] = []
        self._uncommon: dict[int, tuple[tuple[str, ...], int | None]] = {}

    def add(
        self, name: bytes, old_name: bytes, texts: Sequence[bytes], filled: tuple[str, ...], deadline: int | None
    ) -> None:
        if filled or deadline is not None:
            self._uncommon[len(self.names)] = (filled, deadline)
        self.names.append(name)
        self._olds.append(old_name)
        score, positive, negative, neutral, total, updated_at = texts
        self._answers.append(b"".join((
            _MAP, _SCORE[len(score)], score, _POSITIVE[len(positive)], positive, _NEGATIVE[len(negative)], negative,
            _NEUTRAL[len(neutral)], neutral, _TOTAL[len(total)], total, _UPDATED_AT[len(updated_at)], updated_at,
            b"\r\n",
        )))  # fmt: skip

    def packed(self) -> Packed:
        return Packed(
            b"\n".join(self.names), b"\n".join(self._olds), b"".join(self._answers), pickle.dumps(self._uncommon)
        )


def pack_keys(keys: Iterable[PlainKey]) -> Packed:
    """Return plain keys as they are kept."""
    packing = _Packing()
    for one in keys:
        packing.add(*one)
    return packing.packed()


def may_share(key: bytes, policy: Policy) -> bool:
    """Return whether an old key may have the target of another old key, or be one; there is no entity map.

    Of two entities with one program id, one has the show before it already. A target without a slash is of an entity
    that is kept.
    """
    if policy.show is None:
        return key.startswith(_EAOS_NEW)
    if key.startswith(_EAOS_NEW):
        return b"/" in key
    return key.startswith(_own(policy.layout.eaos_prefix, policy.show))


@lru_cache
def _own(prefix: bytes, show: str) -> bytes:
    return prefix + f"{show}/".encode()


def _other(found: Outcomes, part: Lines, number: int, line: bytes) -> None:
    """Take a line that is no string under `eaos:`: an item of a metrics list is worked out here too."""
    prefix = part.policy.layout.metrics_prefix
    if b'"' + prefix not in line[:60]:
        found.others.append((number, line))
        return
    key = redis_key(part.path, number, line)
    if key is None or key.db != old.REDIS_DB or key.type != LIST or not key.key.startswith(prefix):
        found.others.append((number, line))
        return
    name = key.key[len(prefix) :]
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


def plain_keys(packed: Packed) -> list[PlainKey]:
    """Return plain keys that were packed, in their order."""
    uncommon = uncommon_of(packed)
    found = zip(plain_names(packed.names), plain_names(packed.olds), values(packed.answers), strict=True)
    return [
        PlainKey(name, old_name, tuple(answer.values()), *uncommon.get(n, _COMMON))
        for n, (name, old_name, answer) in enumerate(found)
    ]


def plain_deadlines(packed: Packed) -> Iterator[tuple[bytes, int | None]]:
    """Yield the new names of plain keys that were packed, each with its deadline."""
    uncommon = uncommon_of(packed)
    for n, name in enumerate(plain_names(packed.names)):
        _, deadline = uncommon.get(n, _COMMON)
        yield name, deadline


def plain_names(joined: bytes) -> list[bytes]:
    """Return the names of `Packed.names` or `Packed.olds`."""
    return joined.split(b"\n") if joined else []


def uncommon_of(packed: Packed) -> dict[int, tuple[tuple[str, ...], int | None]]:
    """Return `filled` and `deadline` of those keys that have either, by their positions."""
    found: dict[int, tuple[tuple[str, ...], int | None]] = pickle.loads(packed.uncommon)  # noqa: S301 - our own
    return found
