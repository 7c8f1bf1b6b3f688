"""The build servers' files: each is what its own linter takes, and says what the tool knows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tool.cli.test_docs import OPTIONS
from tvmigrate import cli

ROOT = Path(__file__).parents[3]
WORKFLOW, PIPELINE, HOOKS = (
    ROOT / ".github/workflows/rehearse.yml",
    ROOT / ".gitlab-ci.yml",
    ROOT / ".pre-commit-hooks.yaml",
)
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
BIN = Path(sys.executable).parent
SCHEMA = [str(BIN / "check-jsonschema"), "--builtin-schema"]
READERS = {
    "workflow": (WORKFLOW, [*SCHEMA, "vendor.github-workflows"]),
    "pipeline": (PIPELINE, [*SCHEMA, "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]),
    "hooks": (HOOKS, [str(BIN / "pre-commit"), "validate-manifest"]),
}
# What the linter has to see when it is broken.
BREAKS = {"workflow": ("runs-on:", "run-on:"), "pipeline": ("expire_in:", "expires:"), "hooks": ("entry:", "enter:")}


def read(command: list[str], path: Path) -> subprocess.CompletedProcess[str]:
    # pre-commit keeps a database in the user's cache directory.
    return subprocess.run([*command, str(path)], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", READERS)
def test_a_file_is_as_its_own_linter_wants_it(name: str) -> None:
    path, command = READERS[name]
    done = read(command, path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", READERS)
def test_that_linter_sees_a_word_that_is_wrong(name: str, tmp_path: Path) -> None:
    path, command = READERS[name]
    broken = tmp_path / path.name
    broken.write_text(path.read_text("utf-8").replace(*BREAKS[name]))
    assert read(command, broken).returncode != 0


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    found, go = shutil.which("actionlint"), shutil.which("go", path=f"{os.environ['PATH']}:/usr/local/go/bin")
    if found is None and go is None:
        pytest.skip("neither actionlint nor Go is on this system: see https://github.com/rhysd/actionlint")
    command = [found] if found else [go or "", "run", ACTIONLINT]
    done = read(command, WORKFLOW)
    if not found and done.stderr.startswith("go: ") and "exit status" not in done.stderr:
        pytest.skip(f"Go cannot fetch actionlint here: {done.stderr.strip().splitlines()[-1]}")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    broken = tmp_path / "broken.yml"
    broken.write_text(
        WORKFLOW.read_text("utf-8").replace("github.event_name == 'schedule'", "github.event == schedul", 1)
    )
    assert read(command, broken).returncode == 1


def steps() -> dict[str, list[dict[str, Any]]]:
    jobs = yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]
    return {name: job["steps"] for name, job in jobs.items()}


@pytest.mark.parametrize("path", [WORKFLOW, PIPELINE, HOOKS], ids=lambda path: path.name)
def test_files_name_no_option_that_is_not_there(path: Path) -> None:
    known = {option for _, option in OPTIONS}
    lines = re.findall(rf"tvmigrate (?:{'|'.join(cli.COMMANDS)})\b[^\n|]*", path.read_text("utf-8"))
    assert lines
    for line in lines:
        assert set(re.findall(r"--[a-z][a-z-]+", line)) <= known, line


def test_the_report_is_kept_whatever_came_of_the_rehearsal() -> None:
    for name, job in steps().items():
        (kept,) = [step for step in job if step.get("uses", "").startswith("actions/upload-artifact@")]
        assert kept["if"] == "always()", name
    pipeline = yaml.safe_load(PIPELINE.read_text("utf-8"))
    for name in ("rehearse", "nightly"):
        assert pipeline[name]["artifacts"]["when"] == "always"


def test_no_step_lets_a_rehearsal_fail_unseen() -> None:
    """Assert that the exit code is the gate: nothing is tried in spite of it, or behind a pipe."""
    for job in steps().values():
        for step in job:
            assert "continue-on-error" not in step
            assert not re.search(r"tvmigrate [^\n]*(\||;)", step.get("run", ""))
    assert "allow_failure" not in PIPELINE.read_text("utf-8")


def test_a_change_of_contract_migration_or_fixtures_is_rehearsed() -> None:
    told = yaml.safe_load(WORKFLOW.read_text("utf-8"))[True]  # YAML 1.1 reads `on` as true
    changes = yaml.safe_load(PIPELINE.read_text("utf-8"))["rehearse"]["rules"][1]["changes"]
    for paths in (told["push"]["paths"], told["pull_request"]["paths"], changes):
        assert {"tvmigrate", "scripts", "fixtures"} <= {path.partition("/")[0] for path in paths}
        assert "docs/contract.md" in paths


def hook(*files: Path) -> int:
    (entry,) = [one["entry"] for one in yaml.safe_load(HOOKS.read_text("utf-8"))]
    assert entry.startswith("tvmigrate ")
    return cli.run([*entry.split()[1:], *map(str, files)])


def test_the_hook_stops_a_hazard_and_lets_a_file_pass_that_speaks_to_no_store(tmp_path: Path) -> None:
    harmless, hazard = tmp_path / "a.py", tmp_path / "b.sh"
    harmless.write_text("print(1)\n")
    hazard.write_text("redis-cli FLUSHALL\n")
    assert (hook(harmless), hook(harmless, hazard)) == (0, 1)
