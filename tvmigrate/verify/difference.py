"""What kind of difference lies between an expected and an actual value, in words that records with one cause share."""

from __future__ import annotations

import json
import math
import re
import struct
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tvmigrate.contract import values
from tvmigrate.contract.outcome import Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.verify.findings import Direction, Finding

_UTC = Policy(keep_entities=True)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?")
_NUMBER = re.compile(r"[+-]?(\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?)")
_SHORT = 40  # characters of a value up to which two values are told as a pair
_TTL = "ttl"
_UNITS = ((86400, "days"), (3600, "h"), (60, "min"))
_NS_PER_S, _NS_PER_MS = 10**9, 10**6
_FACTORS = (1000, 100, 60, 10)
_WIDTHS = (64, 32, 31, 16, 8)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of difference: `family` in words, empty where there is nothing to compare, and `detail`, which follows."""

    family: str
    detail: str | None = None

    @property
    def text(self) -> str:
        """The kind in words: `shifted in time by +7 h`, `another text: "positive" → "negative"`."""
        return self.family + (self.detail or "")


def kind_of(finding: Finding) -> Kind:
    """Return what kind of difference a finding tells of: what is expected, what is there, and how the two are akin.

    Of a record that is missing or extra there is nothing to compare: only the reason of a quarantined one is told, and
    that a time to live is what is missing or extra.
    """
    expected, actual, field = finding.expected, finding.actual, (finding.field or "").rpartition(".")[2]
    if field == _TTL and (expected, actual) != (None, None):
        return _of_ttl(expected, actual)
    if finding.direction in {Direction.MISSING, Direction.EXTRA}:
        reason = expected if actual is None else actual
        return Kind("", f"of the reason {reason}") if field == "reason" and isinstance(reason, str) else Kind("")
    if expected is None and actual is None:
        return Kind("")
    if _is_small(expected) and _is_small(actual):
        return _known(expected, actual)
    return next(_kinds(expected, actual))


def _is_small(value: Any) -> bool:
    return isinstance(value, int | float) or value is None or (isinstance(value, str) and len(value) <= 2 * _SHORT)


@lru_cache(maxsize=1024, typed=True)
def _known(expected: Any, actual: Any) -> Kind:
    # Thousands of rows with one cause often have the same two values.
    return next(_kinds(expected, actual))


def _kinds(expected: Any, actual: Any) -> Iterator[Kind]:
    """Yield the kinds that fit, the most telling first."""
    if actual is None:
        yield Kind("nothing instead of a value")
    if expected is None:
        yield Kind("a value where there should be none")
    yield from _of_instants(_instant(expected), _instant(actual))
    yield from _of_numbers(expected, actual)
    if isinstance(expected, str) and isinstance(actual, str):
        yield from _of_texts(expected, actual)
    if isinstance(expected, list) and isinstance(actual, list):
        yield from _of_lists(expected, actual)
    if type(expected) is not type(actual):
        yield Kind("a value of another type", f": {_json_type(expected)} → {_json_type(actual)}")
    one, other = _compact(expected), _compact(actual)
    if max(len(one), len(other)) <= 2 * _SHORT:
        yield Kind("another value", f": {one} → {other}")
    yield Kind("another value")


# --------------------------------------------------------------------------------------------------- times to live


def _of_ttl(expected: Any, actual: Any) -> Kind:
    # Where a finding holds what Redis answers, -1 says that the key does not expire; the hand-written lines say `none`.
    has, had = (isinstance(value, int) and value >= 0 for value in (actual, expected))
    if had and not has:
        return Kind("the time to live is lost")
    if has and not had:
        return Kind("a time to live where there was none")
    return Kind("the time to live is longer" if has and had and actual > expected else "the time to live is shorter")


# -------------------------------------------------------------------------------------------------------- instants


def _instant(value: Any) -> int | None:
    """Return text that says an instant as nanoseconds since 1970, without a zone as UTC; None for anything else."""
    if not isinstance(value, str) or len(value) > _SHORT or not _INSTANT.fullmatch(value):
        return None
    try:
        return values.instant(value, _UTC)
    except Unmappable:
        return None


def _of_instants(expected: int | None, actual: int | None) -> Iterator[Kind]:
    if expected is None or actual is None or expected == actual:
        return
    delta = actual - expected
    if actual == 0:
        yield Kind("1970 instead of an instant")
    if actual == -expected:
        yield Kind("the sign of the instant turned")
    for unit, word in ((_NS_PER_MS, "milliseconds"), (_NS_PER_S, "seconds"), (60 * _NS_PER_S, "minutes")):
        if actual == expected // unit * unit:
            yield Kind(f"an instant cut to whole {word}")
        if abs(delta) <= unit // 2 and actual % unit == 0:
            yield Kind(f"an instant rounded to whole {word}")
    for factor in (1000, 1_000_000):
        if abs(actual * factor - expected) < factor * _NS_PER_S:
            yield Kind(f"an instant divided by {factor}")
        if abs(expected * factor - actual) < factor * _NS_PER_S:
            yield Kind(f"an instant times {factor}")
    if delta % (2**32 * _NS_PER_S) == 0:
        yield Kind("an instant that overflowed 32 bits")
    yield Kind("an instant shifted", f" by {_span(delta)}")


def _span(nanoseconds: int) -> str:
    sign = "+" if nanoseconds > 0 else "\u2212"
    span = abs(nanoseconds)
    for seconds, unit in _UNITS:
        # Offsets of zones are told in hours, whole or in quarters.
        part = seconds * _NS_PER_S if unit != "h" else 900 * _NS_PER_S
        if span >= seconds * _NS_PER_S and span % part == 0:
            return f"{sign}{span / (seconds * _NS_PER_S):g} {unit}"
    return f"{sign}{span / _NS_PER_S:g} s"


# --------------------------------------------------------------------------------------------------------- numbers


def _number(value: Any) -> float | int | None:
    """Return a number, also one that is written as text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value) if value.lstrip("+-").isdigit() else float(value)
    return None


