"""Redis keys read with their value and absolute expiry at one instant, compared, and written in one step."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import redis

from tvmigrate.contract import exact_json, new
from tvmigrate.contract.outcome import Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.values import count, instant
from tvmigrate.dataset.model import DUMP, HASH, LIST, SET, STREAM, STRING, ZSET, RedisKey
from tvmigrate.migrate.work import batches

BATCH = 200
ITEMS = 1000  # of one list, set or hash, in one command
_NONE = b"none"
SAME_EXPIRY_MS = 1000


@dataclass(frozen=True, slots=True)
class Live:
    """A key as it was at one instant; `expires_ms` since the epoch, None for a key that does not expire."""

    key: RedisKey
    expires_ms: int | None

    def gone(self, now_ms: int) -> bool:
        """Return whether its time to live has run out at `now_ms`."""
        return self.expires_ms is not None and self.expires_ms <= now_ms

    def equals(self, other: Live | None) -> bool:
        """Return whether type, value and expiry (to a second) are the same."""
        return other is not None and same_value(self.key, other.key) and same_expiry(self.expires_ms, other.expires_ms)


def now_ms(client: redis.Redis) -> int:
    """Return the server's clock in ms since the epoch."""
    seconds, micros = client.time()
    return int(seconds) * 1000 + int(micros) // 1000


def scan(client: redis.Redis) -> Iterator[list[tuple[bytes, str]]]:
    """Yield pages of (key, type); a key that is there all the while comes at least once."""
    for page in batches(client.scan_iter(count=BATCH * 5), BATCH * 5):
        with client.pipeline(transaction=False) as pipe:
            for key in page:
                pipe.type(key)
            kinds = pipe.execute()
        yield [(key, kind.decode()) for key, kind in zip(page, kinds, strict=True) if kind != _NONE]


def expiries(client: redis.Redis, keys: Sequence[bytes]) -> list[int | None]:
    """Return when each key expires, ms since the epoch; None for one that does not (or is not there)."""
    with client.pipeline(transaction=True) as pipe:
        _ask_expiries(pipe, keys)
        return _expiries(pipe.execute())


def read(client: redis.Redis, keys: Sequence[tuple[bytes, str]], db: int = 0) -> list[Live | None]:
    """Return the keys (name, type) as they are at one instant; None for one that is gone.

    A key that has another type by now is read anew, with that type.
    """
    if not keys:
        return []
    with client.pipeline(transaction=True) as pipe:
        _ask_expiries(pipe, [key for key, _ in keys])
        for key, kind in keys:
            _ask_value(pipe, key, kind)
        answers = pipe.execute(raise_on_error=False)
    times, values = _expiries(answers[: len(keys) + 1]), answers[len(keys) + 1 :]
    found: list[Live | None] = []
    for (key, kind), expires, value in zip(keys, times, values, strict=True):
        if isinstance(value, redis.ResponseError) and "WRONGTYPE" in str(value):
            found += read_named(client, [key], db)
        elif isinstance(value, Exception):
            raise value
        else:
            found.append(_live(db, key, kind, value, expires))
    return found


def read_named(client: redis.Redis, keys: Sequence[bytes], db: int = 0) -> list[Live | None]:
    """Return the keys by name, whatever their types; None for one that is not there."""
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.type(key)
        kinds = [kind.decode() for kind in pipe.execute()]
    return read(client, list(zip(keys, kinds, strict=True)), db)


def put(client: redis.Redis, lives: Iterable[Live], temporary: bytes) -> None:
    """Write keys, each with its expiry in one step, in place of whatever is there; one past its expiry ends as absent.

    A value too big for one command grows under the name `temporary` + key and is renamed.
    """
    with client.pipeline(transaction=True) as pipe:
        for live in lives:
            key = live.key
            if key.type == STRING or len(key.value) <= ITEMS:
                pipe.delete(key.key)
                _add(pipe, key.key, key.type, key.value)
            else:
                aside = temporary + key.key
                client.delete(aside)
                items = key.value if key.type != HASH else list(key.value.items())
                for some in batches(items, ITEMS):
                    _add(client, aside, key.type, some if key.type != HASH else dict(some))
                pipe.rename(aside, key.key)
            if live.expires_ms is not None:
                pipe.pexpireat(key.key, live.expires_ms)
        pipe.execute()


