"""Faults of keys that are none of the migration's, in any database."""

from __future__ import annotations

from typing import Any

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Rule
from tvmigrate.dataset.model import DUMP, HASH, LIST, SET, STRING, ZSET, RedisKey
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_migration
from tvmigrate.verify.faults.redis_victims import kept, untouched
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED = Direction.MISSING, Direction.EXTRA, Direction.CHANGED


@after_migration(
    Finds("redis.unrelated", _MISSING, "key"),
    Finds("ledger.balance", _MISSING, "key", rule=Rule.REDIS_UNRELATED),
    Finds("ledger.balance", _MISSING, "accounted", rule=Rule.REDIS_UNRELATED),
    incident="FLUSHALL empties every database of a server, not the one that a client has selected.",
)
def other_database_flushed(site: Site) -> Plant:
    """A database that is none of the migration's is empty."""
    key, _ = first((one for one in untouched(site) if one[0].db != new.REDIS_DB), "key in another database")
    inside = [(one.key, name) for one, name in untouched(site) if one.db == key.db]
    with kept(site, *(key for key, _ in inside), db=key.db) as client:
        client.flushdb()
        names = frozenset(name for _, name in inside)
        yield [names, names, AnyOf.KEY]


@after_migration(
    Finds("redis.unrelated", _CHANGED, "value"),
    incident="Memory without ECC turns single bits, and a copy through it takes them along.",
)
def unrelated_text_changed(site: Site) -> Plant:
    """One bit of a string that is none of the migration's is another."""
    key, name = first((one for one in untouched(site, STRING) if one[0].value), "unrelated string")
    with kept(site, key.key, db=key.db) as client:
        byte: Any = client.getrange(key.key, 0, 0)
        client.setrange(key.key, 0, bytes([byte[0] ^ 1]))
        yield [name]


@after_migration(Finds("redis.unrelated", _CHANGED, AnyOf.FIELD))
def unrelated_hash_field_changed(site: Site) -> Plant:
    """One field of a hash that is none of the migration's has another value."""
    key, name = first((one for one in untouched(site, HASH) if one[0].type == HASH), "unrelated hash")
    with kept(site, key.key, db=key.db) as client:
        field, value = next(iter(key.value.items()))
        client.hset(key.key, field, value + b" ")
        yield [name]


@after_migration(
    Finds("redis.unrelated", _MISSING, AnyOf.FIELD),
    incident="SPOP and LPOP read by taking away.",
)
def unrelated_member_taken(site: Site) -> Plant:
    """One member of a set that is none of the migration's is gone."""
    many = (one for kind in (SET, ZSET) for one in untouched(site, kind) if len(one[0].value) > 1)
    key, name = first(many, "unrelated set of two members or more")
    with kept(site, key.key, db=key.db) as client:
        if key.type == SET:
            client.srem(key.key, key.value[0])
        else:
            client.zrem(key.key, key.value[0][0])
        yield [name]


@after_migration(
    Finds("redis.unrelated", _EXTRA, AnyOf.FIELD),
    incident="A queue whose consumer died between LMOVE and its work is put back by hand, once too often.",
)
def unrelated_list_longer(site: Site) -> Plant:
    """A list that is none of the migration's has its last item twice."""
    key, name = first((one for one in untouched(site, LIST) if one[0].type == LIST), "unrelated list")
    with kept(site, key.key, db=key.db) as client:
        client.rpush(key.key, key.value[-1])
        yield [name]


@after_migration(
    Finds("redis.unrelated", _CHANGED, "type"),
    incident="A copy by way of JSON brings a set back as an array, and with it as a list.",
)
def unrelated_set_as_a_list(site: Site) -> Plant:
    """A set that is none of the migration's is a list of its members."""
    key, name = first(untouched(site, SET), "unrelated set")
    with kept(site, key.key, db=key.db) as client:
        left: Any = client.pttl(key.key)
        client.delete(key.key)
        client.rpush(key.key, *key.value)
        if left > 0:
            client.pexpire(key.key, left)
        yield [name]


@after_migration(
    Finds("redis.unrelated", _MISSING, "\\expires"),
    incident="HSET takes the time to live of the field it writes; a hash copied by HGETALL and HSET has none.",
)
def unrelated_hash_fields_made_permanent(site: Site) -> Plant:
    """The fields of a hash that is none of the migration's do not expire any more."""
    key, name = first((one for one in untouched(site, HASH) if _has_fields_that_expire(site, one[0])), "such a hash")
    with kept(site, key.key, db=key.db) as client:
        fields: Any = client.hkeys(key.key)
        client.hpersist(key.key, *fields)
        yield [name]


def _has_fields_that_expire(site: Site, key: RedisKey) -> bool:
    if key.type != DUMP:  # a dataset holds such a hash in Redis's own form only; older servers have none
        return False
    client: Any = site.clients.redis_db(key.db)
    return any(left > 0 for left in client.hpttl(key.key, *client.hkeys(key.key)))