def _of_numbers(expected: Any, actual: Any) -> Iterator[Kind]:
    one = _number(expected)
    if one is not None and str(actual).lower().lstrip("+-") in {"nan", "inf", "infinity"}:
        yield Kind("no finite number")
    other = _number(actual)
    if one is None or other is None:
        return
    if isinstance(expected, str) is not isinstance(actual, str):
        yield Kind("a number as text" if isinstance(actual, str) else "a number instead of text")
    if one == other:
        yield Kind("the sign of zero") if one == 0 else Kind("a number written otherwise")
    if other == 0:
        yield Kind("0 instead of a number")
    if other == -one:
        yield Kind("the sign turned")
    yield from _of_precision(float(one), float(other)) if _fits(one) and _fits(other) else ()
    if _is_whole(one) and _is_whole(other):
        yield from _of_whole_numbers(int(one), int(other))
    yield Kind("another number")


def _fits(number: float | int) -> bool:
    return abs(number) < 2**1000


def _is_whole(number: float | int) -> bool:
    return isinstance(number, int) or number.is_integer()


def _of_precision(one: float, other: float) -> Iterator[Kind]:
    if one.is_integer() and other.is_integer():
        return
    if math.nextafter(one, other) == other:
        yield Kind("off by the last bit")
    single = _as_float32(one)
    if other == single:
        yield Kind("rounded to Float32")
    if one == single == _as_float32(other):
        # A Float32 printed as decimal and read as a double again: 0.82 for 0.8199999928474426.
        yield Kind("equal only as Float32")
    for digits in range(10):
        if other == round(one, digits):
            yield Kind("rounded", f" to {_decimals(digits)}")
        if other == math.trunc(one * 10**digits) / 10**digits:
            yield Kind("cut", f" to {_decimals(digits)}")
    for factor in _FACTORS:
        if math.isclose(other, one * factor, rel_tol=1e-9):
            yield Kind(f"times {factor}")
        if math.isclose(other * factor, one, rel_tol=1e-9):
            yield Kind(f"divided by {factor}")


