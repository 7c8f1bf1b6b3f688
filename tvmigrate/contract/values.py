"""The value rules: program id, time range, sentiment, timestamp, count and number (contract §3, `value.*`)."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from decimal import Context, Decimal, Inexact
from enum import StrEnum

from tvmigrate.contract.outcome import Reason, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import fold_label, is_blank, trim

NS_PER_S = 10**9
NS_PER_MS = 10**6
MAX_COUNT = 2**63 - 1
SECONDS_BELOW = 10**11

# What JSON readers take for an integer; beyond it they make a double of one, or fail.
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**64 - 1

_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_MIN_NS = (dt.date(1, 1, 1).toordinal() - _EPOCH_ORDINAL) * 86400 * NS_PER_S
_MAX_NS = (dt.date(9999, 12, 31).toordinal() - _EPOCH_ORDINAL + 1) * 86400 * NS_PER_S - 1


class Sentiment(StrEnum):
    """The new labels."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    NEUTRAL = "neutral"


SENTIMENTS: Mapping[str, Sentiment] = {
    "tích cực": Sentiment.POSITIVE,
    "tiêu cực": Sentiment.NEGATIVE,
    "trung lập": Sentiment.NEUTRAL,
    **{label.value: label for label in Sentiment},
}
TIME_RANGES: Mapping[str, str] = {"5": "5min", "15": "15min", "60": "1hour"}


def _misdecoded() -> frozenset[str]:
    """The known labels as they look after UTF-8 was read as Latin-1 or Windows-1252, folded like any label."""
    forms = set()
    for label, codec in ((label, codec) for label in SENTIMENTS for codec in ("latin-1", "cp1252")):
        raw = label.encode()
        if not label.isascii():
            forms.add(fold_label(raw.decode(codec, "replace")))
    return frozenset(forms)


MISDECODED_SENTIMENTS = _misdecoded()


def program_id(entity: str, policy: Policy) -> str:
    """Map an old entity to a program id (`value.program_id`).

    Raises:
        Unmappable: `empty-entity` for an empty or blank entity.
    """
    if is_blank(entity):
        raise Unmappable(Reason.EMPTY_ENTITY, f"the entity is {entity!r}: empty or only White_Space")
    mapped = policy.entity_map.get(entity)
    if mapped is not None:
        return mapped
    if "/" in entity or policy.show is None:
        return entity
    return f"{policy.show}/{entity}"


def time_range(window: str) -> str:
    """Map the window of `trend:{window}m`, without the `m`, to a time range (`value.time_range`).

    Raises:
        Unmappable: `unknown-window` for anything but 5, 15 and 60, written exactly so.
    """
    mapped = TIME_RANGES.get(window)
    if mapped is None:
        raise Unmappable(
            Reason.UNKNOWN_WINDOW,
            f"window {window!r} is none of {', '.join(TIME_RANGES)} and has no time range",
        )
    return mapped


def sentiment(label: object) -> Sentiment:
    """Map a sentiment label of either language (`value.sentiment`).

    Raises:
        Unmappable: `unknown-sentiment`; the detail names UTF-8 that was read as Latin-1 or Windows-1252 as such.
    """
    if not isinstance(label, str):
        raise Unmappable(Reason.UNKNOWN_SENTIMENT, f"the sentiment is {_shown(label)}, not a label")
    folded = fold_label(label)
    mapped = SENTIMENTS.get(folded)
    if mapped is not None:
        return mapped
    if folded in MISDECODED_SENTIMENTS:
        raise Unmappable(Reason.UNKNOWN_SENTIMENT, f"{label!r} is mis-decoded UTF-8 (read as Latin-1 or Windows-1252)")
    raise Unmappable(Reason.UNKNOWN_SENTIMENT, f"{label!r} is none of {', '.join(map(str, SENTIMENTS))}")


