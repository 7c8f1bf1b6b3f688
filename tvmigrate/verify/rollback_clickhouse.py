"""Whether a rollback brought ClickHouse back: tables, columns, engine, keys and rows, and nothing else left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tvmigrate.contract.layout import literal, quoted
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.dataset.model import TableFiles
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.clickhouse_canonical import Kind, decode, expression, kind_of
from tvmigrate.verify.clickhouse_compare import Comparison, Row, Shape, Side
from tvmigrate.verify.compare import ABSENT, differences, shown
from tvmigrate.verify.context import Context
from tvmigrate.verify.findings import Direction, Finding, Phase
from tvmigrate.verify.reference import live_databases, live_tables

_RULE = Rule.ROLLBACK_CLICKHOUSE
_DATETIME = re.compile(r"(?:Nullable\()?DateTime(?:64\((?P<scale>\d+))?")


def _check(name: str, claim: str) -> Check:
    return Check(f"rollback.clickhouse{name}", Phase.ROLLBACK, Store.CLICKHOUSE, _RULE, claim)


ROWS = _check("", "Assert that every row of every old table is back, column for column, as often as it was there.")
SCHEMA = _check("-schema", "Assert that every old table is back with its columns, types, codecs, engine and keys.")
EXTRA = _check("-extra", "Assert that no table or database is left that was not there before the migration.")


@examines(SCHEMA, EXTRA)
def tables(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare what ClickHouse says of its tables with what it said before the migration."""
    baseline = context.reference.baseline
    live = live_tables(context.clients)
    schema, extra = sheets[SCHEMA.id], sheets[EXTRA.id]
    schema.old_side_has(len(baseline.all_tables))
    for name, before in baseline.all_tables.items():
        schema.saw()
        for finding in _schema_findings(name, before, live.get(name)):
            schema.find(finding)
    extra.saw()
    for name in sorted(live.keys() - baseline.all_tables.keys()):
        extra.saw()
        note = f"The table {name} was not there before the migration. A rollback leaves nothing new behind: drop it."
        columns = live[name]["columns"]
        twins = [one for one, before in baseline.all_tables.items() if before["columns"] == columns and one in live]
        if twins:
            note += f" It has the columns of {twins[0]}, which is there: a RENAME of the one to the other is refused."
        extra.find(_finding(Direction.EXTRA, note, new=name, field="table", actual=live[name]["engine"]))
    for name in sorted(live_databases(context.clients) - baseline.databases):
        note = f"The database {name} was not there before the migration. A rollback leaves nothing new behind: drop it."
        extra.find(_finding(Direction.EXTRA, note, new=name, field="database", actual=name))


def _schema_findings(name: str, before: Mapping[str, Any], after: Mapping[str, Any] | None) -> Iterator[Finding]:
    if after is None:
        note = (
            f"The table {name} is not there. A rollback brings every old table back under its name, from a copy "
            "that was made before anything touched it."
        )
        yield _finding(Direction.MISSING, note, old=name, new=name, field="table", expected=before["engine"])
        return
    for fact in before:
        if fact == "columns":
            continue
        if before[fact] != after[fact]:
            note = f"The {fact} of {name} is not what it was."
            yield _finding(
                Direction.SCHEMA, note, old=name, new=name, field=fact, expected=before[fact], actual=after[fact]
            )
    for path, one, other in differences(list(before["columns"]), list(after["columns"]), "columns"):
        note = f"{path} of {name} is not what it was."
        direction = Direction.MISSING if other is ABSENT else Direction.SCHEMA
        yield _finding(direction, note, old=name, new=name, field=path, expected=shown(one), actual=shown(other))


