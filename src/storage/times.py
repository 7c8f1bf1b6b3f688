"""Instants as the application gives them (datetimes) and as the stores hold them (text, milliseconds, seconds)."""

from __future__ import annotations

import datetime as dt

from src.errors import InvalidValue
from tvmigrate.contract import values
from tvmigrate.contract.outcome import Unmappable
from tvmigrate.contract.policy import Policy

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_UTC_POLICY = Policy(keep_entities=True)  # text without an offset is UTC: the stores hold nothing else


def now() -> dt.datetime:
    """Return the present instant, in UTC."""
    return dt.datetime.now(dt.UTC)


def utc(field: str, moment: dt.datetime) -> dt.datetime:
    """Return `moment` as an aware datetime in UTC; a naive one is the machine's local time, as `datetime.now()` is.

    Raises:
        InvalidValue: it is no datetime, or lies outside the years 1 to 9999.
    """
    if not isinstance(moment, dt.datetime):
        raise InvalidValue(
            field, f"{field} is {moment!r:.200}: expected is a datetime, aware or (the machine's local time) naive."
        )
    try:
        return moment.astimezone(dt.UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise InvalidValue(field, f"{field} is {moment!r}, which is outside the years 1 to 9999 in UTC.") from error


def text_of(moment: dt.datetime) -> str:
    """Write an aware datetime as the contract does (`value.timestamp`): UTC RFC 3339 with `Z`, to the microsecond."""
    return values.rfc3339(values.ns_of(moment))


def date_of(moment: dt.datetime) -> str:
    """Return the UTC date of an aware datetime as YYYY-MM-DD."""
    return values.utc_date(values.ns_of(moment))


def milliseconds(moment: dt.datetime) -> int:
    """Return an aware datetime as milliseconds since the epoch; finer digits are cut off."""
    return values.ns_of(moment) // values.NS_PER_MS


def seconds(moment: dt.datetime) -> int:
    """Return an aware datetime as seconds since the epoch; finer digits are cut off."""
    return values.ns_of(moment) // values.NS_PER_S


def of_milliseconds(count: int) -> dt.datetime:
    """Return the instant `count` milliseconds after the epoch."""
    return _EPOCH + dt.timedelta(milliseconds=count)


def of_seconds(count: int) -> dt.datetime:
    """Return the instant `count` seconds after the epoch."""
    return _EPOCH + dt.timedelta(seconds=count)


def of_stored(value: object) -> dt.datetime:
    """Read a stored timestamp, text or a number as `value.timestamp` has it, as an aware datetime in UTC.

    A datetime holds microseconds: the seventh to ninth digit, which migrated data may have, is cut off.

    Raises:
        ValueError: it cannot be read as an instant.
    """
    try:
        nanoseconds = values.instant(value, _UTC_POLICY)
    except Unmappable as why:
        raise ValueError(why.detail) from None
    return _EPOCH + dt.timedelta(microseconds=nanoseconds // 1000)


def period(start: dt.datetime | None, end: dt.datetime | None) -> tuple[dt.datetime | None, dt.datetime | None]:
    """Return both ends of a period in UTC; both belong to it, None leaves a side open.

    Raises:
        InvalidValue: one is no datetime, or the period ends before it starts.
    """
    first = None if start is None else utc("start", start)
    last = None if end is None else utc("end", end)
    if first is not None and last is not None and first > last:
        raise InvalidValue(
            "end",
            f"end is {text_of(last)}, before start, which is {text_of(first)}: give start ≤ end, or leave one out.",
        )
    return first, last


def utc_day(field: str, day: dt.date | str) -> str:
    """Return a UTC date as YYYY-MM-DD.

    Raises:
        InvalidValue: it is neither a `datetime.date` nor text of this form. A datetime is refused: which date it means
            depends on a time zone.
    """
    if isinstance(day, dt.date) and not isinstance(day, dt.datetime):
        return day.isoformat()
    try:
        if isinstance(day, str) and dt.date.fromisoformat(day).isoformat() == day:
            return day
    except ValueError:
        pass
    raise InvalidValue(field, f"{field} is {day!r:.100}: expected is a UTC date, a datetime.date or text YYYY-MM-DD.")
