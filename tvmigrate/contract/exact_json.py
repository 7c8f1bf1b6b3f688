"""JSON without loss: every number keeps its digits, and whatever JSON leaves open is refused with a reason."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson

from tvmigrate.contract.outcome import Reason, Unmappable


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
    try:
        value = json.loads(
            text, parse_float=Decimal, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_object
        )
    except json.JSONDecodeError as error:
        raise Unmappable(Reason.BAD_JSON, f"not JSON at character {error.pos}: {error.msg}") from None
    except RecursionError:
        raise Unmappable(Reason.BAD_JSON, "nested too deeply to be read") from None
    if "\\u" in text:
        refuse_surrogates(value)
    return value


def _integer(digits: str) -> int | Decimal:
    if len(digits) <= 18:
        return int(digits)
    exact = Decimal(digits)
    return int(exact) if -(2**63) <= exact < 2**64 else exact


def _constant(name: str) -> None:
    raise Unmappable(Reason.NOT_FINITE, f"the JSON holds a literal {name}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        # By repr, since 1 and 1.0 are equal to Python but two texts to the reader who must choose.
        twice = sorted({name for name, value in pairs if repr(value) != repr(result[name])})
        if not twice:
            return result
        raise Unmappable(Reason.CONFLICTING_FIELDS, f"the JSON object says {', '.join(map(repr, twice))} twice")
    return result


def refuse_surrogates(value: Any) -> None:
    r"""Check that every string can be written as UTF-8; a JSON escape such as `\ud800` alone cannot.

    Raises:
        Unmappable: `not-utf8`.
    """
    if isinstance(value, str):
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise Unmappable(Reason.NOT_UTF8, f"{value!r} holds half of a surrogate pair")
    elif isinstance(value, dict):
        for key, item in value.items():
            refuse_surrogates(key)
            refuse_surrogates(item)
    elif isinstance(value, list):
        for item in value:
            refuse_surrogates(item)


def dump(value: Any) -> str:
    """Write compact JSON, keys in the order given; a `Decimal` keeps the digits it was read with.

    Raises:
        TypeError: `value` holds something JSON has no form for.
    """
    return orjson.dumps(value, default=_fragment).decode()


def _fragment(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(str(value).encode())
    raise TypeError(f"{value!r} has no JSON form")
