"""Redis keys that changed after the switch, saved before a rollback overwrites or removes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tvmigrate.dataset.write import RedisWriter
from tvmigrate.migrate import redis_parts
from tvmigrate.migrate.moved import folder
from tvmigrate.migrate.redis_keys import BATCH, Live, now_ms, read_named, same_value
from tvmigrate.migrate.redis_pack import names
from tvmigrate.migrate.redis_spool import REPLACED, WRITTEN, pieces
from tvmigrate.migrate.redis_targets import existing_changed
from tvmigrate.migrate.work import Work, batches


def save(work: Work, temporary: bytes) -> None:
    """Write changed keys, new ones and old ones, as dataset lines to `after_switch`; a second rollback adds a file."""
    clock = now_ms(work.clients.redis)
    folder = work.after_switch
    number = len([*folder.glob("redis.ndjson"), *folder.glob("redis-*.ndjson")])
    with RedisWriter(folder / (f"redis-{number}.ndjson" if number else "redis.ndjson")) as writer:
        for there in _changed(work, temporary):
            ttl = None if there.expires_ms is None else max(there.expires_ms - clock, 1)
            writer.write(replace(there.key, ttl_ms=ttl))
    if not writer.records:
        writer.close().path.unlink()
        return
    work.say(
        f"Redis keys changed since the switch: {writer.records}; they were saved in {writer.close().path} before the "
        "rollback.",
        "warning",
    )


def save_moved(work: Work, keys: Sequence[bytes]) -> None:
    """Write old keys that moved after the switch, as they are now, as dataset lines to the folder of what moved."""
    clock = now_ms(work.clients.redis)
    with RedisWriter(folder(work) / "redis.ndjson") as writer:
        for some in batches(keys, BATCH):
            for there in read_named(work.clients.redis, some):
                if there is not None:
                    ttl = None if there.expires_ms is None else max(there.expires_ms - clock, 1)
                    writer.write(replace(there.key, ttl_ms=ttl))


def changed(work: Work, temporary: bytes) -> Iterator[tuple[Live, Live | None]]:
    """Yield the new keys that are not as this run wrote them, each with what is there."""
    given = ((work.endpoints.redis, piece, temporary) for piece in pieces(work.spool, WRITTEN, begun=True))
    for found in work.workers.each(redis_parts.otherwise, given):
        yield from found


def _changed(work: Work, temporary: bytes) -> Iterator[Live]:
    client = work.clients.redis
    for live, there in changed(work, temporary):
        if there is not None and not same_value(live.key, there.key):
            yield there
    replaced = {
        key for piece in pieces(work.spool, (REPLACED,), begun=True) for key in names(piece.commands, temporary)
    }
    for saved in existing_changed(work):
        if saved.key.key not in replaced and not work.spool.has("written", saved.key.key):
            yield from (there for there in read_named(client, [saved.key.key]) if there is not None)
    for found in work.workers.each(redis_parts.not_as_left, redis_parts.parts(work)):
        yield from found
