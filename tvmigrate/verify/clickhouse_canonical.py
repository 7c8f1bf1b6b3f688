"""A column's value as one string that is equal exactly where the contract calls two values equal, on any server.

Every value becomes `=` and text, or `-` for NULL, so that a NULL never swallows a row's hash, LowCardinality, Enum and
Nullable hash alike, and doubles are compared bit for bit. Rows hash by `sipHash64` of one string, whose result is the
published algorithm's, not a server version's.
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


def coarse(number: str) -> str:
    """Return SQL that gives one text for doubles in one cell of a relative width of 2^-40, under 1e-12.

    `number` is a canonical NUMBER. Doubles of one cell are equal to the tolerance; those of two are to be looked at.
    """
    bits = f"toUInt64OrZero(substring({number}, 2))"
    # -0.0, the highest bit alone, stands for 0.0 too.
    return f"if({number} = '-', '-', toString(bitShiftRight(if({bits} = 9223372036854775808, 0, {bits}), 12)))"


def joined(strings: list[str]) -> str:
    """Return SQL that puts canonical strings together so that different ones stay different."""
    return "concat('', " + ", ".join(f"toString(length({s})), ':', {s}" for s in strings) + ")"


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
