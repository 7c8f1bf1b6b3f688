"""What is refused before anything is sent to a store. Every check returns the value as it is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from src.errors import InvalidValue
from src.storage import times
from tvmigrate.contract import new, values
from tvmigrate.contract.unicode import fold_label, is_blank

MAX_LIMIT = 10_000  # records of one read; Elasticsearch has the same limit, index.max_result_window
MAX_OFFSET = 2**53
Check = Callable[[str, Any], Any]  # (the field's name, the value given) -> the value as it is written
_SENTIMENTS = tuple(map(str, values.Sentiment))
_RANGES = tuple(values.TIME_RANGES.values())


def text(field: str, value: object, limit: int | None = None) -> str:
    """Check Unicode text of at most `limit` bytes of UTF-8; empty text is text."""
    if not isinstance(value, str):
        raise InvalidValue(field, f"{field} is {value!r:.200}: expected is text.")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidValue(
            field,
            f"{field} is {value!r:.200}, which holds half of a surrogate pair: expected is text that UTF-8 can write.",
        ) from None
    if limit is not None and size > limit:
        raise InvalidValue(field, f"{field} has {size} bytes, the store takes {limit}: shorten it.")
    return value


def name(field: str, value: object, limit: int | None = None) -> str:
    """Check text that names something: not empty, not blank, at most `limit` bytes of UTF-8."""
    if is_blank(named := text(field, value, limit)):
        raise InvalidValue(field, f"{field} is {named!r}: it may not be empty or blank.")
    return named


def count(field: str, value: object) -> int:
    """Check a whole number from 0 to 2^63-1; a boolean is none."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= values.MAX_COUNT:
        raise InvalidValue(field, f"{field} is {value!r:.200}: expected is a whole number from 0 to 2^63-1.")
    return int(value)


def total(field: str, value: object, **parts: int) -> int:
    """Check a count that must be the sum of `parts`."""
    whole = count(field, value)
    if whole != sum(parts.values()):
        listed = " + ".join(f"{part} {number}" for part, number in parts.items())
        raise InvalidValue(
            field, f"The counts do not add up: {listed} is {sum(parts.values())}, and {field} is {whole}."
        )
    return whole


def number(field: str, value: object, limit: float | None = None) -> float:
    """Check a finite number, and that its magnitude is at most `limit`; an `int` that 64 bits hold stays one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValue(field, f"{field} is {value!r:.200}: expected is a number.")
    try:
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    if not finite:
        raise InvalidValue(field, f"{field} is {value!r:.50}: expected is a finite number that an IEEE double holds.")
    if limit is not None and abs(value) > limit:
        raise InvalidValue(field, f"{field} is {value!r:.50}: the store takes ±{limit!r}.")
    # Not numpy's subclass of float, whose repr is no number.
    return int(whole) if isinstance(whole := values.number(value), int) else float(whole)


def sentiment(field: str, value: object) -> str:
    """Check one of the three English labels."""
    if value in _SENTIMENTS:
        return _SENTIMENTS[_SENTIMENTS.index(value)]
    english = values.SENTIMENTS.get(fold_label(value)) if isinstance(value, str) else None
    hint = f": write {str(english)!r}, the label of the new layout" if english else ""
    raise InvalidValue(field, f"{field} is {value!r:.200}: expected is one of {', '.join(_SENTIMENTS)}{hint}.")


def time_range(field: str, value: object) -> str:
    """Check one of 5min, 15min, 1hour; the old whole numbers are refused with the new name."""
    if value in _RANGES:
        return _RANGES[_RANGES.index(value)]
    renamed = values.TIME_RANGES.get(str(value))
    hint = f": write {renamed!r}, the new name of the old window" if renamed else ""
    raise InvalidValue(field, f"{field} is {value!r:.200}: expected is one of {', '.join(_RANGES)}{hint}.")


def one_of(field: str, value: object, known: Collection[str]) -> str:
    """Check one of `known`."""
    if isinstance(value, str) and value in known:
        return value
    raise InvalidValue(field, f"{field} is {value!r:.200}: expected is one of {', '.join(known)}.")


def limit(field: str, value: object) -> int:
    """Check how many records are asked for: 1 to 10,000."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_LIMIT:
        raise InvalidValue(field, f"{field} is {value!r:.50}: expected is a whole number from 1 to {MAX_LIMIT}.")
    return value


def offset(field: str, value: object) -> int:
    """Check how many records are passed over."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_OFFSET:
        raise InvalidValue(field, f"{field} is {value!r:.50}: expected is a whole number from 0 to 2^53.")
    return value


def topics(field: str, value: object) -> list[str]:
    """Check a list of topics; order and doubles stay. One text is refused: it would be read as a list of letters."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidValue(field, f"{field} is {value!r:.200}: expected is a list of topics.")
    return [_keyword(field, topic) for topic in value]


def fields(what: str, given: object, known: Collection[str], optional: Collection[str] = ()) -> Mapping[str, Any]:
    """Check that a record has the fields `known`, and no other; those of `optional` may be absent."""
    if not isinstance(given, Mapping):
        raise InvalidValue(what, f"The {what} is {given!r:.200}: expected is a dict of {', '.join(known)}.")
    missing = [field for field in known if field not in given and field not in optional]
    if missing:
        raise InvalidValue(missing[0], f"The {what} has no {', '.join(missing)}: expected are {', '.join(known)}.")
    if unknown := [str(field) for field in given if field not in known]:
        raise InvalidValue(unknown[0], f"The {what} has {', '.join(unknown)}: expected are only {', '.join(known)}.")
    return given


def record(what: str, given: object, checks: Mapping[str, Check], optional: Collection[str] = ()) -> dict[str, Any]:
    """Check a record field by field and return it in the order of `checks`; an absent optional field is None."""
    known = fields(what, given, checks, optional)
    return {
        field: None if field in optional and known.get(field) is None else check(field, known[field])
        for field, check in checks.items()
    }


def _keyword(field: str, value: object) -> str:
    return name(field, value, new.MAX_KEYWORD_BYTES)


def _float(field: str, value: object) -> float:
    return number(field, value, new.MAX_FLOAT)


# By the columns of `raw_comments`; the documents of Elasticsearch have the same but the last.
COMMENT: Mapping[str, Check] = dict(
    zip(
        new.RAW_COMMENTS.column_names,
        (
            lambda field, value: name(field, value, new.MAX_ID_BYTES),
            _keyword,
            text,
            lambda field, value: text(field, value, new.MAX_KEYWORD_BYTES),
            times.utc,
            sentiment,
            _float,
            _float,
            topics,
            number,
        ),
        strict=True,
    )
)


def comment(given: object) -> dict[str, Any]:
    """Check a comment; its timestamp comes out as a datetime in UTC, an absent eaos_score as None."""
    return record("comment", given, COMMENT, frozenset(COMMENT) - frozenset(new.DOCUMENT_FIELDS))
