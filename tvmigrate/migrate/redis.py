"""Redis's steps: new keys under their final names, compared; then each old key removed if it equals its backup; and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import redis

from tvmigrate.contract import new, old
from tvmigrate.contract.keys import NewKey, OldKey, UnrelatedKey, classify
from tvmigrate.contract.outcome import Fate, Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset import redis_form
from tvmigrate.dataset.model import DUMP, LIST, RedisKey
from tvmigrate.dataset.read import Dataset
from tvmigrate.dataset.write import RedisWriter
from tvmigrate.engines.clients import Clients
from tvmigrate.migrate.backup import keep
from tvmigrate.migrate.errors import NotEqual, SourceChanged
from tvmigrate.migrate.redis_assess import WHOLE, Assessor, wanted
from tvmigrate.migrate.redis_keys import (
    BATCH,
    Live,
    expiries,
    now_ms,
    put,
    read,
    read_named,
    same_value,
    says_the_same,
    scan,
)
from tvmigrate.migrate.spool import Spool
from tvmigrate.migrate.work import KEEP, REPLACE, Found, Work, batches

# States of a target in the spool.
NEW, EQUAL, KEPT, REPLACED = "new", "equal", "kept", "replaced"
REMOVING = "removing"  # of an old key: it may be gone
_SHOWN = 5


def inspect(clients: Clients, policy: Policy, spool: Spool, existing: str | None, run_instant: int) -> Found:
    """Read the live keys, and tell `spool` what becomes of them; targets that are in the way are blockers."""
    found = Found()
    client = clients.redis
    with spool.together():
        Assessor(spool, policy, run_instant, now_ms(client)).take_all(_old_keys(client, spool))
        _count_unrelated(clients, spool)
    found.counts["old keys"] = spool.db.execute("SELECT count(*) FROM old_key").fetchone()[0]
    found.blockers += _clashes(spool)
    found.blockers += _settle_targets(client, policy, spool, existing)
    equal = spool.db.execute("SELECT count(*) FROM target WHERE state = ?", (EQUAL,)).fetchone()[0]
    if equal:
        found.remarks.append(f"{equal} new Redis keys are there already and equal to what would be written: kept.")
    return found


def backup(work: Work) -> None:
    """Write every old key, quarantined ones too, as lines of the dataset; TTLs count from a noted instant."""
    client = work.clients.redis
    epoch = now_ms(client)
    with work.spool.together():
        work.spool.clear(Store.REDIS)
        with RedisWriter(work.backup / "redis.ndjson") as writer:
            for live in _old_keys(client, work.spool):
                ttl = None if live.expires_ms is None else live.expires_ms - epoch
                writer.write(replace(live.key, ttl_ms=ttl))
                if writer.records % 1000 == 0:
                    work.advanced("backup.redis", writer.records)
        _count_unrelated(work.clients, work.spool)
    keep(work, writer.close())
    work.note("redis.epoch_ms", epoch)


def build(work: Work) -> None:
    """Write the new keys under their final names, each with its expiry in one step; a retry writes them again."""
    client = work.clients.redis
    with work.spool.together():
        work.spool.clear(Store.REDIS, keep=Rule.REDIS_UNRELATED)
        assessor = Assessor(work.spool, work.policy, work.run.started_ns, now_ms(client))
        assessor.take_all(_backed_up(work))
    blockers = _clashes(work.spool) + _settle_targets(client, work.policy, work.spool, work.run.existing)
    if blockers:
        work.redo(Store.REDIS)
        raise SourceChanged(
            "Redis keys changed since the plan. Stop what writes to them, then run `tvmigrate apply` or "
            "`tvmigrate rollback`:\n" + "\n".join(f"  - {blocker}" for blocker in blockers)
        )
    _save_existing(work)
    total = work.spool.db.execute("SELECT count(*) FROM target").fetchone()[0]
    done = 0
    for batch in batches(wanted(work.spool, f"state IN ('{NEW}', '{REPLACED}')"), BATCH):
        lives = [live for live, _ in batch]
        with work.spool.together():  # before the keys: a rollback must know of each that may be there
            work.spool.db.executemany("INSERT OR IGNORE INTO written VALUES (?)", [(live.key.key,) for live in lives])
        put(client, lives, _temporary(work))
        done += len(lives)
        work.advanced("build.redis", done, total)
    stale = work.spool.db.execute("SELECT key FROM written WHERE key NOT IN (SELECT key FROM target)").fetchall()
    for batch_of in batches((key for (key,) in stale), BATCH):
        client.delete(*batch_of)


def compare(work: Work) -> None:
    """Read back every new key, and every old one again.

    Raises:
        NotEqual: a new key is not what was written.
        SourceChanged: an old key is not what the backup has, or there is one that the backup has not.
    """
    client = work.clients.redis
    for batch in batches(wanted(work.spool), BATCH):
        found = read_named(client, [live.key.key for live, _ in batch])
        clock = now_ms(client)
        for (live, state), there in zip(batch, found, strict=True):
            if there is None and live.gone(clock):
                continue
            same = state == KEPT or (there is not None and says_the_same(live, there, work.policy))
            if not same or (state in {NEW, REPLACED} and not live.equals(there)):
                raise NotEqual(
                    f"The new Redis key {show_bytes(live.key.key)} is not what was written. Nothing was switched; run "
                    "`tvmigrate rollback`."
                )
    changed = [key for key in _changed_old_keys(work)]
    if changed:
        work.redo(Store.REDIS)
        raise SourceChanged(
            f"{len(changed)} old Redis keys changed since their backup, such as {', '.join(changed[:_SHOWN])}. Stop what "
            "writes to them, then run `tvmigrate apply` again: it takes a new backup. The old data are as they were."
        )


def switch(work: Work) -> None:
    """Let the journal say that the new keys stand: they have their final names since they were built."""
    work.note("redis.switched_ms", now_ms(work.clients.redis))


def remove(work: Work) -> None:
    """Remove each mapped old key, and each mapped item of a list, if the key still equals its backup.

    Raises:
        SourceChanged: keys that do not were left; all others are removed.
    """
    client = work.clients.redis
    left: list[str] = []
    for batch in batches(_removable(work), BATCH // 2):
        with work.spool.together():
            work.spool.db.executemany(
                "UPDATE old_key SET state = ? WHERE key = ?", [(REMOVING, live.key.key) for live, _ in batch]
            )
        left += _remove_batch(client, batch)
    if left:
        raise SourceChanged(
            f"{len(left)} old Redis keys changed since their backup and were left, such as {', '.join(left[:_SHOWN])}. "
            "Their new values are not in the new layout. Stop what writes to them, run `tvmigrate rollback`, then "
            "`tvmigrate apply`."
        )


def restore(work: Work) -> None:
    """Write old keys that may have been removed as the backup has them; an expired one stays gone."""
    client = work.clients.redis
    if not work.journal.done(work.run.id, "build.redis") and not _any_written(work):
        return
    _save_changed(work)
    states = work.spool.db
    for batch in batches(_backed_up(work), BATCH):
        touched = [
            live
            for live in batch
            if states.execute("SELECT 1 FROM old_key WHERE key = ? AND state = ?", (live.key.key, REMOVING)).fetchone()
        ]
        found = read_named(client, [live.key.key for live in touched])
        put(
            client,
            [live for live, there in zip(touched, found, strict=True) if not live.equals(there)],
            _temporary(work),
        )


def clean(work: Work) -> None:
    """Remove exactly the new keys this run wrote, and bring back those that it replaced."""
    client = work.clients.redis
    for batch in batches(work.spool.db.execute("SELECT key FROM written ORDER BY key"), BATCH):
        keys = [key for (key,) in batch]
        client.delete(*keys, *(_temporary(work) + key for key in keys))
    for live in _existing_saved(work):
        if client.dump(live.key.key) != live.key.value:
            client.restore(live.key.key, live.expires_ms or 0, live.key.value, replace=True, absttl=True)


def finish(work: Work) -> None:
    """Do nothing: Redis keeps no copies; the backup's files stay."""


