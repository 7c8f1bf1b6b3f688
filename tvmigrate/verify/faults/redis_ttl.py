"""Faults of times to live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tvmigrate.verify.faults.model import Finds, Plant, after_migration
from tvmigrate.verify.faults.redis_event_victims import EventList, longest_lists, sources
from tvmigrate.verify.faults.redis_victims import hash_where, kept, seconds_left, untouched
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED = Direction.MISSING, Direction.EXTRA, Direction.CHANGED
_DAY_S = 86_400
_APART_MS = 60_000  # what two times to live must differ by, so that no clock explains it


@after_migration(
    Finds("redis.ttl", _MISSING, "ttl"),
    incident="A key that is written anew, by HSET after DEL or by SET, has no time to live.",
)
def hash_made_permanent(site: Site) -> Plant:
    """An eaos hash of a key that expired does not expire any more."""
    found = hash_where(site, lambda one: seconds_left(site, one.key) > 0, "eaos hash that expires")
    with kept(site, found.key) as client:
        client.persist(found.key)
        yield [found.name]


@after_migration(Finds("redis.ttl", _EXTRA, "ttl"))
def hash_given_a_time_to_live(site: Site) -> Plant:
    """An eaos hash of a key that did not expire is to expire after a day, as a cache would have it."""
    found = hash_where(site, lambda one: seconds_left(site, one.key) == -1, "eaos hash that does not expire")
    with kept(site, found.key) as client:
        client.expire(found.key, _DAY_S)
        yield [found.name]


@after_migration(
    Finds("redis.ttl", _CHANGED, "ttl"),
    incident="EXPIRE replaces the time to live a key has: of several sources the last one wins.",
)
def merged_list_with_the_shortest_time_to_live(site: Site) -> Plant:
    """A list that several old ones were merged into expires with the first of them."""
    found, shortest = first(_merged(site), "list of events from old lists that expire at different times")
    with kept(site, found.key) as client:
        client.pexpireat(found.key, shortest)
        yield [found.name]


def _merged(site: Site) -> Iterator[tuple[EventList, int]]:
    """Yield lists of which all sources expire, but not together, with the instant (ms since 1970) of the first."""
    for found in longest_lists(site):
        deadlines = sources(site, found)
        expiring = [at for at in deadlines if at is not None]
        if len(expiring) == len(deadlines) and max(expiring) - min(expiring) > _APART_MS:
            yield found, min(expiring)


@after_migration(
    Finds("redis.unrelated", _MISSING, "ttl"),
    incident="SET discards the time to live a key has, unless KEEPTTL is said.",
)
def unrelated_key_made_permanent(site: Site) -> Plant:
    """A key that is none of the migration's does not expire any more."""
    key, name = first((one for one in untouched(site) if one[0].ttl_ms is not None), "unrelated key that expires")
    with kept(site, key.key, db=key.db) as client:
        client.persist(key.key)
        yield [name]


@after_migration(Finds("redis.unrelated", _EXTRA, "ttl"))
def unrelated_key_given_a_time_to_live(site: Site) -> Plant:
    """A key that is none of the migration's and did not expire is to expire after a day."""
    key, name = first((one for one in untouched(site) if one[0].ttl_ms is None), "unrelated key that does not expire")
    with kept(site, key.key, db=key.db) as client:
        client.expire(key.key, _DAY_S)
        yield [name]


@after_migration(
    Finds("redis.unrelated", _CHANGED, "ttl"),
    incident="RESTORE takes a relative time to live unless ABSTTL is said; one read an hour before begins anew.",
)
def unrelated_time_to_live_begun_anew(site: Site) -> Plant:
    """A key that is none of the migration's has its whole time to live once more, not what is left of it."""
    key, name = first((one for one in untouched(site) if one[0].ttl_ms is not None), "unrelated key that expires")
    with kept(site, key.key, db=key.db) as client:
        whole: Any = key.ttl_ms
        client.pexpire(key.key, whole)
        yield [name]
