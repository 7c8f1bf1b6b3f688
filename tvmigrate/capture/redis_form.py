"""A live Redis key in the form that a dataset has it in: plain, or as a DUMP where plain does not tell it all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import redis

from tvmigrate.dataset.model import DUMP, HASH, STREAM, RedisKey
from tvmigrate.migrate.redis_keys import Live


def plain(client: redis.Redis, lives: Sequence[Live], *, keep_dumps: bool) -> list[Live]:
    """Return keys as a dataset has them: dumped are a hash whose fields expire, a stream that is more than entries.

    Without `keep_dumps` these stay as they are: a hash without its fields' times, a stream of entries alone, if it has
    any.
    """
    pipe = client.pipeline(transaction=False)
    asked = [_ask(pipe, live.key) for live in lives]
    answers = iter(pipe.execute(raise_on_error=False) if any(asked) else ())
    found = []
    for live, is_asked in zip(lives, asked, strict=True):
        tells_all = not is_asked or _tells_all(live.key, next(answers))
        if tells_all or (not keep_dumps and live.key.value):
            found.append(live)
            continue
        dump = client.dump(live.key.key)
        if dump is not None:
            found.append(replace(live, key=replace(live.key, type=DUMP, value=dump)))
    return found


def _ask(pipe: Any, key: RedisKey) -> bool:
    if key.type == HASH:
        # https://redis.io/docs/latest/commands/hpexpiretime/
        pipe.execute_command("HPEXPIRETIME", key.key, "FIELDS", len(key.value), *key.value)
    elif key.type == STREAM:
        pipe.xinfo_stream(key.key)
    return key.type in {HASH, STREAM}


def _tells_all(key: RedisKey, answer: Any) -> bool:
    if isinstance(answer, redis.ResponseError):
        words = str(answer).lower()
        # Before Redis 7.4 no field expired; a key that is gone, or of another type by now, is looked at again.
        if "unknown command" in words or "no such key" in words or "wrongtype" in words:
            return True
        raise answer
    if key.type == HASH:
        return answer is None or all(at < 0 for at in answer)
    last = key.value[-1][0] if key.value else None
    return (
        not answer["groups"]
        and answer["last-generated-id"] == last
        # Not told before Redis 7.0.
        and answer.get("entries-added", len(key.value)) == len(key.value)
        and answer.get("max-deleted-entry-id", b"0-0") == b"0-0"
    )
