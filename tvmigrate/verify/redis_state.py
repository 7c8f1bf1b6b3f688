"""What a Redis key holds, as plain JSON that two sides can be compared by: every type, nothing left out.

Bytes stand as text by `unicode.show_bytes`, which loses nothing; scores by `repr`, which keeps every bit.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import redis

from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.model import DUMP, HASH, LIST, SET, STREAM, STRING, ZSET, RedisKey
from tvmigrate.verify.spool import Spool

_SHOWN = re.compile(rb"\\(?:\\|x([0-9a-f]{2}))")
# Of XINFO STREAM FULL: what changes by itself as time goes by, or says how Redis keeps the stream in memory.
_PASSING = frozenset(
    {"idle", "inactive", "seen-time", "active-time", "radix-tree-keys", "radix-tree-nodes", "entries", "length"}
)


def file_does_not_tell(key: RedisKey) -> bool:
    """Return whether the file leaves open what Redis holds, so that it is read from Redis after the load.

    A DUMP is Redis's own form. A stream knows more than its entries: the last id that it gave, what it once held. A
    score of -0.0 is one in a large sorted set, and becomes 0 in a small one.
    """
    if key.type in {DUMP, STREAM}:
        return True
    return key.type == ZSET and any(score == 0 and math.copysign(1, score) < 0 for _, score in key.value)


def of_dataset(key: RedisKey) -> dict[str, Any]:
    """Return the state of a dataset's key of any type but `dump`: `{"type": …, "value": …}`."""
    value: Any = key.value
    if key.type == STRING:
        return _state(STRING, show_bytes(value))
    if key.type == LIST:
        return _state(LIST, [show_bytes(item) for item in value])
    if key.type == SET:
        return _state(SET, _set(value))
    if key.type == ZSET:
        return _state(ZSET, _zset(value))
    if key.type == HASH:
        return _state(HASH, _hash(value, {}))
    if key.type == STREAM:
        return _state(STREAM, {"entries": _entries(value), "groups": []})
    raise ValueError(f"a key of type {key.type} has its state in the baseline")


def live_states(client: redis.Redis, keys: Sequence[tuple[bytes, str, bool]]) -> list[dict[str, Any] | None]:
    """Return the states of live keys, None for one that is gone.

    `keys` gives (key, its type as TYPE prints it, whether everything Redis knows of it is wanted: a stream's last id, a
    module's value). A key whose type has changed in between raises redis.ResponseError.
    """
    pipe = client.pipeline(transaction=False)
    sizes = []
    for key, kind, _ in keys:
        before = len(pipe)
        _ask(pipe, key, kind)
        sizes.append(len(pipe) - before)
    answers = pipe.execute(raise_on_error=False)
    given: list[list[Any]] = []
    position = 0
    for size in sizes:
        given.append(answers[position : position + size])
        position += size
    hashes = [
        (key, list(held[0]))
        for (key, kind, _), held in zip(keys, given, strict=True)
        if kind == HASH and held[0] and not isinstance(held[0], Exception)
    ]
    expiries = _field_expiries(client, hashes)
    return [
        _live(kind, held, whole, expiries.get(key, {})) for (key, kind, whole), held in zip(keys, given, strict=True)
    ]


def live_state(client: redis.Redis, key: bytes) -> dict[str, Any]:
    """Return everything Redis knows of one live key; its type is `none` if it is not there."""
    kind = type_name(client.type(key))
    state = live_states(client, [(key, kind, True)])[0]
    return state if state is not None else {"type": "none", "value": None}


def unshown(shown: str) -> str:
    """Return the text that stands in a state as `shown`; `shown` itself where it is not UTF-8, and so no JSON."""
    if "\\" not in shown:
        return shown
    raw = _SHOWN.sub(lambda match: bytes.fromhex(match[1].decode()) if match[1] else b"\\", shown.encode())
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return shown


def type_name(answer: Any) -> str:
    """Return what TYPE answered as text."""
    return answer.decode() if isinstance(answer, bytes) else str(answer)


