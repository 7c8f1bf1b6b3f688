"""Which rows of an old ClickHouse table are not as their backup has them, found by the server, row by row."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

from tvmigrate.contract.layout import Table
from tvmigrate.dataset.model import ROWS_INPUT_SETTINGS, ROWS_OUTPUT_SETTINGS
from tvmigrate.dataset.write import RowsWriter
from tvmigrate.migrate.clickhouse_rows import record_key_sql
from tvmigrate.migrate.clickhouse_tables import GROUP_SETTINGS, place
from tvmigrate.migrate.moved import ADDED, CHANGED, DELETED, Moved
from tvmigrate.migrate.work import Work

_CHUNK = 1 << 20
_HASH = "cityHash64(tuple(*))"
_ROW = "rows.* EXCEPT (__hash)"


def moved(work: Work, table: Table, name: str, keep: Path | None = None) -> Iterator[Moved]:
    """Yield the rows in which the table that is called `name` now and the backup of the old `table` differ.

    With `keep` the rows themselves are written there: `{table}.added.ndjson` and `{table}.deleted.ndjson`, each with
    its number of copies; of a row that was changed both.
    """
    scratch = f"{table.name}__backup__staging_{work.run.id}"
    client = work.clients.clickhouse
    gone, settings = f"DROP TABLE IF EXISTS {place(scratch)} SYNC", {"max_table_size_to_drop": 0}
    client.command(gone, settings=settings)
    client.command(f"CREATE TABLE {place(scratch)} AS {place(name)} ENGINE = MergeTree ORDER BY tuple()")
    try:
        path = work.backup / "clickhouse" / f"{table.name}.ndjson"
        if path.stat().st_size:
            # A column that came since is filled in, and so alike; one that went is left out.
            reading = {**ROWS_INPUT_SETTINGS, "input_format_skip_unknown_fields": 1}
            client.raw_insert(place(scratch), insert_block=_chunks(path), settings=reading, fmt="JSONEachRow")
        if keep is not None:
            _write(work, _only(name, scratch, _ROW), keep / f"{table.name}.added.ndjson")
            _write(work, _only(scratch, name, _ROW), keep / f"{table.name}.deleted.ndjson")
        yield from _named(work, table, name, scratch)
    finally:
        client.command(gone, settings=settings)


def _only(one: str, other: str, columns: str) -> str:
    """Return the SELECT of the rows that `one` has more often than `other`, with how much more often."""
    hashes = (
        f"SELECT h, sum(side) AS copies FROM (SELECT {_HASH} AS h, 1 AS side FROM {place(one)} UNION ALL SELECT"
        f" {_HASH} AS h, -1 AS side FROM {place(other)}) GROUP BY h HAVING copies > 0"
    )
    return (
        f"SELECT copies, {columns} FROM (SELECT *, {_HASH} AS __hash FROM {place(one)} LIMIT 1 BY __hash) AS rows"
        f" INNER JOIN ({hashes}) AS found ON rows.__hash = found.h"
    )


def _named(work: Work, table: Table, name: str, scratch: str) -> Iterator[Moved]:
    key = f"{record_key_sql(table.name)} AS record"
    query = (
        f"SELECT record, sum(added), sum(gone) FROM (SELECT record, copies AS added, 0 AS gone FROM"
        f" ({_only(name, scratch, key)}) UNION ALL SELECT record, 0, copies FROM ({_only(scratch, name, key)}))"
        " GROUP BY record ORDER BY record"
    )
    none = True
    with work.clients.clickhouse.query_rows_stream(query, settings=dict(GROUP_SETTINGS)) as rows:
        for record, added, gone in rows:
            none = False
            what = CHANGED if added and gone else ADDED if added else DELETED
            yield Moved(table.name, record, what)
    if none:
        yield Moved(table.name, f"the columns of {table.name}", CHANGED)


def _write(work: Work, query: str, path: Path) -> None:
    settings = {**ROWS_OUTPUT_SETTINGS, **GROUP_SETTINGS}
    with (
        RowsWriter(path) as writer,
        work.clients.clickhouse.raw_stream(query, fmt="JSONEachRow", settings=settings) as stream,
    ):
        while chunk := stream.read(_CHUNK):
            writer.write(chunk)
    if not writer.records:
        path.unlink()


def _chunks(path: Path) -> Generator[bytes, None, None]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