def _old_keys(client: redis.Redis, spool: Spool) -> Iterator[Live]:
    """Yield each old and each wrong-type key of the old database once."""
    spool.db.execute("DELETE FROM seen")
    for page in scan(client):
        ours = []
        for key, kind in page:
            if isinstance(classify(old.REDIS_DB, key, kind), UnrelatedKey | NewKey):
                continue
            if spool.db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount:
                ours.append((key, kind))
        for some in batches(ours, BATCH):
            for live in read(client, some):
                if live is not None and not isinstance(
                    classify(old.REDIS_DB, live.key.key, live.key.type), UnrelatedKey | NewKey
                ):
                    yield live
    spool.db.execute("DELETE FROM seen")


def _count_unrelated(clients: Clients, spool: Spool) -> None:
    for number in sorted(int(name.removeprefix("db")) for name in clients.redis.info("keyspace")):
        client = clients.redis_db(number)
        spool.db.execute("DELETE FROM seen")
        for page in scan(client):
            others = [key for key, kind in page if isinstance(classify(number, key, kind), UnrelatedKey)]
            fresh = [k for k in others if spool.db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (k,)).rowcount]
            for expires in expiries(client, fresh) if fresh else ():
                spool.fate(Rule.REDIS_UNRELATED, Store.REDIS, Fate.UNTOUCHED, 1, expires)
    spool.db.execute("DELETE FROM seen")


