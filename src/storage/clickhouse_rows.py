"""Rows of the new tables: records given are checked and written as rows, rows read come back as records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from src.errors import InvalidValue
from src.storage import checks, times
from src.storage.checks import Check
from tvmigrate.contract import new
from tvmigrate.contract.layout import Table

BATCH_ROWS = 10_000
# A block may touch 100 partitions, which are months: https://clickhouse.com/docs/operations/settings/settings#max_partitions_per_insert_block
BATCH_MONTHS = 90
_DATETIME64 = "DateTime64"
_DATETIME = "DateTime("
# What the types hold: https://clickhouse.com/docs/sql-reference/data-types/datetime64 and …/datetime
_DATETIME64_YEARS = (1900, 2299)
_DATETIME_YEARS = (1970, 2105)

METRIC: Mapping[str, Check] = {
    "program_id": checks.name,
    "timestamp": times.utc,
    "score": checks.number,
    "positive_count": checks.count,
    "negative_count": checks.count,
    "neutral_count": checks.count,
    "total_comments": checks.count,
}
AGGREGATE: Mapping[str, Check] = {
    "program_id": checks.name,
    "timestamp": times.utc,
    "topic": checks.name,
    "count": checks.count,
    "avg_sentiment": checks.number,
}
ANOMALY: Mapping[str, Check] = {
    "program_id": checks.name,
    "timestamp": times.utc,
    "metric": checks.name,
    "value": checks.number,
    "expected": checks.number,
    "deviation": checks.number,
    "severity": checks.name,
}


def row(table: Table, record: Mapping[str, Any]) -> list[Any]:
    """Return a checked record's values in the order of the table's columns, instants as the column's whole units.

    Raises:
        InvalidValue: an instant outside what the column holds.
    """
    return [_written(column.name, column.type, record[column.name]) for column in table.columns]


def _written(field: str, kind: str, value: Any) -> Any:
    if not isinstance(value, dt.datetime):
        return float(value) if isinstance(value, int) and "Float64" in kind else value
    first, last = _DATETIME64_YEARS if kind.startswith(_DATETIME64) else _DATETIME_YEARS
    if not first <= value.year <= last:
        raise InvalidValue(
            field, f"{field} is {times.text_of(value)}: the table of ClickHouse holds the years {first} to {last}."
        )
    return times.milliseconds(value) if kind.startswith(_DATETIME64) else times.seconds(value)


def record(table: Table, values: Sequence[Any]) -> dict[str, Any]:
    """Return a row as a dict by column, instants as datetimes in UTC."""
    return {
        column.name: _read(column.type)(value) for column, value in zip(table.columns, values, strict=True)
    }


def _read(kind: str) -> Callable[[Any], Any]:
    if kind.startswith(_DATETIME64):
        return times.of_milliseconds
    return times.of_seconds if kind.startswith(_DATETIME) else lambda value: value


def batches(what: str, table: Table, given: Iterable[object], check: Callable[[object], Mapping[str, Any]]) -> Iterator[list[list[Any]]]:
    """Check records one by one and yield them as rows, as many at a time as one insert may hold.

    Raises:
        InvalidValue: a record cannot be written; it says which, and how many before it were yielded.
    """
    rows: list[list[Any]] = []
    months: set[tuple[int, int]] = set()
    yielded = 0
    for position, one in enumerate(given):
        try:
            checked = check(one)
            rows.append(row(table, checked))
        except InvalidValue as error:
            raise InvalidValue(
                error.field,
                f"The {what} at position {position} (from 0) cannot be written; the {yielded} first are. {error}",
            ) from error
        months.add((checked["timestamp"].year, checked["timestamp"].month))
        if len(rows) == BATCH_ROWS or len(months) == BATCH_MONTHS:
            yield rows
            yielded += len(rows)
            rows, months = [], set()
    if rows:
        yield rows


def aggregate(given: object) -> dict[str, Any]:
    """Check a row of `comment_aggregates`."""
    return checks.record("aggregate", given, AGGREGATE)


def metric(given: object) -> dict[str, Any]:
    """Check a row of `eaos_metrics`, and that its counts add up."""
    known = checks.record("EAOS metric", given, METRIC)
    names = new.EAOS_METRICS.column_names
    *parts, total = names[-4:]
    checks.total(total, known[total], **{part: known[part] for part in parts})
    return known


def anomaly(given: object) -> dict[str, Any]:
    """Check a row of `anomalies`."""
    return checks.record("anomaly", given, ANOMALY)