@examines(ROWS)
def rows(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare every row of the dataset's tables with the reference, by digest, then what differs row by row."""
    sheet = sheets[ROWS.id]
    for table in context.reference.dataset.tables.values():
        _compare(context, sheet, table)


def _compare(context: Context, sheet: Sheet, table: TableFiles) -> None:
    client, name = context.clients.clickhouse, f"{table.database}.{table.name}"
    whole = f"{quoted(table.database)}.{quoted(table.name)}"
    columns_of = (
        "SELECT name, type FROM system.columns WHERE default_kind NOT IN ('ALIAS', 'EPHEMERAL')"
        f" AND database = {literal(table.database)} AND table = {literal(table.name)} ORDER BY position"
    )
    mine = {row["name"]: row["type"] for row in context.reference.tables.query(columns_of)}
    (counted,) = context.reference.tables.query(f"SELECT toString(count()) AS n FROM {whole}")
    sheet.old_side_has(int(counted["n"]))
    theirs = {str(column): str(kind) for column, kind in client.query(columns_of).result_rows}
    if not theirs:
        note = f"The table {name} is not there, so none of its {counted['n']} rows is."
        sheet.find(_finding(Direction.MISSING, note, old=name, new=name, expected=int(counted["n"]), actual=0))
        return
    if mine != theirs:
        # The schema check says how; rows of other columns are not the old rows.
        note = f"The columns of {name} are not the old ones, so its rows are not the old rows either."
        sheet.find(_finding(Direction.CHANGED, note, old=name, new=name, field="columns", expected=mine, actual=theirs))
        return
    columns = tuple(mine)
    # The first column, since it names the record where the sorting key does not.
    named = (columns[0], *context.reference.baseline.all_tables[name]["sorting_key"].split(", "))
    key = tuple(dict.fromkeys(column for column in named if column in mine))
    shape = Shape(columns, tuple(map(_kind, mine.values())), key)
    side = Side(whole, tuple(_canonical(column, kind) for column, kind in mine.items()))
    comparison = Comparison.of(context.reference.tables, client, shape, side, side, int(counted["n"]))
    sheet.saw(max(comparison.expected_digests.rows, comparison.actual_digests.rows, 1))
    for difference in comparison.differences():
        for finding in _row_findings(name, shape, difference.expected, difference.actual, difference.fields):
            sheet.find(finding)


def _kind(column_type: str) -> Kind:
    kind = kind_of(column_type)
    # An instant as text, to its own precision and not to the new layout's.
    return Kind.TEXT if kind is Kind.INSTANT else kind


def _canonical(column: str, column_type: str) -> str:
    """Return the SQL of a column's canonical string that has every digit, whatever its type."""
    name = quoted(column)
    if match := _DATETIME.match(column_type):
        text = f"toString(toDateTime64({name}, {match['scale'] or 0}, 'UTC'))"
        return f"CAST(ifNull(concat('=', {text}), '-') AS String)"
    found = expression(_kind(column_type), name, column_type)
    return found or f"CAST(ifNull(concat('=', toJSONString({name})), '-') AS String)"


def _row_findings(
    table: str, shape: Shape, expected: Row | None, actual: Row | None, fields: tuple[str, ...]
) -> Iterator[Finding]:
    one, other = _record(shape, expected), _record(shape, actual)
    if one is None or other is None:
        record = one or other or {}
        name = f"{table} {' '.join(str(record[column]) for column in shape.key)}"
        direction = Direction.MISSING if other is None else Direction.EXTRA
        how = "is not there as often as it was" if other is None else "is there more often than it was"
        note = f"The row {name} {how}. A rollback brings every old row back, once."
        side = "old" if other is None else "new"
        yield _finding(direction, note, expected=one, actual=other, **{side: name})
        return
    name = f"{table} {' '.join(str(one[column]) for column in shape.key)}"
    for field in fields:
        note = f"{field} of the row {name} is {other[field]!r:.200} and was {one[field]!r:.200}."
        yield _finding(
            Direction.CHANGED, note, old=name, new=name, field=field, expected=one[field], actual=other[field]
        )


def _record(shape: Shape, row: Row | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {name: decode(kind, text) for name, kind, text in zip(shape.names, shape.kinds, row, strict=True)}


def _finding(direction: Direction, note: str, **where: Any) -> Finding:
    return Finding(Store.CLICKHOUSE, _RULE, direction, note, **where)
