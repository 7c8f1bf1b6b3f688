"""The new ClickHouse tables as objects: columns, types, engine, keys; what is left of the old ones (contract §2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from clickhouse_connect.driver.client import Client as ClickHouse

from tvmigrate.contract import new, old
from tvmigrate.contract.layout import Table, literal, quoted
from tvmigrate.contract.old_layout import At, OldTable
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.clickhouse_rows import compare_old_rows, reference_count, reference_has
from tvmigrate.verify.context import Context, OldEndState, QuarantineKind
from tvmigrate.verify.findings import Direction, Finding, Phase
from tvmigrate.verify.quarantine import rows_of

# What people call a table that they keep to go back to.
_COPY = re.compile(r"_(?:backup|bak|bkp|copy|old|saved)(?:_|$)")


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """A row of `system.columns`: type and everything that may be said of a column beside it, empty where it is not."""

    name: str
    type: str
    default_kind: str
    default_expression: str
    codec: str


@dataclass(frozen=True, slots=True)
class LiveTable:
    """A row of `system.tables` with its columns in order; `create` is its CREATE statement as the server prints it."""

    name: str
    engine: str
    order_by: str
    primary_key: str
    partition_by: str
    sample_by: str
    create: str
    columns: tuple[LiveColumn, ...]


def live_tables(client: ClickHouse, database: str = new.DATABASE) -> dict[str, LiveTable]:
    """Return the tables and views of `database` by name; empty if there is no such database."""
    where = f"WHERE database = {literal(database)}"
    columns: dict[str, list[LiveColumn]] = {}
    for table, *column in client.query(
        "SELECT table, name, type, toString(default_kind), default_expression, compression_codec"
        f" FROM system.columns {where} ORDER BY table, position"
    ).result_rows:
        columns.setdefault(table, []).append(LiveColumn(*map(str, column)))
    rows = client.query(
        "SELECT name, engine, sorting_key, primary_key, partition_key, sampling_key, create_table_query"
        f" FROM system.tables {where} ORDER BY name"
    ).result_rows
    found = []
    for name, *facts in rows:
        engine, order_by, primary_key, partition_by, sample_by, create = facts
        live = tuple(columns.get(name, ()))
        found.append(LiveTable(name, engine, order_by, primary_key, partition_by, sample_by, create, live))
    return {table.name: table for table in found}


def schema_check(table: Table) -> Check:
    """Return the check of one table's definition."""
    return Check(
        f"clickhouse.schema.{table.name}",
        Phase.MIGRATION,
        Store.CLICKHOUSE,
        Rule.CLICKHOUSE_SCHEMA,
        f"Assert that {table.name} has exactly the contract's columns, types, engine, sorting and partition key.",
    )


_SCHEMA_CHECKS = {table.name: schema_check(table) for table in (*new.TABLES, *new.OWN_TABLES)}


