"""Who has which slots of a Redis Cluster, and every key of it, also while slots are on their way."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import redis

PAGE = 1000
_ALL = range(16384)
_PATIENCE_SECONDS, _PAUSE_SECONDS = 30.0, 0.05


@dataclass(frozen=True, slots=True)
class Slots:
    """Who has the slots at one moment.

    `owner` maps a slot to the master's id, `going` one that is on its way to the ids of where it leaves and where it
    arrives, `marks` each master's id to its address and epoch, which change when it is replaced or given slots.
    """

    owner: Mapping[int, str]
    going: Mapping[int, tuple[str, str]]
    marks: Mapping[str, str]

    def unlike(self, before: Slots) -> set[int]:
        """Return the slots of which keys may have moved between two moments, and those on their way at either."""
        marked = {
            name for name in self.marks.keys() | before.marks.keys() if self.marks.get(name) != before.marks.get(name)
        }
        moved = {slot for slot in _ALL if self.owner.get(slot) != before.owner.get(slot)}
        held = {slot for slots in (self, before) for slot, name in slots.owner.items() if name in marked}
        return moved | held | set(self.going) | set(before.going)


class Masters(Protocol):
    """The masters of a cluster, each by a client of its own."""

    def masters(self) -> list[redis.Redis]:
        """Return a client of each master."""

    def look_again(self) -> None:
        """Ask anew who the masters are."""


def slots(cluster: Masters, patience: float = _PATIENCE_SECONDS) -> Slots:
    """Ask every master what it has; only it knows what leaves and what arrives.

    They are asked one after the other, so a slot that is handed over between two answers is nobody's: they are asked
    again, and again until every slot has a master.

    Raises:
        redis.ClusterDownError: for `patience` seconds a slot was nobody's; which keys it has cannot be known.
    """
    deadline = time.monotonic() + patience
    while True:
        found = _told(cluster)
        nobodys = [slot for slot in _ALL if slot not in found.owner and slot not in found.going]
        if not nobodys:
            return found
        if time.monotonic() > deadline:
            raise redis.exceptions.ClusterDownError(
                f"no master says that it has slot {nobodys[0]}; {len(nobodys)} such slots in all"
            )
        time.sleep(_PAUSE_SECONDS)
        cluster.look_again()


def _told(cluster: Masters) -> Slots:
    owner: dict[int, str] = {}
    going: dict[int, tuple[str, str]] = {}
    marks: dict[str, str] = {}
    for master in cluster.masters():
        name, address, epoch, spans = _myself(master)
        marks[name] = f"{address} {epoch}"
        for span in spans:
            if span.startswith("["):
                slot, arrow, other = span.strip("[]").partition("->-" if "->-" in span else "-<-")
                going[int(slot)] = (name, other) if arrow == "->-" else (other, name)
            else:
                first, _, last = span.partition("-")
                owner |= dict.fromkeys(range(int(first), int(last or first) + 1), name)
    return Slots(owner, going, marks)


def pages(cluster: Masters) -> Iterator[list[bytes]]:
    """Yield the keys in pages: each that is there all the while at least once, whatever moves or fails meanwhile.

    Each master is scanned. A key that was on its way may have been where nobody looked any more or not yet, so slots
    that changed hands are read again, one by one, and first where they leave: what is not there has arrived.

    Raises:
        redis.RedisError: a master went away; who lists keys begins anew then.
    """
    before = slots(cluster)
    for master in cluster.masters():
        yield from scan(master)
    cluster.look_again()
    after = slots(cluster)
    unlike = after.unlike(before)
    while unlike:
        yield from _of_slots(cluster, after, unlike)
        cluster.look_again()
        before, after = after, slots(cluster)
        unlike &= after.unlike(before) - _still(before, after)


def _still(before: Slots, after: Slots) -> set[int]:
    """Return the slots that were on their way between the same two at both moments: both have been read, in order."""
    return {
        slot for slot, way in before.going.items() if after.going.get(slot) == way and not _marked(before, after, way)
    }


def _marked(before: Slots, after: Slots, names: Iterable[str]) -> bool:
    return any(before.marks.get(name) != after.marks.get(name) for name in names)


def scan(master: redis.Redis) -> Iterator[list[bytes]]:
    """Yield the keys of one server in pages, by SCAN."""
    cursor: Any = 0
    while True:
        cursor, keys = master.scan(cursor, count=PAGE)
        if keys:
            yield [key for key in keys if isinstance(key, bytes)]
        if int(cursor) == 0:
            return


def _of_slots(cluster: Masters, now: Slots, numbers: Iterable[int]) -> Iterator[list[bytes]]:
    servers = {_myself(master)[0]: master for master in cluster.masters()}
    for slot in sorted(numbers):
        for name in now.going.get(slot) or (now.owner[slot],):
            server = servers.get(name)
            if server is None:
                raise redis.ConnectionError(f"the master of slot {slot} is away")
            count = _cluster(server, "COUNTKEYSINSLOT", slot)
            if count:  # some more: keys may be added meanwhile
                yield list(_cluster(server, "GETKEYSINSLOT", slot, count + PAGE))


def _myself(master: redis.Redis) -> tuple[str, str, str, list[str]]:
    text: bytes = _cluster(master, "NODES")
    fields = next(line.split() for line in text.decode().splitlines() if "myself" in line.split()[2])
    return fields[0], fields[1], fields[6], fields[8:]


def _cluster(server: redis.Redis, *words: str | int) -> Any:
    return server.execute_command("CLUSTER", *words)  # type: ignore[no-untyped-call]