def count(value: object) -> int:
    """Map a count: 120, "120" or 120.0 (`value.count`).

    Raises:
        Unmappable: `bad-count` for a boolean, a fraction, a negative or one above 2^63-1.
    """
    whole: int | None = None
    if isinstance(value, bool):
        whole = None
    elif isinstance(value, int):
        whole = value
    elif isinstance(value, str) and value.isascii() and value.isdigit():
        # A count has at most 19 digits, and Python refuses to read thousands.
        whole = int(value.lstrip("0")[:20] or "0")
    elif isinstance(value, Decimal | float):
        double = _double(value)
        # A literal with a fraction or an exponent is an IEEE double, here and in SQL.
        whole = int(double) if double.is_integer() else None
    if whole is None or not 0 <= whole <= MAX_COUNT:
        raise Unmappable(Reason.BAD_COUNT, f"{_shown(value)} is not a whole number from 0 to 2^63-1")
    return whole


def number(value: object) -> int | float:
    """Map a finite number, bit for bit: an int of 64 bits stays one, all else is an IEEE double (`value.number`).

    Raises:
        Unmappable: `not-finite` for NaN, infinities and what overflows a double; `bad-number` for anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Unmappable(Reason.BAD_NUMBER, f"{_shown(value)} is not a number")
    double = _double(value)
    if not math.isfinite(double):
        raise Unmappable(Reason.NOT_FINITE, f"{_shown(value)} is not a finite IEEE double")
    return value if isinstance(value, int) and _MIN_INTEGER <= value <= _MAX_INTEGER else double


def _double(value: float | Decimal) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except ValueError:  # a signalling NaN
        return math.nan


_NUMERIC_TEXT = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NOT_FINITE_TEXT = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)


def numeric_text(value: object) -> int | float:
    """Map a number, or a string that spells one, as engagement is written by some (`elasticsearch.comments`).

    Raises:
        Unmappable: as `number`.
    """
    if not isinstance(value, str):
        return number(value)
    if _NOT_FINITE_TEXT.fullmatch(value):
        raise Unmappable(Reason.NOT_FINITE, f"{value!r} is not a finite number")
    if not _NUMERIC_TEXT.fullmatch(value) or len(value) > 400:
        raise Unmappable(Reason.BAD_NUMBER, f"{_shown(value)} does not spell a number")
    return number(int(value) if value.lstrip("-").isdigit() else float(value))


_ISO = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<hm>[0-9]{2}:[0-9]{2})(?::(?P<s>[0-9]{2})(?:[.,](?P<f>[0-9]+))?)?"
    r"(?P<zone>[Zz]|(?P<sign>[+-])(?P<oh>[0-9]{2}):?(?P<om>[0-9]{2})?)?"
)
_EXACT = Context(prec=80, traps=[Inexact])


def instant(value: object, policy: Policy) -> int:
    """Map a timestamp to nanoseconds since 1970-01-01T00:00:00Z (`value.timestamp`).

    Text is ISO 8601 with a date and a time; without an offset it is read in `policy.timezone`, where an ambiguous
    local time is the first of the two and one that a clock skipped is no time at all. Numbers below 1e11 in magnitude
    are seconds, others milliseconds.

    Raises:
        Unmappable: `bad-timestamp`.
    """
    if isinstance(value, str):
        return _instant_of_text(value, policy)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _bad_time(value, "it is neither text nor a number")
    return _instant_of_number(value)


def _instant_of_number(value: float | Decimal) -> int:
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite() or (exact and exact.adjusted() > 20):
        raise _bad_time(value, "it is outside the years 1 to 9999")
    unit = NS_PER_S if exact.copy_abs() < SECONDS_BELOW else NS_PER_MS
    try:
        scaled = _EXACT.multiply(exact, Decimal(unit))
    except Inexact:
        raise _bad_time(value, "it is finer than a nanosecond") from None
    if scaled != scaled.to_integral_value():
        raise _bad_time(value, "it is finer than a nanosecond")
    return _in_range(int(scaled), value)


def _instant_of_text(text: str, policy: Policy) -> int:
    match = _ISO.fullmatch(text)
    if match is None:
        raise _bad_time(text, "it is not an ISO 8601 date and time")
    fraction = match["f"] or ""
    if len(fraction) > 9:
        raise _bad_time(text, "it has more than 9 fraction digits")
    year, month, day = map(int, match["date"].split("-"))
    hour, minute = map(int, match["hm"].split(":"))
    try:
        # Not fromisoformat: whether that takes 24:00 depends on the version of Python.
        local = dt.datetime(year, month, day, hour, minute, int(match["s"] or 0))  # noqa: DTZ001 - the zone comes next
    except ValueError as error:
        raise _bad_time(text, str(error)) from None
    offset_s = _offset_s(match, local, policy)
    days = local.toordinal() - _EPOCH_ORDINAL
    seconds = days * 86400 + local.hour * 3600 + local.minute * 60 + local.second - offset_s
    return _in_range(seconds * NS_PER_S + int(fraction.ljust(9, "0")), text)


def _offset_s(match: re.Match[str], local: dt.datetime, policy: Policy) -> int:
    """Return the offset from UTC in seconds that the text names, or that the policy's zone had then."""
    if match["sign"]:
        hours, minutes = int(match["oh"]), int(match["om"] or 0)
        if hours > 23 or minutes > 59:
            raise _bad_time(match[0], "its offset is none")
        return (hours * 3600 + minutes * 60) * (1 if match["sign"] == "+" else -1)
    if match["zone"]:
        return 0
    zone = policy.zone
    offset = local.replace(tzinfo=zone).utcoffset()
    if offset is None:
        raise _bad_time(match[0], f"{policy.timezone} has no offset then")
    try:
        back = (local - offset).replace(tzinfo=dt.UTC).astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        return round(offset.total_seconds())
    if back != local:
        raise _bad_time(match[0], f"the clocks of {policy.timezone} skipped that time")
    return round(offset.total_seconds())