def _clashes(spool: Spool) -> list[str]:
    blockers = []
    for key, one, other in spool.db.execute("SELECT key, old, other FROM clash ORDER BY key, other"):
        blockers.append(
            f"The Redis keys {show_bytes(one)} and {show_bytes(other)} both become {show_bytes(key)}. Rename one of them, "
            "or give its entity a program id of its own with --entity-map FILE."
        )
    live_old = "SELECT t.key, t.old, t.rule FROM target t JOIN old_key o ON o.key = t.key ORDER BY t.key"
    for key, one, _ in spool.db.execute(live_old):
        blockers.append(
            f"The Redis key {show_bytes(one)} becomes {show_bytes(key)}, which is itself a live old key. Rename one of "
            "them, or give its entity a program id of its own with --entity-map FILE."
        )
    return blockers


def _settle_targets(client: redis.Redis, policy: Policy, spool: Spool, existing: str | None) -> list[str]:
    """Decide for each new key whether it is new, equal to one that is there, or in the way of one; return blockers."""
    blockers: list[str] = []
    for batch in batches(wanted(spool), BATCH):
        found = read_named(client, [live.key.key for live, _ in batch])
        states: list[tuple[str, bytes]] = []
        for (live, _), there in zip(batch, found, strict=True):
            key = live.key.key
            state = NEW
            if there is not None and not spool.db.execute("SELECT 1 FROM written WHERE key = ?", (key,)).fetchone():
                if says_the_same(live, there, policy):
                    state = EQUAL
                elif existing is not None:
                    state = {KEEP: KEPT, REPLACE: REPLACED}[existing]
                elif not spool.db.execute("SELECT 1 FROM old_key WHERE key = ?", (key,)).fetchone():
                    one = spool.db.execute("SELECT old FROM target WHERE key = ?", (key,)).fetchone()[0]
                    blockers.append(
                        f"The Redis key {show_bytes(key)} is there already, and is not what {show_bytes(one)} becomes. Say "
                        "--existing keep or --existing replace, or remove it."
                    )
            states.append((state, key))
        with spool.together():
            spool.db.executemany("UPDATE target SET state = ? WHERE key = ?", states)
    return blockers


def _backed_up(work: Work) -> Iterator[Live]:
    epoch = work.noted("redis.epoch_ms")
    for key in Dataset.open(work.backup).redis_keys():
        yield Live(key, None if key.ttl_ms is None else epoch + key.ttl_ms)


def _temporary(work: Work) -> bytes:
    return f"tvmigrate:{work.run.id}:".encode()


def _changed_old_keys(work: Work) -> Iterator[str]:
    """Yield old keys that are not as the backup has them, and those that it has not."""
    client = work.clients.redis
    for batch in batches(_backed_up(work), BATCH):
        found = read_named(client, [live.key.key for live in batch])
        clock = now_ms(client)
        for live, there in zip(batch, found, strict=True):
            if not (live.equals(there) or (there is None and live.gone(clock))):
                yield show_bytes(live.key.key)
    for page in scan(client):
        for key, kind in page:
            if isinstance(classify(old.REDIS_DB, key, kind), OldKey) and not _backed(work, key):
                yield show_bytes(key)


def _backed(work: Work, key: bytes) -> bool:
    return work.spool.db.execute("SELECT 1 FROM old_key WHERE key = ?", (key,)).fetchone() is not None


