"""Faults of Redis after the rollback: keys, values, types, order and times to live that are not as they were."""

from __future__ import annotations

from collections.abc import Iterator

from tvmigrate.contract import new, old
from tvmigrate.contract.keys import OldKey, classify
from tvmigrate.contract.outcome import Rule
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.model import RedisKey
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_rollback
from tvmigrate.verify.faults.redis_victims import kept, lasts, seconds_left
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction
from tvmigrate.verify.redis_expected import key_name

_MISSING, _EXTRA, _CHANGED = Direction.MISSING, Direction.EXTRA, Direction.CHANGED
_MOST_KEYS = 10_000  # of a database that is emptied and filled again
_HOUR_S = 3600


def _value(direction: Direction, field: str) -> Finds:
    return Finds("rollback.redis", direction, field)


def _old(site: Site, rule: Rule, kind: str) -> Iterator[RedisKey]:
    """Yield the dataset's old keys of a rule that are back, and stay for a while."""
    for key in site.reference.dataset.redis_keys():
        found = classify(key.db, key.key, key.type)
        if isinstance(found, OldKey) and found.rule is rule and lasts(site, key.key, kind):
            yield key


@after_rollback(
    _value(_MISSING, "key"), incident="FLUSHALL empties every database; FLUSHDB is the one that asks which."
)
def flushall_on_the_way_back(site: Site) -> Plant:
    """A database that the migration has nothing to do with is empty after the rollback."""
    numbers = sorted({key.db for key in site.reference.dataset.redis_keys()} - {old.REDIS_DB})
    few = (db for db in numbers if 0 < int(site.clients.redis_db(db).dbsize()) <= _MOST_KEYS)
    db = first(few, f"other database of 1 to {_MOST_KEYS} keys")
    keys = list(site.clients.redis_db(db).scan_iter(count=1000))
    with kept(site, *keys, db=db) as client:
        client.flushdb()
        yield [frozenset(key_name(db, key) for key in keys)]


@after_rollback(
    _value(_CHANGED, "value"),
    incident="A value rebuilt from the new form has the fields that the new form has, and no other.",
)
def old_value_rebuilt_from_the_new(site: Site) -> Plant:
    """An eaos key is back with its score alone, as if made again from a part of the new hash."""
    key = first((k for k in _old(site, Rule.REDIS_EAOS, "string") if len(k.value) > len(b'{"score":0.5}')), "eaos key")
    with kept(site, key.key) as client:
        client.set(key.key, b'{"score":0.5}', keepttl=True)
        yield [show_bytes(key.key)]


@after_rollback(_value(_CHANGED, "type"))
def old_key_is_still_a_hash(site: Site) -> Plant:
    """An eaos key is back under its old name as the hash that it became."""
    key = first(_old(site, Rule.REDIS_EAOS, "string"), "eaos key")
    left = seconds_left(site, key.key)
    with kept(site, key.key) as client:
        client.delete(key.key)
        client.hset(key.key, new.SCORE, "0.5")
        if left > 0:
            client.expire(key.key, left)
        yield [show_bytes(key.key)]


@after_rollback(_value(_CHANGED, AnyOf.FIELD), incident="LPUSH of what LRANGE gave turns a list around.")
def list_turned_around(site: Site) -> Plant:
    """A metrics list is back with its items in the opposite order."""
    key = first(
        (key for key in _old(site, Rule.REDIS_METRIC, "list") if key.value != key.value[::-1]),
        "metrics list that is another one when it is read backwards",
    )
    left = seconds_left(site, key.key)
    with kept(site, key.key) as client:
        items = client.lrange(key.key, 0, -1)
        client.delete(key.key)
        client.lpush(key.key, *items)
        if left > 0:
            client.expire(key.key, left)
        yield [show_bytes(key.key)]


@after_rollback(_value(_MISSING, AnyOf.FIELD), incident="LRANGE 0 999 is how a script reads the first page of a list.")
def list_brought_back_cut(site: Site) -> Plant:
    """A metrics list is back without its last item."""
    key = first((key for key in _old(site, Rule.REDIS_METRIC, "list") if len(key.value) > 1), "list of two items")
    with kept(site, key.key) as client:
        client.rpop(key.key)
        yield [show_bytes(key.key)]


def _expiring(site: Site) -> bytes:
    keys = (key.key for key in site.reference.dataset.redis_keys() if key.db == old.REDIS_DB and key.ttl_ms is not None)
    alive = (key for key in keys if seconds_left(site, key) > _HOUR_S)
    return first(alive, "key that has more than an hour to live")


@after_rollback(
    Finds("rollback.redis-ttl", _MISSING, "ttl"),
    incident="SET without KEEPTTL takes the time to live away, and RESTORE with 0 gives none.",
)
def time_to_live_lost_on_the_way_back(site: Site) -> Plant:
    """A key that was to expire is back for good."""
    key = _expiring(site)
    with kept(site, key) as client:
        client.persist(key)
        yield [show_bytes(key)]


@after_rollback(
    Finds("rollback.redis-ttl", _CHANGED, "ttl"),
    incident="TTL says how long is left; written back an hour later it lets the key live an hour longer.",
)
def time_to_live_begun_anew(site: Site) -> Plant:
    """A key expires an hour later than it would have, since its time to live was counted from the rollback on."""
    key = _expiring(site)
    left = seconds_left(site, key)
    with kept(site, key) as client:
        client.expire(key, left + _HOUR_S)
        yield [show_bytes(key)]


@after_rollback(
    Finds("rollback.redis-ttl", _EXTRA, "ttl"),
    incident="Replies of a pipeline, paired with keys by position: after one that is skipped each is another's.",
)
def time_to_live_of_another_key(site: Site) -> Plant:
    """A key that was to stay has the time to live of another key."""
    keys = (key.key for key in site.reference.dataset.redis_keys() if key.db == old.REDIS_DB and key.ttl_ms is None)
    key = first((key for key in keys if seconds_left(site, key) == -1), "key that does not expire")
    left = seconds_left(site, _expiring(site))
    with kept(site, key) as client:
        client.expire(key, left)
        yield [show_bytes(key)]


@after_rollback(Finds("rollback.redis-extra", _EXTRA, "key"))
def new_key_left_behind(site: Site) -> Plant:
    """A hash of the new layout is still there after the rollback."""
    key = new.eaos_key("tvmigrate/nobody").encode()
    with kept(site, key) as client:
        client.hset(key, new.SCORE, "0.5")
        yield [show_bytes(key)]
