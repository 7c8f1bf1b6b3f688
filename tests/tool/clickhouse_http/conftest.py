"""One server for all tests of its HTTP interface, a database for each test, and a client of either kind."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import clickhouse_connect
import pytest

from .serving import Either, Server, start, stop


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start(tmp_path_factory.mktemp("clickhouse"))
    yield running
    status, errors = stop(running)
    assert (status, errors) == (0, "")


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    assert server.ask(f"CREATE DATABASE {name}").status == 200
    yield name
    assert server.ask(f"DROP DATABASE {name} SYNC").status == 200


@pytest.fixture
def client(server: Server, database: str) -> Iterator[Any]:
    connected = server.connect(database=database)
    yield connected
    connected.close()


@pytest.fixture(params=["sync", "async"])
async def either(request: pytest.FixtureRequest, server: Server, database: str) -> AsyncIterator[Either]:
    if request.param == "sync":
        connected = server.connect(database=database)
        yield Either(connected)
        connected.close()
    else:
        other = await clickhouse_connect.get_async_client(host="127.0.0.1", port=server.port, database=database)
        yield Either(other)
        await other.close()
