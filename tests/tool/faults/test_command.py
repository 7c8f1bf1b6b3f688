"""`tvmigrate faults` as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from tvmigrate import cli
from tvmigrate.errors import ExitCode
from tvmigrate.verify.faults.all import CATALOGUE

ROOT = Path(__file__).parents[3]
ONE, OTHER = "hash-count-off-by-one", "new-key-left-behind"


def test_faults_are_shared_out_and_judged_side_by_side(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tvmigrate", "faults", "--dataset", str(ROOT / "fixtures" / "clean")]
    command += ["--show", "the_voice", "--only", ONE, "--only", OTHER, "--jobs", "2", "--report", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.PASS, done.stderr
    assert done.stdout.splitlines() == [
        f"report: {tmp_path / 'faults.json'}",
        "faults: caught 2 of 2 planted, wrong attributions 0",
    ]
    report = json.loads((tmp_path / "faults.json").read_bytes())
    assert [(one["id"], one["outcome"]) for one in report["faults"]] == [(ONE, "caught"), (OTHER, "caught")]
    assert report["faults"][0]["sample"]["field"] == "positive"


def test_an_unknown_fault_is_wrong_usage() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tvmigrate", "faults", "--dataset", "x", "--show", "s", "--only", "nope"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        ExitCode.USAGE,
        "Error: There is no fault nope; `tvmigrate faults --list` tells them all.\n",
    )


def test_all_faults_are_listed() -> None:
    listed = CliRunner().invoke(cli.cli, ["faults", "--list"])
    assert listed.output.splitlines() == [f"{fault.id}: {fault.says}" for fault in CATALOGUE]