def _decimals(digits: int) -> str:
    return f"{digits} decimals" if digits else "a whole number"


def _as_float32(number: float) -> float | None:
    try:
        single: float = struct.unpack("<f", struct.pack("<f", number))[0]
    except (OverflowError, struct.error):
        return None
    return single


def _of_whole_numbers(one: int, other: int) -> Iterator[Kind]:
    delta = other - one
    for bits in _WIDTHS:
        if delta % 2**bits == 0 and abs(one) >= 2 ** (bits - 1):
            yield Kind(f"a number that overflowed {bits} bits")
    for factor in _FACTORS:
        if other == one * factor:
            yield Kind(f"times {factor}")
        if other * factor == one:
            yield Kind(f"divided by {factor}")
    yield Kind("a number off", f" by {delta:+}".replace("-", "\u2212"))


# ----------------------------------------------------------------------------------------------------------- texts


def _of_texts(one: str, other: str) -> Iterator[Kind]:
    if not other:
        yield Kind("an empty text")
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        if other == unicodedata.normalize(form, one):
            yield Kind(f"{form} instead of the form it had")
    for word, changed in _SPELLINGS.items():
        if other == changed(one):
            yield Kind(word)
    if other.strip() == one.strip():
        yield Kind("blanks around the text")
    yield from _of_encodings(one, other)
    yield from _of_parts(one, other)
    if max(len(one), len(other)) <= _SHORT:
        yield Kind("another text", f": {_compact(one)} → {_compact(other)}")
    yield Kind("another text")


def _of_encodings(one: str, other: str) -> Iterator[Kind]:
    if _decoded_wrongly(one) == other:
        yield Kind("UTF-8 read as Latin-1")
    if _decoded_wrongly(other) == one:
        yield Kind("Latin-1 read as UTF-8")
    pairs = zip(one, other, strict=False)
    if len(one) == len(other) and all(a == b or (b in "?\ufffd" and not a.isascii()) for a, b in pairs):
        yield Kind("characters replaced by ?")


def _of_parts(one: str, other: str) -> Iterator[Kind]:
    if one.startswith(other):
        yield Kind("a text cut off", f" after {len(other):,} characters")
    if other.startswith(one):
        yield Kind("a text with something added")
    if one.endswith(other):
        yield Kind("a text without its beginning")
    if other.endswith(one):
        yield Kind("a text with something before it")


_SPELLINGS: dict[str, Callable[[str], str]] = {
    "in lower case": str.lower,
    "in upper case": str.upper,
    "in title case": str.title,
}


def _decoded_wrongly(text: str) -> str | None:
    try:
        return text.encode().decode("latin-1") if not text.isascii() else None
    except UnicodeEncodeError:
        return None


# ----------------------------------------------------------------------------------------------------------- lists


def _of_lists(one: list[Any], other: list[Any]) -> Iterator[Kind]:
    mine, theirs = list(map(_compact, one)), list(map(_compact, other))
    if not theirs:
        yield Kind("an empty list")
    if Counter(mine) == Counter(theirs):
        yield Kind("a list in another order")
    if list(dict.fromkeys(mine)) == theirs:
        yield Kind("a list without its doubles")
    if mine[: len(theirs)] == theirs:
        yield Kind("a list cut off", f" after {len(theirs):,} items")
    if theirs[: len(mine)] == mine:
        yield Kind("a list with items added")
    if not Counter(theirs) - Counter(mine):
        yield Kind("a list with items left out")
    if not Counter(mine) - Counter(theirs):
        yield Kind("a list with items put in")
    yield Kind("another list")


def _json_type(value: Any) -> str:
    names = {bool: "boolean", int: "number", float: "number", str: "text", list: "list", dict: "object"}
    return names.get(type(value), type(value).__name__)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
