"""Faults of keys that are none of the migration's, in any database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Rule
from tvmigrate.dataset.model import DUMP, HASH, LIST, SET, STREAM, STRING, ZSET, RedisKey
from tvmigrate.verify.faults.clickhouse_tables import NOBODY
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_migration
from tvmigrate.verify.faults.redis_victims import kept, untouched
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED = Direction.MISSING, Direction.EXTRA, Direction.CHANGED
_FEW = 1000  # keys that are kept in memory while they are gone


@after_migration(
    Finds("redis.unrelated", _MISSING, "key"),
    Finds("ledger.balance", _MISSING, "key", rule=Rule.REDIS_UNRELATED),
    Finds("ledger.balance", _MISSING, "accounted", rule=Rule.REDIS_UNRELATED),
    incident="FLUSHALL empties every database of a server, not the one that a client has selected.",
)
def other_database_flushed(site: Site) -> Plant:
    """A database that is none of the migration's is empty."""
    db, names = first(_whole_databases(site), "other database of a few keys that all last")
    with kept(site, *names, db=db) as client:
        client.flushdb()
        gone = frozenset(names.values())
        yield [gone, gone, AnyOf.KEY]


def _whole_databases(site: Site) -> Iterator[tuple[int, dict[bytes, str]]]:
    """Yield small databases of others, all of whose keys last: each with its keys, and how findings name them."""
    for db in sorted({key.db for key in site.reference.dataset.redis_keys()} - {new.REDIS_DB}):
        client: Any = site.clients.redis_db(db)
        if client.dbsize() <= _FEW:
            names = {key.key: name for key, name in untouched(site) if key.db == db}
            if names and set(client.scan_iter(count=_FEW)) == names.keys():
                yield db, names


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
    Finds("redis.unrelated", _CHANGED, "last-generated-id"),
    Finds("redis.unrelated", _CHANGED, "entries-added"),
    Finds("redis.unrelated", _CHANGED, "max-deleted-entry-id"),
    incident="A message sent to see whether the way is open, and deleted again, leaves a stream with another last id.",
)
def unrelated_stream_tried_out(site: Site) -> Plant:
    """A stream that is none of the migration's had an entry for a while, and goes on from another id."""
    key, name = first(untouched(site, STREAM), "unrelated stream")
    with kept(site, key.key, db=key.db) as client:
        client.xdel(key.key, client.xadd(key.key, {"ping": "1"}))
        counted = name if "entries-added" in client.xinfo_stream(key.key) else NOBODY  # Redis 7 and newer
        yield [name, counted, counted]


@after_migration(
    Finds("redis.unrelated", _MISSING, "\\expires"),
    incident="HSET takes the time to live of the field it writes; a hash copied by HGETALL and HSET has none.",
)
def unrelated_hash_fields_made_permanent(site: Site) -> Plant:
    """The fields of a hash that is none of the migration's do not expire any more."""
    key, name = first(
        (one for one in untouched(site, HASH) if _has_fields_that_expire(site, one[0])), "hash with fields that expire"
    )
    with kept(site, key.key, db=key.db) as client:
        fields: Any = client.hkeys(key.key)
        client.hpersist(key.key, *fields)
        yield [name]


def _has_fields_that_expire(site: Site, key: RedisKey) -> bool:
    if key.type != DUMP:  # a dataset holds such a hash in Redis's own form only; older servers have none
        return False
    client: Any = site.clients.redis_db(key.db)
    return any(left > 0 for left in client.hpttl(key.key, *client.hkeys(key.key)))
