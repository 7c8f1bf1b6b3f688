"""What a check has to remember of a whole store, in a temporary SQLite file, so that memory stays bounded."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tvmigrate.closing import Closing

_BATCH = 1000
_CACHE_KIB = 6_144  # the same whatever the data's size; SQLite's own 2 MB are too few for keys in no order


class Spool(Closing):
    """A SQLite database in a temporary directory, gone when the `with` ends. Nothing in it is meant to survive."""

    def __init__(self, schema: str = "", *, kept: Path | None = None, path: Path | None = None) -> None:
        """Open it and run `schema`, statements separated by semicolons.

        The tables of the spool in the file `kept` can be read as `kept.…`. With `path` this spool is that file, which
        stays when it is closed, as far as it was committed.
        """
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        if path is None:
            self._directory = tempfile.TemporaryDirectory(prefix="tvmigrate-verify-")
            path = Path(self._directory.name) / "spool.sqlite"
        self.path = path
        # One examination may be run by another thread than the one that opened the spool, never by two at once.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, uri=True)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        if kept is not None:
            self._db.execute("ATTACH ? AS kept", (f"{kept.as_uri()}?mode=ro",))
        self._db.execute("BEGIN")
        for statement in filter(None, map(str.strip, schema.split(";"))):
            self._db.execute(statement)

    def commit(self) -> None:
        """Write what is in it to its file."""
        self._db.execute("COMMIT")
        self._db.execute("BEGIN")

    def add(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run the INSERT `statement` for each of `rows`, which may be endless in number."""
        self._db.executemany(statement, rows)

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run a statement that gives no rows."""
        self._db.execute(statement, values)

    def rows(self, query: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of `query`, a batch at a time."""
        cursor = self._db.execute(query, values)
        while batch := cursor.fetchmany(_BATCH):
            yield from batch

    def one(self, query: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """Return the first row of `query`, or None."""
        found: tuple[Any, ...] | None = self._db.execute(query, values).fetchone()
        return found

    def number(self, query: str, values: Sequence[Any] = ()) -> int:
        """Return the one number that `query` gives; 0 for NULL or no row."""
        found = self.one(query, values)
        return int(found[0]) if found and found[0] is not None else 0

    def close(self) -> None:
        """Remove the file; a second call does nothing."""
        self._db.close()
        if self._directory is not None:
            self._directory.cleanup()
