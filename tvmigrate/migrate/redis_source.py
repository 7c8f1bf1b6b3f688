"""Old Redis keys: live ones found, those of the backup read, and what of them goes and what stays."""

from __future__ import annotations

import json
from collections.abc import Iterator

import redis

from tvmigrate.contract import old
from tvmigrate.contract.keys import NewKey, OldKey, UnrelatedKey, classify
from tvmigrate.contract.outcome import Fate, Rule, Store
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.model import LIST, RedisKey
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.migrate.redis_assess import STAYS
from tvmigrate.migrate.redis_keys import BATCH, Live, expiries, now_ms, read, read_named, scan
from tvmigrate.migrate.spool import Spool
from tvmigrate.migrate.work import Work, batches


def old_keys(client: redis.Redis, spool: Spool) -> Iterator[Live]:
    """Yield each old and each wrong-type key of the old database once, as it is now."""
    for page in _once(client, spool):
        ours = [(key, kind) for key, kind in page if _is_ours(key, kind)]
        for some in batches(ours, BATCH):
            for live in read(client, some):
                if live is not None and _is_ours(live.key.key, live.key.type):
                    yield live


def count_unrelated(clients: Clients, spool: Spool) -> None:
    """Tell `spool` how many keys there are, in any database, that the migration has nothing to do with."""
    for number in sorted(int(name.removeprefix("db")) for name in clients.redis.info("keyspace")):
        client = clients.redis_db(number)
        for page in _once(client, spool):
            others = [key for key, kind in page if isinstance(classify(number, key, kind), UnrelatedKey)]
            for expires in expiries(client, others) if others else ():
                spool.fate(Rule.REDIS_UNRELATED, Store.REDIS, Fate.UNTOUCHED, 1, expires)


def backed_up(work: Work) -> Iterator[Live]:
    """Yield the keys of the backup, with the absolute expiry they had."""
    epoch = work.noted("redis.epoch_ms")
    for key in Dataset.open(work.backup).redis_keys():
        yield Live(key, None if key.ttl_ms is None else epoch + key.ttl_ms)


def changed(work: Work) -> Iterator[str]:
    """Yield the names of old keys that are not as the backup has them, and of those that it has not."""
    client = work.clients.redis
    for batch in batches(backed_up(work), BATCH):
        found = read_named(client, [live.key.key for live in batch])
        clock = now_ms(client)
        for live, there in zip(batch, found, strict=True):
            if not (live.equals(there) or (there is None and live.gone(clock))):
                yield show_bytes(live.key.key)
    for page in scan(client):
        for key, kind in page:
            known = "SELECT 1 FROM old_key WHERE key = ?"
            is_old = isinstance(classify(old.REDIS_DB, key, kind), OldKey)
            if is_old and work.spool.db.execute(known, (key,)).fetchone() is None:
                yield show_bytes(key)


def removable(work: Work) -> Iterator[tuple[Live, Live | None]]:
    """Yield old keys that go, each with what is left of it: nothing, or a list of its quarantined items."""
    for live in backed_up(work):
        row = work.spool.db.execute("SELECT kept FROM old_key WHERE key = ?", (live.key.key,)).fetchone()
        if row is not None and row[0] not in STAYS:
            yield live, _rest(live, row[0])


def _rest(live: Live, kept: str | None) -> Live | None:
    if kept is None:
        return None
    items = [live.key.value[position] for position in json.loads(kept)]
    return Live(RedisKey(live.key.db, live.key.key, LIST, None, items), live.expires_ms)


def _is_ours(key: bytes, kind: str) -> bool:
    return not isinstance(classify(old.REDIS_DB, key, kind), UnrelatedKey | NewKey)


def _once(client: redis.Redis, spool: Spool) -> Iterator[list[tuple[bytes, str]]]:
    """Yield (key, type) of all keys; SCAN may name a key twice, this does not (https://redis.io/docs/latest/commands/scan/)."""
    spool.db.execute("DELETE FROM seen")
    for page in scan(client):
        yield [
            (key, kind)
            for key, kind in page
            if spool.db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount
        ]
    spool.db.execute("DELETE FROM seen")
