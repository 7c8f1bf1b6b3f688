"""Stores filled anew for each test that changes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tool.migrate.stores import Applied, Standard, Stores, add_odd_lists
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints


@pytest.fixture
def stores(endpoints: Endpoints, tmp_path: Path) -> Iterator[Stores]:
    """The three stores with the clean dataset in them, and nothing else."""
    with Clients(endpoints) as clients:
        found = Stores(endpoints, clients, tmp_path / "state")
        found.fill("clean")
        yield found


@pytest.fixture(scope="module")
def applied(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    """The clean dataset with some odd lists beside it, migrated once for the tests that only look."""
    with Clients(endpoints) as clients:
        stores = Stores(endpoints, clients, tmp_path_factory.mktemp("applied") / "state")
        stores.fill("clean")
        expiries = add_odd_lists(stores)
        yield Applied(stores, expiries, stores.plan(), stores.apply())


@pytest.fixture(scope="module")
def standard(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standard]:
    """The standard dataset, with every dialect and every bad record: its picture, migrated, and rolled back."""
    with Clients(endpoints) as clients:
        stores = Stores(endpoints, clients, tmp_path_factory.mktemp("standard") / "state")
        stores.fill("standard")
        stores.outlive_brief_keys("standard")
        before, done = stores.picture(), stores.apply()
        migrated, quarantine, archive = stores.picture(), stores.quarantine(), stores.archive()
        comments = stores.quarantined_comments()
        stores.rollback()
        yield Standard(before, done, migrated, quarantine, comments, archive, stores.picture())
