"""New Redis keys: whether one is in another's way, which were there before the run, and bringing those back."""

from __future__ import annotations

from collections.abc import Iterator

import redis

from tvmigrate.contract import new
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.model import DUMP, RedisKey
from tvmigrate.migrate.redis_assess import WRONG_TYPE, wanted
from tvmigrate.migrate.redis_keys import BATCH, Live, expiries, read_named, says_the_same
from tvmigrate.migrate.spool import Spool
from tvmigrate.migrate.work import KEEP, REPLACE, Work, batches

# States of a target in the spool.
NEW, EQUAL, KEPT, REPLACED = "new", "equal", "kept", "replaced"


def clashes(spool: Spool) -> list[str]:
    """Return a blocker for each new key that two old keys become, or that is itself a live old key."""
    blockers = [
        f"The Redis keys {show_bytes(one)} and {show_bytes(other)} both become {show_bytes(key)}. Rename one of "
        "them, or give its entity a program id of its own with --entity-map FILE."
        for key, one, other in spool.db.execute("SELECT key, old, other FROM clash ORDER BY key, other")
    ]
    live_old = "SELECT t.key, t.old, o.kept FROM target t JOIN old_key o ON o.key = t.key ORDER BY t.key"
    for key, one, kept in spool.db.execute(live_old):
        what = "is there with a type of neither layout" if kept == WRONG_TYPE else "is itself a live old key"
        blockers.append(
            f"The Redis key {show_bytes(one)} becomes {show_bytes(key)}, which {what}. Rename one of them, or give its "
            "entity a program id of its own with --entity-map FILE."
        )
    return blockers


def settle(client: redis.Redis, policy: Policy, spool: Spool, existing: str | None) -> list[str]:
    """Decide for each target whether it is new, or what becomes of the key that is there; return blockers."""
    blockers: list[str] = []
    for batch in batches(wanted(spool), BATCH):
        found = read_named(client, [live.key.key for live, _ in batch])
        states: list[tuple[str, bytes]] = []
        for (live, _), there in zip(batch, found, strict=True):
            key = live.key.key
            state = NEW
            if there is not None and not spool.has("written", key):
                if says_the_same(live, there, policy):
                    state = EQUAL
                elif existing is not None:
                    state = {KEEP: KEPT, REPLACE: REPLACED}[existing]
                elif not spool.has("old_key", key):
                    one = spool.db.execute("SELECT old FROM target WHERE key = ?", (key,)).fetchone()[0]
                    blockers.append(
                        f"The Redis key {show_bytes(key)} is there already, and is not what {show_bytes(one)} becomes. "
                        "Say --existing keep or --existing replace, or remove it."
                    )
            states.append((state, key))
        with spool.together():
            spool.db.executemany("UPDATE target SET state = ? WHERE key = ?", states)
    return blockers


def save_existing(work: Work) -> None:
    """Keep the targets that were there before the run as DUMP payloads, to bring them back as they were."""
    client = work.clients.redis
    there = work.spool.db.execute("SELECT key FROM target WHERE state != ? ORDER BY key", (NEW,)).fetchall()
    with work.spool.together():
        for (key,) in there:
            payload = client.dump(key)
            if payload is not None:
                row = (key, payload, expiries(client, [key])[0])
                work.spool.db.execute("INSERT OR IGNORE INTO existing VALUES (?, ?, ?)", row)


def existing_changed(work: Work) -> Iterator[Live]:
    """Yield the targets that were there before the run and are not as they were then, as DUMP payloads."""
    client = work.clients.redis
    for key, payload, expires_ms in work.spool.db.execute("SELECT key, payload, expires_ms FROM existing").fetchall():
        if client.dump(key) != payload:
            yield Live(RedisKey(new.REDIS_DB, key, DUMP, None, payload), expires_ms)
