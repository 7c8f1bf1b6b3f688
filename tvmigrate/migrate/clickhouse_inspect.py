"""ClickHouse before a migration: how many rows map, and what stands in the way."""

from __future__ import annotations

from collections.abc import Mapping

from clickhouse_connect.driver.client import Client

from tvmigrate.contract import new, sql
from tvmigrate.contract.old_layout import At, OldLayout, OldTable
from tvmigrate.contract.outcome import Fate, Store, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.values import program_id
from tvmigrate.migrate.clickhouse_rows import unmapped
from tvmigrate.migrate.clickhouse_tables import (
    DATABASE,
    columns,
    number,
    place,
    readers,
    rows,
    same_type,
    uuids,
    where,
)
from tvmigrate.migrate.spool import Spool
from tvmigrate.migrate.work import Found

# EXCHANGE TABLES is one step only in these (https://clickhouse.com/docs/sql-reference/statements/exchange).
_ENGINES = {"Atomic", "Replicated", "Shared"}
_TABLE_ENGINES = {"MergeTree", "ReplicatedMergeTree", "SharedMergeTree"}


def inspect(client: Client, policy: Policy, spool: Spool | None) -> Found:
    """Compare the live tables with the contract, and count what becomes of their rows into `spool`, unless None."""
    found = Found()
    layout = policy.layout
    engines = dict(rows(client, "SELECT name, engine FROM system.databases"))
    if layout.database not in engines:
        found.blockers.append(
            f"ClickHouse has no database {layout.database}; point CLICKHOUSE_URL at the server that holds the old "
            "tables."
        )
        return found
    found.blockers += [
        f"The ClickHouse database {name} has the engine {engines[name]}, in which tables cannot change places "
        "in one step; expected is Atomic. Move its tables into a database of that engine first."
        for name in dict.fromkeys((layout.database, DATABASE))
        if engines.get(name, "Atomic") not in _ENGINES
    ]
    there = uuids(client, layout.database)
    for table in layout.tables:
        if table.name not in there:
            found.blockers.append(
                f"The ClickHouse table {table.at} is missing; expected is the old table with the columns "
                f"{', '.join(table.theirs.values())}. Create it, empty if there is nothing to migrate."
            )
            continue
        blockers = _shape(client, table, layout)
        found.blockers += blockers
        if not blockers and spool is not None:
            _count(client, table, policy, spool, found)
    _in_the_way(client, layout, found)
    return found


def _shape(client: Client, table: OldTable, layout: OldLayout) -> list[str]:
    blockers = []
    actual = columns(client, table.at)
    new_columns = set(new.EAOS_METRICS.column_names)
    if new_columns <= set(actual) and not table.is_comments and not new_columns <= set(table.theirs.values()):
        sentence = (
            f"The ClickHouse table {table.at} already has the new columns. Move it away and bring the old "
            "table back, or migrate the other stores by hand."
        )
        return [sentence]
    for column in table.columns:
        name = table.theirs.get(column.name)
        if name is None:
            continue
        kind = actual.get(name)
        if kind is None:
            blockers.append(
                f"The ClickHouse table {table.at} has no column {name}; expected is {name} {column.type}. Add it with "
                f"ALTER TABLE {table.at} ADD COLUMN."
            )
        elif not same_type(kind, column.type):
            blockers.append(
                f"The column {name} of the ClickHouse table {table.at} is {kind}; expected is "
                f"{column.type}. Change it with ALTER TABLE {table.at} MODIFY COLUMN."
            )
    blockers += _unnamed(table, actual, layout)
    engine = rows(client, f"SELECT engine FROM system.tables WHERE {where(table.at)}")[0][0]
    if engine not in _TABLE_ENGINES:
        blockers.append(
            f"{table.at} in ClickHouse is a {engine}; expected is a MergeTree, whose rows are read as "
            "they are. Copy its rows into a MergeTree table of that name first."
        )
    blockers += [
        f"The {kind} {name} reads or writes the ClickHouse table {table.at}, which moves. Drop it, and "
        "create it anew on the new tables after the migration."
        for name, kind in readers(client, table.at)
    ]
    return blockers


def _unnamed(table: OldTable, actual: Mapping[str, str], layout: OldLayout) -> list[str]:
    """Return a blocker for each column of a layout of the site's own that its file does not name."""
    if not layout.from_file:
        return []
    there = [name for name in table.ignored if name not in actual]
    return [
        f"The layout file says nothing of the column {name} {actual[name]} of the ClickHouse table {table.at}. Say "
        f"what it means under clickhouse.{table.role.name}.columns, or name it under ignore there: then it goes to "
        "the archive."
        for name in table.meaningless(actual)
        if name not in table.ignored
    ] + [
        f"The ClickHouse table {table.at} has no column {name}, which the layout file names under ignore. Take it out "
        "there."
        for name in there
    ]


def _in_the_way(client: Client, layout: OldLayout, found: Found) -> None:
    there, olds = uuids(client), {table.at for table in layout.tables}
    for table in (*new.TABLES, *new.OWN_TABLES):
        if table.name not in there or At(DATABASE, table.name) in olds:
            continue
        same_shape = columns(client, table.name) == {column.name: column.type for column in table.columns}
        if same_shape and not number(client, f"SELECT count() FROM {place(table.name)}"):
            found.remarks.append(
                f"The ClickHouse table {DATABASE}.{table.name} is there already, empty: it is replaced."
            )
            continue
        whose = "holds the records that another run set aside" if table in new.OWN_TABLES else "is in the way"
        found.blockers.append(
            f"The ClickHouse table {DATABASE}.{table.name} is there already and {whose}; the migration makes it anew. "
            "Finish or roll back the run that made it, or rename or drop it."
        )


def _count(client: Client, table: OldTable, policy: Policy, spool: Spool, found: Found) -> None:
    rule = sql.comments(policy) if table.is_comments else sql.eaos_metrics(policy)
    total = number(client, f"SELECT count() FROM {table.place}")
    found.counts[f"rows of {table.name}"] = total
    aside = 0
    for row in unmapped(client, rule, policy):
        spool.quarantine(row)
        aside += 1
    mapped = total - aside
    spool.fate(table.rule, Store.CLICKHOUSE, Fate.MAPPED, mapped)
    spool.fate(table.rule, Store.CLICKHOUSE, Fate.QUARANTINED, aside)
    for column in table.meaningless(columns(client, table.at)):
        spool.count_extra(Store.CLICKHOUSE, table.name, column, mapped)
    condition = f" WHERE {rule.mapped}" if aside else ""
    with client.query_rows_stream(f"SELECT DISTINCT entity FROM {table.read()}{condition}") as entities:
        for (entity,) in entities:
            try:
                spool.program(program_id(entity, policy), entity)
            except Unmappable as why:  # SQL said that it maps; `compare` would stop such a run
                found.blockers.append(f"The entity {entity!r} of {table.name} maps in SQL only: {why}.")
