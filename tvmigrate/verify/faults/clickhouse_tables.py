"""Where faults of ClickHouse are planted: victims, and tables that are kept as they are while they are broken.

A table is kept as hard links to its parts in a database aside, and exchanged back: nothing is read into memory, however
large it is, and what comes back is what was there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tvmigrate.contract import new, old
from tvmigrate.contract.layout import Table, literal, quoted
from tvmigrate.contract.outcome import Rule
from tvmigrate.verify.clickhouse_canonical import instant_text
from tvmigrate.verify.faults.model import Finds, Key
from tvmigrate.verify.faults.site import NothingToPlant, Site
from tvmigrate.verify.findings import Direction

SCRATCH = "tvmigrate_faults"
NOBODY: Key = frozenset()  # the key of an echo that this victim does not have
_TRIED = 50  # candidates that are asked about, before a victim is said to be missing
_ATTACHED_AT_ONCE = 100  # partitions in a statement, which a server limits to 256 KB
# Mutations are waited for; an insert may touch each month of a large table.
_SETTINGS = {"mutations_sync": 2, "alter_sync": 2, "max_partitions_per_insert_block": 0}
_KEYS: Mapping[str, tuple[str, ...]] = {
    new.RAW_COMMENTS.name: ("comment_id",),
    new.EAOS_METRICS.name: ("program_id", "timestamp"),
    new.COMMENT_AGGREGATES.name: ("program_id", "timestamp", "topic"),
}
_MS = "toUnixTimestamp64Milli(toDateTime64(timestamp, 3, 'UTC'))"


def place(table: str, database: str = new.DATABASE) -> str:
    """Return the quoted name of a table."""
    return f"{quoted(database)}.{quoted(table)}"


def do(site: Site, statement: str) -> None:
    """Run a statement, and wait until it is done."""
    site.clients.clickhouse.command(statement, settings=_SETTINGS)


def ask(site: Site, query: str) -> list[tuple[Any, ...]]:
    """Return the few rows of a query."""
    return [tuple(row) for row in site.clients.clickhouse.query(query).result_rows]


def lost(rule: Rule) -> tuple[Finds, Finds]:
    """Return what the ledger says of an old record of `rule` that is nowhere: the record, and that the sum is short."""
    missing = Direction.MISSING
    return Finds("ledger.balance", missing, rule=rule), Finds("ledger.balance", missing, "accounted", rule=rule)


# ------------------------------------------------------------------------------------------------- tables kept aside


@dataclass(frozen=True, slots=True)
class Kept:
    """A live table, and the twin that keeps what it held."""

    site: Site
    table: str

    @property
    def live(self) -> str:
        """The quoted name of the table that is broken."""
        return place(self.table)

    @property
    def twin(self) -> str:
        """The quoted name of what it was."""
        return place(self.table, SCRATCH)

    def alter(self, change: str) -> None:
        """Run `ALTER TABLE` on the live table."""
        do(self.site, f"ALTER TABLE {self.live} {change}")

    def drop(self, where: str) -> None:
        """Take rows out."""
        self.alter(f"DELETE WHERE {where}")

    def add(self, where: str, **replaced: str) -> None:
        """Put rows of the twin in once more, with these columns' expressions over what they were."""
        replace = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in replaced.items())
        columns = f"* REPLACE ({replace})" if replaced else "*"
        do(self.site, f"INSERT INTO {self.live} SELECT {columns} FROM (SELECT * FROM {self.twin} WHERE {where})")

    def change(self, where: str, **replaced: str) -> None:
        """Give columns of rows another value; key columns too, which an UPDATE refuses."""
        self.drop(where)
        self.add(where, **replaced)


@contextmanager
def kept(site: Site, table: str) -> Iterator[Kept]:
    """Keep what `table` is and holds, until the block is left; it may be altered, emptied or dropped."""
    found = Kept(site, table)
    with _scratch(site):
        do(site, f"CREATE TABLE {found.twin} AS {found.live}")
        attach = [f"ATTACH PARTITION ID {literal(name)} FROM {found.live}" for name in partitions(site, table)]
        for at in range(0, len(attach), _ATTACHED_AT_ONCE):
            do(site, f"ALTER TABLE {found.twin} {', '.join(attach[at : at + _ATTACHED_AT_ONCE])}")
        # The copy is what is broken: a migration may know its tables by their uuid, and so roll back by it.
        do(site, f"EXCHANGE TABLES {found.live} AND {found.twin}")
        try:
            yield found
        finally:
            if is_there(site, table):
                do(site, f"EXCHANGE TABLES {found.live} AND {found.twin}")
            else:
                do(site, f"RENAME TABLE {found.twin} TO {found.live}")


