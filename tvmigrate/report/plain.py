"""Any value of a finding as JSON that every reader takes: no NaN, no bytes, no half surrogate, no digit lost."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")


def plain(value: Any) -> Any:
    """Return `value` made of what JSON knows.

    Infinities and NaN become the texts `inf`, `-inf` and `nan`, bytes `{"b64": …}` as in a dataset, a decimal number an
    integer or a double if that is exact, else its digits as text; what JSON has no form for, its `str`.
    """
    result: Any
    match value:
        case None | bool() | str():
            result = value if value is None or isinstance(value, bool) else str(value)
        case int():
            result = int(value)
        case float():
            result = float(value) if math.isfinite(value) else str(float(value))
        case Decimal():
            result = _decimal(value)
        case bytes():
            result = {"b64": base64.b64encode(value).decode()}
        case Mapping():
            result = {str(key): plain(item) for key, item in value.items()}
        case set() | frozenset():
            result = [plain(item) for item in sorted(value, key=repr)]
        case Sequence():
            result = [plain(item) for item in value]
        case _:
            result = str(value)
    return result


def as_json_text(value: Any, indent: int | None = None) -> str:
    r"""Return `value` as JSON text that UTF-8 can hold; half a surrogate pair stays the JSON escape `\ud83d`."""
    text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=indent)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _decimal(value: Decimal) -> Any:
    if not value.is_finite():
        return "nan" if value.is_nan() else str(float(value))
    if value.adjusted() < 20 and value == value.to_integral_value():
        return int(value)
    double = float(value)
    return double if math.isfinite(double) and Decimal(repr(double)) == value else str(value)
