"""ClickHouse's part of a load: tables from their statements, rows streamed as they stand in their files."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

import orjson
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tvmigrate.contract.layout import literal, quoted
from tvmigrate.dataset.errors import DatasetError, bad_line
from tvmigrate.dataset.lines import NotJson, numbered, strict
from tvmigrate.dataset.model import ROWS_COLUMNS, ROWS_INPUT_SETTINGS, TableFiles
from tvmigrate.dataset.progress import Progress
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.failing import passes
from tvmigrate.engines.quoting import unquoted

CHUNK_BYTES = 1 << 20
_NULL_TYPES = re.compile(r"(LowCardinality\()?Nullable\(|JSON|Dynamic|Variant|Object")
_AT_ROW = re.compile(r"\(at row (\d+)\)")


class ClickHouseLoader:
    """Creates the tables of a dataset; `rows` has the number of rows by table after `load`."""

    def __init__(self, dataset: Dataset, client: Client, progress: Progress) -> None:
        self._tables = tuple(dataset.tables.values())
        self._client = client
        self._progress = progress
        self._total = 0
        self._columns: dict[str, frozenset[str]] = {}
        self._nulls: dict[str, dict[str, int]] = {}  # table → column → the first line where it is null
        self.rows: dict[str, int] = {}

    def check(self) -> None:
        """Read every line; raises DatasetError for one that is no JSON object of the same columns as line 1."""
        for table in self._tables:
            if table.format == "JSONEachRow":
                self._check_lines(table)

    def existing(self) -> list[str]:
        """Return the tables that exist, as `database.table`."""
        return [f"{table.database}.{table.name}" for table in self._tables if self._exists(table)]

    def remove(self) -> None:
        """Drop the dataset's tables."""
        for table in self._tables:
            if self._exists(table):
                self._client.command(f"DROP TABLE {_name(table)} SYNC")

    def load(self) -> None:
        """Create and fill the tables; raises DatasetError for a statement or row that ClickHouse refuses."""
        self._progress.start(self._total)
        for table in self._tables:
            self._client.command(f"CREATE DATABASE IF NOT EXISTS {quoted(table.database)}")
            try:
                self._client.command(table.create, settings={"database": table.database})
            except DatabaseError as error:
                _raise_if_not_refused(error)
                raise DatasetError(
                    f"ClickHouse refuses the statement of {table.name}.sql: {_first_line(error)}"
                ) from error
            self._refuse_other_columns(table)
            self._insert(table)
            self.rows[table.name] = int(self._ask(f"SELECT count() FROM {_name(table)}"))
        self._progress.finish()

    def _check_lines(self, table: TableFiles) -> None:
        columns: frozenset[str] | None = None
        nulls = self._nulls.setdefault(table.name, {})
        for number, line in numbered(table.rows):
            row = _row(table, number, line)
            names = frozenset(row)
            if columns is None:
                columns = self._columns[table.name] = names
            if names != columns:
                raise bad_line(
                    table.rows, number, f"the columns are {_listed(names)}", f"those of line 1: {_listed(columns)}"
                )
            if None in row.values():
                for name in (name for name, value in row.items() if value is None):
                    nulls.setdefault(name, number)
            self._total += 1
            if number % 10_000 == 0:
                self._progress.check()

    def _refuse_other_columns(self, table: TableFiles) -> None:
        given = self._columns.get(table.name)
        if given is None:
            return
        rows = self._client.query(
            f"SELECT name, type FROM system.columns WHERE {ROWS_COLUMNS}"
            f" AND database = {literal(table.database)} AND table = {literal(table.name)}"
        ).result_rows
        types: dict[str, str] = {name: kind for name, kind in rows}  # noqa: C416 - dict() would lose the types
        if given != frozenset(types):
            found, expected = _listed(given), _listed(frozenset(types))
            raise bad_line(table.rows, 1, f"the columns are {found}", f"the table's: {expected}")
        # ClickHouse itself reads a null as 0 or NaN where the column takes none.
        for name, number in self._nulls[table.name].items():
            if not _NULL_TYPES.match(types[name]):
                raise bad_line(table.rows, number, f"{name} is null", f"a {types[name]}, which is never null")

    def _insert(self, table: TableFiles) -> None:
        if table.rows.stat().st_size == 0:
            return
        try:
            self._client.raw_insert(
                f"{quoted(table.database)}.{quoted(table.name)}",
                insert_block=self._chunks(table),
                settings=dict(ROWS_INPUT_SETTINGS),
                fmt=table.format,
            )
        except DatabaseError as error:
            _raise_if_not_refused(error)
            match = _AT_ROW.search(str(error))
            if match is None or table.format != "JSONEachRow":
                raise DatasetError(f"ClickHouse refuses the rows of {table.rows}: {_first_line(error)}") from error
            # ClickHouse counts from 1 the row it could not read.
            raise bad_line(
                table.rows, int(match[1]), f"ClickHouse refuses the row ({_first_line(error)})", "a row of the table"
            ) from error

    def _chunks(self, table: TableFiles) -> Generator[bytes, None, None]:
        with table.rows.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
                self._progress.step(chunk.count(b"\n") if table.format == "JSONEachRow" else 0)

    def _exists(self, table: TableFiles) -> bool:
        return bool(
            int(
                self._ask(
                    "SELECT count() FROM system.tables"
                    f" WHERE database = {literal(table.database)} AND name = {literal(table.name)}"
                )
            )
        )

    def _ask(self, query: str) -> Any:
        return self._client.query(query).result_rows[0][0]


def _row(table: TableFiles, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        # ClickHouse's strings are bytes: UTF-8 or not, and with half a surrogate pair, which orjson refuses both.
        try:
            row = strict(line.decode("utf-8", "surrogateescape"))
        except NotJson as why:
            raise bad_line(table.rows, number, str(why), "one JSON object") from None
    if not isinstance(row, dict):
        raise bad_line(table.rows, number, f"the line is {line[:60].decode('utf-8', 'replace')}", "one JSON object")
    return row


def _name(table: TableFiles) -> str:
    return f"{quoted(table.database)}.{quoted(table.name)}"


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _raise_if_not_refused(error: DatabaseError) -> None:
    """Raise the error if it says nothing about what was sent: the server was away, or refuses everything for now."""
    if error.code is None or passes(error):
        raise error


def _first_line(error: Exception) -> str:
    return unquoted(" ".join(str(error).split()))[:500]
