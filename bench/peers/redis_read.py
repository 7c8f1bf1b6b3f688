"""A bare read of every value in Redis, by the driver the tool uses: nothing is looked at."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import redis

from bench.peers.sharing import PROCESSES, share, told

_AT_ONCE = {"string": 1000, "hash": 1000}  # keys a round trip; 20 of what has many elements


def ready(part: dict[str, list[bytes]]) -> Callable[[], None]:
    """Connect; return what reads the keys of `part`, by type."""
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    client.ping()

    def go() -> None:
        for kind, keys in part.items():
            step = _AT_ONCE.get(kind, 20)
            for start in range(0, len(keys), step):
                _read(client, kind, keys[start : start + step])

    return go


def _read(client: redis.Redis, kind: str, keys: list[bytes]) -> None:
    if kind == "string":
        client.mget(keys)
        return
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            if kind == "hash":
                pipe.hgetall(key)
            elif kind == "list":
                pipe.lrange(key, 0, -1)
            elif kind == "zset":
                pipe.zrange(key, 0, -1, withscores=True)
            else:
                pipe.smembers(key)
        pipe.execute()


def parts() -> list[dict[str, list[bytes]]]:
    """Return the keys, by type, shared out."""
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    keys = list(client.scan_iter(count=5000))
    by_type: dict[str, list[bytes]] = defaultdict(list)
    for start in range(0, len(keys), 5000):
        with client.pipeline(transaction=False) as pipe:
            for key in keys[start : start + 5000]:
                pipe.type(key)
            answers: list[Any] = pipe.execute()
        for key, kind in zip(keys[start : start + 5000], answers, strict=True):
            by_type[kind.decode()].append(key)
    return [{kind: found[n::PROCESSES] for kind, found in by_type.items()} for n in range(PROCESSES)]


if __name__ == "__main__":
    told(share(ready, parts()))
