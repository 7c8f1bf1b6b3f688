"""How often each row is to be in a ClickHouse table, and making it so: done twice, it comes to the same."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tvmigrate.contract.layout import quoted
from tvmigrate.dataset.model import ROWS_INPUT_SETTINGS, ROWS_OUTPUT_SETTINGS
from tvmigrate.dataset.write import RowsWriter
from tvmigrate.migrate.clickhouse_tables import GROUP_SETTINGS, Name, at, columns, place
from tvmigrate.migrate.work import Work

_CHUNK = 1 << 20
_BLOCK_BYTES = 4 << 20  # of an insert; a longer row is one by itself
COPIES = "copies"
_INSERTED = {**ROWS_INPUT_SETTINGS, "input_format_skip_unknown_fields": 1}


def more(one: str, other: str, told: str) -> str:
    """Return the SELECT of the rows that the SELECT `one` yields more often than `other`.

    Beside what is `told` of a row (columns, of `rows`), it has `copies`, how much more often, and `total`, how often.
    """
    hashed = "SELECT cityHash64(tuple(*)) AS h, {} AS side FROM ({})"
    found = (
        f"SELECT h, sum(side) AS copies, countIf(side = 1) AS total FROM ({hashed.format(1, one)} UNION ALL"
        f" {hashed.format(-1, other)}) GROUP BY h HAVING copies > 0"
    )
    return (
        f"SELECT copies, total, {told} FROM (SELECT *, cityHash64(tuple(*)) AS __hash FROM ({one}) LIMIT 1 BY __hash)"
        f" AS rows INNER JOIN ({found}) AS found ON rows.__hash = found.h"
    )


ROW = "rows.* EXCEPT (__hash)"


def write_rows(work: Work, query: str, path: Path) -> int:
    """Write what a query yields as JSON lines; return how many there are, and leave no file if there are none."""
    settings = {**ROWS_OUTPUT_SETTINGS, **GROUP_SETTINGS}
    with (
        RowsWriter(path) as writer,
        work.clients.clickhouse.raw_stream(query, fmt="JSONEachRow", settings=settings) as stream,
    ):
        while chunk := stream.read(_CHUNK):
            writer.write(chunk)
    if not writer.records:
        path.unlink()
    return writer.records


def _chunks(path: Path) -> Generator[bytes, None, None]:
    """Yield a file in pieces, for an insert."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def drop(work: Work, name: str) -> None:
    """Drop a table that only this module made, on the one server that it is on."""
    settings = {"max_table_size_to_drop": 0}
    work.clients.clickhouse.command(f"DROP TABLE IF EXISTS {place(name)} SYNC", settings=settings)


@contextmanager
def scratch(work: Work, name: str, like: Name, *more_columns: str) -> Iterator[str]:
    """Make an empty table with the columns of `like` and more, to be dropped at the end; gives its name."""
    drop(work, name)
    client = work.clients.clickhouse
    client.command(f"CREATE TABLE {place(name)} AS {place(like)} ENGINE = MergeTree ORDER BY tuple()")
    try:
        for column in more_columns:
            client.command(f"ALTER TABLE {place(name)} ADD COLUMN {column}")
        yield name
    finally:
        drop(work, name)


def insert(work: Work, name: str, lines: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows as JSON; what they do not say is a column's default."""
    settings = dict(_INSERTED)
    batch = bytearray()

    def send() -> None:
        if batch:
            work.clients.clickhouse.raw_insert(
                place(name), insert_block=_once(bytes(batch)), settings=settings, fmt="JSONEachRow"
            )
            batch.clear()

    for line in lines:
        batch += json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"
        if len(batch) >= _BLOCK_BYTES:
            send()
    send()


def _once(block: bytes) -> Generator[bytes, None, None]:
    """Yield a block so that the driver cannot send it again: after a lost answer it would, and rows would be twice."""
    yield block


def insert_file(work: Work, name: str, path: Path) -> None:
    """Insert the rows of a file. A column that came since is filled in, and so alike; one that went is left out."""
    if path.stat().st_size:
        work.clients.clickhouse.raw_insert(
            place(name), insert_block=_chunks(path), settings=dict(_INSERTED), fmt="JSONEachRow"
        )


def hashed(names: Sequence[str]) -> str:
    """Return the SQL of the hash of a row with these columns."""
    return f"cityHash64(tuple({', '.join(map(quoted, names))}))"


def settle(work: Work, table: Name, targets: str) -> None:
    """Let `table` have each row as often as its `__target` in the table `targets` says; others are left alone.

    `targets` has the columns of `table` and `__target`. A row that is there too often goes first, with all its copies.
    """
    client = work.clients.clickhouse
    names = [name for name in columns(client, table) if name != "__target"]
    listed, one = ", ".join(map(quoted, names)), hashed(names)
    have = f"(SELECT {one} AS h, count() AS n FROM {place(table)} GROUP BY h)"
    wanted = f"(SELECT {listed}, {one} AS h, __target FROM {place(targets)})"
    surplus = f"{at(table).name}__surplus__staging_{work.run.id}"
    drop(work, surplus)
    try:
        client.command(
            f"CREATE TABLE {place(surplus)} ENGINE = MergeTree ORDER BY tuple() AS SELECT w.h AS h FROM {wanted} AS w"
            f" INNER JOIN {have} AS x ON w.h = x.h WHERE toInt64(x.n) > w.__target",
            settings=dict(GROUP_SETTINGS),
        )
        client.command(
            f"ALTER TABLE {place(table)} DELETE WHERE {one} IN (SELECT h FROM {place(surplus)})",
            settings={"mutations_sync": 2, "allow_nondeterministic_mutations": 1},
        )
    finally:
        drop(work, surplus)
    client.command(
        f"INSERT INTO {place(table)} ({listed}) SELECT {listed} FROM (SELECT w.*, w.__target - toInt64(ifNull(x.n, 0))"
        f" AS missing FROM {wanted} AS w LEFT JOIN {have} AS x ON w.h = x.h) ARRAY JOIN"
        " range(toUInt64(greatest(missing, 0)))",
        settings=dict(GROUP_SETTINGS),
    )
