"""The query parameters that endpoints share, how each is read, and the refusal of those that an endpoint has not.

The dependencies are async though they wait for nothing: FastAPI runs any other in a thread.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from pydantic import BeforeValidator

from src.api import old_style, problems
from src.api.problems import ApiProblem
from tvmigrate.contract.values import TIME_RANGES, Sentiment

MAX_LIMIT = 1_000
# One more is asked for than is given, to know whether there is a next page; the clients take up to 10,000.
MAX_OFFSET = 1_000_000

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_LOST_PLUS = re.compile(r"(.*\d) (\d\d:\d\d)", re.ASCII)


def instant(text: object) -> dt.datetime:
    """Read an RFC 3339 time as an aware UTC datetime; microseconds are kept.

    Raises:
        ValueError: it is none, has no offset, or is outside the years 1 to 9999 in UTC.
    """
    shown = str(text)
    if lost := _LOST_PLUS.fullmatch(shown):
        raise ValueError(
            f"{shown!r} has a blank where its offset begins: write + as %2B, {lost[1]}%2B{lost[2]}, or use Z"
        )
    if not _RFC_3339.fullmatch(shown):
        raise ValueError(f"{shown!r} is no RFC 3339 time with an offset, such as 2025-11-20T06:00:00Z")
    try:
        return dt.datetime.fromisoformat(shown.upper()).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{shown!r} is no instant: {error}") from None


def _date(text: object) -> dt.date:
    shown = str(text)
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", shown, re.ASCII):
            return dt.date.fromisoformat(shown)
    except ValueError as error:
        raise ValueError(f"{shown!r} is no date: {error}") from None
    raise ValueError(f"{shown!r} is no date as YYYY-MM-DD")


_PROGRAM = {"contestant": {"value": "the_voice/contestant_1"}}
_PROGRAM_TEXT = "The program's id, whole: `show/name`, or the old entity where entities were kept."
ProgramId = Annotated[str, Query(min_length=1, description=_PROGRAM_TEXT, openapi_examples=_PROGRAM)]
OptionalProgramId = Annotated[
    str | None, Query(min_length=1, description=f"{_PROGRAM_TEXT} All programs unless said.", openapi_examples=_PROGRAM)
]
Start = Annotated[
    dt.datetime | None,
    BeforeValidator(instant),
    Query(description="The first instant, RFC 3339 with an offset.", examples=["2025-11-20T00:00:00Z"]),
]
End = Annotated[
    dt.datetime | None,
    BeforeValidator(instant),
    Query(description="The last instant, RFC 3339 with an offset.", examples=["2025-11-21T00:00:00Z"]),
]
UtcDate = Annotated[
    dt.date,
    BeforeValidator(_date),
    Query(description="The events' UTC date, YYYY-MM-DD.", examples=["2025-11-20"]),
]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items a page holds.")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="How many items come before the page.")]
TimeRangeText = Annotated[
    str,
    Query(
        description="The time range of the trends.",
        json_schema_extra={"enum": list(TIME_RANGES.values())},
        examples=["15min"],
    ),
]
SentimentText = Annotated[
    str | None,
    Query(
        description="Only comments of this sentiment.",
        json_schema_extra={"enum": [label.value for label in Sentiment]},
        examples=["positive"],
    ),
]


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to `end`, aware datetimes in UTC; None is open."""

    start: dt.datetime | None
    end: dt.datetime | None


async def period(start: Start = None, end: End = None) -> Period:
    """Return the period that a request names; raises ApiProblem `bad-range` where it ends before it starts."""
    if start is not None and end is not None and start > end:
        raise ApiProblem(
            problems.BAD_RANGE,
            f"start {start.isoformat()} is after end {end.isoformat()}: exchange the two.",
            parameter="start",
        )
    return Period(start, end)


async def time_range(time_range: TimeRangeText) -> str:
    """Return a known time range; raises ApiProblem `old-value` for a window of old, `unknown-time-range` else."""
    if time_range in TIME_RANGES.values():
        return time_range
    if now := old_style.new_time_range(time_range):
        raise old_style.old_value(old_style.TIME_RANGE, time_range, now)
    raise ApiProblem(
        problems.UNKNOWN_TIME_RANGE,
        f"time_range {time_range!r} is none of {', '.join(TIME_RANGES.values())}.",
        parameter=old_style.TIME_RANGE,
    )


async def sentiment(sentiment: SentimentText = None) -> str | None:
    """Return a known label; raises ApiProblem `old-value` for a label of old, `invalid-parameter` else."""
    if sentiment is None or sentiment in set(Sentiment):
        return sentiment
    if now := old_style.new_sentiment(sentiment):
        raise old_style.old_value(old_style.SENTIMENT, sentiment, now)
    raise ApiProblem(
        problems.INVALID_PARAMETER,
        f"sentiment {sentiment!r} is none of {', '.join(Sentiment)}.",
        parameter=old_style.SENTIMENT,
    )


PeriodOf = Annotated[Period, Depends(period)]
TimeRange = Annotated[str, Depends(time_range)]
SentimentOf = Annotated[str | None, Depends(sentiment)]


async def refuse_undeclared(request: Request) -> None:
    """Refuse a parameter that the endpoint's OpenAPI operation does not declare, or one given twice.

    An unknown filter that is ignored gives an answer to another question than the one asked.

    Raises:
        ApiProblem: `old-parameter`, `unknown-parameter`, `repeated-parameter`.
    """
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    declared = _declared(request.app.openapi(), path)
    given = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if name in declared:
            if given.count(name) > 1:
                raise ApiProblem(
                    problems.REPEATED_PARAMETER,
                    f"{name} is given {given.count(name)} times: say it once.",
                    parameter=name,
                )
        elif name in old_style.OLD_PARAMETERS:
            raise old_style.old_parameter(name, request.query_params[name], declared)
        else:
            known = f"its parameters are {', '.join(sorted(declared))}" if declared else "it has none"
            raise ApiProblem(problems.UNKNOWN_PARAMETER, f"{path} has no parameter {name!r}: {known}.", parameter=name)


def _declared(openapi: dict[str, Any], path: str) -> frozenset[str]:
    operation = openapi["paths"].get(path, {}).get("get", {})
    return frozenset(parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query")
