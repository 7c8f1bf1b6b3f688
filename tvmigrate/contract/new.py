"""The new layout (contract §2): keys, tables, index, and the names of what the migration keeps aside."""

from __future__ import annotations

from tvmigrate.contract.layout import Column, Index, Table
from tvmigrate.contract.values import TIME_RANGES

DATABASE = "tv_analytics"
REDIS_DB = 0

EAOS_PREFIX = "eaos:current:"
TRENDS_PREFIX = "trends:top:"
EVENTS_PREFIX = "events:"

SCORE, POSITIVE, NEGATIVE, NEUTRAL, TOTAL, UPDATED_AT = (
    "score",
    "positive",
    "negative",
    "neutral",
    "total",
    "updated_at",
)
EAOS_FIELDS = (SCORE, POSITIVE, NEGATIVE, NEUTRAL, TOTAL, UPDATED_AT)

EVENT_TYPE, EVENT_METRIC, EVENT_PROGRAM_ID, EVENT_TIMESTAMP, EVENT_VALUE, EVENT_DATA = (
    "type",
    "metric",
    "program_id",
    "timestamp",
    "value",
    "data",
)
EVENT_FIELDS = (EVENT_TYPE, EVENT_METRIC, EVENT_PROGRAM_ID, EVENT_TIMESTAMP, EVENT_VALUE, EVENT_DATA)
METRIC_EVENT = "metric"


def eaos_key(program_id: str) -> str:
    """Return `eaos:current:{program_id}`."""
    return EAOS_PREFIX + program_id


def trend_key(time_range: str) -> str:
    """Return `trends:top:{time_range}`."""
    return TRENDS_PREFIX + time_range


def events_key(program_id: str, date: str) -> str:
    """Return `events:{program_id}:{date}`; `date` is a UTC date, YYYY-MM-DD."""
    return f"{EVENTS_PREFIX}{program_id}:{date}"


TREND_KEYS = tuple(trend_key(time_range) for time_range in TIME_RANGES.values())

_PROGRAM_ID = Column("program_id", "LowCardinality(String)")
_INSTANT = Column("timestamp", "DateTime64(3, 'UTC')")
_MONTHLY = "toYYYYMM(timestamp)"

EAOS_METRICS = Table(
    "eaos_metrics",
    (
        _PROGRAM_ID,
        _INSTANT,
        Column("score", "Float64"),
        Column("positive_count", "UInt64"),
        Column("negative_count", "UInt64"),
        Column("neutral_count", "UInt64"),
        Column("total_comments", "UInt64"),
    ),
    order_by=("program_id", "timestamp"),
    partition_by=_MONTHLY,
)
COMMENT_AGGREGATES = Table(
    "comment_aggregates",
    (
        _PROGRAM_ID,
        Column("timestamp", "DateTime('UTC')"),
        Column("topic", "LowCardinality(String)"),
        Column("count", "UInt64"),
        Column("avg_sentiment", "Float64"),
    ),
    order_by=("program_id", "topic", "timestamp"),
    partition_by=_MONTHLY,
)
ANOMALIES = Table(
    "anomalies",
    (
        _PROGRAM_ID,
        _INSTANT,
        Column("metric", "LowCardinality(String)"),
        Column("value", "Float64"),
        Column("expected", "Float64"),
        Column("deviation", "Float64"),
        Column("severity", "LowCardinality(String)"),
    ),
    order_by=("program_id", "metric", "timestamp"),
    partition_by=_MONTHLY,
)
RAW_COMMENTS = Table(
    "raw_comments",
    (
        Column("comment_id", "String"),
        _PROGRAM_ID,
        Column("text", "String"),
        Column("username", "String"),
        _INSTANT,
        Column("sentiment", "Enum8('negative' = -1, 'neutral' = 0, 'positive' = 1)"),
        Column("sentiment_score", "Float64"),
        Column("engagement_score", "Float64"),
        Column("topics", "Array(LowCardinality(String))"),
        Column("eaos_score", "Nullable(Float64)"),
    ),
    order_by=("program_id", "timestamp", "comment_id"),
    partition_by=_MONTHLY,
)
QUARANTINE = Table(
    "migration_quarantine",
    (
        Column("run_id", "String"),
        Column("store", "LowCardinality(String)"),
        Column("source", "String"),
        Column("record_key", "String"),
        Column("reason", "LowCardinality(String)"),
        Column("detail", "String"),
        Column("record", "String"),
        Column("quarantined_at", "DateTime64(3, 'UTC')"),
    ),
    order_by=("store", "source", "record_key"),
    partition_by="toYYYYMM(quarantined_at)",
)
ARCHIVE = Table(
    "migration_archive",
    (
        Column("run_id", "String"),
        Column("store", "LowCardinality(String)"),
        Column("source", "String"),
        Column("record_key", "String"),
        Column("fields", "String"),
        Column("archived_at", "DateTime64(3, 'UTC')"),
    ),
    order_by=("store", "source", "record_key"),
    partition_by="toYYYYMM(archived_at)",
)
TABLES = (EAOS_METRICS, COMMENT_AGGREGATES, ANOMALIES, RAW_COMMENTS)
OWN_TABLES = (QUARANTINE, ARCHIVE)  # the migration's, gone after a rollback

DOCUMENT_FIELDS = (
    "comment_id",
    "program_id",
    "text",
    "username",
    "timestamp",
    "sentiment",
    "sentiment_score",
    "engagement_score",
    "topics",
)
ALIAS = "tv_comments"
INDEX = Index(
    "tv_comments_v2",
    alias=ALIAS,
    mappings={
        "dynamic": "strict",
        "properties": {
            "comment_id": {"type": "keyword"},
            "program_id": {"type": "keyword"},
            "text": {"type": "text"},
            "username": {"type": "keyword"},
            "timestamp": {"type": "date"},
            "sentiment": {"type": "keyword"},
            "sentiment_score": {"type": "float"},
            "engagement_score": {"type": "float"},
            "topics": {"type": "keyword"},
        },
    },
)


def kept_table(table: str, run: str) -> str:
    """Return the name under which an old ClickHouse table is kept until `finish`."""
    return f"{table}_old_{run}"


def kept_index(index: str, run: str) -> str:
    """Return the name of the closed-to-writes clone of an old index, kept until `finish`."""
    return f"{index}_old_{run}"


# Elasticsearch's and Lucene's limits: bytes of a keyword and of an _id, and the largest float.
# https://www.elastic.co/docs/reference/elasticsearch/mapping-reference/ignore-above
MAX_KEYWORD_BYTES = 32_766
MAX_ID_BYTES = 512
MAX_FLOAT = 3.4028235e38  # rounds to the largest float, and Elasticsearch takes it
