"""The scripts as a person runs them, and stores that hold nothing at all."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.app.scripts.running import ROOT, Ended, Run, command
from tests.integrity.one_set import empty
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints


@pytest.fixture
def environ(endpoints: Endpoints) -> dict[str, str]:
    return {**os.environ, **endpoints.environ(), "COLUMNS": "120"}


@pytest.fixture
def run(environ: dict[str, str]) -> Run:
    """Run a script from the clone's root; keywords are variables of its environment."""

    def run(name: str, *arguments: str, **variables: str) -> Ended:
        ended = subprocess.run(
            command(name, *arguments), cwd=ROOT, env=environ | variables, capture_output=True, text=True, check=False
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def init(run: Run) -> Run:
    return lambda *arguments, **variables: run("init_databases", *arguments, **variables)


@pytest.fixture
def seed(run: Run) -> Run:
    return lambda *arguments, **variables: run("seed_sample_data_v2", *arguments, **variables)


@pytest.fixture
def bare(endpoints: Endpoints, _raw: Clients) -> Clients:
    """Drivers' own clients of stores that hold nothing, not even the new layout."""
    empty(endpoints)
    return _raw