def _removable(work: Work) -> Iterator[tuple[Live, Live | None]]:
    """Yield old keys that go, each with what is left of it: nothing, or a list of its quarantined items."""
    for live in _backed_up(work):
        row = work.spool.db.execute("SELECT kept FROM old_key WHERE key = ?", (live.key.key,)).fetchone()
        if row is None or row[0] == WHOLE:
            continue
        yield live, _rest(live, row[0])


def _rest(live: Live, kept: str | None) -> Live | None:
    if kept is None:
        return None
    items = [live.key.value[position] for position in json.loads(kept)]
    return Live(RedisKey(live.key.db, live.key.key, LIST, None, items), live.expires_ms)


def _remove_batch(client: redis.Redis, batch: list[tuple[Live, Live | None]]) -> list[str]:
    """Remove keys that equal their backup under WATCH, so that no write in between is lost; return those left."""
    keys = [live.key.key for live, _ in batch]
    while True:
        with client.pipeline(transaction=True) as pipe:
            pipe.watch(*keys)
            found = read_named(client, keys)
            pipe.multi()
            left = []
            for (live, rest), there in zip(batch, found, strict=True):
                if there is None or (rest is not None and rest.equals(there)):
                    continue
                if not live.equals(there):
                    left.append(show_bytes(live.key.key))
                    continue
                pipe.delete(live.key.key)
                if rest is not None:
                    pipe.rpush(live.key.key, *rest.key.value)
                    if rest.expires_ms is not None:
                        pipe.pexpireat(live.key.key, rest.expires_ms)
            try:
                pipe.execute()
            except redis.WatchError:
                continue
            return left


def _any_written(work: Work) -> bool:
    return work.spool.db.execute("SELECT 1 FROM written LIMIT 1").fetchone() is not None


def _save_existing(work: Work) -> None:
    """Keep the targets that were there before the run as DUMP payloads, to bring them back as they were."""
    path = work.folder / "existing.ndjson"
    if path.exists():
        return
    client = work.clients.redis
    with RedisWriter(path) as writer:
        for (key,) in work.spool.db.execute("SELECT key FROM target WHERE state != ? ORDER BY key", (NEW,)):
            payload = client.dump(key)
            if payload is not None:
                expires = expiries(client, [key])[0]
                writer.write(RedisKey(new.REDIS_DB, key, DUMP, expires, payload))


def _existing_saved(work: Work) -> Iterator[Live]:
    path = work.folder / "existing.ndjson"
    if path.exists():
        with path.open("r", encoding="utf-8") as lines:
            for line in lines:
                key = redis_form.parse(line)
                yield Live(key, key.ttl_ms)


def _save_changed(work: Work) -> None:
    """Write what changed since the switch, new keys and old ones, to `after_switch`, before a rollback overwrites it."""
    client = work.clients.redis
    clock = now_ms(client)
    folder = work.after_switch
    number = len(list(folder.glob("redis*.ndjson"))) if folder.exists() else 0
    with RedisWriter(folder / (f"redis-{number}.ndjson" if number else "redis.ndjson")) as writer:
        for there in _changed_since(work):
            ttl = None if there.expires_ms is None else max(there.expires_ms - clock, 1)
            writer.write(replace(there.key, ttl_ms=ttl))
    if not writer.records:
        writer.close().path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()
        return
    work.say(
        f"{writer.records} Redis keys changed since the switch; they were saved in {folder} before the rollback.",
        "warning",
    )


def _changed_since(work: Work) -> Iterator[Live]:
    client = work.clients.redis
    for batch in batches(wanted(work.spool, "key IN (SELECT key FROM written)"), BATCH):
        found = read_named(client, [live.key.key for live, _ in batch])
        for (live, _), there in zip(batch, found, strict=True):
            if there is not None and not same_value(live.key, there.key):
                yield there
    for batch in batches(_existing_saved(work), BATCH):
        for saved in batch:
            if client.dump(saved.key.key) != saved.key.value and not _is_written(work, saved.key.key):
                yield from (there for there in read_named(client, [saved.key.key]) if there is not None)
    for pairs in batches(_removable(work), BATCH):
        found = read_named(client, [live.key.key for live, _ in pairs])
        for (live, rest), there in zip(pairs, found, strict=True):
            if there is not None and not same_value(live.key, there.key):
                if rest is None or not same_value(rest.key, there.key):
                    yield there


def _is_written(work: Work, key: bytes) -> bool:
    return work.spool.db.execute("SELECT 1 FROM written WHERE key = ?", (key,)).fetchone() is not None