@examines(*(_SCHEMA_CHECKS[table.name] for table in new.TABLES))
def new_tables(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare each new table with the contract's."""
    live = live_tables(context.clients.clickhouse)
    for table in new.TABLES:
        compare_table(sheets[_SCHEMA_CHECKS[table.name].id], table, live.get(table.name))


def keeps_quarantine_tables(context: Context) -> str:
    """Return why the quarantine and archive tables are not judged, empty if they are."""
    if context.quarantine is QuarantineKind.TABLE:
        return ""
    return f"{new.QUARANTINE.name} and {new.ARCHIVE.name} are not judged: the migration keeps such records elsewhere."


@examines(*(_SCHEMA_CHECKS[table.name] for table in new.OWN_TABLES), applies=keeps_quarantine_tables)
def own_tables(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare the quarantine and the archive table with the contract's."""
    live = live_tables(context.clients.clickhouse)
    for table in new.OWN_TABLES:
        compare_table(sheets[_SCHEMA_CHECKS[table.name].id], table, live.get(table.name))


def compare_table(sheet: Sheet, table: Table, live: LiveTable | None) -> None:
    """Find what tells `live`, None where there is none, from the contract's `table`."""
    sheet.saw()
    name = f"{new.DATABASE}.{table.name}"
    if live is None:
        note = f"There is no table {name}. Create it as the contract says: {table.create(new.DATABASE)}"
        sheet.find(
            Finding(Store.CLICKHOUSE, Rule.CLICKHOUSE_SCHEMA, Direction.MISSING, note, new=name, expected=table.name)
        )
        return

    def differs(field: str, expected: Any, actual: Any, what: str) -> None:
        if expected != actual:
            note = f"{what} of {name} is {_said(actual)}, and should be {_said(expected)}."
            sheet.find(
                Finding(
                    Store.CLICKHOUSE,
                    Rule.CLICKHOUSE_SCHEMA,
                    Direction.SCHEMA,
                    note,
                    new=name,
                    field=field,
                    expected=expected,
                    actual=actual,
                )
            )

    was = next((one for one in old.TABLES if one.name == table.name), None)
    names = [column.name for column in live.columns]
    # An old table may have columns besides the contract's.
    if was is not None and set(was.column_names).issubset(names) and not set(table.column_names).issubset(names):
        note = (
            f"{name} still is the old table, with its columns {', '.join(names)}: CREATE TABLE IF NOT "
            "EXISTS keeps a table that is there, and says nothing. Build the new one under another name, then exchange "
            "the two."
        )
        sheet.find(Finding(Store.CLICKHOUSE, Rule.CLICKHOUSE_SCHEMA, Direction.SCHEMA, note, old=name, new=name))
    differs("engine", table.engine, live.engine, "The engine")
    differs("order by", ", ".join(table.order_by), live.order_by, "The sorting key")
    differs("primary key", ", ".join(table.order_by), live.primary_key, "The primary key")
    differs("partition by", table.partition_by or "", _unwrapped(live.partition_by), "The partition key")
    differs("sample by", "", live.sample_by, "The sampling key")
    for clause in ("TTL", "CONSTRAINT", "PROJECTION", "INDEX"):
        differs(clause.lower(), "", clause if _has_clause(live.create, clause) else "", f"The {clause} clause")
    _compare_columns(table, live, differs)


def _compare_columns(table: Table, live: LiveTable, differs: Any) -> None:
    found = {column.name: column for column in live.columns}
    for column in table.columns:
        actual = found.get(column.name)
        differs(column.name, column.type, actual.type if actual else None, f"The type of column {column.name}")
        if actual is not None:
            for aspect, said in (
                ("default", f"{actual.default_kind} {actual.default_expression}".strip()),
                ("codec", actual.codec),
            ):
                differs(f"{column.name} {aspect}", "", said, f"The {aspect} of column {column.name}")
    for extra in found.keys() - set(table.column_names):
        differs(extra, None, found[extra].type, f"The type of column {extra}")
    order = [column.name for column in live.columns if column.name in table.column_names]
    wanted = [name for name in table.column_names if name in found]
    differs("columns", wanted, order, "The order of the columns")


def _said(value: Any) -> str:
    return "absent" if value in (None, "") else f"{value}"


def _unwrapped(key: str) -> str:
    """Return a key without parentheses around the whole of it: `(toYYYYMM(timestamp))` is `toYYYYMM(timestamp)`."""
    while key.startswith("("):
        depths = accumulate({"(": 1, ")": -1}.get(letter, 0) for letter in key)
        closed_at = next((at for at, depth in enumerate(depths) if depth == 0), None)
        if closed_at != len(key) - 1 or "," in key:
            return key
        key = key[1:-1]
    return key


def _has_clause(create: str, clause: str) -> bool:
    """Say whether a CREATE statement has a clause, apart from names and text in quotes."""
    bare = re.sub(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`", "''", create)
    return re.search(rf"\b{clause}\b", bare) is not None


ANOMALIES = Check(
    "clickhouse.anomalies",
    Phase.MIGRATION,
    Store.CLICKHOUSE,
    Rule.CLICKHOUSE_ANOMALIES,
    f"Assert that {new.ANOMALIES.name} is there and empty, since nothing old maps to it.",
)


@examines(ANOMALIES)
def anomalies_empty(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Find rows in a table that nothing old maps to."""
    sheet, table = sheets[ANOMALIES.id], new.ANOMALIES.name
    name = f"{new.DATABASE}.{table}"
    sheet.saw()
    counted = rows_of(context, table, f"SELECT count() FROM {quoted(new.DATABASE)}.{quoted(table)}")
    if counted is None:
        note = f"There is no table {name}; it is created empty."
        sheet.find(
            Finding(Store.CLICKHOUSE, Rule.CLICKHOUSE_ANOMALIES, Direction.MISSING, note, new=name, expected=table)
        )
        return
    ((rows,),) = counted
    if rows:
        note = f"{name} holds {rows} rows; nothing old maps to it, so it is created empty."
        sheet.find(
            Finding(
                Store.CLICKHOUSE, Rule.CLICKHOUSE_ANOMALIES, Direction.EXTRA, note, new=name, expected=0, actual=rows
            )
        )


OLD_TABLES = Check(
    "clickhouse.old-tables",
    Phase.MIGRATION,
    Store.CLICKHOUSE,
    Rule.CLICKHOUSE_SCHEMA,
    "Assert that no old table is left under its old name (or, with --old kept, is there whole), and that a copy kept "
    "aside holds just the old rows.",
)


@examines(OLD_TABLES)
def old_tables(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Judge what is left of the old tables, and that the tables of others are as they were."""
    sheet = sheets[OLD_TABLES.id]
    layout, before = context.policy.layout, context.reference.baseline.all_tables
    # Copies stand beside what they are copies of, or beside the new tables.
    live = {
        At(database, name): table
        for database in dict.fromkeys((layout.database, new.DATABASE))
        for name, table in live_tables(context.clients.clickhouse, database).items()
    }
    sheet.saw()
    _under_old_name(context, sheet, live)
    come = [at for at in live if str(at) not in before]
    for table in layout.tables:
        kept = [at for at in come if at.name.startswith(new.kept_table(table.name, ""))]
        for at in kept:
            compare_old_rows(context, sheet, table, at)
        for at in sorted(set(come) - set(kept), key=str):
            _empty_copy(context, sheet, table, at, live[at])


def _empty_copy(context: Context, sheet: Sheet, table: OldTable, at: At, live: LiveTable) -> None:
    """Find a table that by its name and columns is a copy of an old one, and holds nothing of it.

    By its name too, since a quarantine of whole rows has the same columns, and is empty where every row maps.
    """
    named = live.name.startswith(f"{table.name}_") and _COPY.search(live.name.removeprefix(table.name))
    if not named or not {*table.theirs.values()} <= {column.name for column in live.columns}:
        return
    had = reference_count(context, table)
    whole, query = str(at), f"SELECT count() FROM {at.place}"
    if had and not int(context.clients.clickhouse.query(query).result_rows[0][0]):
        note = (
            f"{whole} is named as a copy of {table.name} and holds none of its {had} rows: CREATE TABLE … AS copies "
            "columns, no rows, so there is nothing to go back to. Fill it by INSERT … SELECT and compare it."
        )
        sheet.saw()
        sheet.find(
            Finding(
                Store.CLICKHOUSE, Rule.CLICKHOUSE_SCHEMA, Direction.MISSING, note, old=str(table.at),
                new=whole, field="rows", expected=had, actual=0,
            )
        )  # fmt: skip


def _left(context: Context, table: OldTable, live: LiveTable) -> Finding:
    """Return the finding about what stands under the name of an old table: the table, or something else."""
    store, rule, name, whole = Store.CLICKHOUSE, Rule.CLICKHOUSE_SCHEMA, table.name, str(table.at)
    before = context.reference.baseline.all_tables.get(whole, {}).get("engine", live.engine)
    if live.engine != before:
        note = (
            f"A {live.engine} stands under the old name {whole}, which was a {before}. Nothing is left there: a "
            "rollback needs the name, and who still reads it does not get the old columns and rows."
        )
        return Finding(
            store, rule, Direction.EXTRA, note, old=whole, new=whole, field="engine", expected=None, actual=live.engine
        )
    target = (new.RAW_COMMENTS if table.is_comments else new.EAOS_METRICS).name
    note = (
        f"{whole} is still there under its old name. After the migration its rows are in {target} and "
        f"the old table is kept as {new.kept_table(name, '…')}, or gone; a migration that is meant to leave it is "
        "judged with --old kept."
    )
    return Finding(store, rule, Direction.EXTRA, note, old=whole, actual=name)


def _under_old_name(context: Context, sheet: Sheet, live: Mapping[At, LiveTable]) -> None:
    ours = {At(new.DATABASE, table.name) for table in new.TABLES}
    for table in context.policy.layout.tables:
        if table.at in ours:  # in the contract `eaos_metrics` is the name of a new table too, and not free to stay
            continue
        if context.old_end_state is OldEndState.REMOVED and table.at in live:
            sheet.find(_left(context, table, live[table.at]))
        elif context.old_end_state is OldEndState.KEPT and reference_has(context, table):
            if table.at in live:
                compare_old_rows(context, sheet, table, table.at)
            else:
                note = f"{table.at} is gone, and with --old kept it is to stay."
                sheet.find(
                    Finding(
                        Store.CLICKHOUSE, Rule.CLICKHOUSE_SCHEMA, Direction.MISSING, note, old=str(table.at),
                        expected=table.name,
                    )
                )  # fmt: skip
