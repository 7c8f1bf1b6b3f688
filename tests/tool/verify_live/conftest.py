"""The clean dataset migrated once, for tests that look at it while somebody writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integrity.one_set import clear
from tests.tool.migrate.stores import Stores
from tvmigrate.capture import run as capturing
from tvmigrate.capture import work as captured
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.events import Listener, ignore
from tvmigrate.verify_live.asked import Asked
from tvmigrate.verify_live.outcome import Outcome, Told
from tvmigrate.verify_live.run import verify
from tvmigrate.verify_live.source import of_run

LIST_OF_TODAY = "contestant_1"


@dataclass
class Migrated:
    """Stores that were migrated, and how they are looked at."""

    stores: Stores
    folder: Path

    @property
    def captured(self) -> Path:
        """The dataset that was captured before the migration."""
        return self.folder / "captured"

    def verify(self, listener: Listener = ignore, checkpoint: Path | None = None, **asked: Any) -> Outcome:
        """Look with one look a second, unless otherwise asked."""
        find = partial(of_run, state=self.stores.state)
        kept = checkpoint or self.folder / "verify.sqlite"
        return verify(self.stores.endpoints, find, Asked(**{"recheck": 0.2, **asked}), kept, listener)


def part(outcome: Outcome, name: str) -> Told:
    (found,) = [one for one in outcome.parts if one.about.id == name]
    return found


def differing(outcome: Outcome) -> dict[str, list[str]]:
    """Return the names of what differs by part."""
    return {one.about.id: [pending.due.name for pending in one.different] for one in outcome.parts if one.different}


@pytest.fixture(scope="module")
def migrated(engines: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Migrated]:
    """The clean dataset, and a metrics item of today, so that the application appends to a migrated list."""
    folder = tmp_path_factory.mktemp("live")
    with Clients(engines) as clients:
        clear(clients)
        stores = Stores(engines, clients, folder / "state")
        stores.fill("clean")
        item = {"entity": LIST_OF_TODAY, "value": 1, "timestamp": datetime.now(UTC).isoformat()}
        clients.redis.rpush("metrics:today", json.dumps(item))
        migrated = Migrated(stores, folder)
        capturing.capture(engines, migrated.captured, captured.Asked(), "the_voice")
        stores.apply()
        yield migrated


@pytest.fixture
def put_back(migrated: Migrated) -> Iterator[Any]:
    """Take functions that undo what a test does to the stores."""
    undo: list[Any] = []
    yield undo.append
    for one in reversed(undo):
        one()