def same_value(one: RedisKey, other: RedisKey) -> bool:
    """Return whether type and value are the same, bit for bit."""
    if one.type != other.type:
        return False
    if one.type == ZSET:
        return _scores(one.value) == _scores(other.value)
    if one.type == SET:
        return set(one.value) == set(other.value)
    return bool(one.value == other.value)


def same_expiry(one: int | None, other: int | None) -> bool:
    """Return whether two expiries are the same to a second."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= SAME_EXPIRY_MS


def says_the_same(wanted: Live, found: Live, policy: Policy) -> bool:
    """Return whether a target that is there already means what would be written: numbers and instants, not text."""
    if wanted.key.type != found.key.type or not same_expiry(wanted.expires_ms, found.expires_ms):
        return False
    try:
        return same_value(_meant(wanted.key, policy), _meant(found.key, policy))
    except (Unmappable, ValueError, TypeError, KeyError, AttributeError):
        return False


def _meant(key: RedisKey, policy: Policy) -> RedisKey:
    if key.type == HASH:
        fields = {name.decode(): value.decode() for name, value in key.value.items()}
        counts = {name: count(fields[name]) for name in (new.POSITIVE, new.NEGATIVE, new.NEUTRAL, new.TOTAL)}
        rest = {
            new.SCORE: struct.pack(">d", float(fields[new.SCORE])),
            new.UPDATED_AT: instant(fields[new.UPDATED_AT], policy),
        }
        if set(fields) != set(new.EAOS_FIELDS):
            raise KeyError(*fields)
        return replace(key, value=counts | rest)
    if key.type == LIST:
        return replace(key, value=[_meant_event(exact_json.parse(item), policy) for item in key.value])
    return key


def _meant_event(event: Any, policy: Policy) -> dict[str, Any]:
    return {
        **event,
        new.EVENT_TIMESTAMP: instant(event[new.EVENT_TIMESTAMP], policy),
        new.EVENT_VALUE: float(event[new.EVENT_VALUE]),
    }


def _scores(pairs: Iterable[tuple[bytes, float]]) -> dict[bytes, bytes]:
    return {member: struct.pack(">d", score) for member, score in pairs}


def _ask_expiries(pipe: Any, keys: Sequence[bytes]) -> None:
    """Ask the clock, then for each key how long it has left: within a transaction both are of one instant.

    PEXPIRETIME would say it at once, but is not in Redis 6.2.
    """
    pipe.time()
    for key in keys:
        pipe.pttl(key)


def _expiries(answers: Sequence[Any]) -> list[int | None]:
    (seconds, micros), left = answers[0], answers[1:]
    clock = int(seconds) * 1000 + int(micros) // 1000
    return [None if value < 0 else clock + value for value in left]


def _ask_value(pipe: Any, key: bytes, kind: str) -> None:
    match kind:
        case "string":
            pipe.get(key)
        case "list":
            pipe.lrange(key, 0, -1)
        case "set":
            pipe.smembers(key)
        case "zset":
            pipe.zrange(key, 0, -1, withscores=True)
        case "hash":
            pipe.hgetall(key)
        case "stream":
            pipe.xrange(key)
        case _:
            pipe.dump(key)


def _live(db: int, key: bytes, kind: str, value: Any, expires: int | None) -> Live | None:
    if value is None or (kind not in {STRING, STREAM} and not value):
        return None
    match kind:
        case "set":
            value = sorted(value)
        case "zset":
            value = [(member, float(score)) for member, score in value]
        case "stream":
            value = [(entry, dict(fields)) for entry, fields in value]
        case "string" | "list" | "hash":
            pass
        case _:
            kind = DUMP
    return Live(RedisKey(db, key, kind, None, value), expires)


def _add(client: Any, key: bytes, kind: str, value: Any) -> None:
    match kind:
        case "string":
            client.set(key, value)
        case "list":
            client.rpush(key, *value)
        case "set":
            client.sadd(key, *value)
        case "zset":
            client.zadd(key, dict(value))
        case "hash":
            client.hset(key, mapping=value)
        case _:
            raise ValueError(f"a {kind} is not written so")
