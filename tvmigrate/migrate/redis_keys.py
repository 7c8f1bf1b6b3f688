"""Redis keys read with their value and absolute expiry, and compared: bit for bit, or by what they mean."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import redis

from tvmigrate.contract import exact_json, new
from tvmigrate.contract.outcome import Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.values import count, instant
from tvmigrate.dataset.model import DUMP, HASH, LIST, SET, STREAM, STRING, ZSET, RedisKey
from tvmigrate.engines.redis_client import pages
from tvmigrate.engines.redis_routed import Routed
from tvmigrate.engines.redis_wire import ask, ask_unless, of_hash, of_scores, pack

BATCH = 1000
SAME_EXPIRY_MS = 1000
_NO_EXPIRY = b":-1\r\n"  # what PTTL answers
_CLOCK = 100  # keys between two looks at the server's clock
_TIME = pack(b"TIME")
_PAGE = b"2000"
_VALUE = {
    STRING: b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n",
    HASH: b"*2\r\n$7\r\nHGETALL\r\n$%d\r\n%b\r\n",
    LIST: b"*4\r\n$6\r\nLRANGE\r\n$%d\r\n%b\r\n$1\r\n0\r\n$2\r\n-1\r\n",
    SET: b"*2\r\n$8\r\nSMEMBERS\r\n$%d\r\n%b\r\n",
    ZSET: b"*5\r\n$6\r\nZRANGE\r\n$%d\r\n%b\r\n$1\r\n0\r\n$2\r\n-1\r\n$10\r\nWITHSCORES\r\n",
    STREAM: b"*4\r\n$6\r\nXRANGE\r\n$%d\r\n%b\r\n$1\r\n-\r\n$1\r\n+\r\n",
}
_DUMP = b"*2\r\n$4\r\nDUMP\r\n$%d\r\n%b\r\n"
_PTTL = b"*2\r\n$4\r\nPTTL\r\n$%d\r\n%b\r\n"
_TYPE = b"*2\r\n$4\r\nTYPE\r\n$%d\r\n%b\r\n"


@dataclass(frozen=True, slots=True)
class Live:
    """A key as it was; `expires_ms` since the epoch, None for a key that does not expire."""

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
    return _ms(client.time())


def scan(client: redis.Redis, kind: str | None = None, match: bytes | None = None) -> Iterator[list[bytes]]:
    """Yield pages of names, of one type and pattern if these are given.

    A key that is there all the while comes at least once (https://redis.io/docs/latest/commands/scan/).
    """
    if isinstance(client, Routed):
        yield from _scan_all(client, kind, match)
        return
    only = (*((b"TYPE", kind.encode()) if kind else ()), *((b"MATCH", match) if match else ()))
    cursor = b"0"
    while True:
        (answer,) = ask(client, pack(b"SCAN", cursor, b"COUNT", _PAGE, *only), 1)
        if isinstance(answer, Exception):
            raise answer
        cursor, page = answer
        if page:
            yield page
        if cursor == b"0":
            return


def _scan_all(client: redis.Redis, kind: str | None, match: bytes | None) -> Iterator[list[bytes]]:
    """Yield the same of several servers; of patterns only a beginning with `*` after it is known."""
    beginning = (match or b"*").removesuffix(b"*")
    for page in pages(client):
        found = [key for key in page if key.startswith(beginning)]
        if kind is not None:
            found = [key for key, one in zip(found, kinds(client, found), strict=True) if one == kind]
        if found:
            yield found


def _per_clock(client: redis.Redis) -> int:
    """Return how many keys share a look at the clock: one of several servers does not know the clock of another."""
    return 1 if isinstance(client, Routed) else _CLOCK


def kinds(client: redis.Redis, keys: Sequence[bytes]) -> list[str]:
    """Return the types of keys, as TYPE names them; `none` for one that is not there."""
    if not keys:
        return []
    answers = ask(client, b"".join([_TYPE % (len(key), key) for key in keys]), len(keys))
    return [_sure(answer).decode() for answer in answers]


def expiries(client: redis.Redis, keys: Sequence[bytes]) -> list[int | None]:
    """Return when each key expires, ms since the epoch; None for one that does not (or is not there)."""
    found: list[int | None] = []
    shared = _per_clock(client)
    commands: list[bytes] = []
    for start in range(0, len(keys), shared):
        commands.append(_TIME)
        commands += [_PTTL % (len(key), key) for key in keys[start : start + shared]]
    answers = iter(ask(client, b"".join(commands), len(commands)) if commands else ())
    for start in range(0, len(keys), shared):
        clock = _ms(_sure(next(answers)))
        found += [_expires(clock, _sure(next(answers))) for _ in keys[start : start + shared]]
    return found


def read(client: redis.Redis, keys: Sequence[tuple[bytes, str]], db: int = 0) -> list[Live | None]:
    """Return the keys (name, type) as they are; None for one that is gone.

    Expiry and value of a key are asked for one after the other, so that a write may come between them; whoever needs
    both of one instant compares again. A key that has another type by now is read anew, with that type.
    """
    commands: list[bytes] = []
    shared = _per_clock(client)
    for n, (key, kind) in enumerate(keys):
        size = len(key)
        if n % shared == 0:
            # PEXPIRETIME would say it at once, but is not in Redis 6.2.
            commands.append(_TIME)
        commands.append(_PTTL % (size, key))
        commands.append(_VALUE.get(kind, _DUMP) % (size, key))
    answers = iter(ask(client, b"".join(commands), len(commands)) if commands else ())
    found: list[Live | None] = []
    clock = 0
    for n, (key, kind) in enumerate(keys):
        if n % shared == 0:
            clock = _ms(_sure(next(answers)))
        expires, value = _expires(clock, _sure(next(answers))), next(answers)
        if isinstance(value, redis.ResponseError) and "WRONGTYPE" in str(value):
            found += read_named(client, [key], db)
        else:
            found.append(live_of(db, key, kind, _sure(value), expires))
    return found


def read_expected(client: redis.Redis, lives: Sequence[Live]) -> list[Live | None]:
    """Return keys as they are, asked for as what they are expected to be; None for one that is not there.

    Where strings and hashes that do not expire answer just what is expected of them, to the byte, nothing is made of
    that: they are as they are expected. A server that answers otherwise, or another order of fields, costs a second
    question.
    """
    plain = [live for live in lives if _is_plain(live)]
    if not plain or isinstance(client, Routed) or not _answer_so(client, plain):
        return read(client, [(live.key.key, live.key.type) for live in lives])
    others = [(live.key.key, live.key.type) for live in lives if not _is_plain(live)]
    found = iter(read(client, others) if others else ())
    return [live if _is_plain(live) else next(found) for live in lives]


def _is_plain(live: Live) -> bool:
    return live.expires_ms is None and live.key.type in {STRING, HASH}


def _answer_so(client: redis.Redis, lives: Sequence[Live]) -> bool:
    """Return whether the answers for strings and hashes, in RESP3, are just those of keys that never expire."""
    commands = b"".join([
        _PTTL % (len(live.key.key), live.key.key) + _VALUE[live.key.type] % (len(live.key.key), live.key.key)
        for live in lives
    ])  # fmt: skip
    wanted = b"".join([_NO_EXPIRY + _answer(live.key.value) for live in lives])
    return ask_unless(client, commands, 2 * len(lives), wanted) is None


def _answer(value: bytes | Mapping[bytes, bytes]) -> bytes:
    """Return what GET or HGETALL answers (https://redis.io/docs/latest/develop/reference/protocol-spec/)."""
    if isinstance(value, bytes):
        return b"$%d\r\n%b\r\n" % (len(value), value)
    pairs = [b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(k), k, len(v), v) for k, v in value.items()]
    return b"%%%d\r\n%b" % (len(value), b"".join(pairs))


def read_named(client: redis.Redis, keys: Sequence[bytes], db: int = 0) -> list[Live | None]:
    """Return the keys by name, whatever their types; None for one that is not there."""
    return read(client, list(zip(keys, kinds(client, keys), strict=True)), db)


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


def _sure(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


def _ms(clock: Any) -> int:
    seconds, micros = clock
    return int(seconds) * 1000 + int(micros) // 1000


def _expires(clock: int, left: int) -> int | None:
    return None if left < 0 else clock + left


def live_of(db: int, key: bytes, kind: str, value: Any, expires: int | None) -> Live | None:
    """Return a key made of what it was answered; None for one that is not there."""
    if value is None or (kind not in {STRING, STREAM} and not value):
        return None
    match kind:
        case "set":
            value = sorted(value)
        case "zset":
            value = of_scores(value)
        case "hash":
            value = of_hash(value)
        case "stream":
            value = [(entry, dict(zip(fields[::2], fields[1::2], strict=True))) for entry, fields in value]
        case "string" | "list":
            pass
        case _:
            kind = DUMP
    return Live(RedisKey(db, key, kind, None, value), expires)
