"""The period that a call speaks of: `start`, `end`, or `last`, as datetimes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from src.agent.errors import InvalidArguments, Problem

_UNITS = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_ALLOWED = "an ISO 8601 date or instant, such as 2025-11-20 or 2025-11-20T13:05:00+07:00"


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to `end`, aware datetimes; None is open."""

    start: dt.datetime | None = None
    end: dt.datetime | None = None

    def __bool__(self) -> bool:
        return self.start is not None or self.end is not None


def read_period(tool: str, arguments: Mapping[str, Any], now: dt.datetime | None = None) -> Period:
    """Read the arguments `start`, `end` and `last` of `tool`.

    Raises:
        InvalidArguments: one cannot be read, `last` stands beside another, or `start` is after `end`.
    """
    last = arguments.get("last")
    beside = [name for name in ("start", "end") if arguments.get(name) is not None]
    if last is not None:
        if beside:
            given = arguments[beside[0]]
            raise InvalidArguments(tool, [Problem(beside[0], "nothing beside last, which says the period", given)])
        now = now or dt.datetime.now(dt.UTC)
        number = int(last.rstrip("minhdw"))
        return Period(now - dt.timedelta(**{_UNITS[last.lstrip("0123456789")]: number}), now)
    read: dict[str, dt.datetime | None] = {"start": None, "end": None}
    problems = []
    for name in beside:
        try:
            read[name] = _instant(arguments[name])
        except (ValueError, OverflowError):
            problems.append(Problem(name, _ALLOWED, arguments[name]))
    if problems:
        raise InvalidArguments(tool, problems)
    start, end = read["start"], read["end"]
    if start is not None and end is not None and start > end:
        raise InvalidArguments(
            tool, [Problem("start", f"an instant before end, {arguments['end']}", arguments["start"])]
        )
    return Period(start, end)


def _instant(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text.strip())
    return moment.astimezone(dt.UTC)  # a naive one is the machine's local time
