"""What endpoints answer with: the clients' records as models, so that no field stands here a second time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model

from src.storage import records
from tvmigrate.contract.values import Sentiment

_STRICT = ConfigDict(extra="forbid")
StoreName = Literal["redis", "clickhouse", "elasticsearch"]


def _json_number(value: object) -> object:
    """Sorted sets hold infinities, which JSON cannot: they are told as the contract writes them on disk, `"inf"`."""
    return str(value) if isinstance(value, float) and math.isinf(value) else value


_Count = Annotated[int, Field(ge=0)]
# A whole number that was stored as one stays one: as a float it would lose its last digits beyond 2^53.
_Number = Annotated[int | float, WithJsonSchema({"type": "number"})]
_Score = Annotated[int | float | Literal["inf", "-inf"], BeforeValidator(_json_number)]
_NARROWER: Mapping[Any, Any] = {
    int: _Count,
    float: _Number,
    float | None: _Number | None,
    records.JsonObject: dict[str, Any],
}


def _model(record: type, **others: Any) -> type[BaseModel]:
    """Return the model of a record that a client gives; `others` are fields whose type is said here."""
    fields: dict[str, Any] = {
        name: (others.get(name, _NARROWER.get(hint, hint)), ...) for name, hint in get_type_hints(record).items()
    }
    return create_model(record.__name__, __config__=_STRICT, __doc__=record.__doc__, **fields)


EaosState = _model(records.EaosState)
Trend = _model(records.Trend, score=_Score)
Event = _model(records.Event)
EaosMetric = _model(records.EaosMetric)
TopicCount = _model(records.TopicCount)
Anomaly = _model(records.Anomaly)
Document = _model(records.Document, sentiment=Sentiment)
FoundComment = _model(records.FoundComment, sentiment=Sentiment)


class Program(BaseModel):
    """A program, and which stores know it."""

    model_config = _STRICT

    program_id: str
    stores: list[Literal["redis", "clickhouse"]]


class Count(BaseModel):
    """How many there are."""

    model_config = _STRICT

    count: _Count


class StoreHealth(BaseModel):
    """How one store answers a ping."""

    model_config = _STRICT

    status: Literal["up", "down"]
    latency_ms: float = Field(description="Milliseconds until it answered, or until it was given up.")
    error: str | None


class Health(BaseModel):
    """All stores by name; `up` when each answers."""

    model_config = _STRICT

    status: Literal["up", "down"]
    stores: dict[StoreName, StoreHealth]


class Readiness(BaseModel):
    """Whether requests should be sent here: while at least one store answers."""

    model_config = _STRICT

    ready: bool
    away: list[StoreName] = Field(description="The stores that do not answer.")


def page_of(item: type[BaseModel] | type[str], name: str) -> type[BaseModel]:
    """Return the model of a page of `item`s: `items`, and in `next` the path of the page after it, or null."""
    fields: dict[str, Any] = {
        "items": (list[item], ...),  # type: ignore[valid-type]
        "next": (str | None, Field(description="Path and query of the next page; null on the last.")),
    }
    return create_model(f"PageOf{name}", __config__=_STRICT, __doc__="A page, and where the next one is.", **fields)
