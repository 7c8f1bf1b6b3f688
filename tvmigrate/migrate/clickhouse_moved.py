"""Which rows of an old ClickHouse table are not as their backup has them, found by the server, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tvmigrate.contract.old_layout import At, OldTable
from tvmigrate.migrate.clickhouse_rows import record_key_sql
from tvmigrate.migrate.clickhouse_settle import ROW, insert_file, more, scratch, write_rows
from tvmigrate.migrate.clickhouse_tables import GROUP_SETTINGS, place
from tvmigrate.migrate.moved import ADDED, CHANGED, DELETED, Moved
from tvmigrate.migrate.work import Work


def moved(work: Work, table: OldTable, name: At, keep: Path | None = None) -> Iterator[Moved]:
    """Yield the rows in which the table that is called `name` now and the backup of the old `table` differ.

    With `keep` the rows themselves are written there: `{table}.added.ndjson` and `{table}.deleted.ndjson`, each with
    its number of copies; of a row that was changed both.
    """
    path = work.backup / "clickhouse" / f"{table.name}.ndjson"
    now = f"SELECT * FROM {place(name)}"
    with scratch(work, f"{table.name}__backup__staging_{work.run.id}", name) as saved:
        insert_file(work, saved, path)
        before = f"SELECT * FROM {place(saved)}"
        if keep is not None:
            write_rows(work, more(now, before, ROW), keep / f"{table.name}.added.ndjson")
            write_rows(work, more(before, now, ROW), keep / f"{table.name}.deleted.ndjson")
        yield from _named(work, table, now, before)


def _named(work: Work, table: OldTable, now: str, before: str) -> Iterator[Moved]:
    key = f"{record_key_sql(table, theirs=True)} AS record"
    query = (
        f"SELECT record, sum(added), sum(gone) FROM (SELECT record, copies AS added, 0 AS gone FROM"
        f" ({more(now, before, key)}) UNION ALL SELECT record, 0, copies FROM ({more(before, now, key)}))"
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
