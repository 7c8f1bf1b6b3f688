"""Old ClickHouse rows that do not map: read, given their reason, and shown as JSON for the quarantine."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from tvmigrate.contract import old
from tvmigrate.contract.outcome import Mapped, Quarantined, Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.rules import Row, clickhouse_comment, clickhouse_eaos_metric
from tvmigrate.contract.sql import TableRule
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.contract.values import NS_PER_S, rfc3339
from tvmigrate.migrate.clickhouse_tables import place
from tvmigrate.migrate.errors import NotEqual
from tvmigrate.migrate.spool import QuarantineRow

_MAPS: Mapping[str, Callable[[Mapping[str, Any], Policy], Mapped[Row] | Quarantined]] = {
    old.COMMENTS.name: clickhouse_comment,
    old.EAOS_METRICS.name: clickhouse_eaos_metric,
}
RULES: Mapping[str, Rule] = {
    old.COMMENTS.name: Rule.CLICKHOUSE_COMMENTS,
    old.EAOS_METRICS.name: Rule.CLICKHOUSE_EAOS_METRICS,
}
INSTANT: Mapping[str, str] = {old.COMMENTS.name: "created_at", old.EAOS_METRICS.name: "recorded_at"}


def record_key_sql(table: str) -> str:
    """Return the SQL of `record_key` for rows that are UTF-8 throughout."""
    shown = "replaceAll({}, '\\\\', '\\\\\\\\')"
    if table == old.COMMENTS.name:
        return shown.format("comment_id")
    instant = "formatDateTime(recorded_at, '%Y-%m-%dT%H:%i:%SZ', 'UTC')"
    return f"concat({shown.format('entity')}, '@', {instant})"


def unmapped(client: Client, rule: TableRule, policy: Policy) -> Iterator[QuarantineRow]:
    """Yield the rows that SQL does not map, each with the reason that the rules give.

    Raises:
        NotEqual: the rules in Python map a row that the same rules in SQL do not.
    """
    table = rule.source.name
    formats = {"String": "bytes", "FixedString": "bytes", "DateTime": "int"}
    with client.query_row_block_stream(rule.unmapped(place(table)), query_formats=formats) as blocks:
        names = blocks.source.column_names
        for block in blocks:
            for values in block:
                row = dict(zip(names, values, strict=True))
                key = _record_key(table, row)
                instant = INSTANT[table]
                outcome = _MAPS[table](row | {instant: row[instant] * NS_PER_S}, policy)
                if isinstance(outcome, Mapped):
                    raise NotEqual(
                        f"The row {key} of {table} maps by the rules in Python and does not by the same rules in SQL. "
                        "Nothing was switched. This is a fault in tvmigrate: please report the row."
                    )
                yield QuarantineRow(Store.CLICKHOUSE, table, key, outcome, _shown(row, instant))


def _record_key(table: str, row: Mapping[str, Any]) -> str:
    if table == old.COMMENTS.name:
        return show_bytes(row["comment_id"])
    return f"{show_bytes(row['entity'])}@{rfc3339(row['recorded_at'] * NS_PER_S)}"


def _shown(row: Mapping[str, Any], instant: str) -> str:
    """Return a row as JSON: bytes that are not UTF-8 as `{"b64": …}`, NaN and infinities as text (contract §6)."""
    moment = datetime.fromtimestamp(row[instant], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({k: _json(v) for k, v in {**row, instant: moment}.items()}, ensure_ascii=False)


def _json(value: Any) -> Any:
    match value:
        case bytes():
            try:
                return value.decode("utf-8")
            except UnicodeDecodeError:
                return {"b64": base64.b64encode(value).decode("ascii")}
        case float() if not math.isfinite(value):
            return str(value)
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [_json(item) for item in value]
        case dict():
            return {str(name): _json(item) for name, item in value.items()}
        case _:
            return str(value)
