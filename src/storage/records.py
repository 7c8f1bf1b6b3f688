"""The shapes of what the clients give and take. A test holds each against the contract's own list of fields."""

from __future__ import annotations

import datetime as dt
from typing import Any, NotRequired, TypedDict

JsonObject = dict[str, Any]


class EaosState(TypedDict):
    """The current EAOS of a program (Redis). A score that was written as a whole number stays an `int`."""

    program_id: str
    score: float
    positive: int
    negative: int
    neutral: int
    total: int
    updated_at: dt.datetime


class Trend(TypedDict):
    """A topic of a time range and its score, which may be infinite in migrated data (Redis)."""

    topic: str
    score: float


class Event(TypedDict):
    """An event (Redis): of type `metric` with a metric and a value, of another type with or without them."""

    type: str
    metric: str | None
    program_id: str
    timestamp: dt.datetime
    value: float | None
    data: JsonObject


class EaosMetric(TypedDict):
    """A row of `eaos_metrics` (ClickHouse)."""

    program_id: str
    timestamp: dt.datetime
    score: float
    positive_count: int
    negative_count: int
    neutral_count: int
    total_comments: int


class Comment(TypedDict):
    """A comment to be written; `eaos_score` goes to ClickHouse alone, since Elasticsearch has no field for it."""

    comment_id: str
    program_id: str
    text: str
    username: str
    timestamp: dt.datetime
    sentiment: str
    sentiment_score: float
    engagement_score: float
    topics: list[str]
    eaos_score: NotRequired[float | None]


class Document(TypedDict):
    """A comment as Elasticsearch holds it."""

    comment_id: str
    program_id: str
    text: str
    username: str
    timestamp: dt.datetime
    sentiment: str
    sentiment_score: float
    engagement_score: float
    topics: list[str]


class FoundComment(Document):
    """A comment that a search found; `score` is its relevance, 0.0 for a search without a query."""

    score: float


class Aggregate(TypedDict):
    """A row of `comment_aggregates` (ClickHouse): a program, a 5-minute bucket by its start, and a topic."""

    program_id: str
    timestamp: dt.datetime
    topic: str
    count: int
    avg_sentiment: float


class Anomaly(TypedDict):
    """A row of `anomalies` (ClickHouse)."""

    program_id: str
    timestamp: dt.datetime
    metric: str
    value: float
    expected: float
    deviation: float
    severity: str


class TopicCount(TypedDict):
    """A topic, in how many comments it came up, and the mean sentiment of those comments, weighted by their number."""

    topic: str
    count: int
    avg_sentiment: float
