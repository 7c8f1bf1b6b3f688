"""A Redis key as one line of `redis.ndjson`, both ways."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.lines import NotJson, strict
from tvmigrate.dataset.model import DUMP, HASH, LIST, REDIS_TYPES, SET, STREAM, STRING, ZSET, RedisKey

_FIELDS = ("db", "key", "type", "ttl_ms", "value")
# A line of a string as this module, and json.dumps, write it: all that stands before the text of its value.
_STRING_LINE = re.compile(
    rb'\{"db": ?(0|[1-9][0-9]{0,8}), ?"key": ?"([^"\\\x00-\x1f]*)", ?"type": ?"string", '
    rb'?"ttl_ms": ?(null|0|-?[1-9][0-9]{0,17}), ?"value": ?(?=")'
)
_STREAM_ID = re.compile(rb"[0-9]+-[0-9]+")
TEXT_FORM = 'text, or {"b64": "…"} for bytes that are not UTF-8'


class BadForm(ValueError):  # noqa: N818 - it becomes a DatasetError where its place is known
    """What a line holds, and what was expected there."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found)
        self.found = found
        self.expected = expected


def parse(text: str, line: int = 0) -> RedisKey:
    """Read one line of `redis.ndjson`.

    Raises:
        BadForm: the line is not of the form of contract §6.
    """
    try:
        body = strict(text)
    except NotJson as why:
        raise BadForm(str(why), "one JSON object") from None
    if not isinstance(body, dict) or set(body) != set(_FIELDS):
        found = f"the members {', '.join(map(repr, body))}" if isinstance(body, dict) else "no object"
        raise BadForm(f"the line holds {found}", f"an object with exactly {', '.join(_FIELDS)}")
    db, kind, ttl = body["db"], body["type"], body["ttl_ms"]
    if type(db) is not int or db < 0:
        raise BadForm(f"db is {_shown(db)}", "the number of a database, from 0")
    if kind not in REDIS_TYPES:
        raise BadForm(f"type is {_shown(kind)}", f"one of {', '.join(REDIS_TYPES)}")
    if ttl is not None and type(ttl) is not int:
        raise BadForm(f"ttl_ms is {_shown(ttl)}", "whole milliseconds, or null for a key that does not expire")
    return RedisKey(db, to_bytes(body["key"], "key"), kind, ttl, parse_value(kind, body["value"]), line)


def parse_value(kind: str, value: Any) -> Any:
    """Read a value of Redis type `kind` as it stands in a line, parsed; raises BadForm."""
    return _READ[kind](value)


def string_of(line: bytes) -> tuple[int, bytes, int | None, bytes] | None:
    """Read the line of a string at a glance: its database, key, `ttl_ms` and value, as `parse` would.

    None for a line of anything else, and for one that `parse` has to look at more closely.
    """
    match = _STRING_LINE.match(line)
    if match is None or not line.endswith(b'"}'):
        return None
    db, key, ttl = match.groups()
    try:
        value = orjson.loads(line[match.end() : -1])
        if not key.isascii():
            key.decode()
    except (orjson.JSONDecodeError, UnicodeDecodeError):
        return None
    return int(db), key, None if ttl == b"null" else int(ttl), value.encode()


def dump_string(db: int, key: bytes, ttl_ms: int | None, value: bytes) -> bytes:
    """Write the line of a string, as `dump` does."""
    body = {"db": db, "key": from_bytes(key), "type": STRING, "ttl_ms": ttl_ms, "value": from_bytes(value)}
    return orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE)


def dump(key: RedisKey) -> bytes:
    """Write `key` as one line, with its line feed; bytes that are UTF-8 stand as text.

    Raises:
        ValueError: the value is not of the key's type, or a score is NaN (Redis holds none).
    """
    body = {
        "db": key.db,
        "key": from_bytes(key.key),
        "type": key.type,
        "ttl_ms": key.ttl_ms,
        "value": _WRITE[key.type](key.value),
    }
    return orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE)


def dump_value(key: RedisKey) -> str:
    """Write the value of `key` alone, as it stands in its line; raises ValueError as `dump` does."""
    return orjson.dumps(_WRITE[key.type](key.value)).decode()


def dump_member(member: bytes, score: float) -> str:
    """Write one member of a sorted set, as it stands in its line."""
    return orjson.dumps((from_bytes(member), _write_score(score))).decode()


def dump_item(item: bytes) -> str:
    """Write one item of a list, as it stands in its line."""
    return orjson.dumps(from_bytes(item)).decode()


def to_bytes(value: Any, what: str) -> bytes:
    """Return the bytes that text or `{"b64": …}` stands for; raises BadForm."""
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise BadForm(f"{what} holds half of a surrogate pair", TEXT_FORM) from None
    if isinstance(value, dict) and list(value) == ["b64"] and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, ValueError):
            raise BadForm(f"{what} is {_shown(value)}, which is not base64", TEXT_FORM) from None
    raise BadForm(f"{what} is {_shown(value)}", TEXT_FORM)


