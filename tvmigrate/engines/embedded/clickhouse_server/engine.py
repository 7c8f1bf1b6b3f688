"""chdb: one engine in this process; each handle on it has its own settings, database and temporary tables."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

import chdb

from tvmigrate.engines.embedded.clickhouse_server.errors import QueryError

# chdb, like clickhouse-local, takes a bare expression for a SELECT; a server does not.
_AS_A_SERVER: Final = {"implicit_select": "0"}

# chdb reads its engine's message as UTF-8, which it is not where it quotes text that is not.
_REFUSALS = (chdb.ChdbError, RuntimeError, UnicodeDecodeError)


class Kind(Enum):
    """What chdb says a statement would do."""

    READ_ONLY = "READ_ONLY"
    MUTATING = "MUTATING"
    MUTATING_GLOBAL = "MUTATING_GLOBAL"
    CONTROL = "CONTROL"
    UNKNOWN = "UNKNOWN"  # it does not parse; running it gives the error


@dataclass(frozen=True, slots=True)
class Figures:
    """The counts of X-ClickHouse-Summary: rows, bytes and nanoseconds."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    total_rows_to_read: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0

    def header(self) -> str:
        """Return them as ClickHouse sends them: a JSON object of decimal strings."""
        return json.dumps({name: str(value) for name, value in asdict(self).items()}, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Finished:
    """A statement that ran to its end: its figures, and its answer unless that was sent elsewhere."""

    figures: Figures
    answer: bytes = b""


def literal(text: str) -> str:
    """Quote a text as a ClickHouse string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """Quote a name as a ClickHouse identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


class Handle:
    """One client context of the engine. Not for two threads at once."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._progress = Figures()
        connection.set_progress_callback(self._on_progress)
        self.set(_AS_A_SERVER)

    def _on_progress(self, progress: Mapping[str, int]) -> None:
        self._progress = Figures(**{name: int(progress.get(name, 0)) for name in asdict(Figures())})

    @property
    def progress(self) -> Figures:
        """The figures so far of the statement that runs now."""
        return self._progress

    def classify(self, text: bytes) -> tuple[Kind, int]:
        """Return what a statement would do and how many statements the text holds, without running it."""
        # The Python layer of chdb 4.4 does not pass this function on.
        found = self._connection._conn.classify_query(_as_text(text))
        return Kind(found["query_class"].name), int(found["statement_count"])

    def run(
        self, text: bytes | str, format_name: str = "TabSeparated", params: Mapping[str, str] | None = None
    ) -> Finished:
        """Run one statement.

        Raises:
            QueryError: the engine refused it or it failed on the way.
        """
        self._progress = Figures()
        try:
            result = self._connection.query(_as_text(text), format_name, params=dict(params or {}))
        except _REFUSALS as error:
            raise QueryError.from_engine(error) from error
        figures = Figures(
            read_rows=result.storage_rows_read(),
            read_bytes=result.storage_bytes_read(),
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
            total_rows_to_read=self._progress.total_rows_to_read,
            # As in ClickHouse: for an INSERT these say what was written.
            result_rows=result.rows_read() or result.rows_written(),
            result_bytes=result.bytes_read() or result.bytes_written(),
            elapsed_ns=int(result.elapsed() * 1e9),
        )
        return Finished(figures, result.bytes())

    def insert(self, head: bytes, format_name: str, pieces: Iterable[bytes]) -> Finished:
        """Run an INSERT, `head` up to FORMAT or VALUES, of rows that come as `pieces` in an input format.

        Raises:
            QueryError: the engine refused the statement or the rows.
        """
        try:
            with self._connection.send_insert(_as_text(head), format_name) as stream:
                for piece in pieces:
                    stream.append(piece)
                result = stream.finish()
        except _REFUSALS as error:
            raise QueryError.from_engine(error) from error
        rows, size = int(result.rows_written), int(result.bytes_written)
        return Finished(
            Figures(
                read_rows=rows,
                read_bytes=size,
                written_rows=rows,
                written_bytes=size,
                result_rows=rows,
                result_bytes=size,
                elapsed_ns=int(result.elapsed * 1e9),
            )
        )

    def set(self, settings: Mapping[str, str]) -> None:
        """Apply settings to this handle, all or none.

        Raises:
            QueryError: a name is unknown (115), or a value cannot be that setting's.
        """
        if settings:
            self.run("SET " + ", ".join(f"{identifier(name)} = {literal(value)}" for name, value in settings.items()))

    def scalar(self, text: str) -> str:
        """Return the single value that a query answers with."""
        return self.run(text, "TSVRaw").answer.decode().rstrip("\n")

    def close(self) -> None:
        """Give the handle back; its temporary tables and settings go with it."""
        self._connection.close()


def _as_text(text: bytes | str) -> bytes | str:
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text


class Engine:
    """The engine over one data directory. It lives until `close`, however many handles come and go."""

    def __init__(self, data: Path, config: Path | None = None) -> None:
        """Open or create the data directory `data`; `config` is a file of ClickHouse's own configuration.

        Raises:
            QueryError: chdb cannot use the directory.
        """
        self._path = str(data) if config is None else f"{data}?config-file={config.absolute()}"
        self._lock = threading.Lock()
        self._root = self.open()
        self.version = self._root.scalar("SELECT version()")
        self.timezone = self._root.scalar("SELECT timezone()")

    def open(self) -> Handle:
        """Return a new handle (about 0.3 ms), with nothing of any other."""
        try:
            return Handle(chdb.connect(self._path))  # type: ignore[no-untyped-call]
        except _REFUSALS as error:
            raise QueryError.from_engine(error) from error

    def cancel(self, mark: str) -> None:
        """Stop the running statement whose text holds the comment `mark`."""
        with self._lock:
            self._root.run(f"KILL QUERY WHERE position(query, {literal(mark)}) > 0 AND query_id != queryID() ASYNC")

    def close(self) -> None:
        """Close the root handle; the engine shuts down when no other is open."""
        self._root.close()