def text(state: Mapping[str, Any]) -> str:
    """Return a state as text that is equal where the states are."""
    return json.dumps(state, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


class DumpedStates:
    """The states of keys that are not told by the dataset alone, as they were after the load. Kept on disk."""

    def __init__(self) -> None:
        self._spool = Spool("CREATE TABLE dumped (db INT, key BLOB, state TEXT, PRIMARY KEY (db, key))")

    def remember(self, db: int, key: bytes, state: Mapping[str, Any]) -> None:
        """Keep the state of `key` in database `db`."""
        self._spool.run("INSERT OR REPLACE INTO dumped VALUES (?, ?, ?)", (db, key, text(state)))

    def state(self, db: int, key: bytes) -> dict[str, Any] | None:
        """Return the state of `key`, None if it is not one of them."""
        found = self._spool.one("SELECT state FROM dumped WHERE db = ? AND key = ?", (db, key))
        return json.loads(found[0]) if found else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close()


def _state(kind: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "value": value}


def _set(members: Iterable[bytes]) -> dict[str, bool]:
    return {show_bytes(member): True for member in members}


def _zset(pairs: Iterable[tuple[bytes, float]]) -> dict[str, str]:
    return {show_bytes(member): repr(float(score)) for member, score in pairs}


def _hash(fields: Mapping[bytes, bytes], expires: Mapping[bytes, int]) -> dict[str, Any]:
    value: dict[str, Any] = {show_bytes(name): show_bytes(held) for name, held in fields.items()}
    if expires:
        # A member no field can have, since show_bytes doubles every backslash.
        value["\\expires"] = {show_bytes(name): at for name, at in expires.items()}
    return value


def _entries(entries: Iterable[tuple[bytes, Mapping[bytes, bytes]]]) -> dict[str, list[list[str]]]:
    return {
        entry.decode(): [[show_bytes(name), show_bytes(held)] for name, held in fields.items()]
        for entry, fields in entries
    }


def _ask(pipe: Any, key: bytes, kind: str) -> None:
    if kind == STRING:
        pipe.get(key)
    elif kind == LIST:
        pipe.lrange(key, 0, -1)
    elif kind == SET:
        pipe.smembers(key)
    elif kind == ZSET:
        pipe.zrange(key, 0, -1, withscores=True)
    elif kind == HASH:
        pipe.hgetall(key)
    elif kind == STREAM:
        pipe.xrange(key)
        pipe.xinfo_stream(key, full=True)
    elif kind != "none":
        pipe.dump(key)


def _live(kind: str, answers: list[Any], whole: bool, expiries: Mapping[bytes, int]) -> dict[str, Any] | None:
    if kind == "none":
        return None
    for answer in answers:
        if isinstance(answer, redis.ResponseError) and "no such key" in str(answer):
            return None
        if isinstance(answer, Exception):
            raise answer
    value = answers[0]
    if value is None or (kind in {LIST, SET, ZSET, HASH} and not value):
        return None
    if kind == STRING:
        return _state(STRING, show_bytes(value))
    if kind == LIST:
        return _state(LIST, [show_bytes(item) for item in value])
    if kind == SET:
        return _state(SET, _set(value))
    if kind == ZSET:
        return _state(ZSET, _zset(value))
    if kind == HASH:
        return _state(HASH, _hash(value, expiries))
    if kind == STREAM:
        return _state(STREAM, _stream(value, answers[1], whole))
    return _state(kind, {"sha256": hashlib.sha256(value).hexdigest(), "bytes": len(value)})


def _field_expiries(client: redis.Redis, hashes: Sequence[tuple[bytes, list[bytes]]]) -> dict[bytes, dict[bytes, int]]:
    """Return by hash the instants (ms since the epoch) at which fields of it expire, of those that do."""
    pipe = client.pipeline(transaction=False)
    for key, fields in hashes:
        pipe.execute_command("HPEXPIRETIME", key, "FIELDS", len(fields), *fields)  # type: ignore[no-untyped-call]
    found: dict[bytes, dict[bytes, int]] = {}
    for (key, fields), answer in zip(hashes, pipe.execute(raise_on_error=False) if hashes else (), strict=True):
        if isinstance(answer, redis.ResponseError) and "unknown command" in str(answer):
            return {}  # before Redis 7.4 fields did not expire
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:  # else the key is gone
            found[key] = {name: at for name, at in zip(fields, answer, strict=True) if at > 0}
    return found


def _stream(entries: Any, info: Mapping[Any, Any], whole: bool) -> dict[str, Any]:
    plain = _plain(info)
    value = {"entries": _entries(entries), "groups": plain.pop("groups", [])}
    return {**value, **plain} if whole else value


def _plain(value: Any) -> Any:
    """Return an answer of XINFO as JSON, without what passes."""
    if isinstance(value, bytes):
        return show_bytes(value)
    if isinstance(value, Mapping):
        named = {name.decode() if isinstance(name, bytes) else str(name): inner for name, inner in value.items()}
        return {name: _plain(inner) for name, inner in named.items() if name not in _PASSING}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


__all__ = ["DUMP", "DumpedStates", "live_state", "live_states", "of_dataset", "text"]
