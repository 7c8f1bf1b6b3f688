"""Faults of the events: items that are lost, doubled, out of order or in a wrong list."""

from __future__ import annotations

import re
from typing import Any

from tvmigrate.contract import exact_json, new, old, values
from tvmigrate.contract.outcome import Rule
from tvmigrate.contract.policy import Policy
from tvmigrate.verify.faults.clickhouse_tables import lost
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_migration
from tvmigrate.verify.faults.redis_event_victims import MappedEvent, Victim, event_where, longest_lists
from tvmigrate.verify.faults.redis_victims import kept
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED, _SCHEMA = Direction.MISSING, Direction.EXTRA, Direction.CHANGED, Direction.SCHEMA
_CUT = 1000
_UTC = Policy(keep_entities=True)
_WITH_OFFSET = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)[+-]\d\d:?\d\d")


@after_migration(
    Finds("redis.metric", _MISSING, "item"),
    *lost(Rule.REDIS_METRIC),
    incident="LTRIM 0 999 after a push is how a list is kept short, LRANGE 0 999 how a script reads its first page.",
)
def events_cut(site: Site) -> Plant:
    """The longest list of events ends after 1000 items, or in the middle where it is shorter."""
    found = first((one for one in longest_lists(site) if len(one.events) > 1), "list of two events or more")
    size = _CUT if len(found.events) > _CUT else len(found.events) // 2
    with kept(site, found.key) as client:
        client.ltrim(found.key, 0, size - 1)
        cut = frozenset(one.record for one in found.events[size:])
        yield [cut, cut, AnyOf.KEY]


@after_migration(
    Finds("redis.metric", _EXTRA, "item"),
    incident="A push whose answer was lost is sent again, and nothing in a list tells that it was there already.",
)
def event_doubled(site: Site) -> Plant:
    """The last event of a list stands there twice."""
    victim = event_where(site, "event")
    key = victim.list.key
    with kept(site, key) as client:
        last: Any = client.lindex(key, -1)
        client.rpush(key, last)
        yield [f"{victim.list.name}#{len(victim.list.events)}"]


@after_migration(
    Finds("redis.metric", _CHANGED, "order"),
    incident="LPUSH of what LRANGE read in order turns a list round.",
)
def events_turned_round(site: Site) -> Plant:
    """The events of a list stand there with the last one first."""
    found = first((one for one in longest_lists(site) if len(one.events) > 1), "list of two events or more")
    with kept(site, found.key) as client:
        items: Any = client.lrange(found.key, 0, -1)
        for position, item in enumerate(reversed(items)):
            client.lset(found.key, position, item)
        yield [found.name]


@after_migration(
    Finds("redis.schema", _SCHEMA, new.EVENT_TIMESTAMP),
    Finds("redis.extra", _EXTRA, "key"),
    Finds("redis.metric", _MISSING, "item"),
    *lost(Rule.REDIS_METRIC),
    incident="The first ten characters of a time with an offset are the date of that place, not of UTC.",
)
def event_under_its_local_date(site: Site) -> Plant:
    """An event is in the list of the date that its old time has with its offset, not of the UTC date."""

    def is_free(victim: Victim) -> bool:
        return not site.clients.redis.exists(_local_list(victim.mapped))

    victim = event_where(site, "event of which the local date is another", _has_another_date, is_free)
    right, wrong = victim.list.key, _local_list(victim.mapped).encode()
    name = victim.list.name.removesuffix(right[-10:].decode()) + wrong[-10:].decode()
    with kept(site, right, wrong) as client:
        item: Any = client.lindex(right, victim.position)
        client.lrem(right, 1, item)
        client.rpush(wrong, item)
        yield [f"{name}#0", name, victim.record, victim.record, AnyOf.KEY]


def _old_time(mapped: MappedEvent) -> str:
    """Return the old item's time if it is text, else an empty one."""
    moment = exact_json.parse(mapped.raw)[old.ITEM_TIMESTAMP]
    return moment if isinstance(moment, str) else ""


def _has_another_date(mapped: MappedEvent) -> bool:
    local = _old_time(mapped)[:10]
    return bool(local) and not mapped.event.key.endswith(local)


def _local_list(mapped: MappedEvent) -> str:
    program: str = mapped.body[new.EVENT_PROGRAM_ID]
    return new.events_key(program, _old_time(mapped)[:10])


@after_migration(
    Finds("redis.metric", _CHANGED, new.EVENT_TIMESTAMP),
    incident="datetime.replace(tzinfo=utc) says that a local time is one of UTC; astimezone is what converts it.",
)
def event_at_its_local_time(site: Site) -> Plant:
    """The local time of an old item is taken for one of UTC."""
    what = "event whose old time has an offset, and that keeps its date and place without it"
    victim = event_where(site, what, _stays_on_its_date, _stays_in_its_place)
    wrong = victim.mapped.body | {new.EVENT_TIMESTAMP: values.rfc3339(_local_ns(victim.mapped))}
    with kept(site, victim.list.key) as client:
        client.lset(victim.list.key, victim.position, exact_json.dump(wrong))
        yield [victim.record]


def _stays_on_its_date(mapped: MappedEvent) -> bool:
    at, moved = mapped.event.order[0], _local_ns(mapped)
    return moved != at and values.utc_date(moved) == values.utc_date(at)


def _local_ns(mapped: MappedEvent) -> int:
    """Return the instant that an old time is without its offset; the right one where it has none."""
    time = _WITH_OFFSET.fullmatch(_old_time(mapped))
    return values.instant(f"{time[1]}Z", _UTC) if time else mapped.event.order[0]


def _stays_in_its_place(victim: Victim) -> bool:
    times = [one.event.order[0] for one in victim.list.events]
    moved = _local_ns(victim.mapped)
    return all(at < moved for at in times[: victim.position]) and all(at > moved for at in times[victim.position + 1 :])
