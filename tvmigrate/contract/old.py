"""The old layout (contract §1): key patterns, tables, and the spellings of one field."""

from __future__ import annotations

from collections.abc import Mapping

from tvmigrate.contract.layout import Column, Index, Table

DATABASE = "tv_analytics"
REDIS_DB = 0

EAOS_PREFIX = b"eaos:"
TREND_PREFIX = b"trend:"
TREND_SUFFIX = b"m"
METRICS_PREFIX = b"metrics:"

# The JSON of an eaos key, and of an item of a metrics list.
EAOS_SCORE = "score"
EAOS_METADATA = "metadata"
EAOS_POSITIVE, EAOS_NEGATIVE, EAOS_NEUTRAL, EAOS_TOTAL = "positive", "negative", "neutral", "total"
EAOS_UPDATED_AT = "updated_at"
EAOS_OLDER_TIMESTAMP = "timestamp"
ITEM_ENTITY, ITEM_VALUE, ITEM_TIMESTAMP = "entity", "value", "timestamp"

COMMENTS = Table(
    "comments",
    (
        Column("comment_id", "String"),
        Column("entity", "String"),
        Column("text", "String"),
        Column("username", "String"),
        Column("created_at", "DateTime"),
        Column("sentiment", "String"),
        Column("sentiment_score", "Float32"),
        Column("engagement", "Float32"),
        Column("topics", "String"),
        Column("eaos_score", "Nullable(Float32)"),
    ),
    order_by=("entity", "created_at"),
)
EAOS_METRICS = Table(
    "eaos_metrics",
    (
        Column("entity", "String"),
        Column("eaos_score", "Float32"),
        Column("sentiment_breakdown", "String"),
        Column("comment_count", "UInt32"),
        Column("recorded_at", "DateTime"),
    ),
    order_by=("entity", "recorded_at"),
)
TABLES = (COMMENTS, EAOS_METRICS)

INDEX = Index("tv_comments")

# New field → the spellings old writers used for it.
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "content", "comment_text"),
    "program_id": ("entity", "program", "program_id"),
    "timestamp": ("timestamp", "created_at", "ts"),
    "sentiment": ("sentiment", "sentiment_label"),
    "sentiment_score": ("sentiment_score", "score"),
    "engagement_score": ("engagement_score", "engagement"),
    "topics": ("topics", "tags"),
    "username": ("username", "user", "author"),
}
DOCUMENT_ID_FIELD = "comment_id"
