"""Redis's steps: new keys under their final names, compared; old keys removed if they equal their backup; and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.write import RedisWriter
from tvmigrate.engines.clients import Clients
from tvmigrate.migrate import redis_after, redis_parts
from tvmigrate.migrate.backup import keep, require_whole
from tvmigrate.migrate.errors import NotEqual, SourceChanged
from tvmigrate.migrate.moved import ADDED, DELETED, told
from tvmigrate.migrate.moved import keep as keep_moved
from tvmigrate.migrate.redis_assess import Assessed, Terms
from tvmigrate.migrate.redis_keys import now_ms
from tvmigrate.migrate.redis_pack import names
from tvmigrate.migrate.redis_source import as_moved, changed, come_since, old_keys
from tvmigrate.migrate.redis_spool import (
    EQUAL,
    WRITTEN,
    Piece,
    forget,
    pieces,
    settle_lists,
    written_before,
)
from tvmigrate.migrate.redis_spool import keep as keep_outcome
from tvmigrate.migrate.redis_targets import clashes, existing_changed, save_existing, settle
from tvmigrate.migrate.spool import Spool
from tvmigrate.migrate.work import Found, Work, batches
from tvmigrate.workers import Workers

_MARKED = 8  # pieces that are called begun in one synced step


def inspect(  # noqa: PLR0913, PLR0917 - what a look is given
    clients: Clients,
    policy: Policy,
    spool: Spool,
    existing: str | None,
    run_instant: int,
    workers: Workers,
    *,
    programs: bool,
) -> Found:
    """Read the live keys, and tell `spool` what becomes of them; targets that are in the way are blockers.

    With `programs` it is told who becomes which program.
    """
    found = Found()
    client = clients.redis
    terms = Terms(policy, run_instant, now_ms(client), b"tvmigrate:", existing, programs)
    count = 0

    def outcomes() -> Iterator[tuple[int, Assessed]]:
        nonlocal count
        given = ((clients.endpoints.redis, some, terms) for some in old_keys(clients, spool, policy.layout))
        for number, outcome in workers.each(redis_parts.assess_live, given):
            count += number
            yield 0, outcome

    with spool.together():
        found.blockers += _take(clients, spool, terms, outcomes())
    found.counts["old keys"] = count
    equal = sum(len(names(piece.commands, terms.temporary)) for piece in pieces(spool, (EQUAL,)))
    if equal:
        found.remarks.append(f"{equal} new Redis keys are there already and equal to what would be written: kept.")
    return found


def _take(clients: Clients, spool: Spool, terms: Terms, found: Iterable[tuple[int, Assessed]]) -> list[str]:
    """Keep what becomes of old keys, part by part, and what of the targets that are there; return blockers."""
    client = clients.redis
    blockers: dict[bytes, str] = {}
    for part, outcome in found:
        piece = keep_outcome(spool, part, outcome)
        if piece is not None:
            blockers |= settle(client, spool, terms, piece, outcome.targets)
    for piece, targets in settle_lists(spool, terms.temporary):
        there = redis_parts.existing(client, targets)
        blockers |= settle(client, spool, terms, piece, there)
    return clashes(client, spool, terms) + [blockers[key] for key in sorted(blockers)]


def backup(work: Work) -> None:
    """Write every old key, quarantined ones too, as lines of the dataset; TTLs count from a noted instant."""
    epoch = now_ms(work.clients.redis)
    with work.spool.together():
        forget(work.spool, _temporary(work))
        with RedisWriter(work.backup / "redis.ndjson") as writer:
            names = old_keys(work.clients, work.spool, work.layout)
            given = ((work.endpoints.redis, some, work.layout, epoch) for some in names)
            for count, lines in work.workers.each(redis_parts.dumped, given):
                writer.write_lines(lines, count)
                work.advanced("backup.redis", writer.records)
    keep(work, writer.close())
    work.note("redis.epoch_ms", epoch)


def build(work: Work) -> None:
    """Write the new keys under their final names, each with its expiry in one step; a retry writes them again.

    What becomes of every old key is known before the first is written.

    Raises:
        SourceChanged: a key that came since the plan is in the way.
    """
    client = work.clients.redis
    terms = Terms(work.policy, work.run.started_ns, now_ms(client), _temporary(work), work.run.existing)
    with work.spool.together():
        forget(work.spool, terms.temporary, keep=Rule.REDIS_UNRELATED)
        found = work.workers.each(redis_parts.assess, ((part, terms) for part in _new_parts(work)))
        blockers = _take(work.clients, work.spool, terms, enumerate(found))
    if blockers:
        work.redo(Store.REDIS)
        listed = "\n".join(f"  - {blocker}" for blocker in blockers)
        raise SourceChanged(
            "Redis keys changed since the plan. Stop what writes to them, see to these, then run `tvmigrate apply` "
            f"again or `tvmigrate rollback`:\n{listed}"
        )
    save_existing(work, terms.temporary)
    total = work.spool.db.execute("SELECT sum(replies) FROM piece").fetchone()[0] or 0
    done = 0
    url = work.endpoints.redis
    for replies in work.workers.each(redis_parts.send, ((url, piece) for piece in _begun(work.spool))):
        done += replies
        work.advanced("build.redis", done, total)
    _remove_stale(work, terms.temporary)


def _new_parts(work: Work) -> Iterator[redis_parts.Part]:
    """Yield the parts of the backup, and note where each is."""
    epoch = work.noted("redis.epoch_ms")
    for number, (start, lines) in enumerate(redis_parts.cut(work.backup / "redis.ndjson")):
        work.spool.db.execute("INSERT INTO part VALUES (?, ?, ?, 0)", (number, start, len(lines)))
        yield redis_parts.Part(number, work.endpoints.redis, lines, epoch, {})


def _begun(spool: Spool) -> Iterator[Piece]:
    """Yield what is to be written; before that note it as begun: a rollback must know of each key that may be there."""
    for some in batches(pieces(spool, WRITTEN), _MARKED):
        with spool.together():
            spool.db.executemany("INSERT OR IGNORE INTO begun VALUES (?)", [(piece.id,) for piece in some])
        yield from some


def _remove_stale(work: Work, temporary: bytes) -> None:
    """Remove what an earlier attempt wrote and this one did not."""
    spool = work.spool
    if not spool.any("written"):
        return
    with spool.together():
        spool.db.execute("DELETE FROM seen")
        for piece in pieces(spool):
            named = [(name,) for name in names(piece.commands, temporary)]
            spool.db.executemany("INSERT OR IGNORE INTO seen VALUES (?)", named)
    for keys in written_before(spool):
        stale = [key for key in keys if not spool.has("seen", key)]
        redis_parts.delete(work.clients.redis, stale)


def compare(work: Work) -> None:
    """Read back every new key.

    Raises:
        NotEqual: one is not what was written.
    """
    url, temporary = work.endpoints.redis, _temporary(work)
    looked = ((url, piece, work.policy, temporary) for piece in pieces(work.spool))
    for wrong in work.workers.each(redis_parts.differing, looked):
        if wrong:
            raise NotEqual(
                f"The new Redis key {show_bytes(wrong[0])} is not what was written. Nothing was switched; run "
                "`tvmigrate rollback`."
            )


def require_same(work: Work) -> None:
    """Return if all old keys, and no others, are as the backup has them.

    Raises:
        SourceChanged: some are not; which, and what depends on the backup is to be done again.
    """
    words = told(changed(work))
    if words.count:
        work.redo(Store.REDIS)
        raise SourceChanged(
            f"Old Redis keys changed since their backup: {words}. Stop what writes to them, then run `tvmigrate apply` "
            "again: it takes a new backup. The old data are as they were."
        )


def switch(work: Work) -> None:
    """Let the journal say that the new keys stand: they have their final names since they were built."""
    work.note("redis.switched_ms", now_ms(work.clients.redis))


def remove(work: Work) -> None:
    """Remove each mapped old key, and each mapped item of a list, if the key still equals its backup.

    All others are left as they are, listed and saved: keys that changed, went or came after they were compared. A
    rollback leaves them too: what an old writer made of them is the newest of the old data.
    """
    left: list[redis_parts.Apart] = []
    going: list[int] = []
    for number, some in enumerate(work.workers.each(redis_parts.remove, _noted(_going(work), going))):
        left += some
        redis_parts.let_stay(work.spool, going[number], [key for key, what in some if what != DELETED])
    left += [(key, ADDED) for key in come_since(work, [key for key, _ in left])]
    if left:
        redis_after.save_moved(work, [key for key, what in left if what != DELETED])
    keep_moved(work, Store.REDIS, (as_moved(*one) for one in left))


def restore(work: Work) -> None:
    """Write old keys that may have been removed as the backup has them; an expired one stays gone.

    Raises:
        NotEqual: the backup is not what was written; nothing was changed.
    """
    if not work.journal.done(work.run.id, "build.redis") and not _wrote(work.spool):
        return
    require_whole(work, "redis.ndjson")
    temporary = _temporary(work)
    if work.noted("redis.restoring"):  # an earlier try was stopped, and somebody may have written since
        redis_after.save(work, temporary)
    work.note("redis.restoring", True)
    for _ in work.workers.each(
        redis_parts.bring_back, ((part, temporary) for part in redis_parts.parts(work, "removing"))
    ):
        pass


def clean(work: Work) -> None:
    """Remove exactly the new keys this run wrote, and bring back those that were there before it."""
    client, temporary = work.clients.redis, _temporary(work)
    for keys in written_before(work.spool):
        redis_parts.delete(client, [*keys, *(temporary + key for key in keys)])
    for piece in pieces(work.spool, WRITTEN, begun=True):
        redis_parts.delete(client, names(piece.commands, temporary, aside=True))
    for live in existing_changed(work):
        with client.pipeline() as pipe:  # of a cluster, its answer says that replicas have it
            pipe.restore(live.key.key, live.expires_ms or 0, live.key.value, replace=True, absttl=True)
            pipe.execute()


def finish(work: Work) -> None:
    """Do nothing: Redis keeps no copies; the backup's files stay."""


def _temporary(work: Work) -> bytes:
    return f"tvmigrate:{work.run.id}:".encode()


def _going(work: Work) -> Iterator[redis_parts.Part]:
    """Yield the parts of the backup, each after it is noted that its old keys may be gone."""
    for some in batches(redis_parts.parts(work), _MARKED):
        with work.spool.together():
            for part in some:
                redis_parts.mark_removing(work.spool, part.id)
        yield from some


def _noted(parts: Iterable[redis_parts.Part], numbers: list[int]) -> Iterator[redis_parts.Part]:
    for part in parts:
        numbers.append(part.id)
        yield part


def _wrote(spool: Spool) -> bool:
    return spool.any("written") or spool.any("begun")
