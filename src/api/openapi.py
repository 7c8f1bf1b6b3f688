"""What the OpenAPI document says of an endpoint's answers: an example of each, the problems included."""

from __future__ import annotations

from typing import Any, get_type_hints

from fastapi import FastAPI

from src.api import problems
from src.api.problems import Kind, Problem
from src.storage import records

_SCHEMAS = "#/components/schemas/"
_JSON = "application/json"
_NULL = "\0null"  # FastAPI takes every null out of the document, those of examples too: this stands for one until then
_AT = "2025-11-20T06:05:00Z"
_PROGRAM = "the_voice/contestant_1"


def _example(record: type, *values: Any) -> dict[str, Any]:
    return dict(zip(get_type_hints(record), values, strict=True))


EAOS_STATE = _example(records.EaosState, _PROGRAM, 0.82, 120, 15, 40, 175, _AT)
TREND = _example(records.Trend, "performance", 51.5)
EVENT = _example(records.Event, "metric", "engagement", _PROGRAM, _AT, 0.82, {"source": "live"})
EAOS_METRIC = _example(records.EaosMetric, _PROGRAM, _AT, 0.82, 120, 15, 40, 175)
TOPIC_COUNT = _example(records.TopicCount, "performance", 42, 0.61)
ANOMALY = _example(records.Anomaly, _PROGRAM, _AT, "score", 0.31, 0.8, -0.49, "high")
_COMMENT = (
    "c-1001",
    _PROGRAM,
    "Giọng hát tuyệt vời!",
    "viewer123",
    _AT,
    "positive",
    0.9,
    50.0,
    ["show", "performance"],
)
DOCUMENT = _example(records.Document, *_COMMENT)
# A record that extends another lists the other's fields first.
FOUND_COMMENT = _example(records.FoundComment, *_COMMENT, 1.37)

_STORE_DETAILS = {
    problems.STORE_REFUSED: "{store} answered with an error: …",
    problems.STORE_UNAVAILABLE: "{store} is away: the connection was refused. …",
    problems.STORE_TOO_SLOW: (
        "{store} did not answer within 3 s. The other stores' endpoints are not affected; ask again later, or for less."
    ),
}
_SAMPLES: dict[Kind, tuple[str, dict[str, Any]]] = {
    problems.OLD_PARAMETER: (
        "time_window is a parameter of the old schema: it is time_range now, so time_window=15 is time_range=15min.",
        {"parameter": "time_window", "new_parameter": "time_range", "new_value": "15min"},
    ),
    problems.OLD_VALUE: (
        "time_range=15 is as the old schema wrote it: it is time_range=15min now.",
        {"parameter": "time_range", "new_parameter": "time_range", "new_value": "15min"},
    ),
    problems.UNKNOWN_PARAMETER: (
        "This endpoint has no parameter 'page': its parameters are limit, offset.",
        {"parameter": "page"},
    ),
    problems.REPEATED_PARAMETER: ("limit is given 2 times: say it once.", {"parameter": "limit"}),
    problems.UNKNOWN_PROGRAM: (
        "redis holds no current EAOS of the program 'the_voice/nobody'. GET /v2/programs lists those there are.",
        {"parameter": "program_id"},
    ),
    problems.UNKNOWN_COMMENT: ("elasticsearch holds no comment 'c-0'.", {"parameter": "comment_id"}),
    problems.INVALID_PARAMETER: (
        "limit: Input should be greater than or equal to 1.",
        {
            "parameter": "limit",
            "errors": [{"parameter": "limit", "detail": "Input should be greater than or equal to 1"}],
        },
    ),
    problems.UNKNOWN_TIME_RANGE: (
        "time_range '30min' is none of 5min, 15min, 1hour.",
        {"parameter": "time_range"},
    ),
    problems.BAD_RANGE: (
        "start 2025-11-21T00:00:00+00:00 is after end 2025-11-20T00:00:00+00:00: exchange the two.",
        {"parameter": "start"},
    ),
    problems.BAD_CURSOR: (
        (
            "cursor belongs to a search with other filters or another sort. Take it from `next` of the page before, "
            "with the same parameters, or leave it off to begin anew."
        ),
        {"parameter": "cursor"},
    ),
    problems.INTERNAL: ("The API failed; its log says where. The stores were only read.", {}),
}
_OF_ANY = (problems.OLD_PARAMETER, problems.UNKNOWN_PARAMETER, problems.INTERNAL)
_OF_PARAMETERS = (problems.REPEATED_PARAMETER, problems.INVALID_PARAMETER)

Responses = dict[int | str, dict[str, Any]]


def page(item: Any, following: str | None = None) -> dict[str, Any]:
    """Return the example of a page of one `item`."""
    return {"items": [item], "next": following}


def answers(example: Any, *kinds: Kind, stores: tuple[str, ...] = (), takes_parameters: bool = True) -> Responses:
    """Return what an endpoint's `responses` are: 200 as in `example`, and the problems it may answer with.

    Args:
        example: the JSON of a good answer.
        kinds: the problems of this endpoint, beside those that any has.
        stores: those it asks, each of which may refuse, be away or be too slow.
        takes_parameters: whether it has any.
    """
    samples: dict[int, dict[str, Any]] = {}
    for kind in (*_OF_ANY, *(_OF_PARAMETERS if takes_parameters else ()), *kinds):
        detail, members = _SAMPLES[kind]
        samples.setdefault(kind.status, {})[kind.name] = _sample(kind, detail, members)
    for kind, detail in _STORE_DETAILS.items():
        for store in stores:
            sample = _sample(kind, detail.format(store=store), {"store": store})
            samples.setdefault(kind.status, {})[f"{kind.name}-{store}"] = sample
    responses: Responses = {200: {"content": {_JSON: {"example": keep_nulls(example)}}}}
    for status, named in sorted(samples.items()):
        titles = dict.fromkeys(sample["summary"] for sample in named.values())
        responses[status] = {
            "description": "; ".join(titles),
            "content": {problems.MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}{Problem.__name__}"}, "examples": named}},
        }
    return responses


def keep_nulls(example: Any, null: Any = None, kept: Any = _NULL) -> Any:
    """Return `example` with `kept` for every `null` in it, at any depth."""
    if isinstance(example, dict):
        return {name: keep_nulls(value, null, kept) for name, value in example.items()}
    if isinstance(example, list):
        return [keep_nulls(value, null, kept) for value in example]
    return kept if example == null else example


def _sample(kind: Kind, detail: str, members: dict[str, Any]) -> dict[str, Any]:
    return {"summary": kind.title, "value": problems.body(kind, detail, **members)}


class Documented(FastAPI):
    """FastAPI whose OpenAPI document knows the body of a problem, which no endpoint returns as its model."""

    def openapi(self) -> dict[str, Any]:
        """Return the document; it is made once."""
        if self.openapi_schema is None:
            schemas = super().openapi().setdefault("components", {}).setdefault("schemas", {})
            problem = Problem.model_json_schema(ref_template=_SCHEMAS + "{model}")
            schemas |= problem.pop("$defs", {}) | {Problem.__name__: problem}
            self.openapi_schema = keep_nulls(self.openapi_schema, _NULL, None)
        return super().openapi()
