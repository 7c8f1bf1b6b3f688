"""New Redis keys: whether one is in another's way, which were there before the run, and bringing those back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import redis

from tvmigrate.contract import new
from tvmigrate.contract.keys import OldKey, WrongTypeKey, classify
from tvmigrate.contract.old_layout import OldLayout
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.model import DUMP, STRING, RedisKey
from tvmigrate.migrate.redis_assess import Terms, of_lives
from tvmigrate.migrate.redis_keys import Live, expiries, read_named, says_the_same
from tvmigrate.migrate.redis_pack import created, names
from tvmigrate.migrate.redis_spool import EQUAL, KEPT, REPLACED, pieces, take_out
from tvmigrate.migrate.spool import Spool
from tvmigrate.migrate.work import KEEP, REPLACE, Work

Target = tuple[bytes, bytes]  # a new key, and an old key that becomes it


def clashes(client: redis.Redis, spool: Spool, terms: Terms) -> list[str]:
    """Return a blocker for each new key that two live old keys become."""
    found: set[tuple[bytes, bytes, bytes]] = set()
    for key, one, other in spool.db.execute("SELECT key, old, other FROM suspect").fetchall():
        lives = [live for live in read_named(client, [other]) if live is not None and live.key.type == STRING]
        if any(target == key for target, _ in of_lives(lives, terms).targets):
            found.add((key, *sorted((one, other))))
    return [
        f"The Redis keys {show_bytes(one)} and {show_bytes(other)} both become {show_bytes(key)}. Rename one of "
        "them, or give its entity a program id of its own with --entity-map FILE."
        for key, one, other in sorted(found)
    ]


def settle(client: redis.Redis, spool: Spool, terms: Terms, piece: int, there: Sequence[Target]) -> dict[bytes, str]:
    """Decide what becomes of targets of a piece that are there; return blockers by target.

    One that an earlier attempt of the run may have written is written again.
    """
    if there and spool.any("written"):
        there = [target for target in there if not spool.has("written", target[0])]
    blockers: dict[bytes, str] = {}
    if not there:
        return blockers
    olds = dict(there)
    (commands,) = spool.db.execute("SELECT commands FROM piece WHERE id = ?", (piece,)).fetchone()
    lives = [live for live in created(commands, terms.temporary) if live.key.key in olds]
    states: dict[bytes, str] = {}
    for live, now in zip(lives, read_named(client, [live.key.key for live in lives]), strict=True):
        key = live.key.key
        if now is None:
            continue
        if in_the_way := _live_old(now, olds[key], terms.policy.layout):
            blockers[key] = in_the_way
        elif says_the_same(live, now, terms.policy):
            states[key] = EQUAL
        elif terms.existing is not None:
            states[key] = {KEEP: KEPT, REPLACE: REPLACED}[terms.existing]
        else:
            blockers[key] = (
                f"The Redis key {show_bytes(key)} is there already, and is not what {show_bytes(olds[key])} "
                "becomes. Say --existing keep or --existing replace, or remove it."
            )
    if states:
        take_out(spool, piece, states, terms.temporary)
    return blockers


def _live_old(there: Live, one: bytes, layout: OldLayout) -> str | None:
    key = there.key.key
    kind = classify(new.REDIS_DB, key, there.key.type, layout)
    if not isinstance(kind, OldKey | WrongTypeKey):
        return None
    what = "is itself a live old key" if isinstance(kind, OldKey) else "is there with a type of neither layout"
    return (
        f"The Redis key {show_bytes(one)} becomes {show_bytes(key)}, which {what}. Rename one of them, or give its "
        "entity a program id of its own with --entity-map FILE."
    )


def save_existing(work: Work, temporary: bytes) -> None:
    """Keep the targets that were there before the run as DUMP payloads, to bring them back as they were."""
    client = work.clients.redis
    with work.spool.together():
        for piece in pieces(work.spool, (EQUAL, KEPT, REPLACED)):
            for key in names(piece.commands, temporary):
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
