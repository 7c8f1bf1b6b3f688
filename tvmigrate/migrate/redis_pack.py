"""New Redis keys as the very bytes that create them: kept in the spool, sent as they are, and read back to compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tvmigrate.contract import new
from tvmigrate.dataset.model import HASH, LIST, SET, STRING, ZSET, RedisKey
from tvmigrate.engines.redis_wire import pack, unpack
from tvmigrate.migrate.redis_keys import Live
from tvmigrate.migrate.work import batches

ITEMS = 1000  # of one list, set or hash, in one command
_MULTI, _EXEC = pack(b"MULTI"), pack(b"EXEC")
_VERBS = {STRING: b"SET", LIST: b"RPUSH", SET: b"SADD", ZSET: b"ZADD", HASH: b"HSET"}
_TYPES = {verb: kind for kind, verb in _VERBS.items()}
_DEL, _RENAME, _PEXPIREAT = b"DEL", b"RENAME", b"PEXPIREAT"
_SIX = b"*2\r\n$3\r\nDEL\r\n$%d\r\n%b\r\n*14\r\n$4\r\nHSET\r\n$%d\r\n%b"
_LENGTHS = range(64)
# Of each field what stands before its value, by the value's length.
_SCORE, _POSITIVE, _NEGATIVE, _NEUTRAL, _TOTAL, _UPDATED_AT = (
    [b"\r\n$%d\r\n%b\r\n$%d\r\n" % (len(name), name.encode(), n) for n in _LENGTHS] for name in new.EAOS_FIELDS
)
_AT_ONCE = 500  # hashes in one transaction: what others wait for is a millisecond or two


def six(key: bytes, texts: Sequence[bytes], expires_ms: int | None) -> bytes:
    """Return what puts a hash of `new.EAOS_FIELDS` in place of whatever is there, for `at_once`.

    Values are shorter than 64 bytes: numbers and instants.
    """
    score, positive, negative, neutral, total, updated_at = texts
    size = len(key)
    return b"".join((
        _SIX % (size, key, size, key),
        _SCORE[len(score)], score, _POSITIVE[len(positive)], positive, _NEGATIVE[len(negative)], negative,
        _NEUTRAL[len(neutral)], neutral, _TOTAL[len(total)], total, _UPDATED_AT[len(updated_at)], updated_at,
        b"\r\n" if expires_ms is None else b"\r\n" + pack(_PEXPIREAT, key, b"%d" % expires_ms),
    ))  # fmt: skip


def at_once(hashes: Sequence[bytes], expiring: int) -> tuple[bytes, int]:
    """Return what creates the hashes made by `six`, and how many replies that gets; so many of them expire.

    Many go in one transaction, each with its expiry in one step: to a Redis that has every write on disk before it
    answers (`appendfsync always`), they are one write.
    """
    steps = [b"".join((_MULTI, *some, _EXEC)) for some in batches(hashes, _AT_ONCE)]
    return b"".join(steps), 2 * len(steps) + 2 * len(hashes) + expiring


def creating(live: Live, temporary: bytes) -> tuple[bytes, int]:
    """Return what puts `live` in place of whatever is there, and how many replies that gets.

    A key that expires comes with its expiry in one step. A value too big for one command grows under the name
    `temporary` + key and is renamed. All commands of a key are of one slot but for those of such a name.
    """
    key = live.key
    if key.type == STRING or len(key.value) <= ITEMS:
        commands = [pack(_DEL, key.key), pack(_VERBS[key.type], key.key, *_words(key.type, key.value))]
        steps = commands
        commands = []
    else:
        aside = temporary + key.key
        items = list(key.value.items()) if key.type == HASH else key.value
        commands = [pack(_DEL, aside)]
        commands += [
            pack(_VERBS[key.type], aside, *_words(key.type, dict(some) if key.type == HASH else some))
            for some in batches(items, ITEMS)
        ]
        steps = [pack(_RENAME, aside, key.key)]
    if live.expires_ms is not None:
        steps = [_MULTI, *steps, pack(_PEXPIREAT, key.key, b"%d" % live.expires_ms), _EXEC]
    commands += steps
    return b"".join(commands), len(commands)


def created(commands: bytes, temporary: bytes) -> Iterator[Live]:
    """Yield the keys that such bytes create, in their order."""
    key, kind, value, expires = b"", STRING, b"", None
    some: Any = None
    for verb, *words in unpack(commands):
        if verb == _DEL:
            if some is not None:
                yield Live(RedisKey(new.REDIS_DB, key, kind, None, some), expires)
            key, some, expires = words[0].removeprefix(temporary), None, None
        elif verb == _PEXPIREAT:
            expires = int(words[1])
        elif verb in _TYPES:
            kind = _TYPES[verb]
            value = _value(kind, words[1:])
            if some is None:
                some = value
            elif kind == HASH:
                some |= value
            else:
                some += value
    if some is not None:
        yield Live(RedisKey(new.REDIS_DB, key, kind, None, some), expires)


def names(commands: bytes, temporary: bytes, *, aside: bool = False) -> list[bytes]:
    """Return the names of the keys that such bytes create, with `aside` those too under which long ones grow."""
    found = [words[1] for words in unpack(commands) if words[0] == _DEL]
    plain = [name.removeprefix(temporary) for name in found]
    return plain + [name for name, key in zip(found, plain, strict=True) if name != key] if aside else plain


def _words(kind: str, value: Any) -> list[bytes]:
    if kind == STRING:
        return [value]
    if kind == HASH:
        return [word for pair in value.items() for word in pair]
    if kind == ZSET:
        return [word for member, score in value for word in (repr(float(score)).encode(), member)]
    return list(value)


def _value(kind: str, words: list[bytes]) -> Any:
    if kind == STRING:
        return words[0]
    if kind == HASH:
        return dict(zip(words[::2], words[1::2], strict=True))
    if kind == ZSET:
        return [(member, float(score)) for score, member in zip(words[::2], words[1::2], strict=True)]
    return words
