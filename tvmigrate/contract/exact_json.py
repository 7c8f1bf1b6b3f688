"""JSON without loss: every number keeps its digits, and whatever JSON leaves open is refused with a reason."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import orjson

from tvmigrate.contract.outcome import Reason, Unmappable

# Deeper than any writer goes, and less than what orjson writes again (254).
MAX_DEPTH = 200
# An exponent of 18 digits or more: no exact decimal has one. The same in SQL.
ABSURD_EXPONENT = r"[eE][-+]?0*[1-9][0-9]{17,}"
_ABSURD = re.compile(ABSURD_EXPONENT)
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_DEEP = f"nested more than {MAX_DEPTH} levels deep"


def parse(raw: bytes | str) -> Any:
    """Parse JSON; numbers with a fraction or an exponent, and integers beyond 64 bits, become `Decimal`.

    Raises:
        Unmappable: `not-utf8` (also for an escaped lone surrogate), `bad-json`, `not-finite` for a literal NaN or
            Infinity, `conflicting-fields` for an object that has one key twice with
            different values.
    """
    if isinstance(raw, bytes):
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unmappable(Reason.NOT_UTF8, f"byte {error.start} is not UTF-8") from None
    else:
        text = raw
    if text.startswith("\ufeff"):
        detail = "not JSON at character 0: Unexpected UTF-8 BOM (decode using utf-8-sig)"
        raise Unmappable(Reason.BAD_JSON, detail)
    if _is_deep(text):  # asked before it is parsed: how deep Python's own parser goes depends on the process
        raise Unmappable(Reason.BAD_JSON, _DEEP)
    try:
        value = _EXACT.decode(text)
    except json.JSONDecodeError as error:
        raise Unmappable(Reason.BAD_JSON, f"not JSON at character {error.pos}: {error.msg}") from None
    if "\\u" in text:
        refuse_surrogates(value)
    return value


def _is_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    level = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        mark = found[0]
        level += (mark in {"[", "{"}) - (mark in {"]", "}"})
        if level > MAX_DEPTH:
            return True
    return False


def _fraction(digits: str) -> Decimal:
    if _ABSURD.search(digits):
        raise Unmappable(Reason.BAD_NUMBER, f"the exponent of {digits[:80]} is beyond any number's")
    return Decimal(digits)


def _integer(digits: str) -> int | Decimal:
    if len(digits) <= 18:
        return int(digits)
    exact = Decimal(digits)
    return int(exact) if _is_64_bit(exact) else exact


def _is_64_bit(whole: Decimal) -> bool:
    return -(2**63) <= whole < 2**64


def _constant(name: str) -> None:
    raise Unmappable(Reason.NOT_FINITE, f"the JSON holds a literal {name}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        twice = sorted({name for name, value in pairs if _told(value) != _told(result[name])})
        if not twice:
            return result
        raise Unmappable(Reason.CONFLICTING_FIELDS, f"the JSON object says {', '.join(map(repr, twice))} twice")
    return result


def _told(value: Any) -> str:
    """Return what makes two values of one key alike: 1 and 1.0 are not, 1.0 and 1.00 are one double."""
    if isinstance(value, Decimal) and abs(double := float(value)) < float("inf"):
        return f"double {double!r}"
    return repr(value)


# Made once: json.loads would make it anew for each text.
_EXACT = json.JSONDecoder(
    parse_float=_fraction, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_object
)
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


def refuse_surrogates(value: Any) -> None:
    r"""Check that every string can be written as UTF-8 (a JSON escape such as `\ud800` alone cannot), and the depth.

    Raises:
        Unmappable: `not-utf8`; `bad-json` for more than 200 levels.
    """
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        deeper: list[Any] = []
        nested = False
        for item in level:
            if isinstance(item, str):
                if not item.isascii() and _HALF_A_PAIR.search(item):
                    raise Unmappable(Reason.NOT_UTF8, f"{item!r} holds half of a surrogate pair")
            elif isinstance(item, dict):
                nested = True
                deeper += item.keys()
                deeper += item.values()
            elif isinstance(item, list):
                nested = True
                deeper += item
        if not nested:
            return
        level = deeper
    raise Unmappable(Reason.BAD_JSON, _DEEP)


def dump(value: Any) -> str:
    """Write compact JSON, keys in the order given; a `Decimal` keeps the digits it was read with.

    Raises:
        TypeError: `value` holds something JSON has no form for.
    """
    return orjson.dumps(value, default=_fragment).decode()


def _fragment(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal) and value.is_finite():
        digits = str(value)
        if digits.lstrip("-").isdigit() and _is_64_bit(value):
            digits += ".0"  # 1.5e1 is a double, and stays one for whoever reads it again
        return orjson.Fragment(digits.encode())
    raise TypeError(f"{value!r} has no JSON form")
