"""Parameters and values of the old schema, and what each is called now; the pairs come from the contract."""

from __future__ import annotations

from src.api import problems
from src.api.problems import ApiProblem
from tvmigrate.contract.old import SPELLINGS
from tvmigrate.contract.outcome import Unmappable
from tvmigrate.contract.values import TIME_RANGES, sentiment

PROGRAM_ID, TIME_RANGE, SENTIMENT, TOPIC = "program_id", "time_range", "sentiment", "topic"
_TOPICS = "topics"

# An old name → the API's. The windows' names are the guide's and the contract's (`trend:{window}m`); the rest are the
# spellings that old writers used for a field which is a filter here.
OLD_PARAMETERS = {
    "time_window": TIME_RANGE,
    "window": TIME_RANGE,
    **{
        old: new
        for field, new in ((PROGRAM_ID, PROGRAM_ID), (SENTIMENT, SENTIMENT), (_TOPICS, TOPIC))
        for old in SPELLINGS[field]
        if old != new
    },
}


def new_time_range(value: str) -> str | None:
    """Return what an old window is now, `15`, `15m` as in `trend:15m`, or None where it is no old window."""
    return TIME_RANGES.get(value.removesuffix("m"))


def new_sentiment(value: str) -> str | None:
    """Return the label an old or differently written one is now, or None where it is none."""
    try:
        return sentiment(value).value
    except Unmappable:
        return None


def new_value(parameter: str, value: str) -> str | None:
    """Return what an old `value` of the new `parameter` is now, or None where the contract alone does not say."""
    if parameter == TIME_RANGE:
        return new_time_range(value)
    if parameter == SENTIMENT:
        return new_sentiment(value)
    if parameter == PROGRAM_ID and "/" not in value:
        return None  # the contract leaves it to the operator
    return value


def old_parameter(name: str, value: str, declared: frozenset[str]) -> ApiProblem:
    """Return the problem of a request that says `name=value` as of old; `declared` is what its endpoint takes."""
    parameter = OLD_PARAMETERS[name]
    now = new_value(parameter, value)
    detail = f"{name} is a parameter of the old schema: it is {parameter} now"
    if parameter == TIME_RANGE and now is None:
        detail += f", one of {', '.join(TIME_RANGES.values())}, and {value!r} was no window of old"
    elif parameter == PROGRAM_ID and now is None:
        detail += (
            f". What {value!r} became was said when it was migrated: SHOW/{value} with --show SHOW, "
            "the same with --keep-entities, or what the entity map says"
        )
    elif now is not None:
        detail += f", so {name}={value} is {parameter}={now}"
    if parameter not in declared:
        detail += f". This endpoint takes no {parameter}"
    return ApiProblem(problems.OLD_PARAMETER, f"{detail}.", parameter=name, new_parameter=parameter, new_value=now)


def old_value(parameter: str, value: str, now: str) -> ApiProblem:
    """Return the problem of a `value` of the old schema under a name of the new one."""
    return ApiProblem(
        problems.OLD_VALUE,
        f"{parameter}={value} is as the old schema wrote it: it is {parameter}={now} now.",
        parameter=parameter,
        new_parameter=parameter,
        new_value=now,
    )
