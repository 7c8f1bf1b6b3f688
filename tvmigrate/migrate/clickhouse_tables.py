"""What is known and done about single ClickHouse tables: names, shapes, digests, months."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client

from tvmigrate.contract import new
from tvmigrate.contract.layout import Table, literal, quoted
from tvmigrate.contract.old_layout import At

DATABASE = new.DATABASE
# A table: of the new layout's database if it is a text, since the migration makes its tables there.
Name = str | At
# A new table is partitioned by month, and one insert may touch 100 partitions (error 252,
# https://clickhouse.com/docs/operations/settings/settings#max_partitions_per_insert_block).
MONTHS_AN_INSERT = 50
# Each range reads the old table, of which only the newest months lie together: fewer ranges read it fewer times.
ROWS_AN_INSERT = 20_000_000
# Groups beyond 2 GB go to the server's disk, not into its memory.
# https://clickhouse.com/docs/sql-reference/statements/select/group-by#group-by-in-external-memory
GROUP_SETTINGS: Mapping[str, int] = {"max_bytes_before_external_group_by": 2 * 10**9}
# Two parts are sorted and written side by side; a server's own default is one.
INSERT_SETTINGS: Mapping[str, int] = {**GROUP_SETTINGS, "max_insert_threads": 2}


@dataclass(frozen=True, slots=True)
class Digest:
    """Rows, and the sum and xor of their hashes: equal for equal tables whatever the order of their rows."""

    rows: int
    total: int
    xor: int


@dataclass(frozen=True, slots=True)
class Months:
    """A range of months (YYYYMM, both ends included) that one insert takes, and its rows."""

    first: int
    last: int
    each: tuple[int, ...]
    rows: int

    def where(self, column: str) -> str:
        """Return the condition on an instant's column."""
        return f"toYYYYMM({quoted(column)}, 'UTC') BETWEEN {self.first} AND {self.last}"


def at(name: Name) -> At:
    """Return where a table is."""
    return At(DATABASE, name) if isinstance(name, str) else name


def place(name: Name) -> str:
    """Return a table, quoted."""
    return at(name).place


def where(name: Name, called: str = "name") -> str:
    """Return the condition that picks a table out of one of the server's own, in which it is `called`."""
    return f"database = {literal(at(name).database)} AND {called} = {literal(at(name).name)}"


def staging(table: Table, run: str) -> str:
    """Return the name under which the new `table` is built."""
    return f"{table.name}__staging_{run}"


def rows(client: Client, query: str) -> list[tuple[Any, ...]]:
    """Run a query whose answer is small."""
    return [tuple(row) for row in client.query(query, settings=dict(GROUP_SETTINGS)).result_rows]


def number(client: Client, query: str) -> int:
    """Run a query that gives one number."""
    return int(rows(client, query)[0][0])


def uuids(client: Client, database: str = DATABASE) -> dict[str, str]:
    """Return the tables of a database with their uuids, which a RENAME or EXCHANGE does not change."""
    found = rows(client, f"SELECT name, toString(uuid) FROM system.tables WHERE database = {literal(database)}")
    return {str(name): str(uuid) for name, uuid in found}


def columns(client: Client, table: Name) -> dict[str, str]:
    """Return a table's columns and their types, in order."""
    found = rows(
        client,
        f"SELECT name, type FROM system.columns WHERE {where(table, 'table')} ORDER BY position",
    )
    return {str(name): str(kind) for name, kind in found}


def same_type(actual: str, expected: str) -> bool:
    """Return whether a column is of the type the contract says; a DateTime is an instant in any time zone."""
    return actual == expected or (expected == "DateTime" and re.fullmatch(r"DateTime\('[^']+'\)", actual) is not None)


def create_statement(client: Client, table: Name) -> str:
    """Return the CREATE TABLE of a table, as the server prints it."""
    found = rows(client, f"SELECT create_table_query FROM system.tables WHERE {where(table)}")
    return str(found[0][0])


def digest(client: Client, select: str) -> Digest:
    """Return the digest of the rows of a SELECT.

    `cityHash64(*)` of a row with a NULL is NULL and would be skipped; of `tuple(*)` it is not.
    """
    found = rows(
        client, f"SELECT count(), sum(h), groupBitXor(h) FROM (SELECT cityHash64(tuple(*)) AS h FROM ({select}))"
    )
    return Digest(*(int(value) for value in found[0]))


def cast(table: Table, select: str) -> str:
    """Return `select`, whose columns are those of `table` by name, with the types of `table`."""
    casts = ", ".join(f"CAST({quoted(c.name)}, {literal(c.type)}) AS {quoted(c.name)}" for c in table.columns)
    return f"SELECT {casts} FROM ({select})"


def months(client: Client, source: str, column: str) -> Iterator[Months]:
    """Yield ranges of months that hold all rows of `source` (of `OldTable.read`) by their instant `column`."""
    found = rows(
        client,
        f"SELECT toYYYYMM({quoted(column)}, 'UTC') AS month, count() FROM {source} GROUP BY month ORDER BY month",
    )
    taken: list[tuple[int, int]] = []
    for month, count in found:
        if taken and (len(taken) >= MONTHS_AN_INSERT or sum(n for _, n in taken) + count > ROWS_AN_INSERT):
            yield _range(taken)
            taken = []
        taken.append((month, count))
    if taken:
        yield _range(taken)


def _range(taken: list[tuple[int, int]]) -> Months:
    each = tuple(month for month, _ in taken)
    return Months(each[0], each[-1], each, sum(count for _, count in taken))


def readers(client: Client, named: At) -> list[tuple[str, str]]:
    """Return (name, engine) of the views and other tables whose definition names a table."""
    its_database, table = named.database, named.name
    found = rows(
        client,
        "SELECT database, name, engine, create_table_query FROM system.tables WHERE database NOT IN"
        " ('system', 'information_schema', 'INFORMATION_SCHEMA')"
        " AND (engine LIKE '%View' OR engine IN ('Distributed', 'Buffer', 'Merge', 'Dictionary'))",
    )
    spelled = rf"`?{re.escape(its_database)}`?\.`?{re.escape(table)}`?(?![\w`])"
    argument = rf"'{re.escape(its_database)}',\s*'{re.escape(table)}'"
    unqualified = rf"TABLE '?{re.escape(table)}'?(?![\w`])"
    pattern = re.compile(f"{spelled}|{argument}|{unqualified}")
    return [
        (f"{database}.{name}", str(engine))
        for database, name, engine, statement in found
        if pattern.search(str(statement))
    ]
