"""Redis's steps: new keys under their final names, compared; old keys removed if they equal their backup; and back."""

from __future__ import annotations

from dataclasses import replace

import redis

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.write import RedisWriter
from tvmigrate.engines.clients import Clients
from tvmigrate.migrate import redis_after
from tvmigrate.migrate.backup import keep, require_whole
from tvmigrate.migrate.errors import NotEqual, SourceChanged
from tvmigrate.migrate.redis_assess import Assessor, wanted
from tvmigrate.migrate.redis_keys import BATCH, Live, now_ms, put, read_named, says_the_same
from tvmigrate.migrate.redis_source import backed_up, changed, count_unrelated, old_keys, removable
from tvmigrate.migrate.redis_targets import (
    EQUAL,
    KEPT,
    NEW,
    REPLACED,
    clashes,
    existing_changed,
    save_existing,
    settle,
)
from tvmigrate.migrate.spool import Spool
from tvmigrate.migrate.work import Found, Work, batches

_REMOVING = "removing"  # of an old key: it may be gone
_SHOWN = 5


def inspect(clients: Clients, policy: Policy, spool: Spool, existing: str | None, run_instant: int) -> Found:
    """Read the live keys, and tell `spool` what becomes of them; targets that are in the way are blockers."""
    found = Found()
    client = clients.redis
    with spool.together():
        Assessor(spool, policy, run_instant, now_ms(client)).take_all(old_keys(client, spool))
        count_unrelated(clients, spool)
    found.counts["old keys"] = spool.db.execute("SELECT count(*) FROM old_key").fetchone()[0]
    found.blockers += clashes(spool)
    found.blockers += settle(client, policy, spool, existing)
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
            for live in old_keys(client, work.spool):
                ttl = None if live.expires_ms is None else live.expires_ms - epoch
                writer.write(replace(live.key, ttl_ms=ttl))
                if writer.records % 1000 == 0:
                    work.advanced("backup.redis", writer.records)
        count_unrelated(work.clients, work.spool)
    keep(work, writer.close())
    work.note("redis.epoch_ms", epoch)


def build(work: Work) -> None:
    """Write the new keys under their final names, each with its expiry in one step; a retry writes them again.

    Raises:
        SourceChanged: a key that came since the plan is in the way.
    """
    client = work.clients.redis
    with work.spool.together():
        work.spool.clear(Store.REDIS, keep=Rule.REDIS_UNRELATED)
        assessor = Assessor(work.spool, work.policy, work.run.started_ns, now_ms(client))
        assessor.take_all(backed_up(work))
    blockers = clashes(work.spool) + settle(client, work.policy, work.spool, work.run.existing)
    if blockers:
        work.redo(Store.REDIS)
        listed = "\n".join(f"  - {blocker}" for blocker in blockers)
        raise SourceChanged(
            "Redis keys changed since the plan. Stop what writes to them, see to these, then run `tvmigrate apply` "
            f"again or `tvmigrate rollback`:\n{listed}"
        )
    save_existing(work)
    total = work.spool.db.execute("SELECT count(*) FROM target").fetchone()[0]
    done = 0
    for batch in batches(wanted(work.spool, f"state IN ('{NEW}', '{REPLACED}')"), BATCH):
        lives = [live for live, _ in batch]
        with work.spool.together():  # before the keys: a rollback must know of each that may be there
            work.spool.db.executemany("INSERT OR IGNORE INTO written VALUES (?)", [(live.key.key,) for live in lives])
        put(client, lives, _temporary(work))
        done += len(lives)
        work.advanced("build.redis", done, total)
    stale = "SELECT key FROM written WHERE key NOT IN (SELECT key FROM target)"
    for rows in batches(work.spool.db.execute(stale), BATCH):
        client.delete(*(key for (key,) in rows))


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
    names = list(changed(work))
    if names:
        work.redo(Store.REDIS)
        raise SourceChanged(
            f"Old Redis keys changed since their backup: {len(names)}, such as {', '.join(names[:_SHOWN])}. Stop what "
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
    for batch in batches(removable(work), BATCH):
        with work.spool.together():
            work.spool.db.executemany(
                "UPDATE old_key SET state = ? WHERE key = ?", [(_REMOVING, live.key.key) for live, _ in batch]
            )
        left += _remove_batch(client, batch)
    if left:
        raise SourceChanged(
            f"Old Redis keys changed since their backup and were left: {len(left)}, such as "
            f"{', '.join(left[:_SHOWN])}. Their new values are not in the new layout. Stop what writes to them, run "
            "`tvmigrate rollback`, then `tvmigrate apply`."
        )


def restore(work: Work) -> None:
    """Write old keys that may have been removed as the backup has them; an expired one stays gone.

    Raises:
        NotEqual: the backup is not what was written; nothing was changed.
    """
    client = work.clients.redis
    if not work.journal.done(work.run.id, "build.redis") and not work.spool.any("written"):
        return
    require_whole(work, "redis.ndjson")
    redis_after.save(work)
    touched = "SELECT 1 FROM old_key WHERE key = ? AND state = ?"
    for batch in batches(backed_up(work), BATCH):
        lives = [live for live in batch if work.spool.db.execute(touched, (live.key.key, _REMOVING)).fetchone()]
        found = read_named(client, [live.key.key for live in lives])
        apart = [live for live, there in zip(lives, found, strict=True) if not live.equals(there)]
        put(client, apart, _temporary(work))


def clean(work: Work) -> None:
    """Remove exactly the new keys this run wrote, and bring back those that were there before it."""
    client = work.clients.redis
    for rows in batches(work.spool.db.execute("SELECT key FROM written ORDER BY key"), BATCH):
        keys = [key for (key,) in rows]
        client.delete(*keys, *(_temporary(work) + key for key in keys))
    for live in existing_changed(work):
        client.restore(live.key.key, live.expires_ms or 0, live.key.value, replace=True, absttl=True)


def finish(work: Work) -> None:
    """Do nothing: Redis keeps no copies; the backup's files stay."""


def _temporary(work: Work) -> bytes:
    return f"tvmigrate:{work.run.id}:".encode()


def _remove_batch(client: redis.Redis, batch: list[tuple[Live, Live | None]]) -> list[str]:
    """Remove keys that equal their backup under WATCH, so that no write in between is lost; return those left."""
    keys = [live.key.key for live, _ in batch]
    while True:
        with client.pipeline(transaction=True) as pipe:
            pipe.watch(*keys)  # type: ignore[no-untyped-call]
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
