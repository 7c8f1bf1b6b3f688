"""The loop that one writes first: MGET, json.loads, pipelined HSET. No check, no TTL, no quarantine."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import redis

from bench.peers.sharing import PROCESSES, share, told

_AT_ONCE = 1000
_FIELDS = ("positive", "negative", "neutral", "total")


def ready(keys: list[bytes]) -> Callable[[], None]:
    """Connect; return what turns `keys` into hashes."""
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    client.ping()

    def go() -> None:
        for start in range(0, len(keys), _AT_ONCE):
            part = keys[start : start + _AT_ONCE]
            with client.pipeline(transaction=False) as pipe:
                for key, raw in zip(part, client.mget(part), strict=True):
                    with suppress(ValueError, KeyError):  # what is bad is left where it is
                        body = json.loads(raw or b"")
                        inner = body.get("metadata", body)
                        fields: dict[Any, Any] = {name: inner.get(name, 0) for name in _FIELDS}
                        updated = inner.get("updated_at") or body.get("timestamp") or ""
                        pipe.hset(
                            b"eaos:current:the_voice/" + key[5:],
                            mapping={"score": body["score"], "updated_at": updated, **fields},
                        )
                pipe.execute()

    return go


if __name__ == "__main__":
    found = list(redis.Redis.from_url(os.environ["REDIS_URL"]).scan_iter(b"eaos:*", count=5000, _type="string"))
    told(share(ready, [found[n::PROCESSES] for n in range(PROCESSES)]))
