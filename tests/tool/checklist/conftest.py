"""One system after a good migration, and the application of this clone on it."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import tvmigrate
from tests.tool.conftest import FIXTURES
from tests.tool.migrate.stores import Stores
from tvmigrate.checklist.site import Attested, Commands, Site
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints

ROOT = Path(tvmigrate.__file__).parents[1]
JUNIT = (
    '<testsuites><testsuite name="s" timestamp="{at}"><testcase classname="tests.a" name="b"/></testsuite></testsuites>'
)


@pytest.fixture(scope="module")
def stores(engines: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """The clean dataset, migrated."""
    with Clients(engines) as clients:
        found = Stores(engines, clients, tmp_path_factory.mktemp("checklist") / "state")
        found.fill(FIXTURES / "clean")
        found.apply()
        yield found


@pytest.fixture
def junit(tmp_path: Path) -> Path:
    """What tests said that began after the migration and passed."""
    path = tmp_path / "junit.xml"
    path.write_text(JUNIT.format(at=(datetime.now(UTC) + timedelta(seconds=1)).isoformat()))
    return path


@pytest.fixture
def site(stores: Stores, junit: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Everything said that a green checklist needs, but for the probes."""
    monkeypatch.chdir(ROOT)
    return Site(
        stores.endpoints,
        sources=(ROOT / "src",),
        documents=tuple(ROOT / "docs" / f"{name}.md" for name in ("application", "api", "agent", "contract")),
        junit=(junit,),
        attested=Attested("Mai Tran", datetime.now(UTC)),
        state=stores.state,
        commands=Commands(),
    )


@contextmanager
def serving(command: list[str], environ: dict[str, str]) -> Iterator[Callable[[str], None]]:
    """Run a server of the application for `with`; what is given waits until a URL answers."""
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:

        def wait(url: str) -> None:
            deadline = time.monotonic() + 60
            while True:
                with suppress(OSError), urllib.request.urlopen(f"{url}/ready"):  # noqa: S310
                    return
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)

        try:
            yield wait
        finally:
            server.terminate()
