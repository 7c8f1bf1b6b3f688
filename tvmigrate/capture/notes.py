"""What a capture knows while it is under way: kept beside what it has written, so that it can go on after a kill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tvmigrate.sqlite_file import NotedFile

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS chosen (id BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS keys (
        id INTEGER PRIMARY KEY, db INT NOT NULL, key BLOB NOT NULL, digest BLOB NOT NULL, expires_ms INT,
        line BLOB NOT NULL, round INT NOT NULL, UNIQUE (db, key));
    CREATE INDEX IF NOT EXISTS moved ON keys (db, round) WHERE round > 1;
    """


class Notes(NotedFile):
    """A SQLite database in the file `path`; what was noted is there after the process was killed."""

    def __init__(self, path: Path) -> None:
        # A kill of this process loses nothing; after a power cut the capture begins anew.
        super().__init__(path, _SCHEMA, "journal_mode = WAL", "synchronous = OFF", check_same_thread=False)

    def noted_below(self, prefix: str) -> dict[str, Any]:
        """Return all values whose names begin so, by the rest of their names."""
        found = self.db.execute("SELECT name, value FROM note WHERE substr(name, 1, ?) = ?", (len(prefix), prefix))
        return {name[len(prefix) :]: json.loads(value) for name, value in found}

    def run(self, statement: str) -> None:
        """Run a statement that gives no rows."""
        self.db.execute(statement)

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query."""
        yield from self.db.execute(query, values)

    def number(self, query: str, values: tuple[Any, ...] = ()) -> int:
        """Return the one number that a query gives."""
        return int(self.db.execute(query, values).fetchone()[0])