@contextmanager
def remade(site: Site, table: Table, *wrong: tuple[str, str], columns: str = "*") -> Iterator[None]:
    """Put a table of the same rows in the place of `table`, by a CREATE statement with parts replaced by others."""
    create = table.create(SCRATCH)
    for right, instead in wrong:
        if right not in create:
            raise ValueError(f"{right!r} is not in: {create}")
        create = create.replace(right, instead)
    live, twin = place(table.name), place(table.name, SCRATCH)
    with _scratch(site):
        do(site, create)
        do(site, f"INSERT INTO {twin} SELECT {columns} FROM {live}")
        do(site, f"EXCHANGE TABLES {live} AND {twin}")
        try:
            yield
        finally:
            do(site, f"EXCHANGE TABLES {live} AND {twin}")


@contextmanager
def _scratch(site: Site) -> Iterator[None]:
    do(site, f"CREATE DATABASE {quoted(SCRATCH)}")
    try:
        yield
    finally:
        do(site, f"DROP DATABASE {quoted(SCRATCH)} SYNC")


def is_there(site: Site, table: str) -> bool:
    """Return whether the new database has `table`."""
    query = f"SELECT count() FROM system.tables WHERE database = {literal(new.DATABASE)} AND name = {literal(table)}"
    return bool(ask(site, query)[0][0])


def partitions(site: Site, table: str) -> list[str]:
    """Return the ids of the partitions of `table` that hold rows, in order."""
    where = f"database = {literal(new.DATABASE)} AND table = {literal(table)} AND active"
    return [
        str(name) for (name,) in ask(site, f"SELECT DISTINCT partition_id FROM system.parts WHERE {where} ORDER BY 1")
    ]


def kept_copy(site: Site, table: Table) -> str:
    """Return the name of the copy that the migration keeps of an old table.

    Raises:
        NothingToPlant: it keeps none, or the copy is empty.
    """
    where = f"database = {literal(new.DATABASE)} AND startsWith(name, {literal(new.kept_table(table.name, ''))})"
    names = ask(site, f"SELECT name FROM system.tables WHERE {where} AND total_rows > 0 ORDER BY name")
    # One that was there before is somebody else's, whatever its name.
    mine = [str(name) for (name,) in names if f"{new.DATABASE}.{name}" not in site.reference.baseline.all_tables]
    if not mine:
        raise NothingToPlant(f"there is no copy kept of {old.DATABASE}.{table.name} with a row in it")
    return mine[0]


# ------------------------------------------------------------------------------------------------------------ victims


@dataclass(frozen=True, slots=True)
class Victim:
    """A row that is the only one of its key; `values` by column, `timestamp` in ms since the epoch."""

    table: str
    values: Mapping[str, Any]

    @property
    def where(self) -> str:
        """The SQL condition that only this row fulfils."""
        return _where(self.table, self.values)

    @property
    def name(self) -> str:
        """How findings name the row."""
        return self.named()

    def named(self, **changed: Any) -> str:
        """Return how findings name the row with other values of its key."""
        told = {**self.values, **changed}
        parts = (instant_text(told[column]) if column == "timestamp" else told[column] for column in _KEYS[self.table])
        return f"{self.table} {' '.join(map(str, parts))}"


def _where(table: str, row: Mapping[str, Any]) -> str:
    parts = (
        f"{_MS} = {row[column]}" if column == "timestamp" else f"{quoted(column)} = {literal(row[column])}"
        for column in _KEYS[table]
    )
    return " AND ".join(parts)


def victims(site: Site, table: Table, where: str = "true") -> Iterator[Victim]:
    """Yield rows of a new table that fulfil `where` and share their key with none, the same ones each time."""
    columns = table.column_names
    shown = {"timestamp": _MS, "sentiment": "toString(sentiment)"}
    select = ", ".join(shown.get(name, quoted(name)) for name in columns)
    key = ", ".join(map(quoted, _KEYS[table.name]))
    query = (
        f"SELECT {select} FROM (SELECT * FROM {place(table.name)} WHERE {where}"
        f" ORDER BY cityHash64({key}), {key} LIMIT {_TRIED})"
    )
    for row in ask(site, query):
        victim = Victim(table.name, dict(zip(columns, row, strict=True)))
        if number_of(site, table.name, victim.where) == 1:
            yield victim


def number_of(site: Site, table: str, where: str) -> int:
    """Return how many rows fulfil `where`."""
    return int(ask(site, f"SELECT count() FROM {place(table)} WHERE {where}")[0][0])
