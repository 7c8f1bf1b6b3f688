"""Old ClickHouse tables through a run: as their backup has them, where they are now, written to files, dropped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tvmigrate.contract import new
from tvmigrate.contract.old_layout import At, OldTable
from tvmigrate.contract.outcome import Store
from tvmigrate.dataset.model import ROWS_OUTPUT_SETTINGS
from tvmigrate.dataset.write import Part, RowsWriter, write_table
from tvmigrate.migrate.clickhouse_cluster import site
from tvmigrate.migrate.clickhouse_moved import moved
from tvmigrate.migrate.clickhouse_tables import DATABASE, Digest, Name, create_statement, digest, place, staging, uuids
from tvmigrate.migrate.errors import NotEqual, SourceChanged
from tvmigrate.migrate.moved import told
from tvmigrate.migrate.work import Work

_CHUNK = 1 << 20


def dump(work: Work, table: At, folder: Path) -> Iterator[Part]:
    """Write a table's CREATE TABLE and its rows as dataset files below `folder`; yield both parts, the rows last."""
    client = work.clients.clickhouse
    yield write_table(folder, table.name, create_statement(client, table))
    with RowsWriter(folder / "clickhouse" / f"{table.name}.ndjson") as writer:
        query = f"SELECT * FROM {place(table)}"
        with client.raw_stream(query, fmt="JSONEachRow", settings=dict(ROWS_OUTPUT_SETTINGS)) as stream:
            while chunk := stream.read(_CHUNK):
                writer.write(chunk)
                work.advanced("backup.clickhouse", writer.records)
    yield writer.close()


def note_digest(work: Work, name: str, found: Digest) -> None:
    """Keep a digest in the journal; its sums do not fit every JSON reader's numbers, hence text."""
    work.note(name, [str(value) for value in (found.rows, found.total, found.xor)])


def noted_digest(work: Work, name: str) -> Digest | None:
    """Return a digest kept in the journal."""
    noted = work.noted(name)
    return None if noted is None else Digest(*map(int, noted))


def require_same(work: Work, table: OldTable, since: str) -> None:
    """Return if the old `table`, under its own name, is what its backup holds.

    Raises:
        SourceChanged: it is not; what depends on the backup is to be done again.
    """
    before = noted_digest(work, f"clickhouse.old.{table.name}")
    if digest(work.clients.clickhouse, f"SELECT * FROM {table.place}") != before:
        raise changed(work, table, since)


def changed(work: Work, table: OldTable, since: str) -> SourceChanged:
    """Take back what was built on the old `table`, and return the error that names the rows that moved."""
    words = told(moved(work, table, table.at))
    for new_table in new.TABLES:
        drop(work, staging(new_table, work.run.id))
    work.redo(Store.CLICKHOUSE)
    work.forget("clickhouse.filled.", *(f"clickhouse.built.{new_table.name}" for new_table in new.TABLES))
    return SourceChanged(
        f"The old ClickHouse table {table.name} changed {since}: {words}. Stop what writes to it, then run `tvmigrate "
        "apply` again: it takes a new backup. The old data are as they were."
    )


def holder(work: Work, table: OldTable) -> At:
    """Return the name that the old `table` has now: a RENAME or EXCHANGE does not change its uuid.

    Raises:
        NotEqual: it has none any more.
    """
    uuid = work.noted(f"clickhouse.uuid.{table.name}")
    for database in dict.fromkeys((DATABASE, table.database)):
        for name, found in uuids(work.clients.clickhouse, database).items():
            if found == uuid:
                return At(database, name)
    raise NotEqual(
        f"The old table {table.name} (uuid {uuid}) is in {table.database} under no name any more: something else "
        f"dropped it. Its rows are in {work.backup / 'clickhouse'}; load them with `tvmigrate load`."
    )


def drop(work: Work, name: Name) -> None:
    """Drop a table, however big, if it is there."""
    work.clients.clickhouse.command(site(work).drop(name), settings={"max_table_size_to_drop": 0})
