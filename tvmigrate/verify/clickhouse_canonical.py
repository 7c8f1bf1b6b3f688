"""A column's value as one string, or one number, equal exactly where the contract calls two values equal.

Every value becomes `=` and text, or `-` for NULL, so that LowCardinality, Enum and Nullable are alike, and doubles are
compared bit for bit. What only has to be told apart is hashed straight from the column, without that text: by xxHash64
and by the last step of MurmurHash3 (ClickHouse's intHash64), so that every server version gives one result.
"""

from __future__ import annotations

import math
import re
import struct
from enum import StrEnum
from typing import Any

from tvmigrate.contract import values
from tvmigrate.contract.unicode import show_bytes


class Kind(StrEnum):
    """What a column's values are compared as."""

    TEXT = "text"
    INSTANT = "instant"
    NUMBER = "number"
    COUNT = "count"
    TEXTS = "texts"


_WRAPPED = re.compile(r"(?:LowCardinality|Nullable)\((.*)\)")
_FLOATS = ("Float32", "Float64")
_NULL = 0x6E756C6C6E756C6C
_ODD = 0x9E3779B97F4A7C15  # 2^64 divided by the golden ratio


def plain(column_type: str) -> str:
    """Return `column_type` without LowCardinality and Nullable around it."""
    while (match := _WRAPPED.fullmatch(column_type)) is not None:
        column_type = match[1]
    return column_type


def kind_of(column_type: str) -> Kind:
    """Return what values of `column_type`, as `system.columns` prints it, are compared as."""
    bare = plain(column_type)
    if bare.startswith("DateTime"):
        return Kind.INSTANT
    if bare in _FLOATS:
        return Kind.NUMBER
    if re.fullmatch(r"U?Int\d+", bare):
        return Kind.COUNT
    return Kind.TEXTS if bare.startswith("Array(") else Kind.TEXT


def expression(kind: Kind, column: str, column_type: str) -> str | None:
    """Return the SQL of the canonical string of `column` (quoted), of type `column_type`; None if `kind` has none."""
    bare = plain(column_type)
    numeric = bare in _FLOATS or re.match(r"U?Int\d+$|Decimal", bare) is not None
    text: str | None = None
    if kind is Kind.TEXT or (kind is Kind.COUNT and numeric):
        text = f"toString({column})"
    elif kind is Kind.NUMBER and numeric:
        text = f"toString(reinterpretAsUInt64(toFloat64({column})))"
    elif kind is Kind.INSTANT and bare.startswith("DateTime"):
        text = f"toString(toUnixTimestamp64Milli(toDateTime64({column}, 3, 'UTC')))"
    elif kind is Kind.TEXTS and bare.startswith("Array(") and not bare.startswith("Array(Array("):
        item = "ifNull(concat(toString(length(toString(item))), ':', toString(item)), 'N:')"
        text = f"arrayStringConcat(arrayMap(item -> {item}, {column}))"
    return None if text is None else f"CAST(ifNull(concat('=', {text}), '-') AS String)"


def hashed(kind: Kind, column: str, column_type: str, *, coarse: bool = False) -> str | None:
    """Return the SQL of a UInt64 that is equal where `expression` is and, but for 1 in 2^64, only there; None as it.

    With `coarse`, doubles in one cell of a relative width of 2^-40, under 1e-12, are equal: those are to the tolerance,
    and those of two cells are to be looked at.
    """
    text = expression(kind, column, column_type)
    if text is None:
        return None
    if kind is Kind.NUMBER:
        bits = f"reinterpretAsUInt64(toFloat64({column}))"
        # -0.0, the highest bit alone, stands for 0.0 too.
        found = f"intHash64({f'bitShiftRight(if({bits} = {1 << 63}, 0, {bits}), 12)' if coarse else bits})"
    elif kind is Kind.INSTANT:
        found = f"intHash64(reinterpretAsUInt64(toUnixTimestamp64Milli(toDateTime64({column}, 3, 'UTC'))))"
    elif kind is Kind.TEXTS:
        item = f"intHash64(ifNull(xxHash64(toString(item)), {_NULL}) + {_ODD} * toUInt64(place))"
        found = f"arraySum((item, place) -> {item}, {column}, arrayEnumerate({column}))"
    else:
        found = f"xxHash64(toString({column}))"
    return f"CAST(ifNull({found}, {_NULL}) AS UInt64)"


def mixed(hashes: list[str]) -> str:
    """Return the SQL of one UInt64 for a row's hashes: another where one of them is, or where two change places."""
    # Odd factors lose nothing; the sum goes through a step that is not linear, so that rows' sums do not cancel out.
    return f"intHash64({' + '.join(f'{(2 * n + 1) * _ODD % 2**64} * {h}' for n, h in enumerate(hashes))})"


def decode(kind: Kind, canonical: bytes) -> Any:
    """Return the JSON value a canonical string stands for: text, RFC 3339, number, list, or None for NULL."""
    if canonical == b"-":
        return None
    body = canonical[1:]
    if kind is Kind.INSTANT:
        return instant_text(int(body))
    if kind is Kind.NUMBER:
        double = as_double(canonical)
        return double if math.isfinite(double) else str(double)
    if kind is Kind.COUNT:
        text = body.decode()
        return int(text) if re.fullmatch(r"-?\d+", text) else text
    return _texts(body) if kind is Kind.TEXTS else show(body)


def as_double(canonical: bytes) -> float:
    """Return the double of a canonical NUMBER; NaN for NULL."""
    if canonical == b"-":
        return math.nan
    (double,) = struct.unpack("<d", int(canonical[1:]).to_bytes(8, "little"))
    return float(double)


def instant_text(milliseconds: int) -> str:
    """Return milliseconds since the epoch as UTC RFC 3339, or as a sentence outside the years 1 to 9999."""
    try:
        return values.rfc3339(milliseconds * values.NS_PER_MS)
    except (ValueError, OverflowError):
        return f"{milliseconds} ms since 1970"


def show(raw: bytes) -> str:
    r"""Return bytes as text, and `\xNN` only where they are not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return show_bytes(raw)


def _texts(body: bytes) -> list[str | None]:
    items: list[str | None] = []
    at = 0
    while at < len(body):
        colon = body.index(b":", at)
        length = body[at:colon]
        at = colon + 1
        if length == b"N":
            items.append(None)
            continue
        items.append(show(body[at : at + int(length)]))
        at += int(length)
    return items
