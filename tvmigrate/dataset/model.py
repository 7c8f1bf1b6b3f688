"""The parts of a dataset on disk as values (contract §6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

RowFormat = Literal["JSONEachRow", "Parquet"]

STRING, LIST, SET, ZSET, HASH, STREAM, DUMP = "string", "list", "set", "zset", "hash", "stream", "dump"
REDIS_TYPES = (STRING, LIST, SET, ZSET, HASH, STREAM, DUMP)


@dataclass(frozen=True, slots=True)
class RedisKey:
    """One Redis key.

    `value` is, by `type`: `string` bytes; `list` and `set` a list of bytes; `zset` a list of (member, score); `hash` a
    dict of bytes; `stream` a list of (id, dict of bytes); `dump` the bytes of Redis's DUMP. `ttl_ms` is what the key
    has left to live, None for one that does not expire. `line` is where it stands in `redis.ndjson`, 0 elsewhere.
    """

    db: int
    key: bytes
    type: str
    ttl_ms: int | None
    value: Any
    line: int = 0


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """One Elasticsearch document: its `_id` and the JSON text of its `_source`, character for character."""

    id: str
    source: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class TableFiles:
    """A ClickHouse table: its database and name, its CREATE TABLE statement, the file of its rows and that format."""

    database: str
    name: str
    create: str
    rows: Path
    format: RowFormat


@dataclass(frozen=True, slots=True)
class IndexFiles:
    """An Elasticsearch index: what it is created with, and the file of its documents."""

    name: str
    settings: Mapping[str, Any]
    mappings: Mapping[str, Any]
    aliases: Mapping[str, Any]
    documents: Path


# The columns that such rows have, of `system.columns`: what the server reckons itself is no old data.
ROWS_COLUMNS = "default_kind NOT IN ('ALIAS', 'MATERIALIZED', 'EPHEMERAL')"

# How ClickHouse writes and reads the rows of a dataset: instants as UTC whatever zone the server or a column has, NaN
# and infinities as text, every double bit for bit, and nothing filled in silently.
# https://clickhouse.com/docs/operations/settings/formats
ROWS_OUTPUT_SETTINGS: Mapping[str, str | int] = {
    "session_timezone": "UTC",
    "date_time_output_format": "iso",
    "output_format_json_quote_denormals": 1,
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_escape_forward_slashes": 0,
    "output_format_json_named_tuples_as_objects": 1,
    "output_format_json_validate_utf8": 0,
}
ROWS_INPUT_SETTINGS: Mapping[str, str | int] = {
    "session_timezone": "UTC",
    "date_time_input_format": "best_effort",
    "input_format_null_as_default": 0,
    "input_format_skip_unknown_fields": 0,
    "input_format_allow_errors_num": 0,
    "input_format_parallel_parsing": 0,  # so that an error names the row it stands in
    "precise_float_parsing": 1,
    "async_insert": 0,
}
