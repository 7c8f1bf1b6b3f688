"""Changes of a SQLite file that belong together are all there or none, and why one failed is what is told."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tvmigrate.sqlite_file import NotedFile, SqliteFile

SCHEMA = "CREATE TABLE IF NOT EXISTS t (n BLOB);"


def count(file: SqliteFile) -> int:
    return int(file.db.execute("SELECT count(*) FROM t").fetchone()[0])


def add(file: SqliteFile, rows: int, then: BaseException | None = None) -> None:
    with file.together() as db:
        for _ in range(rows):
            db.execute("INSERT INTO t VALUES (zeroblob(4096))")
        if then is not None:
            raise then


def test_what_is_made_together_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with SqliteFile(tmp_path / "f", SCHEMA) as file:
        add(file, 2)
        with pytest.raises(KeyboardInterrupt):
            add(file, 1, KeyboardInterrupt())
        assert count(file) == 2
    with SqliteFile(tmp_path / "f", SCHEMA) as file:
        assert count(file) == 2


def test_a_full_disk_is_told_as_one_though_sqlite_has_rolled_back_itself(tmp_path: Path) -> None:
    with SqliteFile(tmp_path / "f", SCHEMA, "max_page_count = 10", "cache_size = 1") as file:
        with pytest.raises(sqlite3.OperationalError, match=r"^database or disk is full$"):
            add(file, 100)
        assert count(file) == 0


def test_a_value_is_kept_under_its_name(tmp_path: Path) -> None:
    with NotedFile(tmp_path / "f", SCHEMA) as file:
        file.note("a", {"b": [1, None]})
        file.note("a", "later")
    with NotedFile(tmp_path / "f", SCHEMA) as file:
        assert (file.noted("a"), file.noted("c")) == ("later", None)
