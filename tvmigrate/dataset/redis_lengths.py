"""How much there is to read of live Redis keys, asked before their values, so that only so many are held at once."""

from __future__ import annotations

from collections.abc import Iterable

import redis

from tvmigrate.dataset.model import HASH, LIST, SET, STREAM, STRING, ZSET
from tvmigrate.engines.redis_wire import ask, pack

_ITEMS = {LIST: b"LLEN", SET: b"SCARD", ZSET: b"ZCARD", HASH: b"HLEN", STREAM: b"XLEN"}
_BYTES = {STRING: b"STRLEN"}


def lengths(client: redis.Redis, keys: Iterable[tuple[bytes, str]], *, strings: bool = False) -> dict[bytes, int]:
    """Return how many items each key (name, type) has, and with `strings` how many bytes each string.

    Keys of other types are left out, and those that have another type by now; one that is gone has 0.

    Raises:
        redis.ConnectionError, redis.TimeoutError: the server went away.
    """
    verbs = _ITEMS | _BYTES if strings else _ITEMS
    asked = [(key, verbs[kind]) for key, kind in keys if kind in verbs]
    answers = ask(client, b"".join([pack(verb, key) for key, verb in asked]), len(asked)) if asked else []
    return {key: length for (key, _), length in zip(asked, answers, strict=True) if isinstance(length, int)}
