"""Engines for these tests."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from tvmigrate.engines.clients import Clients
from tvmigrate.engines.embedded import EmbeddedEngines
from tvmigrate.events import Event, Started

from .processes import ROOT, Running


@pytest.fixture(scope="package")
def running() -> Iterator[Running]:
    events: list[Event] = []
    threads: dict[str, int] = {}

    def listen(event: Event) -> None:
        events.append(event)
        if isinstance(event, Started):
            threads[event.task] = threading.get_ident()

    with EmbeddedEngines(None, listen) as engines:
        yield Running(engines, events, threads)


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
