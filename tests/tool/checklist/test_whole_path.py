"""docs/operations.md, "The guide's whole path", typed as it stands, on stores that are taken for live."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import profiles
from tests.tool.checklist.conftest import ROOT
from tests.tool.conftest import FIXTURES
from tests.tool.migrate.stores import Stores
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.practice import practice

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")


@pytest.mark.skipif(not profiles.is_nightly(), reason="of the long run: HYPOTHESIS_PROFILE=nightly")
def test_every_command_of_the_whole_path_ends_well_on_live_stores(
    engines: Endpoints, tmp_path: Path, share: Callable[..., None]
) -> None:
    found = re.search(r"^## The guide's whole path\n.*?```bash\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    live = Endpoints(*(url.replace("127.0.0.1", "0.0.0.0") for url in engines.environ().values()))  # noqa: S104 - a name, to be asked
    assert practice(live, {}) == ""
    with Clients(engines) as clients:
        Stores(engines, clients, tmp_path / "state").fill(FIXTURES / "clean")
    for entry in ROOT.iterdir():
        if not entry.name.startswith(".") and entry.name not in {"report", "staging", "tests.xml"}:
            (tmp_path / entry.name).symlink_to(entry)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TVMIGRATE_")}
    environ |= {**live.environ(), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-ec", found[1]], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    assert done.stdout.endswith("checklist: all green\n")
    share(("whole-path", "walks of the guide's whole path, typed as the page has it"), "live", 1, 1)
