"""When two JSON values are the same: numbers as IEEE doubles or integers (contract `value.number`), never as text."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from tvmigrate.verify.findings import Direction


class _Absent:
    """What stands where a member or an item is not there; no JSON value equals it."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = _Absent()


def same_number(one: float | Decimal, other: float | Decimal) -> bool:
    """Return whether two numbers are equal: whole ones as integers, others as IEEE doubles with the sign of zero.

    A literal with a fraction or an exponent is a double. 1 and 1.0 are one number, 0 and -0.0 are not.
    """
    plain, other_plain = plain_number(one), plain_number(other)
    if isinstance(plain, float) and math.isinf(plain):
        return one == other  # beyond what a double holds: digit for digit
    return plain == other_plain and _minus_zero(plain) == _minus_zero(other_plain)


def plain_number(number: float | Decimal) -> float:
    """Return a number as the integer or the IEEE double that it is compared as."""
    if not isinstance(number, Decimal):
        return number
    return int(number) if number.as_tuple().exponent == 0 else float(number)


def _minus_zero(number: float) -> bool:
    return number == 0 and math.copysign(1, number) < 0


def _bits(number: float) -> bytes:
    return struct.pack(">d", number)


def same_double(one: float, other: float) -> bool:
    """Return whether two doubles are the same bit for bit (a NaN is equal to itself)."""
    return _bits(one) == _bits(other)


def differences(expected: Any, actual: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (path, expected, actual) for each place where two JSON values differ; nothing if they are the same.

    A path is `data.unit` or `data.tags[2]`, empty for the value itself; a side that has nothing there is `ABSENT`.
    Both come from `exact_json.parse`, or are plain Python values.
    """
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name in expected | actual:
            inner = f"{path}.{name}" if path else str(name)
            yield from differences(expected.get(name, ABSENT), actual.get(name, ABSENT), inner)
    elif isinstance(expected, list) and isinstance(actual, list):
        for position in range(max(len(expected), len(actual))):
            one = expected[position] if position < len(expected) else ABSENT
            other = actual[position] if position < len(actual) else ABSENT
            yield from differences(one, other, f"{path}[{position}]")
    elif not _same_leaf(expected, actual):
        yield path, expected, actual


def direction_between(expected: Any, actual: Any, absent: Any = ABSENT) -> Direction:
    """Return which way two values differ, of which the one that is `absent` is not there."""
    if actual is absent:
        return Direction.MISSING
    return Direction.EXTRA if expected is absent else Direction.CHANGED


def same(expected: Any, actual: Any) -> bool:
    """Return whether two JSON values are the same."""
    return next(differences(expected, actual), None) is None


def _same_leaf(expected: Any, actual: Any) -> bool:
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, int | float | Decimal) and isinstance(actual, int | float | Decimal):
        return same_number(expected, actual)
    return type(expected) is type(actual) and bool(expected == actual)


def shown(value: Any) -> Any:
    """Return `value` as a finding holds it: plain JSON, an exact number as its text, None where there is nothing."""
    if value is ABSENT:
        return None
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(name): shown(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [shown(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value
