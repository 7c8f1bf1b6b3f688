"""The command that a failure prints is run as it stands, in a shell, and finds the same again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from junitparser import JUnitXml

from tests.integrity.one_set import clear
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints

CLEAN = Path(__file__).parents[3] / "fixtures" / "clean"
HEAD = "  Repeat just this check:"


def test_the_printed_command_repeats_just_that_check(
    empty_engines: Endpoints, clients: Clients, tmp_path: Path
) -> None:
    """Assert it with relative paths, blanks, quotes, an entity map, a report's place and no tvmigrate on the PATH."""
    shutil.copytree(CLEAN, tmp_path / "the data")
    (tmp_path / "a map.json").write_text(json.dumps({"contestant_1": "élan's/one"}), encoding="utf-8")
    environ = {**os.environ, **empty_engines.environ(), "PATH": os.defpath}
    options = [
        "--dataset", "the data", "--show", "the_voice", "--entity-map", "a map.json", "--engines", "live", "--rollback",
        "true", "--migration", "echo \"it's $PWD\" 'and so on'", "--max-findings", "2", "--timeout", "90", "--report",
        "my report", "--show-values", "--only", "redis.eaos", "--only", "redis.extra",
    ]  # fmt: skip
    first = subprocess.run(
        [sys.executable, "-m", "tvmigrate", "rehearse", *options], cwd=tmp_path, env=environ, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert first.returncode == 1, first.stderr
    lines = first.stdout.splitlines()
    commands = [lines[number + 1].strip() for number, line in enumerate(lines) if line == HEAD]
    (command,) = [one for one in commands if one.endswith("--only redis.eaos")]
    suites = JUnitXml.fromfile(str(tmp_path / "my report" / "junit.xml"))
    assert any(command in told.text for suite in suites for case in suite for told in case.result)
    before = json.loads((tmp_path / "my report" / "verdict.json").read_bytes())

    clear(clients)
    again = subprocess.run(
        ["/bin/sh", "-c", command], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert again.returncode == 1, again.stderr
    (check,) = json.loads((tmp_path / "my report" / "verdict.json").read_bytes())["checks"]
    (same,) = [one for one in before["checks"] if one["id"] == "redis.eaos"]
    assert check == same
