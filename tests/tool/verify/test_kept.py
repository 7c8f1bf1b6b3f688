"""What is worked out of the old data: once, for each thing it depends on, and out of reach of whoever reads it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tvmigrate.verify.kept import Kept
from tvmigrate.verify.spool import Spool

SCHEMA = "CREATE TABLE numbers (n INT)"


@pytest.fixture
def kept() -> Iterator[Kept]:
    with Kept() as opened:
        yield opened


def numbers(kept: Kept, name: str, depends_on: object, *told: int) -> Path:
    def fill(spool: Spool) -> None:
        spool.add("INSERT INTO numbers VALUES (?)", ((n,) for n in told))

    return kept.spool(name, depends_on, SCHEMA, fill)


def read(path: Path) -> list[int]:
    with Spool(kept=path) as spool:
        return [n for (n,) in spool.rows("SELECT n FROM kept.numbers ORDER BY n")]


def test_a_spool_is_filled_once_and_read_by_all(kept: Kept) -> None:
    assert read(numbers(kept, "one", "same", 1, 2)) == read(numbers(kept, "one", "same", 3)) == [1, 2]


def test_another_name_or_dependency_is_another_spool(kept: Kept) -> None:
    told = [numbers(kept, "one", {"a": 1}, 1), numbers(kept, "one", {"a": 2}, 2), numbers(kept, "two", {"a": 1}, 3)]
    assert list(map(read, told)) == [[1], [2], [3]]


def test_what_stopped_half_way_is_not_kept(kept: Kept) -> None:
    def fill(spool: Spool) -> None:
        spool.run("INSERT INTO numbers VALUES (1)")
        raise OSError("the file went away")

    with pytest.raises(OSError, match="the file went away"):
        kept.spool("one", None, SCHEMA, fill)
    assert read(numbers(kept, "one", None, 2)) == [2]


def test_whoever_reads_cannot_write(kept: Kept) -> None:
    with (
        Spool(kept=numbers(kept, "one", None, 1)) as spool,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        spool.run("INSERT INTO kept.numbers VALUES (2)")


def test_nothing_is_left_behind() -> None:
    with Kept() as kept:
        path = numbers(kept, "one", None, 1)
    assert not path.parent.exists()
