"""Old Redis keys: live ones found, each once, and those that came since the backup."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator

import redis

from tvmigrate.contract import old
from tvmigrate.contract.keys import NewKey, UnrelatedKey, classify
from tvmigrate.contract.old_layout import OldLayout
from tvmigrate.contract.outcome import Fate, Rule, Store
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.model import LIST, STRING, ZSET
from tvmigrate.dataset.redis_lengths import lengths
from tvmigrate.engines.clients import Clients
from tvmigrate.migrate import redis_parts
from tvmigrate.migrate.moved import ADDED, Moved
from tvmigrate.migrate.redis_assess import lives_in
from tvmigrate.migrate.redis_keys import BATCH, expiries, kinds, scan
from tvmigrate.migrate.spool import NEVER, Spool
from tvmigrate.migrate.work import Work

_ITEMS = 10_000  # read at once; one key may have more


def old_keys(clients: Clients, spool: Spool, layout: OldLayout) -> Iterator[list[tuple[bytes, str]]]:
    """Yield (name, type) of old and wrong-type keys of the old database, each once, in lists of a bounded size.

    That is the size of their values together. All other keys, of any database, are counted meanwhile: `spool` is told
    how many the migration has nothing to do with, and which of the new layout are there before it.
    """
    others = {int(name.removeprefix("db")) for name in clients.redis.info("keyspace")} - {old.REDIS_DB}
    for number in (old.REDIS_DB, *sorted(others)):
        client = clients.redis_db(number)
        for page in _once(client, spool):
            ours: list[tuple[bytes, str]] = []
            unrelated: list[bytes] = []
            bystanders: list[tuple[bytes]] = []
            for key, kind in page:
                whose = classify(number, key, kind, layout)
                if isinstance(whose, UnrelatedKey):
                    unrelated.append(key)
                elif not isinstance(whose, NewKey):
                    ours.append((key, kind))
                elif not spool.has("written", key):
                    bystanders.append((key,))
            spool.db.executemany("INSERT OR IGNORE INTO bystander VALUES (?)", bystanders)
            untouched = Counter(NEVER if expires is None else expires for expires in expiries(client, unrelated))
            spool.fates(
                (Store.REDIS, Rule.REDIS_UNRELATED, Fate.UNTOUCHED, expires, n) for expires, n in untouched.items()
            )
            yield from _in_bounds(client, ours)


def changed(work: Work) -> Iterator[Moved]:
    """Yield the old keys that are not as the backup has them, and those that it has not."""
    count = total = 0
    for apart, present in work.workers.each(redis_parts.changed, redis_parts.parts(work)):
        yield from (as_moved(*one) for one in apart)
        count, total = count + len(present), total + sum(map(hash, present))
    # As many as are in the backup, and the same by their hashes: none that is not. SCAN may give one twice.
    for page in _old_names(work):
        count, total = count - len(page), total - sum(map(hash, page))
    if count or total:
        yield from _new_old_keys(work)


def as_moved(key: bytes, what: str) -> Moved:
    """Return an old key that moved."""
    return Moved(f"db {old.REDIS_DB}", show_bytes(key), what)


def come_since(work: Work, left: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the live old keys, after the removal, that neither stayed for the quarantine nor were `left`."""
    spool = work.spool
    with spool.together():
        spool.db.execute("DELETE FROM seen")
        spool.db.execute("INSERT OR IGNORE INTO seen SELECT key FROM stays")
        spool.db.executemany("INSERT OR IGNORE INTO seen VALUES (?)", ((key,) for key in left))
        for page in _old_names(work):
            for key in page:
                if not spool.has("seen", key):
                    spool.db.execute("INSERT INTO seen VALUES (?)", (key,))
                    yield key
        spool.db.execute("DELETE FROM seen")


def _new_old_keys(work: Work) -> Iterator[Moved]:
    """Yield the live old keys that the backup has not, each looked up."""
    seen = "INSERT OR IGNORE INTO seen VALUES (?)"
    with work.spool.together():
        work.spool.db.execute("DELETE FROM seen")
        for part in redis_parts.parts(work):
            lives = lives_in(part.lines, part.epoch_ms)
            work.spool.db.executemany(seen, ((live.key.key,) for live in lives))
        for page in _old_names(work):
            for key in page:
                if not work.spool.has("seen", key):
                    yield as_moved(key, ADDED)
        work.spool.db.execute("DELETE FROM seen")


def _old_names(work: Work) -> Iterator[list[bytes]]:
    layout = work.layout
    for kind, prefix in ((STRING, layout.eaos_prefix), (ZSET, layout.trend_prefix), (LIST, layout.metrics_prefix)):
        yield from scan(work.clients.redis, kind, prefix + b"*")


def _in_bounds(client: redis.Redis, keys: list[tuple[bytes, str]]) -> Iterator[list[tuple[bytes, str]]]:
    """Yield keys in lists that hold no more items together than are to be read at once, if not one alone has more."""
    known = lengths(client, keys)
    some: list[tuple[bytes, str]] = []
    items = 0
    for key, kind in keys:
        length = known.get(key, 1)
        if some and (len(some) == BATCH or items + length > _ITEMS):
            yield some
            some, items = [], 0
        some.append((key, kind))
        items += length
    if some:
        yield some


def _once(client: redis.Redis, spool: Spool) -> Iterator[list[tuple[bytes, str]]]:
    """Yield (key, type) of all keys; SCAN may name a key twice, this does not (https://redis.io/docs/latest/commands/scan/)."""
    spool.db.execute("DELETE FROM seen")
    for names in scan(client):
        fresh = _fresh(spool, names)
        found = zip(fresh, kinds(client, fresh), strict=True)
        yield [(key, kind) for key, kind in found if kind != "none"]
    spool.db.execute("DELETE FROM seen")


def _fresh(spool: Spool, names: list[bytes]) -> list[bytes]:
    """Return those of `names` that were not among earlier ones, and remember them."""
    spool.db.execute("SAVEPOINT page")
    try:
        spool.db.executemany("INSERT INTO seen VALUES (?)", [(name,) for name in sorted(names)])
    except sqlite3.IntegrityError:
        spool.db.execute("ROLLBACK TO page")
        one = "INSERT OR IGNORE INTO seen VALUES (?)"
        return [name for name in names if spool.db.execute(one, (name,)).rowcount]
    finally:
        spool.db.execute("RELEASE page")
    return names
