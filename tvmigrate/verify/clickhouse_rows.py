"""Compare a live ClickHouse table with rows of the reference, and say each difference as a finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clickhouse_connect.driver.client import Client as ClickHouse

from tvmigrate.contract import new
from tvmigrate.contract.layout import Column, literal, quoted
from tvmigrate.contract.old_layout import At, OldTable
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.dataset.model import ROWS_COLUMNS
from tvmigrate.verify.check import Sheet
from tvmigrate.verify.clickhouse_canonical import Kind, decode, expression, hashed, kind_of
from tvmigrate.verify.clickhouse_compare import Comparison, Difference, Row, Shape, Side, expected_digests
from tvmigrate.verify.context import Context
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.made_rows import made_type


def reference_has(context: Context, table: OldTable) -> bool:
    """Return whether the old system had `table`."""
    found = context.reference.dataset.tables.get(table.name)
    return found is not None and found.database == table.database


def reference_count(context: Context, table: OldTable) -> int:
    """Return how many rows the old table had; 0 if there was none."""
    if not reference_has(context, table):
        return 0
    return context.reference.tables.count(table.database, table.name)


def live_types(client: ClickHouse, table: str, database: str = new.DATABASE) -> dict[str, str] | None:
    """Return column → type of a live table, in order; None if there is no such table."""
    rows = client.query(
        "SELECT name, type FROM system.columns"
        f" WHERE database = {literal(database)} AND table = {literal(table)} ORDER BY position"
    ).result_rows
    return {str(name): str(kind) for name, kind in rows} or None


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compared, and how its records are named.

    `table` is the live table's name, `columns` the expected ones, `query` the SELECT of the expected rows in the
    reference, None where the old system had none; `rows` is about how many there are. `sums` are summed of the expected
    rows too (`Side`).
    """

    rule: Rule
    table: str
    columns: Sequence[Column]
    key: tuple[str, ...]
    query: str | None
    rows: int
    old_name: Callable[[Mapping[str, Any]], str | None]
    tolerant: frozenset[str] = frozenset()
    sums: tuple[str, ...] = ()
    database: str = new.DATABASE

    @property
    def whole_name(self) -> str:
        """`database.table`."""
        return f"{self.database}.{self.table}"

    def new_name(self, record: Mapping[str, Any]) -> str:
        """Return how a finding names a row: table and key."""
        return f"{self.table} {' '.join(str(record[name]) for name in self.key if name in record)}"


@dataclass(frozen=True, slots=True)
class Compared:
    """How many rows each side has, how many expected ones are missing, and whether all is the same, columns too."""

    expected: int = 0
    actual: int = 0
    missing: int = 0
    same: bool = False


def _ignore(finding: Finding) -> None:
    """Take a finding about a missing row and do nothing."""


def compare_rows(
    context: Context, sheet: Sheet, subject: Subject, on_missing: Callable[[Finding], None] = _ignore
) -> Compared:
    """Compare every column of every row, both ways; a table or column that is not as it should be is a finding.

    Examines as many rows as the larger side has. `on_missing` is told of each row that is missing, too.
    """
    types = live_types(context.clients.clickhouse, subject.table, subject.database)
    if types is None:
        sheet.old_side_has(subject.rows)
        sheet.find(_no_table(subject))
        return Compared(subject.rows, 0, subject.rows)
    compared = []
    for column in subject.columns:
        kind, found = kind_of(column.type), types.get(column.name)
        actual = None if found is None else expression(kind, quoted(column.name), found)
        if actual is None:
            sheet.find(_no_column(subject, column, found))
        else:
            compared.append(column)
    if not compared:
        return Compared(subject.rows, 0, subject.rows)
    shape = _shape(subject, compared)
    live = f"{quoted(subject.database)}.{quoted(subject.table)}"
    comparison = Comparison.of(
        context.reference,
        context.clients.clickhouse,
        shape,
        _expected_side(subject, compared),
        _side(subject, live, compared, types),
        subject.rows,
    )
    due, there = comparison.expected_digests.rows, comparison.actual_digests.rows
    sheet.old_side_has(due)
    sheet.saw(max(due, there))
    missing = 0
    for difference in comparison.differences():
        for finding in _findings(subject, shape, difference):
            sheet.find(finding)
            if finding.direction is Direction.MISSING:
                missing += 1
                on_missing(finding)
    same = len(compared) == len(subject.columns) and not comparison.differing
    return Compared(due, there, missing, same)


def _shape(subject: Subject, columns: Sequence[Column]) -> Shape:
    names = tuple(column.name for column in columns)
    key = tuple(name for name in subject.key if name in names) or names
    return Shape(names, tuple(kind_of(column.type) for column in columns), key, subject.tolerant & set(names))


def expected_sums(context: Context, subject: Subject) -> tuple[int, ...]:
    """Return the totals of `subject.sums` over the expected rows, of the scan that `compare_rows` makes of them."""
    columns = subject.columns
    side = _expected_side(subject, columns)
    return expected_digests(context.reference, _shape(subject, columns), side, subject.rows).sums


