"""What can be wrong with a request or a store, as RFC 9457 problems: the closed list of kinds, and their body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from src.errors import AppError

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:tv-analytics:problem:"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its name, the HTTP status it comes with, and the title every problem of it has."""

    name: str
    status: int
    title: str

    @property
    def type(self) -> str:
        """The URI that stands as `type` in the body. A URN: it names the kind and is not to be fetched."""
        return _TYPE_PREFIX + self.name


OLD_PARAMETER = Kind("old-parameter", 400, "A parameter of the old schema")
OLD_VALUE = Kind("old-value", 400, "A value of the old schema")
UNKNOWN_PARAMETER = Kind("unknown-parameter", 400, "A parameter that this endpoint does not have")
REPEATED_PARAMETER = Kind("repeated-parameter", 400, "A parameter given more than once")
UNKNOWN_PROGRAM = Kind("unknown-program", 404, "No such program")
UNKNOWN_COMMENT = Kind("unknown-comment", 404, "No such comment")
NO_SUCH_PATH = Kind("no-such-path", 404, "No such endpoint")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "The endpoint does not take this method")
INVALID_PARAMETER = Kind("invalid-parameter", 422, "A parameter's value cannot be used")
UNKNOWN_TIME_RANGE = Kind("unknown-time-range", 422, "No such time range")
BAD_RANGE = Kind("bad-range", 422, "A range that ends before it starts")
BAD_CURSOR = Kind("bad-cursor", 422, "A cursor that this search did not give")
INTERNAL = Kind("internal", 500, "A fault of the API")
STORE_REFUSED = Kind("store-refused", 502, "A store answered with an error")
STORE_UNAVAILABLE = Kind("store-unavailable", 503, "A store is away")
STORE_TOO_SLOW = Kind("store-too-slow", 504, "A store is too slow")

KINDS = (
    OLD_PARAMETER,
    OLD_VALUE,
    UNKNOWN_PARAMETER,
    REPEATED_PARAMETER,
    UNKNOWN_PROGRAM,
    UNKNOWN_COMMENT,
    NO_SUCH_PATH,
    METHOD_NOT_ALLOWED,
    INVALID_PARAMETER,
    UNKNOWN_TIME_RANGE,
    BAD_RANGE,
    BAD_CURSOR,
    INTERNAL,
    STORE_REFUSED,
    STORE_UNAVAILABLE,
    STORE_TOO_SLOW,
)


class Fault(BaseModel):
    """One wrong parameter of several."""

    model_config = ConfigDict(extra="forbid")

    parameter: str = Field(description="The query parameter's name.")
    detail: str = Field(description="What is wrong with its value.")


class Problem(BaseModel):
    """A problem as RFC 9457 has it; the members after `instance` are there where they say something."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"required": ["type", "title", "status", "detail"]})

    type: str = Field(description="The URN of the kind of problem; docs/api.md lists them.")
    title: str = Field(description="What the kind means, in a line.")
    status: int = Field(description="The HTTP status, again.")
    detail: str = Field(description="What was found, what was expected, what to do.")
    instance: str | None = Field(None, description="The path that was asked for.")
    parameter: str | None = Field(None, description="The query parameter that is wrong.")
    new_parameter: str | None = Field(None, description="What an old parameter is called now.")
    new_value: str | None = Field(None, description="What an old value is written as now, where the contract says it.")
    store: str | None = Field(None, description="The store that is away, too slow or refused.")
    errors: list[Fault] | None = Field(None, description="All wrong parameters, where there may be several.")


class ApiProblem(AppError):
    """Raised by the API's own code to answer with a problem of `kind`."""

    def __init__(self, kind: Kind, detail: str, **members: Any) -> None:
        """Say what is wrong; `members` are those of `Problem` after `instance`."""
        super().__init__(detail)
        self.kind = kind
        self.members: Mapping[str, Any] = members


def body(kind: Kind, detail: str, instance: str | None = None, **members: Any) -> dict[str, Any]:
    """Return the JSON object of a problem, without the members that say nothing."""
    problem = Problem(type=kind.type, title=kind.title, status=kind.status, detail=detail, instance=instance, **members)
    return problem.model_dump(exclude_none=True)
