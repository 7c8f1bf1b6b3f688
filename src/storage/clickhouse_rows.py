"""Rows of the new tables: records given are checked and written as rows, rows read come back as records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from src.errors import InvalidValue
from src.storage import checks, times
from src.storage.batches import Limits
from src.storage.checks import Check
from tvmigrate.contract import new
from tvmigrate.contract.layout import Table

BATCH_ROWS = 10_000
# A block may touch 100 partitions, which are months: https://clickhouse.com/docs/operations/settings/settings#max_partitions_per_insert_block
BATCH_PARTS = 50
_DATETIME64 = "DateTime64"
_DATETIME = "DateTime("
# What the types hold: https://clickhouse.com/docs/sql-reference/data-types/datetime64 and …/datetime
_DATETIME64_YEARS = (1900, 2299)
_DATETIME_YEARS = (1970, 2105)

PROGRAM_ID, TOPIC, TIMESTAMP = new.COMMENT_AGGREGATES.order_by
*_, COUNT, AVG_SENTIMENT = new.COMMENT_AGGREGATES.column_names
*_, SEVERITY = new.ANOMALIES.column_names

_METRIC: Mapping[str, Check] = dict(
    zip(
        new.EAOS_METRICS.column_names,
        (checks.name, times.utc, checks.number, checks.count, checks.count, checks.count, checks.count),
        strict=True,
    )
)
_AGGREGATE: Mapping[str, Check] = dict(
    zip(
        new.COMMENT_AGGREGATES.column_names,
        (checks.name, times.utc, checks.name, checks.count, checks.number),
        strict=True,
    )
)
_ANOMALY: Mapping[str, Check] = dict(
    zip(
        new.ANOMALIES.column_names,
        (checks.name, times.utc, checks.name, checks.number, checks.number, checks.number, checks.name),
        strict=True,
    )
)


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
    return {column.name: _read(column.type)(value) for column, value in zip(table.columns, values, strict=True)}


def _read(kind: str) -> Callable[[Any], Any]:
    if kind.startswith(_DATETIME64):
        return times.of_milliseconds
    return times.of_seconds if kind.startswith(_DATETIME) else lambda value: value


def limits(table: Table) -> Limits[list[Any]]:
    """Return what one insert into `table` may hold."""
    at = table.column_names.index(TIMESTAMP)
    in_day = 86_400 if table.columns[at].type.startswith(_DATETIME) else 86_400_000

    # Of 28 days or more is every month, so that no more months than these are touched.
    return Limits(records=BATCH_ROWS, parts=BATCH_PARTS, part=lambda values: values[at] // (28 * in_day))


def aggregate(given: object) -> dict[str, Any]:
    """Check a row of `comment_aggregates`."""
    return checks.record("aggregate", given, _AGGREGATE)


def metric(given: object) -> dict[str, Any]:
    """Check a row of `eaos_metrics`, and that its counts add up."""
    known = checks.record("EAOS metric", given, _METRIC)
    names = new.EAOS_METRICS.column_names
    *parts, total = names[-4:]
    checks.total(total, known[total], **{part: known[part] for part in parts})
    return known


def anomaly(given: object) -> dict[str, Any]:
    """Check a row of `anomalies`."""
    return checks.record("anomaly", given, _ANOMALY)
