"""Three real engines for the tests of the tool: the set of tests/conftest.py, emptied before a test that asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integrity.one_set import clear
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture(scope="session")
def engines(endpoints: Endpoints) -> Endpoints:
    """The set that all proofs use, under the name that these tests have for it."""
    return endpoints


@pytest.fixture
def clients(engines: Endpoints) -> Iterator[Clients]:
    with Clients(engines) as opened:
        yield opened


@pytest.fixture
def empty_engines(engines: Endpoints, clients: Clients) -> Endpoints:
    """The same engines without a key, table or index."""
    clear(clients)
    return engines
