"""Whether a live table holds just the rows that it held before anything began, whatever its columns are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tvmigrate.contract.layout import literal, quoted
from tvmigrate.dataset.model import TableFiles
from tvmigrate.verify.check import Sheet
from tvmigrate.verify.clickhouse_canonical import Kind, decode, expression, hashed, kind_of
from tvmigrate.verify.clickhouse_compare import Comparison, Difference, Row, Shape, Side
from tvmigrate.verify.context import Context
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.law import Law

_DATETIME = re.compile(r"(?:Nullable\()?DateTime(?:64\((?P<scale>\d+))?")


def compare_rows(context: Context, sheet: Sheet, table: TableFiles, law: Law) -> None:
    """Find how the rows of a live table differ from those of the dataset's, by digest, then row by row."""
    client, name = context.clients.clickhouse, f"{table.database}.{table.name}"
    whole = f"{quoted(table.database)}.{quoted(table.name)}"
    columns_of = (
        "SELECT name, type FROM system.columns WHERE default_kind NOT IN ('ALIAS', 'EPHEMERAL')"
        f" AND database = {literal(table.database)} AND table = {literal(table.name)} ORDER BY position"
    )
    mine = {row["name"]: row["type"] for row in context.reference.tables.query(columns_of)}
    rows = context.reference.tables.count(table.database, table.name)
    sheet.old_side_has(rows)
    theirs = {str(column): str(kind) for column, kind in client.query(columns_of).result_rows}
    if not theirs:
        note = f"The table {name} is not there, so none of its {rows} rows is."
        sheet.find(law.finding(Direction.MISSING, note, old=name, new=name, expected=rows, actual=0))
        return
    if mine != theirs:
        # The schema check says how; rows of other columns are not the old rows.
        note = f"The columns of {name} are not the old ones, so its rows are not the old rows either."
        sheet.find(
            law.finding(Direction.CHANGED, note, old=name, new=name, field="columns", expected=mine, actual=theirs)
        )
        return
    columns = tuple(mine)
    # The first column, since it names the record where the sorting key does not.
    named = (columns[0], *context.reference.baseline.all_tables[name]["sorting_key"].split(", "))
    key = tuple(dict.fromkeys(column for column in named if column in mine))
    shape = Shape(columns, tuple(map(_kind, mine.values())), key)
    side = Side(
        whole,
        tuple(_canonical(column, kind) for column, kind in mine.items()),
        tuple(_hashed(column, kind) for column, kind in mine.items()),
    )
    comparison = Comparison.of(context.reference, client, shape, side, side, rows)
    sheet.saw(max(comparison.expected_digests.rows, comparison.actual_digests.rows, 1))
    if rows and not comparison.actual_digests.rows:
        note = f"The table {name} is there and empty: none of its {rows} rows is. {law.says}"
        sheet.find(
            law.finding(Direction.MISSING, note, old=name, new=name, field="rows", expected=rows, actual=0), times=rows
        )
        return
    for difference in comparison.differences():
        for finding in _row_findings(law, name, shape, difference):
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


def _hashed(column: str, column_type: str) -> str:
    found = None if _DATETIME.match(column_type) else hashed(_kind(column_type), quoted(column), column_type)
    return found or f"xxHash64({_canonical(column, column_type)})"


def _row_findings(law: Law, table: str, shape: Shape, difference: Difference) -> Iterator[Finding]:
    one, other = _record(shape, difference.expected), _record(shape, difference.actual)
    if one is None or other is None:
        record = one or other or {}
        name = f"{table} {' '.join(str(record[column]) for column in shape.key)}"
        direction = Direction.MISSING if other is None else Direction.EXTRA
        how = "is not there as often as it was" if other is None else "is there more often than it was"
        note = f"The row {name} {how}. {law.says}"
        side = "old" if other is None else "new"
        yield law.finding(direction, note, expected=one, actual=other, **{side: name})
        return
    name = f"{table} {' '.join(str(one[column]) for column in shape.key)}"
    for field in difference.fields:
        note = f"{field} of the row {name} is {other[field]!r:.200} and was {one[field]!r:.200}."
        yield law.finding(
            Direction.CHANGED, note, old=name, new=name, field=field, expected=one[field], actual=other[field]
        )


def _record(shape: Shape, row: Row | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {name: decode(kind, text) for name, kind, text in zip(shape.names, shape.kinds, row, strict=True)}
