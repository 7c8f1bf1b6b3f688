"""Faults of the eaos hashes: whole keys that are lost, exchanged, of another type or under a wrong name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice

from tvmigrate.contract import exact_json, new
from tvmigrate.contract.outcome import Rule
from tvmigrate.verify.faults.clickhouse_tables import lost
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_migration
from tvmigrate.verify.faults.redis_victims import MappedHash, hashes, kept
from tvmigrate.verify.faults.site import NothingToPlant, Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED, _SCHEMA = Direction.MISSING, Direction.EXTRA, Direction.CHANGED, Direction.SCHEMA
_PARTNERS = 1000  # hashes among which one that differs in every field is looked for


@after_migration(
    Finds("redis.eaos", _MISSING, "key"),
    *lost(Rule.REDIS_EAOS),
    incident="At its maxmemory Redis evicts keys of its own accord under a policy such as allkeys-lru.",
)
def hash_dropped(site: Site) -> Plant:
    """One eaos hash is not there."""
    found = first(hashes(site), "eaos hash")
    with kept(site, found.key) as client:
        client.delete(found.key)
        yield [found.old_name, found.old_name, AnyOf.KEY]


@after_migration(
    Finds("redis.eaos", _CHANGED, "type"),
    Finds("redis.schema", _SCHEMA, "type"),
    *lost(Rule.REDIS_EAOS),
    incident="RENAME and COPY take a value along as it is, so that a string stays a string under its new name.",
)
def hash_left_as_json_text(site: Site) -> Plant:
    """An eaos key has its new name, and is still a string of JSON."""
    found = first(hashes(site), "eaos hash")
    with kept(site, found.key) as client:
        left = client.pttl(found.key)
        client.delete(found.key)
        client.set(found.key, json.dumps(dict(found.fields)), px=left if isinstance(left, int) and left > 0 else None)
        yield [found.old_name, found.name, found.old_name, AnyOf.KEY]


@after_migration(
    Finds("redis.eaos", _CHANGED, AnyOf.FIELD),
    *(Finds("redis.eaos", _CHANGED, field) for field in new.EAOS_FIELDS),
    incident="In March 2023 a cancelled request left a connection of redis-py one answer behind, and users of ChatGPT "
    "were shown what belonged to others.",
)
def hashes_exchanged(site: Site) -> Plant:
    """Two programs have each other's numbers."""
    one, other = _different(site)
    with kept(site, one.key, other.key) as client:
        client.hset(one.key, mapping=dict(other.fields))
        client.hset(other.key, mapping=dict(one.fields))
        yield [frozenset({one.old_name, other.old_name})] * (1 + len(new.EAOS_FIELDS))


def _different(site: Site) -> tuple[MappedHash, MappedHash]:
    """Return two hashes with no value in common."""
    whole = (found for found in hashes(site) if not found.outcome.filled)
    one = first(whole, "eaos hash with all of its fields")
    mine = _values(one.fields)
    others = (
        other for other in islice(hashes(site), _PARTNERS)
        if not other.outcome.filled and all(mine[name] != value for name, value in _values(other.fields).items())
    )  # fmt: skip
    return one, first(others, "second eaos hash that differs in every field")


def _values(fields: Mapping[str, str]) -> dict[str, object]:
    return {name: text if name == new.UPDATED_AT else float(exact_json.parse(text)) for name, text in fields.items()}


@after_migration(
    Finds("redis.extra", _EXTRA, "key"),
    Finds("cross.programs", _EXTRA, "program_id"),
    Finds("redis.eaos", _MISSING, "key"),
    *lost(Rule.REDIS_EAOS),
    incident="A rename that does not know its own outcome adds its prefix again when it runs again.",
)
def show_written_twice(site: Site) -> Plant:
    """An eaos hash has the show in its name twice."""
    show = site.policy.show
    if show is None:
        raise NothingToPlant("there is no show in the names")
    prefix = f"{new.EAOS_PREFIX}{show}/"
    found = first((one for one in hashes(site) if one.outcome.value.key.startswith(prefix)), "eaos hash of the show")
    wrong = new.eaos_key(f"{show}/{found.outcome.value.key.removeprefix(new.EAOS_PREFIX)}")
    if site.clients.redis.exists(wrong):
        raise NothingToPlant(f"there is no free name {wrong}")
    name = f"{new.EAOS_PREFIX}{show}/{found.name.removeprefix(new.EAOS_PREFIX)}"
    with kept(site, found.key, wrong.encode()) as client:
        client.rename(found.key, wrong)
        yield [name, name.removeprefix(new.EAOS_PREFIX), found.old_name, found.old_name, AnyOf.KEY]
