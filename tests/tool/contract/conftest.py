"""A ClickHouse in this very process, to ask the rules' SQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chdb
import pytest

Ask = Callable[[str], list[Any]]


@pytest.fixture(scope="session")
def connection() -> Iterator[Any]:
    opened = chdb.connect(":memory:")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def ask(connection: Any) -> Ask:
    """Run a statement; return its rows as lists."""

    def run(statement: str) -> list[Any]:
        answer = connection.query(statement, "JSONCompactEachRow").bytes()
        return [json.loads(line) for line in answer.splitlines()]

    return run


@pytest.fixture(scope="session")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that rows go through on their way into ClickHouse."""
    return tmp_path_factory.mktemp("sql") / "rows.ndjson"
