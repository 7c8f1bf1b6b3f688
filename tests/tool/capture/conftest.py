"""Engines that hold the standard dataset, for tests that only read them."""

from __future__ import annotations

import pytest

from tests.integrity.one_set import clear
from tests.tool.conftest import FIXTURES
from tvmigrate.dataset.load import load
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints


@pytest.fixture(scope="session")
def standard() -> Dataset:
    return Dataset.open(FIXTURES / "standard")


@pytest.fixture(scope="module")
def old_system(engines: Endpoints, standard: Dataset) -> Endpoints:
    """Where three engines answer that hold the standard dataset, and nothing else."""
    with Clients(engines) as clients:
        clear(clients)
    load(standard, engines)
    return engines
