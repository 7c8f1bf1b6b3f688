"""Three real engines for the tests of the tool: started once, emptied before a test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tvmigrate.engines.clients import Clients
from tvmigrate.engines.embedded import EmbeddedEngines
from tvmigrate.engines.endpoints import Endpoints

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture(scope="session")
def engines() -> Iterator[Endpoints]:
    """Where three embedded engines answer that only these tests use."""
    with EmbeddedEngines() as running:
        yield running.endpoints


@pytest.fixture
def clients(engines: Endpoints) -> Iterator[Clients]:
    with Clients(engines) as opened:
        yield opened


OF_CLICKHOUSE = {"default", "system", "information_schema", "INFORMATION_SCHEMA"}


@pytest.fixture
def empty_engines(engines: Endpoints, clients: Clients) -> Endpoints:
    """The same engines without a key, table or index."""
    empty(clients)
    return engines


def empty(clients: Clients) -> None:
    """Remove every key, table and index, those that other tests have left too."""
    clients.redis.flushall()
    for (database,) in clients.clickhouse.query("SELECT name FROM system.databases").result_rows:
        if database not in OF_CLICKHOUSE:
            clients.clickhouse.command(f"DROP DATABASE `{database}` SYNC")
    names = list(clients.elasticsearch.indices.get(index="*", expand_wildcards=["open", "closed"]))
    if names:
        clients.elasticsearch.indices.put_settings(index=names, settings={"index.blocks.write": None})
        clients.elasticsearch.indices.delete(index=names)