def from_bytes(raw: bytes) -> str | dict[str, str]:
    """Return `raw` as text where it is UTF-8, else as `{"b64": …}`."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(raw).decode("ascii")}


def from_surrogates(value: Any) -> Any:
    """Return JSON whose bytes that are not UTF-8 are lone surrogates in the form of a dataset, at any depth.

    Text becomes what `from_bytes` makes of it; of a name of an object such bytes stand as `\\xNN`. A number that JSON
    has no form for becomes text: `nan`, `inf`, `-inf`.
    """
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case str():
            return from_bytes(value.encode("utf-8", "surrogateescape"))
        case list():
            return [from_surrogates(item) for item in value]
        case dict():
            names = (show_bytes(name.encode("utf-8", "surrogateescape")) for name in value)
            return dict(zip(names, map(from_surrogates, value.values()), strict=True))
        case _:
            return value


def _string(value: Any) -> bytes:
    return to_bytes(value, "value")


def _items(value: Any, what: str, expected: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadForm(f"value is {_shown(value)}", expected)
    if not value:
        raise BadForm(f"value is an empty {what}", f"at least one item, since Redis holds no empty {what}")
    return value


def _list(value: Any) -> list[bytes]:
    return [to_bytes(item, f"item {n}") for n, item in enumerate(_items(value, LIST, "a list of items"))]


def _set(value: Any) -> list[bytes]:
    members = [to_bytes(item, f"member {n}") for n, item in enumerate(_items(value, SET, "a list of members"))]
    _once(members, "member")
    return members


def _pair(value: Any, what: str, expected: str) -> tuple[Any, Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise BadForm(f"{what} is {_shown(value)}", expected)
    return value[0], value[1]


def _zset(value: Any) -> list[tuple[bytes, float]]:
    expected = "a list of [member, score]"
    pairs = []
    for n, item in enumerate(_items(value, "sorted set", expected)):
        member, score = _pair(item, f"member {n}", expected)
        pairs.append((to_bytes(member, f"member {n}"), _score(score, n)))
    _once([member for member, _ in pairs], "member")
    return pairs


def _score(value: Any, n: int) -> float:
    if value in ("inf", "-inf"):
        return float(value)
    number = _double(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not math.isfinite(number):
        raise BadForm(f"the score of member {n} is {_shown(value)}", 'a double, "inf" or "-inf"')
    return number


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _hash(value: Any) -> dict[bytes, bytes]:
    return _fields(value, "value")


def _fields(value: Any, what: str) -> dict[bytes, bytes]:
    """Read an object, or, where a field name is not UTF-8 and cannot be an object's, a list of [field, value]."""
    expected = "an object, or a list of [field, value] where a field's name is not UTF-8; not empty"
    pairs = list(value.items()) if isinstance(value, dict) else value
    if not isinstance(pairs, list) or not pairs:
        raise BadForm(f"{what} is {_shown(value)}", expected)
    read = []
    for n, item in enumerate(pairs):
        name, held = item if isinstance(value, dict) else _pair(item, f"field {n}", expected)
        read.append((to_bytes(name, f"the name of field {n}"), to_bytes(held, f"the value of field {n}")))
    _once([name for name, _ in read], "field")
    return dict(read)


def _stream(value: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    expected = "a list of [id, object]"
    entries = []
    last = (-1, -1)
    for n, item in enumerate(_items(value, STREAM, expected)):
        name, fields = _pair(item, f"entry {n}", expected)
        entry_id = to_bytes(name, f"the id of entry {n}")
        if not _STREAM_ID.fullmatch(entry_id):
            raise BadForm(f"the id of entry {n} is {_shown(name)}", "milliseconds-sequence, such as 1763618700000-0")
        milliseconds, _, sequence = entry_id.partition(b"-")
        position = (int(milliseconds), int(sequence))
        if position <= max(last, (0, 0)):
            raise BadForm(f"the id of entry {n} is {_shown(name)}", "ids above 0-0, each above the one before")
        last = position
        entries.append((entry_id, _fields(fields, f"entry {n}")))
    return entries


def _dump(value: Any) -> bytes:
    return to_bytes(value, "value")


def _once(names: list[bytes], what: str) -> None:
    if len(set(names)) != len(names):
        twice = next(name for n, name in enumerate(names) if name in names[:n])
        raise BadForm(f"the {what} {_shown(from_bytes(twice))} stands there twice", f"each {what} once")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "…"


def _write_score(score: float) -> float | str:
    if math.isnan(score):
        raise ValueError("a sorted set holds no NaN")
    return score if math.isfinite(score) else str(score)


def _write_fields(fields: Mapping[bytes, bytes]) -> Any:
    pairs = [(from_bytes(name), from_bytes(value)) for name, value in fields.items()]
    if all(isinstance(name, str) for name, _ in pairs):
        return dict(pairs)
    return pairs


_READ: Mapping[str, Callable[[Any], Any]] = {
    STRING: _string, LIST: _list, SET: _set, ZSET: _zset, HASH: _hash, STREAM: _stream, DUMP: _dump,
}  # fmt: skip
_WRITE: Mapping[str, Callable[[Any], Any]] = {
    STRING: from_bytes,
    LIST: lambda items: [from_bytes(item) for item in items],
    SET: lambda members: [from_bytes(member) for member in members],
    ZSET: lambda pairs: [(from_bytes(member), _write_score(score)) for member, score in pairs],
    HASH: _write_fields,
    STREAM: lambda entries: [(from_bytes(entry_id), _write_fields(fields)) for entry_id, fields in entries],
    DUMP: lambda raw: {"b64": base64.b64encode(raw).decode("ascii")},
}