def _in_range(ns: int, value: object) -> int:
    if not _MIN_NS <= ns <= _MAX_NS:
        raise _bad_time(value, "it is outside the years 1 to 9999")
    return ns


def _bad_time(value: object, why: str) -> Unmappable:
    return Unmappable(Reason.BAD_TIMESTAMP, f"{_shown(value)} cannot be read as an instant: {why}")


def rfc3339(ns: int) -> str:
    """Write an instant as UTC RFC 3339 with `Z` and just the fraction digits it has."""
    seconds, fraction = divmod(ns, NS_PER_S)
    days, rest = divmod(seconds, 86400)
    day = dt.date.fromordinal(_EPOCH_ORDINAL + days)
    # date.isoformat pads the year to four digits, which strftime does not everywhere.
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{day.isoformat()}T{clock}{('.' + f'{fraction:09}'.rstrip('0')) if fraction else ''}Z"


def utc_date(ns: int) -> str:
    """Return the UTC date of an instant as YYYY-MM-DD."""
    return dt.date.fromordinal(_EPOCH_ORDINAL + ns // (86400 * NS_PER_S)).isoformat()


def ns_of(moment: dt.datetime) -> int:
    """Return an aware datetime as nanoseconds since the epoch.

    Raises:
        ValueError: `moment` is naive; a naive time is converted where it enters, not here.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    delta = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return ((delta.days * 86400 + delta.seconds) * 10**6 + delta.microseconds) * 1000


def split_topics(text: str) -> list[str]:
    """Split `show, performance` on commas, trim, drop blanks; order and doubles stay (`clickhouse.comments`)."""
    return [topic for topic in map(trim, text.split(",")) if topic]


def number_text(value: float) -> str:
    """Write a number so that reading it back gives the same int or the same IEEE double."""
    return repr(value)


def _shown(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 1000:
        return f"an integer of {value.bit_length()} bits"
    text = repr(value) if not isinstance(value, Decimal) else str(value)
    return text if len(text) <= 200 else text[:200] + "…"
