"""The same JSON, number or instant in other letters: contract §3 compares values, not text."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any


class Number(str):
    """A JSON number as it is spelled."""

    __slots__ = ()


def parsed(text: str | bytes) -> Any:
    """Return JSON with its numbers as they are spelled."""
    return json.loads(text, parse_float=Number, parse_int=Number)


def as_it_is(text: str) -> str:
    return text


def spelled(
    value: Any,
    *,
    number: Callable[[str], str] = as_it_is,
    backwards: bool = False,
    blanks: str = "",
    escapes: bool = False,
) -> str:
    """Return `parsed` JSON as text: with other numbers' spelling, members' order, blanks, escapes."""

    def again(inner: Any) -> str:
        return spelled(inner, number=number, backwards=backwards, blanks=blanks, escapes=escapes)

    if isinstance(value, Number):
        return number(value)
    if isinstance(value, dict):
        members = [f"{again(name)}{blanks}:{blanks}{again(inner)}" for name, inner in value.items()]
        return "{" + blanks + f"{blanks},{blanks}".join(members[::-1] if backwards else members) + blanks + "}"
    if isinstance(value, list):
        return "[" + blanks + f"{blanks},{blanks}".join(map(again, value)) + blanks + "]"
    return json.dumps(value, ensure_ascii=escapes)


def with_exponent(text: str) -> str:
    """Return a number that is the same double, spelled with an exponent; one that a double does not hold stays."""
    exact = Decimal(text)
    whole = "." not in text and "e" not in text.lower()
    if (whole and abs(exact) > 2**53) or float(text) in {float("inf"), float("-inf")}:
        return text
    return f"{exact:E}"


def to_the_nanosecond(instant: str) -> str:
    """Return a UTC instant with nine digits of a second."""
    whole, _, fraction = instant.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<9}Z"
