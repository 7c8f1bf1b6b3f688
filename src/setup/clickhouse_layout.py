"""ClickHouse: the database and the tables of the new layout, compared column by column, and created."""

# ruff: noqa: S608 - every name goes through `quoted`, every text through `literal`
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from src.setup.look import Difference, Look, unequal
from src.storage.failures import CLICKHOUSE
from tvmigrate.contract import new, old
from tvmigrate.contract.layout import Table, literal, quoted

DATABASE = f"database {new.DATABASE}"
_CLAUSES = ("TTL", "CONSTRAINT", "PROJECTION", "INDEX")
_TABLE_ALREADY_EXISTS = 57
_OLD_COLUMNS = frozenset(old.EAOS_METRICS.column_names) - frozenset(new.EAOS_METRICS.column_names)


@dataclass(frozen=True, slots=True)
class _Live:
    """A table as the server describes it; columns in order, each with its default and codec, if it has one."""

    engine: str
    order_by: str
    primary_key: str
    partition_by: str
    sample_by: str
    create: str
    columns: Mapping[str, str]


def named(table: str) -> str:
    """Return how a table is called in what is told."""
    return f"table {new.DATABASE}.{table}"


def look(client: Client) -> Look:
    """Compare what is there with the contract; raises ClickHouseError."""
    found = Look(CLICKHOUSE)
    there = client.query(f"SELECT count() FROM system.databases WHERE name = {literal(new.DATABASE)}").result_rows
    (found.right if there[0][0] else found.missing).append(DATABASE)
    live = _live(client)
    for table in old.TABLES:
        # Of the two names, eaos_metrics is also a new one: its columns say which it is.
        if table.name in live and (table is old.COMMENTS or _OLD_COLUMNS & live[table.name].columns.keys()):
            found.old.append(named(table.name))
    for table in new.TABLES:
        name = named(table.name)
        if table.name not in live:
            found.missing.append(name)
        elif name in found.old:
            continue
        elif lines := tuple(line for line in _compared(table, live[table.name]) if line):
            found.differences.append(Difference(name, lines))
        else:
            found.right.append(name)
    return found


def make(client: Client, found: Look) -> list[str]:
    """Create what is missing and return it; what another has created meanwhile is left to the next look.

    Raises ClickHouseError.
    """
    made = []
    if DATABASE in found.missing:
        client.command(f"CREATE DATABASE IF NOT EXISTS {quoted(new.DATABASE)}")
        made.append(DATABASE)
    for table in new.TABLES:
        if named(table.name) not in found.missing:
            continue
        try:
            client.command(table.create(new.DATABASE))
        except DatabaseError as error:
            if f"code: {_TABLE_ALREADY_EXISTS}." not in f"{error}.".lower().replace(",", "."):
                raise
        else:
            made.append(named(table.name))
    return made


def set_aside(client: Client, keys: Sequence[str]) -> set[str]:
    """Return which Redis keys the migration has set aside, whole or an item or member of them.

    `keys` are written as the quarantine has them (`unicode.show_bytes`). Raises ClickHouseError.
    """
    if not keys or new.QUARANTINE.name not in _live(client):
        return set()
    quarantine = f"{quoted(new.DATABASE)}.{quoted(new.QUARANTINE.name)}"
    rows = client.query(
        "SELECT DISTINCT key FROM (SELECT arrayJoin({keys:Array(String)}) AS key) AS old"
        f" CROSS JOIN (SELECT DISTINCT record_key FROM {quarantine} WHERE store = 'redis') AS aside"
        " WHERE record_key = key OR startsWith(record_key, concat(key, '#'))",
        parameters={"keys": list(keys)},
    ).result_rows
    return {str(key) for (key,) in rows}


def _live(client: Client) -> dict[str, _Live]:
    where = f"WHERE database = {literal(new.DATABASE)}"
    # The tables first: one that another run creates in between is then not seen yet, and not seen without its columns.
    rows: Sequence[Sequence[Any]] = client.query(
        "SELECT name, engine, sorting_key, primary_key, partition_key, sampling_key, create_table_query"
        f" FROM system.tables {where} ORDER BY name"
    ).result_rows
    columns: dict[str, dict[str, str]] = {}
    for table, name, kind, *beside in client.query(
        "SELECT table, name, type, toString(default_kind), default_expression, compression_codec"
        f" FROM system.columns {where} ORDER BY table, position"
    ).result_rows:
        columns.setdefault(table, {})[name] = " ".join(str(part) for part in (kind, *beside) if part)
    live = {}
    for name, *facts in rows:
        engine, order_by, primary_key, partition_by, sample_by, create = map(str, facts)
        shape = columns.get(name, {})
        live[str(name)] = _Live(engine, order_by, primary_key, partition_by, sample_by, create, shape)
    return live


def _compared(table: Table, live: _Live) -> Iterator[str | None]:
    wanted = {column.name: column.type for column in table.columns}
    for name in {**wanted, **live.columns}:
        yield unequal(f"column {name}", wanted.get(name), live.columns.get(name))
    if wanted.keys() == live.columns.keys():
        yield unequal("order of the columns", ", ".join(wanted), ", ".join(live.columns))
    order_by = ", ".join(table.order_by)
    yield unequal("engine", table.engine, live.engine)
    yield unequal("order key", order_by, live.order_by)
    if live.primary_key != live.order_by:
        yield unequal("primary key", order_by, live.primary_key)
    if f"({table.partition_by})" != live.partition_by:
        yield unequal("partition key", table.partition_by or "", live.partition_by)
    yield unequal("sampling key", "", live.sample_by)
    bare = re.sub(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`", "''", live.create)
    for clause in _CLAUSES:
        yield unequal(f"clause {clause}", "", "one" if re.search(rf"\b{clause}\b", bare) else "")
