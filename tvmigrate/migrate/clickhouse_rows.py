"""Old ClickHouse rows that do not map: read, given their reason, and shown as JSON for the quarantine."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client

from tvmigrate.contract import exact_json
from tvmigrate.contract.layout import quoted
from tvmigrate.contract.old_layout import OldTable
from tvmigrate.contract.outcome import Mapped, Quarantined, Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.rules import Row, clickhouse_comment, clickhouse_eaos_metric
from tvmigrate.contract.sql import TableRule
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.contract.values import NS_PER_S, rfc3339
from tvmigrate.dataset.model import ROWS_OUTPUT_SETTINGS
from tvmigrate.dataset.redis_form import from_bytes, from_surrogates
from tvmigrate.migrate.clickhouse_tables import columns
from tvmigrate.migrate.errors import NotEqual
from tvmigrate.migrate.spool import QuarantineRow

_MAPS: Mapping[Rule, Callable[[Mapping[str, Any], Policy], Mapped[Row] | Quarantined]] = {
    Rule.CLICKHOUSE_COMMENTS: clickhouse_comment,
    Rule.CLICKHOUSE_EAOS_METRICS: clickhouse_eaos_metric,
}


def record_key_sql(table: OldTable, *, theirs: bool = False) -> str:
    """Return the SQL of `record_key` for rows that are UTF-8 throughout, over the meanings or over `theirs`."""

    def column(meaning: str) -> str:
        return quoted(table.their(meaning) if theirs else meaning)

    shown = "replaceAll({}, '\\\\', '\\\\\\\\')"
    if table.is_comments:
        return shown.format(column("comment_id"))
    instant = f"formatDateTime({column('recorded_at')}, '%Y-%m-%dT%H:%i:%SZ', 'UTC')"
    return f"concat({shown.format(column('entity'))}, '@', {instant})"


def unmapped(client: Client, rule: TableRule, policy: Policy) -> Iterator[QuarantineRow]:
    """Yield the rows that SQL does not map, each with the reason that the rules give.

    Raises:
        NotEqual: the rules in Python map a row that the same rules in SQL do not.
    """
    source = rule.source
    table, known = source.name, source.column_names
    extra = source.meaningless(columns(client, source.at))
    # An extra column may be of any type: the server writes it as JSON, which no Python value comes between. Of a NULL
    # toJSONString gives NULL.
    chosen = [
        *map(quoted, known),
        *(f"toJSONString({quoted(source.alias(name))}) AS e{n}" for n, name in enumerate(extra)),
    ]
    query = f"SELECT {', '.join(chosen)} FROM {source.read()} WHERE NOT ({rule.mapped})"
    formats = {"String": "bytes", "FixedString": "bytes", "DateTime": "int"}
    settings = dict(ROWS_OUTPUT_SETTINGS)
    with client.query_row_block_stream(query, query_formats=formats, settings=settings) as blocks:
        for block in blocks:
            for values in block:
                row = dict(zip(known, values[: len(known)], strict=True))
                key = _record_key(source, row)
                instant = source.instant
                outcome = _MAPS[source.rule](row | {instant: row[instant] * NS_PER_S}, policy)
                if isinstance(outcome, Mapped):
                    raise NotEqual(
                        f"The row {key} of {table} maps by the rules in Python and does not by the same rules in SQL. "
                        "Nothing was switched. This is a fault in tvmigrate: please report the row."
                    )
                others = dict(zip(extra, values[len(known) :], strict=True))
                yield QuarantineRow(Store.CLICKHOUSE, table, key, outcome, _record(source, row, others))


def _record_key(table: OldTable, row: Mapping[str, Any]) -> str:
    if table.is_comments:
        return show_bytes(row["comment_id"])
    return f"{show_bytes(row['entity'])}@{rfc3339(row['recorded_at'] * NS_PER_S)}"


def _record(table: OldTable, row: Mapping[str, Any], others: Mapping[str, bytes | None]) -> str:
    """Return a row as JSON, under their names (contract §7.20).

    Bytes that are not UTF-8 stand as `{"b64": …}`, NaN and infinities as text.
    """
    moment = datetime.fromtimestamp(row[table.instant], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = {**row, table.instant: moment}
    told = {theirs: _json(shown[meaning]) for meaning, theirs in table.theirs.items()}
    return exact_json.dump(told | {name: None if raw is None else _written(raw) for name, raw in others.items()})


def _json(value: Any) -> Any:
    if isinstance(value, bytes):
        return from_bytes(value)
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _written(raw: bytes) -> Any:
    """Return what the server wrote as JSON, with every digit of its numbers."""
    text = raw.decode("utf-8", "surrogateescape")
    return from_surrogates(json.loads(text, parse_float=Decimal, parse_int=_integer))


def _integer(digits: str) -> int | Decimal:
    if digits == "-0":  # a double: ClickHouse writes its -0.0 so
        return Decimal("-0.0")
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else Decimal(digits)
