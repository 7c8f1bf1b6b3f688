"""Engines for these tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tvmigrate.engines.clients import Clients
from tvmigrate.engines.embedded import EmbeddedEngines
from tvmigrate.events import Event

from .processes import ROOT, Running


@pytest.fixture(scope="package")
def running() -> Iterator[Running]:
    events: list[Event] = []
    with EmbeddedEngines(None, events.append) as engines:
        yield Running(engines, events)


@pytest.fixture(scope="package")
def engines(running: Running) -> EmbeddedEngines:
    return running.engines


@pytest.fixture
def clients(engines: EmbeddedEngines) -> Iterator[Clients]:
    with Clients(engines.endpoints) as opened:
        yield opened


@pytest.fixture
def environ() -> dict[str, str]:
    """The environment of a child that imports this very package."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
