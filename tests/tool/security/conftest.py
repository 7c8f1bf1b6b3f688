"""Three stores that hold the standard dataset, and what else the tests of these promises share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tool.migrate.stores import Stores
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints


@pytest.fixture
def stores(empty_engines: Endpoints, tmp_path: Path) -> Iterator[Stores]:
    """The three stores with the clean dataset in them, and nothing else."""
    with Clients(empty_engines) as clients:
        found = Stores(empty_engines, clients, tmp_path / "state")
        found.fill("clean")
        yield found
