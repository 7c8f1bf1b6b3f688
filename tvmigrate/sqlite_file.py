"""A SQLite file that outlives the process: changes are made one by one or together, and its `with` closes it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tvmigrate.closing import Closing


class SqliteFile(Closing):
    """The file `path`, or a temporary one (None) that SQLite itself deletes; each statement is a change of its own."""

    def __init__(self, path: Path | None, schema: str, *pragmas: str, check_same_thread: bool = True) -> None:
        """Open or make it, set `pragmas` (https://sqlite.org/pragma.html), run `schema`; raises sqlite3.Error."""
        self.db = sqlite3.connect(path or "", isolation_level=None, check_same_thread=check_same_thread)
        for pragma in pragmas:
            self.db.execute(f"PRAGMA {pragma}")
        self.db.executescript(schema)

    @contextmanager
    def together(self) -> Iterator[sqlite3.Connection]:
        """Make what happens within one transaction: all of it, or nothing."""
        self.db.execute("BEGIN")
        try:
            yield self.db
            self.db.execute("COMMIT")
        except BaseException:
            # On a full disk SQLite has rolled back itself (https://www.sqlite.org/lang_transaction.html#rollback).
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the file."""
        self.db.close()


class NotedFile(SqliteFile):
    """One that also keeps JSON values by their names, in a table `note`."""

    def __init__(self, path: Path, schema: str, *pragmas: str, check_same_thread: bool = True) -> None:
        """Open or make it; raises sqlite3.Error."""
        noted = "CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
        super().__init__(path, noted + schema, *pragmas, check_same_thread=check_same_thread)

    def note(self, name: str, value: Any) -> None:
        """Keep a JSON value under a name."""
        self.db.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, json.dumps(value)))

    def noted(self, name: str) -> Any:
        """Return the value kept under a name, None if there is none."""
        found = self.db.execute("SELECT value FROM note WHERE name = ?", (name,)).fetchone()
        return None if found is None else json.loads(found[0])
