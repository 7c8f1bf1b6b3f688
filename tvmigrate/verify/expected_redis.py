"""Redis as it is, against the hand-written lines of `expected/redis.ndjson`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from tvmigrate.contract import exact_json
from tvmigrate.contract.outcome import Store, Unmappable
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.verify.compare import direction_between, same
from tvmigrate.verify.context import Context, OldEndState
from tvmigrate.verify.expected_files import WITHIN_RUN, Line, nanoseconds, octets, unequal
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.redis_expected import key_name

TTL_TOLERANCE_MS = 1000
_TIMES = frozenset({"timestamp"})
_SECOND_NS = 10**9


def judge(context: Context, line: Line) -> Iterator[Finding]:
    """Yield what differs between the key that `line` names and what it says of it."""
    body = line.body
    key = octets(body["key"])
    if context.old_end_state is OldEndState.KEPT and key == octets(body["old"]) and body["rule"] != "redis.unrelated":
        return  # the line tells what is left of old data where it is removed
    client: Any = context.clients.redis_db(body["db"])
    kind = str(client.type(key).decode())
    at = {"old": _name(body, "old"), "new": _name(body, "key")}
    if body.get("absent"):
        if kind != "none":
            yield line.find(Store.REDIS, Direction.EXTRA, f"Key {at['new']} is there, a {kind}.", **at, actual=kind)
        return
    if kind == "none":
        yield line.find(Store.REDIS, Direction.MISSING, f"Key {at['new']} is missing.", **at, expected=body["type"])
        return
    if kind != body["type"]:
        what = f"Key {at['new']} is a {kind}, and should be a {body['type']}."
        yield line.find(Store.REDIS, Direction.CHANGED, what, **at, field="type", expected=body["type"], actual=kind)
        return
    for field, expected, actual in _READ[kind](context, client, key, body["value"]):
        what = f"{field} of key {at['new']} is {actual!r:.300}, and should be {expected!r:.300}."
        yield line.find(Store.REDIS, Direction.CHANGED, what, **at, field=field, expected=expected, actual=actual)
    yield from _ttl(context, line, client.pttl(key), at)


def _name(body: Mapping[str, Any], which: str) -> str:
    return key_name(body["db"], octets(body[which]))


def _ttl(context: Context, line: Line, left: int, at: Mapping[str, str]) -> Iterator[Finding]:
    told = line.body["ttl"]
    if told == "none":
        wrong = left != -1
    else:
        passed = time.time_ns() // 10**6 - context.reference.redis_epoch_ms
        wrong = not told - passed - TTL_TOLERANCE_MS <= left <= told
    if wrong:
        what = f"Key {at['new']} has {left if left >= 0 else 'no'} ms to live; at the load it was {told}."
        direction = direction_between(None if told == "none" else told, None if left < 0 else left, None)
        yield line.find(Store.REDIS, direction, what, **at, field="ttl", expected=told, actual=left)


Differing = Iterator[tuple[str, Any, Any]]


def _string(context: Context, client: Any, key: bytes, value: Any) -> Differing:
    found = client.get(key) or b""
    if found != octets(value):
        yield "value", value, show_bytes(found)


def _hash(context: Context, client: Any, key: bytes, value: Mapping[str, Any]) -> Differing:
    """Compare fields: a number as one, `updated_at` as an instant, everything else as bytes."""
    found = client.hgetall(key)
    for field in sorted(value.keys() | {show_bytes(name) for name in found}):
        expected, raw = value.get(field), found.get(field.encode())
        if expected is None or raw is None or not _same_field(context, field, expected, raw):
            yield field, expected, None if raw is None else show_bytes(raw)


def _same_field(context: Context, field: str, expected: Any, raw: bytes) -> bool:
    if isinstance(expected, int | float):
        try:
            return same(expected, exact_json.parse(raw))
        except Unmappable:
            return False
    if field != "updated_at":
        return raw == octets(expected)
    moment = nanoseconds(raw.decode("utf-8", "replace"))
    if expected == WITHIN_RUN:
        began = context.began_ns // _SECOND_NS * _SECOND_NS  # a writer may keep whole seconds
        return moment is not None and began <= moment <= context.ended_ns
    return moment is not None and moment == nanoseconds(expected)


def _list(context: Context, client: Any, key: bytes, value: list[Any]) -> Differing:
    """Compare items in order: an expected object as JSON, anything else as bytes."""
    found = client.lrange(key, 0, -1)
    if len(found) != len(value):
        yield "length", len(value), len(found)
    for position, (expected, raw) in enumerate(zip(value, found, strict=False)):
        if not isinstance(expected, dict) or "b64" in expected:
            if raw != octets(expected):
                yield f"[{position}]", expected, show_bytes(raw)
            continue
        try:
            item = exact_json.parse(raw)
        except Unmappable as why:
            yield f"[{position}]", expected, str(why)
            continue
        for path, one, other in unequal(expected, item, _TIMES):
            yield f"[{position}].{path}" if path else f"[{position}]", one, other


def _zset(context: Context, client: Any, key: bytes, value: list[Any]) -> Differing:
    wanted = {octets(member): float(score) for member, score in value}
    found = dict(client.zrange(key, 0, -1, withscores=True))
    for member in sorted(wanted.keys() | found.keys()):
        one, other = wanted.get(member), found.get(member)
        # Redis keeps a whole score of a small sorted set as an integer, so that -0.0 is 0 as soon as it is loaded.
        if one is None or one != other:
            yield show_bytes(member), None if one is None else str(one), None if other is None else str(other)


def _stream(context: Context, client: Any, key: bytes, value: list[Any]) -> Differing:
    wanted = [(octets(entry), {octets(name): octets(said) for name, said in fields.items()}) for entry, fields in value]
    found = [(entry, dict(fields)) for entry, fields in client.xrange(key)]
    if wanted != found:
        yield "entries", value, [[show_bytes(entry), len(fields)] for entry, fields in found]


_READ = {"string": _string, "hash": _hash, "list": _list, "zset": _zset, "stream": _stream}
