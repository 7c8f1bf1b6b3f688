"""Faults of what stands under an old name after the migration: left behind, or lost though it does not map."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tvmigrate.contract import rules
from tvmigrate.contract.keys import OldKey, classify
from tvmigrate.contract.outcome import Mapped, Rule
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.model import LIST, STRING, RedisKey
from tvmigrate.verify.context import OldEndState
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_migration
from tvmigrate.verify.faults.redis_victims import hashes, kept, lasts
from tvmigrate.verify.faults.site import NothingToPlant, Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED = Direction.MISSING, Direction.EXTRA, Direction.CHANGED


def _needs_old_keys_removed(site: Site) -> None:
    if site.old_end_state is OldEndState.KEPT:
        raise NothingToPlant("there is no old key that should be gone: they are all kept")


@after_migration(
    Finds("redis.old-keys", _EXTRA, "key", rule=Rule.REDIS_EAOS),
    incident="A writer that was not stopped writes the old key again as soon as it is gone.",
)
def old_key_left_behind(site: Site) -> Plant:
    """An old key whose record was mapped is still there."""
    _needs_old_keys_removed(site)
    found = first((one for one in hashes(site) if not site.clients.redis.exists(one.old.key)), "eaos key that mapped")
    with kept(site, found.old.key) as client:
        client.set(found.old.key, found.old.value)
        yield [found.old_name]


@after_migration(Finds("redis.old-keys", _EXTRA, AnyOf.FIELD, rule=Rule.REDIS_METRIC))
def mapped_item_left_in_its_list(site: Site) -> Plant:
    """An old list keeps an item that was mapped beside those that were not."""
    _needs_old_keys_removed(site)
    key, item = first(_partly_mapped(site), "list of which some items map and some do not")
    with kept(site, key.key) as client:
        client.rpush(key.key, item)
        yield [show_bytes(key.key)]


def _partly_mapped(site: Site) -> Iterator[tuple[RedisKey, bytes]]:
    """Yield old lists that are still there, each with an item of it that was mapped."""
    for key in _old_keys(site, Rule.REDIS_METRIC, LIST):
        name = key.key.partition(b":")[2]
        for position, raw in enumerate(key.value):
            if isinstance(rules.redis_metric(name, position, raw, site.policy), Mapped):
                yield key, raw
                break


def _old_keys(site: Site, rule: Rule, kind: str) -> Iterator[RedisKey]:
    """Yield the old keys of one rule and type that are still there, in the order of the dataset."""
    for key in site.reference.dataset.redis_keys():
        outcome = classify(key.db, key.key, key.type)
        if isinstance(outcome, OldKey) and outcome.rule is rule and lasts(site, key.key, kind):
            yield key


def _quarantined_texts(site: Site) -> Iterator[RedisKey]:
    """Yield the eaos keys that do not map."""
    for key in _old_keys(site, Rule.REDIS_EAOS, STRING):
        name = key.key.partition(b":")[2]
        if key.value and not isinstance(rules.redis_eaos(name, key.value, site.policy, 0), Mapped):
            yield key


@after_migration(
    Finds("redis.old-keys", _MISSING, "key", rule=Rule.REDIS_EAOS),
    incident="`redis-cli --scan --pattern 'eaos:*' | xargs redis-cli del` takes what was not copied too.",
)
def quarantined_key_deleted(site: Site) -> Plant:
    """A key that does not map is gone from its place."""
    key = first(_quarantined_texts(site), "quarantined eaos key")
    with kept(site, key.key) as client:
        client.delete(key.key)
        yield [show_bytes(key.key)]


@after_migration(Finds("redis.old-keys", _CHANGED, "value", rule=Rule.REDIS_EAOS))
def quarantined_key_mended(site: Site) -> Plant:
    """A key that does not map was given another value, though nobody decided what is right."""
    key = first(_quarantined_texts(site), "quarantined eaos key")
    with kept(site, key.key) as client:
        client.append(key.key, "}")
        yield [show_bytes(key.key)]


@after_migration(
    Finds("redis.old-keys", _MISSING, AnyOf.FIELD, rule=Rule.REDIS_METRIC),
    incident="RPOP in a loop that writes afterwards loses the item at which it stops.",
)
def quarantined_item_lost(site: Site) -> Plant:
    """The last of the items that do not map is gone from its list."""
    lists = (key for key in _old_keys(site, Rule.REDIS_METRIC, LIST) if _length(site, key) > 1)
    key = first(lists, "old list with two items or more that do not map")
    if site.old_end_state is OldEndState.KEPT:
        raise NothingToPlant("there is no list of quarantined items alone: mapped ones are kept too")
    with kept(site, key.key) as client:
        client.rpop(key.key)
        yield [show_bytes(key.key)]


def _length(site: Site, key: RedisKey) -> int:
    length: Any = site.clients.redis.llen(key.key)
    return int(length)
