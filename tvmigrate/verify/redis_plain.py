"""The plain majority of Redis keys, judged by whole parts in workers: as expected to the byte, or looked at one by one.

A part is about a megabyte of the dataset's lines. Of its eaos keys that map without anything unusual it is only kept
what they become; a live hash that is just that is right in value, form and time to live, and nothing more is asked.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
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

_PART_BYTES = 1 << 20
_EAOS_NEW = new.EAOS_PREFIX.encode()


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
    prefix = part.policy.layout.eaos_prefix
    plain: list[PlainKey] = []
    *lines, rest = part.lines.split(b"\n")
    if rest:
        number = part.first + len(lines)
        raise bad_line(part.path, number, "the last line does not end with a line feed", "a file that is whole")
    for number, line in enumerate(lines, part.first):
        string = redis_form.string_of(line)
        if string is None or string[0] != old.REDIS_DB or not string[1].startswith(prefix):
            _other(found, part, number, line)
            continue
        _, key, ttl, value = string
        if may_share(key, part.policy):
            raise NotPlain
        if ttl is not None and ttl <= 0:
            continue
        mapped = quick.eaos(key[len(prefix) :], value, part.policy)
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


def plain_keys(pickled: bytes) -> list[PlainKey]:
    """Return the keys of `Outcomes.plain`."""
    return [PlainKey(*one) for one in pickle.loads(pickled)]  # noqa: S301 - of our own making


def plain_names(pickled: bytes) -> list[bytes]:
    """Return the new keys of `Outcomes.names`."""
    names: list[bytes] = pickle.loads(pickled)  # noqa: S301 - of our own making
    return names
