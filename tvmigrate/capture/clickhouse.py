"""ClickHouse's tables, each by one SELECT, which sees the parts that there were when it began."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from tvmigrate.capture import masked
from tvmigrate.capture.errors import CaptureFailed
from tvmigrate.capture.work import Work
from tvmigrate.contract.layout import quoted
from tvmigrate.contract.old_layout import OldTable
from tvmigrate.dataset.model import ROWS_OUTPUT_SETTINGS
from tvmigrate.dataset.read import CLICKHOUSE
from tvmigrate.dataset.write import RowsWriter, write_table
from tvmigrate.engines.quoting import unquoted
from tvmigrate.verify.reference import live_tables

_CHUNK = 1 << 18
_NAME = re.compile(r"\w(?:[\w .-]*\w)?")
_ERROR = re.compile(rb"Code: \d+\..*", re.DOTALL)
_SHOWN = 300


def capture(work: Work) -> None:
    """Write `clickhouse/`; raises ClickHouseError, CaptureFailed."""
    taken: dict[str, str] = {}
    tables = sorted(
        live_tables(work.clients).values(), key=lambda table: table["database"] != work.asked.layout.database
    )
    for table in tables:
        database, name = table["database"], table["name"]
        if why := _why_not(table, taken):
            work.left_out(f"ClickHouse table {database}.{name}", why)
            continue
        taken[name] = database
        _table(work, table)


def _old(work: Work, table: Mapping[str, Any]) -> OldTable | None:
    """Return the old table that a live one is."""
    at = (table["database"], table["name"])
    return next((one for one in work.asked.layout.tables if (one.database, one.name) == at), None)


def _why_not(table: Mapping[str, Any], taken: Mapping[str, str]) -> str:
    name, engine = table["name"], table["engine"]
    if not engine.endswith("MergeTree"):
        return f"its engine is {engine}, and a dataset has tables with rows of their own, of the MergeTree family"
    if not _NAME.fullmatch(name):
        return "its name is none of a file"
    if name in taken:
        return f"a dataset has one table of a name, and has {taken[name]}.{name}"
    return ""


def _table(work: Work, table: Mapping[str, Any]) -> None:
    name = table["name"]
    rows = Path(CLICKHOUSE) / f"{name}.ndjson"
    if work.is_written(str(rows)) is not None:
        return
    task = f"capture clickhouse {name}"
    work.started(task, "rows")
    work.written(write_table(work.folder, name, table["create_table_query"]))
    known = _old(work, table)
    hidden = _hidden(work, table)
    with RowsWriter(work.folder / rows) as writer:
        for lines in _rows(work, table):
            if known is not None and known.is_comments and not work.asked.sample.is_all:
                _remember(work, lines, known.their("comment_id"))
            if work.asked.mask is not None and hidden:
                mask = work.asked.mask
                lines = [masked.row(mask, line, hidden) for line in lines]  # noqa: PLW2901
            writer.write(b"".join(line + b"\n" for line in lines))
            work.advanced(task, writer.records)
    work.written(writer.close())
    work.finished(task, f"{writer.records:,} rows")


def _hidden(work: Work, table: Mapping[str, Any]) -> frozenset[str]:
    if work.asked.mask is None:
        return frozenset()
    types = {column["name"]: column["type"] for column in table["columns"]}
    return masked.columns(types, _old(work, table))


def _rows(work: Work, table: Mapping[str, Any]) -> Iterator[list[bytes]]:
    """Yield the rows in JSONEachRow, some lines at a time.

    Raises:
        CaptureFailed: the answer ended in what is no row.
    """
    columns = {column["name"] for column in table["columns"]}
    layout, known = work.asked.layout, _old(work, table)
    # A table of others beside the old ones may name entities by the same word.
    entity = (known or layout.comments).their("entity")
    is_beside = table["database"] == layout.database and entity in columns
    where = work.asked.sample.where(entity if is_beside else None)
    query = f"SELECT * FROM {quoted(table['database'])}.{quoted(table['name'])} WHERE {where}"
    throttle, rest = work.throttle(), b""
    with work.clients.clickhouse.raw_stream(query, fmt="JSONEachRow", settings=dict(ROWS_OUTPUT_SETTINGS)) as stream:
        while True:
            began = time.monotonic()
            chunk = stream.read(_CHUNK)
            if not chunk:
                break
            throttle.took(chunk.count(b"\n"), time.monotonic() - began)
            *lines, rest = (rest + chunk).split(b"\n")
            _require_rows(table, lines)
            if lines:
                yield lines
    if rest:
        _require_rows(table, [rest + b"?"])


def _require_rows(table: Mapping[str, Any], lines: list[bytes]) -> None:
    for line in lines:
        # Before 25.11 an error in the middle stands among the rows, in an answer that began well.
        if not (line.startswith(b"{") and line.endswith(b"}")):
            said = _ERROR.search(line)  # what stands before it is of a row
            why = "a row was cut short" if said is None else unquoted(said[0][:_SHOWN].decode("utf-8", "replace"))
            raise CaptureFailed(
                f"ClickHouse broke off in the middle of {table['database']}.{table['name']}: {why.rstrip('.')}. Run "
                "the same command again: it reads that table anew."
            )


def _remember(work: Work, lines: list[bytes], id_column: str) -> None:
    """Keep the ids of the comments that are taken: their documents are taken too."""
    with work.notes.together() as notes:
        for line in lines:
            try:
                comment_id = orjson.loads(line).get(id_column)
            except orjson.JSONDecodeError:
                continue  # not UTF-8: quarantined, and no document has such an id
            if isinstance(comment_id, str):
                notes.execute("INSERT OR IGNORE INTO chosen VALUES (?)", (comment_id.encode(),))
