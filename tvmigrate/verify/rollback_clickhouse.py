"""Whether a rollback brought ClickHouse back: tables, columns, engine, keys and rows, and nothing else left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.clickhouse_same import compare_rows
from tvmigrate.verify.compare import ABSENT, differences, shown
from tvmigrate.verify.context import Context
from tvmigrate.verify.findings import Direction, Finding, Phase
from tvmigrate.verify.law import Law
from tvmigrate.verify.reference import live_databases, live_tables

_RULE = Rule.ROLLBACK_CLICKHOUSE
_BACK = Law(Store.CLICKHOUSE, _RULE, "A rollback brings every old row back, once.")


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
        compare_rows(context, sheet, table, _BACK)


def _finding(direction: Direction, note: str, **where: Any) -> Finding:
    return Finding(Store.CLICKHOUSE, _RULE, direction, note, **where)
