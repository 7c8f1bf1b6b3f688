"""Engines that are killed, paused and struck: a set of their own, each behind a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.dying.between import Between, Strike
from tests.dying.table import STORES
from tests.tool.migrate.stores import POLICY, Picture, Stores, different, item
from tests.tool.migrate.test_interrupted import meaning
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.embedded import EmbeddedEngines
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.events import Event, Started
from tvmigrate.migrate import run
from tvmigrate.migrate.run import Manner
from tvmigrate.workers import ALONE, Workers


@pytest.fixture(scope="session")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngines]:
    with EmbeddedEngines(tmp_path_factory.mktemp("mortal"), quick_start=True) as engines:
        yield engines


@dataclass
class Struck:
    """Three stores that commands reach through proxies, and that a test looks at past them."""

    engines: EmbeddedEngines
    stores: Stores
    between: dict[str, Between]
    counts: dict[str, int]  # requests by step to the step's own store, of a run that nothing struck
    migrated: Picture
    quarantine: list[tuple[str, str, str]]
    before: Picture

    @property
    def endpoints(self) -> Endpoints:
        """Return where the proxies are."""
        return Endpoints(**{store: self.between[store].url for store in STORES})

    def calm(self) -> None:
        """Let every request pass."""
        for between in self.between.values():
            between.strike = None

    def apply(self, patience: float = 20.0, workers: Workers = ALONE, **strikes: Strike) -> run.Done:
        """Migrate, and strike from the step on that is named `module__store`."""
        return run.apply(
            self.endpoints,
            POLICY,
            None,
            self.stores.state,
            self._listen(strikes),
            workers=workers,
            manner=Manner(patience),
        )

    def rollback(self, patience: float = 20.0, **strikes: Strike) -> run.Done:
        """Go back, likewise."""
        return run.rollback(self.endpoints, self.stores.state, self._listen(strikes), manner=Manner(patience))

    def _listen(self, strikes: dict[str, Strike]) -> Any:
        def listen(event: Event) -> None:
            self.stores.hear(event)
            if isinstance(event, Started):
                strike = strikes.get(event.task)
                if strike is not None:
                    self.between[store_of(event.task)].strike = strike

        return listen

    def require_migrated(self) -> None:
        """Require that the stores are as a run leaves them that nothing struck, to the record."""
        assert different(self.migrated, meaning(self.stores.picture())) == {}
        assert sorted(self.stores.quarantine()) == self.quarantine
        self.require_no_trace()

    def require_old(self) -> None:
        """Require that the old data are there bit for bit, and nothing else."""
        assert different(self.before, self.stores.picture()) == {}
        self.require_no_trace()

    def require_no_trace(self) -> None:
        found = self.stores.clients.elasticsearch.indices.get(index="tvmigrate*", expand_wildcards="all")
        assert list(found) == []


def store_of(step: str) -> str:
    """Return the store whose failure a step is asked to meet."""
    name = step.partition(".")[2]
    return name if name in STORES else "clickhouse"


def fill(stores: Stores) -> None:
    """Fill the stores with records of which some are set aside."""
    stores.fill("clean")
    stores.clients.redis.rpush("metrics:mixed", "0.5", item("mixed", 1, 1), "x")


@pytest.fixture(scope="session")
def reference(mortal: EmbeddedEngines, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run that nothing struck leaves, and how many requests each step sends to its store."""
    between = {store: Between(getattr(mortal.endpoints, store)) for store in STORES}
    counts: dict[str, int] = {}
    running: list[tuple[str, int]] = []

    def end() -> None:
        for step, begun in running:
            counts[step] = between[store_of(step)].requests - begun
        running.clear()

    def listen(event: Event) -> None:
        if isinstance(event, Started):
            end()
            running.append((event.task, between[store_of(event.task)].requests))

    endpoints = Endpoints(**{store: between[store].url for store in STORES})
    state = tmp_path_factory.mktemp("reference") / "state"
    with Clients(mortal.endpoints) as clients:
        stores = Stores(mortal.endpoints, clients, state)
        fill(stores)
        run.apply(endpoints, POLICY, None, state, listen)
        end()
        migrated, quarantine = meaning(stores.picture()), sorted(stores.quarantine())
        run.rollback(endpoints, state, listen)
        end()  # the last step's requests and those of the lock's removal
    for one in between.values():
        one.close()
    return {"counts": counts, "migrated": migrated, "quarantine": quarantine}


@pytest.fixture
def struck(mortal: EmbeddedEngines, reference: dict[str, Any], tmp_path: Path) -> Iterator[Struck]:
    between = {store: Between(getattr(mortal.endpoints, store)) for store in STORES}
    with Clients(mortal.endpoints) as clients:
        stores = Stores(mortal.endpoints, clients, tmp_path / "state")
        fill(stores)
        yield Struck(mortal, stores, between, before=stores.picture(), **reference)
    for one in between.values():
        one.close()
