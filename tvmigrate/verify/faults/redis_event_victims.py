"""Where faults of the events are planted: which old item became which item of which new list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tvmigrate.contract import exact_json, new, rules
from tvmigrate.contract.keys import OldKey, classify
from tvmigrate.contract.outcome import Mapped, Rule
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.verify.faults.redis_victims import lasts
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.spool import Spool


@dataclass(frozen=True, slots=True)
class MappedEvent:
    """An item of an old list and the event it became: its record, the old JSON, and what the rule made of it."""

    record: str
    raw: bytes
    event: rules.Event

    @property
    def body(self) -> dict[str, Any]:
        """The event's JSON object, every number exact."""
        parsed: dict[str, Any] = exact_json.parse(self.event.body)
        return parsed


@dataclass(frozen=True, slots=True)
class EventList:
    """A new list and the events in it, in their order."""

    key: bytes
    events: tuple[MappedEvent, ...]

    @property
    def name(self) -> str:
        """The list's key as findings name it."""
        return show_bytes(self.key)


@dataclass(frozen=True, slots=True)
class Victim:
    """One event in its list, and the position it has there."""

    list: EventList
    position: int

    @property
    def mapped(self) -> MappedEvent:
        """The event."""
        return self.list.events[self.position]

    @property
    def record(self) -> str:
        """The name of the old item."""
        return self.mapped.record

    @property
    def item(self) -> str:
        """The name of the new item."""
        return f"{self.list.name}#{self.position}"


def events(site: Site) -> Iterator[MappedEvent]:
    """Yield the items of old lists that became events, in the order of the dataset."""
    for key in site.reference.dataset.redis_keys():
        kind = classify(key.db, key.key, key.type)
        if isinstance(kind, OldKey) and kind.rule is Rule.REDIS_METRIC:
            for position, raw in enumerate(key.value):
                outcome = rules.redis_metric(kind.name, position, raw, site.policy)
                if isinstance(outcome, Mapped):
                    yield MappedEvent(f"{show_bytes(key.key)}#{position}", raw, outcome.value)


def event_list(site: Site, key: str) -> EventList | None:
    """Return a new list as the migration left it; None if it will not last, or a source of it expired meanwhile."""
    there = sorted((one for one in events(site) if one.event.key == key), key=lambda one: (one.event.order, one.record))
    client: Any = site.clients.redis
    if not lasts(site, key.encode(), "list") or client.llen(key.encode()) != len(there):
        return None
    return EventList(key.encode(), tuple(there))


def event_where(
    site: Site,
    what: str,
    fits: Callable[[MappedEvent], bool] = lambda one: True,
    there: Callable[[Victim], bool] = lambda one: True,
) -> Victim:
    """Return the first event that `fits`, is the only one of its kind in its list, and is fit in its place `there`.

    Raises:
        NothingToPlant: there is none.
    """
    return first((victim for victim in _victims(site, fits) if there(victim)), what)


def _victims(site: Site, fits: Callable[[MappedEvent], bool]) -> Iterator[Victim]:
    tried = set()
    for candidate in events(site):
        # Each list costs a pass over the dataset.
        if candidate.event.key in tried or not fits(candidate):
            continue
        tried.add(candidate.event.key)
        if (found := event_list(site, candidate.event.key)) is None:
            continue
        bodies = [one.body for one in found.events]
        for position, one in enumerate(found.events):
            if fits(one) and bodies.count(one.body) == 1:
                yield Victim(found, position)


def sources(site: Site, found: EventList) -> list[int | None]:
    """Return when each old list that a new one came from expires, in ms since 1970; None where it does not."""
    names = {one.record.rpartition("#")[0] for one in found.events}
    epoch = site.reference.redis_epoch_ms
    return [
        None if key.ttl_ms is None else epoch + key.ttl_ms
        for key in site.reference.dataset.redis_keys()
        if key.db == new.REDIS_DB and show_bytes(key.key) in names
    ]


def longest_lists(site: Site) -> Iterator[EventList]:
    """Yield the new lists, the longest first."""
    with Spool("CREATE TABLE lists (key TEXT PRIMARY KEY, n INT) WITHOUT ROWID") as spool:
        counted = "INSERT INTO lists VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET n = n + 1"
        spool.add(counted, ((one.event.key,) for one in events(site)))
        for (key,) in spool.rows("SELECT key FROM lists ORDER BY n DESC, key"):
            if (found := event_list(site, key)) is not None:
                yield found
