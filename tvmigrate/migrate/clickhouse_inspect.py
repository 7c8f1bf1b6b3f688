"""ClickHouse before a migration: how many rows map, and what stands in the way."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from tvmigrate.contract import new, old, sql
from tvmigrate.contract.layout import Table, literal
from tvmigrate.contract.outcome import Fate, Store, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.values import program_id
from tvmigrate.migrate.clickhouse_rows import RULES, unmapped
from tvmigrate.migrate.clickhouse_tables import DATABASE, columns, number, place, readers, rows, same_type, uuids
from tvmigrate.migrate.spool import Spool
from tvmigrate.migrate.work import Found

# EXCHANGE TABLES is one step only in these (https://clickhouse.com/docs/sql-reference/statements/exchange).
_ENGINES = {"Atomic", "Replicated", "Shared"}
_TABLE_ENGINES = {"MergeTree", "ReplicatedMergeTree", "SharedMergeTree"}


def inspect(client: Client, policy: Policy, spool: Spool | None) -> Found:
    """Compare the live tables with the contract, and count what becomes of their rows into `spool`, unless None."""
    found = Found()
    engines = rows(client, f"SELECT engine FROM system.databases WHERE name = {literal(DATABASE)}")
    if not engines:
        found.blockers.append(
            f"ClickHouse has no database {DATABASE}; point CLICKHOUSE_URL at the server that holds the old tables."
        )
        return found
    if engines[0][0] not in _ENGINES:
        found.blockers.append(
            f"The ClickHouse database {DATABASE} has the engine {engines[0][0]}, in which tables cannot change places "
            "in one step; expected is Atomic. Move its tables into a database of that engine first."
        )
    there = uuids(client)
    for table in old.TABLES:
        if table.name not in there:
            found.blockers.append(
                f"The ClickHouse table {DATABASE}.{table.name} is missing; expected is the old table with the columns "
                f"{', '.join(table.column_names)}. Create it, empty if there is nothing to migrate."
            )
            continue
        blockers = _shape(client, table)
        found.blockers += blockers
        if not blockers and spool is not None:
            _count(client, table, policy, spool, found)
    _in_the_way(client, there, found)
    return found


def _shape(client: Client, table: Table) -> list[str]:
    blockers = []
    actual = columns(client, table.name)
    if set(new.EAOS_METRICS.column_names) <= set(actual) and table is old.EAOS_METRICS:
        sentence = (
            f"The ClickHouse table {DATABASE}.{table.name} already has the new columns. Move it away and bring the old "
            "table back, or migrate the other stores by hand."
        )
        return [sentence]
    for column in table.columns:
        kind = actual.get(column.name)
        if kind is None:
            blockers.append(
                f"The ClickHouse table {DATABASE}.{table.name} has no column {column.name}; expected is {column.name} "
                f"{column.type}. Add it with ALTER TABLE {DATABASE}.{table.name} ADD COLUMN."
            )
        elif not same_type(kind, column.type):
            blockers.append(
                f"The column {column.name} of the ClickHouse table {DATABASE}.{table.name} is {kind}; expected is "
                f"{column.type}. Change it with ALTER TABLE {DATABASE}.{table.name} MODIFY COLUMN."
            )
    where = f"WHERE database = {literal(DATABASE)} AND name = {literal(table.name)}"
    engine = rows(client, f"SELECT engine FROM system.tables {where}")[0][0]
    if engine not in _TABLE_ENGINES:
        blockers.append(
            f"{DATABASE}.{table.name} in ClickHouse is a {engine}; expected is a MergeTree, whose rows are read as "
            "they are. Copy its rows into a MergeTree table of that name first."
        )
    blockers += [
        f"The {kind} {name} reads or writes the ClickHouse table {DATABASE}.{table.name}, which moves. Drop it, and "
        "create it anew on the new tables after the migration."
        for name, kind in readers(client, table.name)
    ]
    return blockers


def _in_the_way(client: Client, there: dict[str, str], found: Found) -> None:
    ours = (table for table in (*new.TABLES, *new.OWN_TABLES) if table is not new.EAOS_METRICS)
    for table in ours:
        if table.name not in there:
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


def _count(client: Client, table: Table, policy: Policy, spool: Spool, found: Found) -> None:
    rule = sql.comments(policy) if table is old.COMMENTS else sql.eaos_metrics(policy)
    total = number(client, f"SELECT count() FROM {place(table.name)}")
    found.counts[f"rows of {table.name}"] = total
    aside = 0
    for row in unmapped(client, rule, policy):
        spool.quarantine(row)
        aside += 1
    mapped = total - aside
    spool.fate(RULES[table.name], Store.CLICKHOUSE, Fate.MAPPED, mapped)
    spool.fate(RULES[table.name], Store.CLICKHOUSE, Fate.QUARANTINED, aside)
    for column in columns(client, table.name):
        if column not in table.column_names:
            spool.count_extra(Store.CLICKHOUSE, table.name, column, mapped)
    where = f" WHERE {rule.mapped}" if aside else ""
    with client.query_rows_stream(f"SELECT DISTINCT entity FROM {place(table.name)}{where}") as entities:
        for (entity,) in entities:
            try:
                spool.program(program_id(entity, policy), entity)
            except Unmappable as why:  # SQL said that it maps; `compare` would stop such a run
                found.blockers.append(f"The entity {entity!r} of {table.name} maps in SQL only: {why}.")
