"""Faults of one event: a member of it that is lost, changed or of another type, and JSON that is none."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from tvmigrate.contract import exact_json, new
from tvmigrate.contract.outcome import Rule
from tvmigrate.verify.faults.clickhouse_tables import lost
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_migration
from tvmigrate.verify.faults.redis_event_victims import MappedEvent, Victim, event_where, longest_lists
from tvmigrate.verify.faults.redis_victims import kept
from tvmigrate.verify.faults.site import NothingToPlant, Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED, _SCHEMA = Direction.MISSING, Direction.EXTRA, Direction.CHANGED, Direction.SCHEMA


def _write(client: Any, victim: Victim, body: dict[str, Any]) -> None:
    client.lset(victim.list.key, victim.position, exact_json.dump(body))


@after_migration(
    Finds("redis.metric", _CHANGED, new.EVENT_VALUE),
    incident="What comes out of Redis is text, and stays text where nobody converts it; JSON keeps the difference.",
)
def event_value_as_text(site: Site) -> Plant:
    """The value of an event is a number in quotes."""
    victim = event_where(site, "event")
    body = victim.mapped.body
    with kept(site, victim.list.key) as client:
        _write(client, victim, body | {new.EVENT_VALUE: str(body[new.EVENT_VALUE])})
        yield [victim.record]


@after_migration(
    Finds("redis.metric", _CHANGED, new.EVENT_METRIC),
    incident="HFS+, the file system of macOS until 2017, keeps the names of files decomposed.",
)
def event_metric_in_another_normal_form(site: Site) -> Plant:
    """The metric of an event has the letters it had, its accents taken apart or put together."""
    victim = event_where(site, "event of a metric with accents", lambda one: _otherwise(_metric(one)) != _metric(one))
    with kept(site, victim.list.key) as client:
        _write(client, victim, victim.mapped.body | {new.EVENT_METRIC: _otherwise(_metric(victim.mapped))})
        yield [victim.record]


def _metric(mapped: MappedEvent) -> str:
    metric: str = mapped.body[new.EVENT_METRIC]
    return metric


def _otherwise(text: str) -> str:
    apart = unicodedata.normalize("NFD", text)
    return apart if apart != text else unicodedata.normalize("NFC", text)


@after_migration(
    Finds("redis.metric", _CHANGED, new.EVENT_PROGRAM_ID),
    Finds("redis.schema", _SCHEMA, new.EVENT_PROGRAM_ID),
)
def event_with_its_old_entity(site: Site) -> Plant:
    """An event is in the list of its program, and names the old entity."""
    if site.policy.show is None:
        raise NothingToPlant("there is no show in the names")
    prefix = f"{site.policy.show}/"
    what = "event of a program of the show"
    victim = event_where(site, what, lambda one: one.body[new.EVENT_PROGRAM_ID].startswith(prefix))
    body = victim.mapped.body
    with kept(site, victim.list.key) as client:
        _write(client, victim, body | {new.EVENT_PROGRAM_ID: body[new.EVENT_PROGRAM_ID].removeprefix(prefix)})
        yield [victim.record, victim.item]


@after_migration(Finds("redis.metric", _MISSING, new.EVENT_TYPE), Finds("redis.schema", _SCHEMA, "item"))
def event_without_its_type(site: Site) -> Plant:
    """An event lacks the member `type`."""
    victim = event_where(site, "event")
    body = victim.mapped.body
    del body[new.EVENT_TYPE]
    with kept(site, victim.list.key) as client:
        _write(client, victim, body)
        yield [victim.record, victim.item]


@after_migration(
    Finds("redis.metric", _CHANGED, new.EVENT_DATA),
    Finds("redis.schema", _SCHEMA, new.EVENT_DATA),
    incident="json.dumps of what is JSON text already gives JSON text in quotes.",
)
def event_data_encoded_twice(site: Site) -> Plant:
    """The data of an event are not an object, but text that holds one."""
    victim = event_where(site, "event")
    body = victim.mapped.body
    with kept(site, victim.list.key) as client:
        _write(client, victim, body | {new.EVENT_DATA: exact_json.dump(body[new.EVENT_DATA])})
        yield [victim.record, victim.item]


@after_migration(Finds("redis.metric", _MISSING, AnyOf.FIELD))
def event_without_a_field_of_its_data(site: Site) -> Plant:
    """A field of an old item that has no place of its own is not in the event's data."""
    victim = event_where(site, "event with data", lambda one: bool(one.body[new.EVENT_DATA]))
    body = victim.mapped.body
    body[new.EVENT_DATA].popitem()
    with kept(site, victim.list.key) as client:
        _write(client, victim, body)
        yield [victim.record]


@after_migration(Finds("redis.metric", _EXTRA, "data.entity"))
def event_with_its_entity_in_its_data(site: Site) -> Plant:
    """What an event has a place for, the entity, stands in its data too."""
    victim = event_where(site, "event")
    body = victim.mapped.body
    with kept(site, victim.list.key) as client:
        _write(client, victim, body | {new.EVENT_DATA: {**body[new.EVENT_DATA], "entity": body[new.EVENT_PROGRAM_ID]}})
        yield [victim.record]


@after_migration(
    Finds("redis.schema", _SCHEMA, "item"),
    Finds("redis.metric", _MISSING, "item"),
    Finds("redis.metric", _EXTRA, "item"),
    *lost(Rule.REDIS_METRIC),
    incident="A column or a buffer that is too short cuts text off without a word, as MySQL does out of strict mode.",
)
def event_cut_in_the_middle(site: Site) -> Plant:
    """The JSON of an event ends in the middle."""
    victim = event_where(site, "event")
    with kept(site, victim.list.key) as client:
        text = victim.mapped.event.body
        client.lset(victim.list.key, victim.position, text[: len(text) // 2])
        yield [victim.item, victim.record, victim.item, victim.record, AnyOf.KEY]


@after_migration(
    Finds("redis.schema", _SCHEMA, "type"),
    Finds("redis.metric", _CHANGED, "type"),
    *lost(Rule.REDIS_METRIC),
)
def events_as_one_text(site: Site) -> Plant:
    """A list of events is a string that holds a JSON array of them."""
    found = first(longest_lists(site), "list of events")
    with kept(site, found.key) as client:
        left: Any = client.pttl(found.key)
        client.delete(found.key)
        client.set(found.key, json.dumps([one.event.body for one in found.events]), px=left if left > 0 else None)
        records = frozenset(one.record for one in found.events)
        yield [found.name, found.name, records, AnyOf.KEY]