def _expected_side(subject: Subject, columns: Sequence[Column]) -> Side:
    if subject.query is None:
        return Side("numbers(0)", tuple("''" for _ in columns), tuple("toUInt64(0)" for _ in columns))
    made = _side(subject, f"({subject.query})", columns, {column.name: made_type(column) for column in columns})
    return replace(made, sums=subject.sums)


def _side(subject: Subject, source: str, columns: Sequence[Column], types: Mapping[str, str]) -> Side:
    texts, hashes = [], []
    for column in columns:
        kind, name = kind_of(column.type), quoted(column.name)
        text = expression(kind, name, types[column.name])
        number = hashed(kind, name, types[column.name], coarse=column.name in subject.tolerant)
        if text is None or number is None:
            raise ValueError(f"the column {column.name} {types[column.name]} has no canonical form as {kind}")
        texts.append(text)
        hashes.append(number)
    return Side(source, tuple(texts), tuple(hashes))


def _findings(subject: Subject, shape: Shape, difference: Difference) -> list[Finding]:
    expected, actual = _record(shape, difference.expected), _record(shape, difference.actual)
    store = Store.CLICKHOUSE
    if expected is None:
        name = subject.new_name(actual or {})
        if difference.copies is not None:
            return [_copies(subject, Direction.EXTRA, actual or {}, difference.copies)]
        note = f"{name} comes from no old record: no row of the old table maps to it."
        return [Finding(store, subject.rule, Direction.EXTRA, note, new=name, actual=actual)]
    old_name = subject.old_name(expected)
    if actual is None:
        name = subject.new_name(expected)
        if difference.copies is not None:
            return [_copies(subject, Direction.MISSING, expected, difference.copies)]
        note = f"{name} is missing: the old table has a row that maps to it."
        return [Finding(store, subject.rule, Direction.MISSING, note, old=old_name, new=name, expected=expected)]
    name = subject.new_name(actual)
    return [
        Finding(
            store,
            subject.rule,
            Direction.CHANGED,
            f"{field} of {name} is {actual[field]!r}, and should be {expected[field]!r}.",
            old=old_name,
            new=name,
            field=field,
            expected=expected[field],
            actual=actual[field],
        )
        for field in difference.fields
    ]


def _copies(subject: Subject, direction: Direction, record: Mapping[str, Any], copies: tuple[int, int]) -> Finding:
    due, found = copies
    name = subject.new_name(record)
    why = (
        "an INSERT that is sent again writes its rows again"
        if found > due
        else "the old rows are equal, and each of them is a record"
    )
    note = f"{name} is there {_times(found)}, and should be {_times(due)}: {why}."
    return Finding(
        Store.CLICKHOUSE, subject.rule, direction, note, old=subject.old_name(record), new=name, field="copies",
        expected=due, actual=found,
    )  # fmt: skip


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _record(shape: Shape, row: Row | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {name: decode(kind, text) for name, kind, text in zip(shape.names, shape.kinds, row, strict=True)}


def _no_table(subject: Subject) -> Finding:
    note = f"There is no table {subject.whole_name}, so none of its rows can be there."
    return Finding(
        Store.CLICKHOUSE, subject.rule, Direction.MISSING, note, new=subject.whole_name, expected=subject.table
    )


def _no_column(subject: Subject, column: Column, found: str | None) -> Finding:
    what = f"has the type {found}, whose values cannot be compared" if found else "is missing"
    note = f"Column {column.name} of {subject.whole_name} {what}; it should be {column.type}."
    return Finding(
        Store.CLICKHOUSE,
        subject.rule,
        Direction.SCHEMA,
        note,
        new=subject.whole_name,
        field=column.name,
        expected=column.type,
        actual=found,
    )


def instant_name(record: Mapping[str, Any], entity: str, instant: str) -> str:
    """Return `entity@instant`, as records without an id are named."""
    return f"{record.get(entity)}@{record.get(instant)}"


def compare_old_rows(context: Context, sheet: Sheet, table: OldTable, live: At) -> None:
    """Compare every stored column of every row of a live table with what the old `table` had.

    What the server reckons itself is no old data: no dataset holds it.
    """
    if not reference_has(context, table):
        return
    columns = [
        Column(str(row["name"]), str(row["type"]))
        for row in context.reference.tables.query(
            "SELECT name, type FROM system.columns"
            f" WHERE database = {literal(table.database)} AND table = {literal(table.name)}"
            f" AND {ROWS_COLUMNS} ORDER BY position"
        )
    ]
    instants = {Kind.INSTANT}
    key = tuple(c.name for c in columns if c.name in table.order_by or kind_of(c.type) in instants)
    compare_rows(
        context,
        sheet,
        Subject(
            Rule.CLICKHOUSE_SCHEMA,
            live.name,
            columns,
            (table.their("comment_id"), *key) if table.is_comments else key,
            f"SELECT {', '.join(quoted(column.name) for column in columns)} FROM {table.place}",
            reference_count(context, table),
            lambda record: f"{table.name} {' '.join(str(record.get(name)) for name in table.order_by)}",
            database=live.database,
        ),
    )
