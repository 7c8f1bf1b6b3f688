"""The proof of the suite: known mistakes, planted one at a time, are each told by just the findings they declare."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import profiles
from tests.conftest import Tell
from tvmigrate.report.faults import FILE
from tvmigrate.verify.faults.all import CATALOGUE
from tvmigrate.verify.faults.judge import Caught

ROOT = Path(__file__).parents[2]
RUN = ("faults", "planted faults")
PARTS = 1 if profiles.is_nightly() else 24  # a short run plants one in so many, others with each commit
PLAIN = f"{sys.executable} {ROOT}/examples/plain_python"
# Dataset, and what else is asked for; a short run takes the first.
BASES = {
    "standard": ("--dataset", "fixtures/standard", "--show", "the_voice"),
    "clean-keep-entities": ("--dataset", "fixtures/clean", "--keep-entities", "--timezone", "Asia/Ho_Chi_Minh"),
    "standard-plain-python": (
        "--dataset", "fixtures/standard", "--show", "the_voice", "--quarantine", "none",
        "--migration", f"{PLAIN}/migrate.py", "--rollback", f"{PLAIN}/rollback.py",
    ),
}  # fmt: skip


def part() -> list[str]:
    """Return the faults to plant: all, or those of the commit's turn, so that over some commits it is all of them."""
    known = list(CATALOGUE.faults)
    return known[profiles.turn() % PARTS :: PARTS]


@pytest.mark.parametrize("base", BASES if profiles.is_nightly() else list(BASES)[:1])
def test_every_planted_fault_is_told_by_just_what_it_declares(base: str, tmp_path: Path, share: Tell) -> None:
    """Assert that what the suite is for is found, under its own name, and that nothing else is blamed."""
    planted = part()
    share(RUN, base, ran=len(planted), of=len(CATALOGUE.faults))
    command = [sys.executable, "-m", "tvmigrate", "faults", *BASES[base], "--report", str(tmp_path)]
    for name in planted if PARTS > 1 else []:
        command += ["--only", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-2000:]}"
    outcomes = {one["id"]: one["outcome"] for one in json.loads((tmp_path / FILE).read_bytes())["faults"]}
    assert list(outcomes) == planted
    assert set(outcomes.values()) <= {Caught.CAUGHT, Caught.NOT_PLANTED}
