"""Lines of `redis.ndjson` with an eaos string as its two writers write it, mapped many at a time by one pattern.

What is mapped here is mapped as `rules.redis_eaos` does it (tests/tool/contract/test_eaos_lines.py compares the two).
Most of a value stands in its hash as it is; what does not is asked of the rules' own functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson

from tvmigrate.contract import new, old, values
from tvmigrate.contract.outcome import Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import WHITE_SPACE

# Old key, ttl_ms, new key, the values of `new.EAOS_FIELDS`, which counts were filled, what has no new place, and what
# contradicts itself.
Row = tuple[bytes, int | None, bytes, tuple[bytes, ...], tuple[str, ...], dict[str, Any], str]

_GAP = rb"(?:\\n *+| ?+)"  # within a value, whose line feeds and quotes stand as their escapes
# Numbers that Python writes as they stand here: at most 15 digits, no zero at the end, no exponent.
_SCORE = rb"(0\.(?!0000)[0-9]{0,14}[1-9]|[1-9][0-9]{0,14}|0)"
_COUNT = rb"(0|[1-9][0-9]{0,14})"
_MOMENT = (
    rb'(?:\\"((?!0001|9999)[0-9]{4}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]))(:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?)'
    rb'(Z|[+-][0-9]{2}:[0-5][0-9])?\\"|([1-9][0-9]{8,12}|[1-9][0-9]{8,9}\.[0-9]{1,9}))'
)
_TEXT = rb'[^"\\\x00-\x1f]'


def _named(name: str) -> bytes:
    return rb'\\"%b\\": ?' % name.encode()


def _count(name: str) -> bytes:
    return _named(name) + _COUNT + b"," + _GAP


# Not those of the timestamp: what follows them would be read in vain, and again.
_OTHERS = rb'((?:\\"(?!%b\\|%b\\)[a-z_]+\\": ?(?:\\"%b*\\"|[0-9]{1,15}),%b){0,8})' % (
    old.EAOS_UPDATED_AT.encode(), old.EAOS_OLDER_TIMESTAMP.encode(), _TEXT, _GAP,
)  # fmt: skip
# Group 4 is there where the counts are in an object of their own, and so is the name of the timestamp.
_LINE = re.compile(
    b"".join(
        (
            rb'(?:\{"db":%d,"key":"%b(?! )(%b+)","type":"string",' % (old.REDIS_DB, old.EAOS_PREFIX, _TEXT),
            rb'"ttl_ms":(null|[1-9][0-9]{0,14}),"value":"\{' + _GAP,
            _named(old.EAOS_SCORE) + _SCORE + b"," + _GAP,
            b"(" + _named(old.EAOS_METADATA) + rb"\{" + _GAP + b")?",
            _count(old.EAOS_POSITIVE) + _count(old.EAOS_NEGATIVE),
            b"(?:" + _count(old.EAOS_NEUTRAL) + b")?(?:" + _count(old.EAOS_TOTAL) + b")?" + _OTHERS,
            b"(?(4)" + _named(old.EAOS_UPDATED_AT) + b"|" + _named(old.EAOS_OLDER_TIMESTAMP) + b")" + _MOMENT + _GAP,
            rb"\}(?(4)" + _GAP + rb'\})"\}|[^\n]*)\n',
        )
    )
)
_TAKEN = frozenset({
    old.EAOS_SCORE, old.EAOS_METADATA, old.EAOS_POSITIVE, old.EAOS_NEGATIVE, old.EAOS_NEUTRAL, old.EAOS_TOTAL,
    old.EAOS_UPDATED_AT, old.EAOS_OLDER_TIMESTAMP,
})  # fmt: skip
_ZERO, _SECONDS = 48, len(":00:00")  # the digit 0, as a byte
_WHOLE_HOURS = (b"Z", b":00")
_HOUR_NS = 3600 * values.NS_PER_S
_DATE = len("2025-11-20")
_EAOS_NEW = new.EAOS_PREFIX.encode()
_NO_OTHERS: dict[str, Any] = {}
_UTC = Policy(keep_entities=True)


def rows(lines: bytes, policy: Policy) -> Iterator[Row | bytes]:
    """Yield for each of whole lines its row, or the line without its line feed where it is to be looked at closely."""
    whole = lines.rfind(b"\n") + 1
    layout = policy.layout
    if policy.entity_map or layout.own_values or layout.eaos_prefix != old.EAOS_PREFIX:
        yield from lines[:whole].split(b"\n")[:-1]
    else:
        yield from _rows(lines, whole, policy)
    if whole < len(lines):
        yield lines[whole:]


def _rows(lines: bytes, whole: int, policy: Policy) -> Iterator[Row | bytes]:
    own = _EAOS_NEW if policy.show is None else _EAOS_NEW + f"{policy.show}/".encode()
    local = policy.timezone != "UTC"
    for match in _LINE.finditer(lines, 0, whole):
        entity, ttl, score, nested, positive, negative, neutral, total, others, hour, rest, zone, number = (
            match.groups()
        )
        if score is None:
            yield match[0][:-1]
            continue
        if hour is None:
            moment = _moment(number)
        elif zone is None and local:
            moment = None
        elif (start := _hour(hour, zone)) is None:
            moment = _moment(hour + rest + (zone or b""))
        elif rest[-1] == _ZERO and len(rest) > _SECONDS:
            moment = start + rest.rstrip(b"0").rstrip(b".") + b"Z"
        else:
            moment = start + rest + b"Z"
        more = _others(others, nested is not None) if others else _NO_OTHERS
        if moment is None or more is None or not (entity.isascii() or _begins(entity)):
            yield match[0][:-1]
            continue
        summed = int(positive) + int(negative) + int(neutral or 0)
        filled: tuple[str, ...] = ()
        says = ""
        if neutral is None:
            neutral, filled = b"0", (new.NEUTRAL,)
        if total is None:
            total, filled = b"%d" % summed, (*filled, new.TOTAL)
        elif int(total) != summed:
            says = f"{new.TOTAL} is {int(total)}, the counts add up to {summed}"
        target = (_EAOS_NEW if b"/" in entity else own) + entity
        texts = (score, positive, negative, neutral, total, moment)
        yield old.EAOS_PREFIX + entity, None if ttl == b"null" else int(ttl), target, texts, filled, more, says


def _begins(entity: bytes) -> bool:
    """Return whether an entity is text that does not begin with a blank."""
    try:
        return entity.decode()[0] not in WHITE_SPACE
    except UnicodeDecodeError:
        return False


@lru_cache(1 << 15)
def _hour(local: bytes, zone: bytes | None) -> bytes | None:
    """Return an hour such as `2025-11-20T13` in UTC; None if it or the offset is none, or it begins within one."""
    if zone is not None and not zone.endswith(_WHOLE_HOURS):
        return None
    hours = _hours(local[:_DATE], zone)
    return hours[int(local[_DATE + 1 :])] if hours else None


@lru_cache(1 << 12)
def _hours(date: bytes, zone: bytes | None) -> tuple[bytes, ...]:
    """Return the 24 hours of a local date in UTC; none if it or the offset is none."""
    midnight = f"{date.decode()}T00:00:00{'' if zone is None else zone.decode()}"
    try:
        ns = values.instant(midnight, _UTC)
    except Unmappable:
        return ()
    first = ns // _HOUR_NS % 24
    days = [values.utc_date(ns).encode(), values.utc_date(ns + 24 * _HOUR_NS).encode()]
    return tuple([b"%bT%02d" % (days[hour // 24], hour % 24) for hour in range(first, first + 24)])


def _moment(told: bytes) -> bytes | None:
    """Return an instant, told as ISO 8601 or as a number, as the rule writes it."""
    text = told.decode()
    value = text if ":" in text else Decimal(text) if "." in text else int(text)
    try:
        return values.rfc3339(values.instant(value, _UTC)).encode()
    except Unmappable:
        return None


def _others(text: bytes, nested: bool) -> dict[str, Any] | None:
    """Return the members that have no new place, as they are archived; None where one has, or stands there twice."""
    members = text.replace(b'\\"', b'"').replace(b"\\n", b"\n").rstrip(b" \n")
    try:
        found: dict[str, Any] = orjson.loads(b"{%b}" % members[:-1])
    except orjson.JSONDecodeError:
        return None
    quoted = sum(1 for value in found.values() if type(value) is str)
    if members.count(b'"') != 2 * (len(found) + quoted) or not _TAKEN.isdisjoint(found):
        return None
    return {f"{old.EAOS_METADATA}.{name}": value for name, value in found.items()} if nested else found
