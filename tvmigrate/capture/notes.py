"""What a capture knows while it is under way: kept beside what it has written, so that it can go on after a kill."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS chosen (id BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS keys (
        id INTEGER PRIMARY KEY, db INT NOT NULL, key BLOB NOT NULL, digest BLOB NOT NULL, expires_ms INT,
        line BLOB NOT NULL, round INT NOT NULL, UNIQUE (db, key));
    CREATE INDEX IF NOT EXISTS moved ON keys (db, round) WHERE round > 1;
    """


class Notes:
    """A SQLite database in the file `path`; what was noted is there after the process was killed."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # A kill of this process loses nothing; after a power cut the capture begins anew.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(_SCHEMA)

    @contextmanager
    def together(self) -> Iterator[sqlite3.Connection]:
        """Open the database for several changes that are all kept, or none."""
        self._db.execute("BEGIN")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def note(self, name: str, value: Any) -> None:
        """Keep a JSON value under a name."""
        self._db.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, json.dumps(value)))

    def noted(self, name: str) -> Any:
        """Return the value kept under a name, None if there is none."""
        found = self._db.execute("SELECT value FROM note WHERE name = ?", (name,)).fetchone()
        return None if found is None else json.loads(found[0])

    def noted_below(self, prefix: str) -> dict[str, Any]:
        """Return all values whose names begin so, by the rest of their names."""
        found = self._db.execute("SELECT name, value FROM note WHERE substr(name, 1, ?) = ?", (len(prefix), prefix))
        return {name[len(prefix) :]: json.loads(value) for name, value in found}

    def run(self, statement: str) -> None:
        """Run a statement that gives no rows."""
        self._db.execute(statement)

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query."""
        yield from self._db.execute(query, values)

    def number(self, query: str, values: tuple[Any, ...] = ()) -> int:
        """Return the one number that a query gives."""
        return int(self._db.execute(query, values).fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
