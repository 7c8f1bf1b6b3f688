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


@pytest.fixture
def empty_engines(engines: Endpoints, clients: Clients) -> Endpoints:
    """The same engines without a key, table or index."""
    empty(clients)
    return engines


def empty(clients: Clients) -> None:
    """Remove every key, table and index."""
    clients.redis.flushall()
    clients.clickhouse.command("DROP DATABASE IF EXISTS tv_analytics SYNC")
    names = list(clients.elasticsearch.indices.get(index="*", expand_wildcards=["open", "closed"]))
    if names:
        clients.elasticsearch.indices.put_settings(index=names, settings={"index.blocks.write": None})
        clients.elasticsearch.indices.delete(index=names)
