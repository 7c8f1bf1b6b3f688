"""The suite notices what is broken on purpose; where it does not, there is a reason that was written down."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests import profiles
from tests.conftest import Tell
from tests.mutation import report

HANDFUL = 4  # mutants that a short run judges


def judged(*words: str) -> dict[str, object]:
    command = [sys.executable, "-m", "tests.mutation", *words]
    done = subprocess.run(command, cwd=report.nightly.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.skipif(profiles.is_nightly(), reason="the long run judges them all")
def test_a_handful_of_mutants_is_noticed(share: Tell) -> None:
    """Assert it of some mutants of `contract/`, others with each commit."""
    told = judged("handful", "--limit", str(HANDFUL))
    share(report.RUN, "contract", ran=HANDFUL, of=report.result()["contract"]["of"])
    assert told == {"killed": HANDFUL}


@pytest.mark.skipif(not profiles.is_nightly(), reason="takes hours; a short run judges a handful")
@pytest.mark.parametrize("package", report.PACKAGES)
def test_every_survivor_has_a_reason(package: str, share: Tell) -> None:
    """Assert that each mutant that lives may live, of all of `contract/` and of the sample of the others."""
    judged(package)
    told = report.result()[package]
    share(report.RUN, package, ran=told["judged"], of=told["asked"], seed=told["seed"], seconds=told["seconds"])
    assert report.unexplained(told) == []


def test_every_kept_survivor_has_a_reason() -> None:
    assert [name for told in report.result().values() for name in report.unexplained(told)] == []


def test_a_reason_is_of_a_mutant_that_survived() -> None:
    """Assert that no reason outlives its mutant: the first long run after its line has changed does not have it."""
    survivors = {name for told in report.result().values() for name in told["survivors"]}
    assert sorted(report.reasons().keys() - survivors) == []


def test_the_page_is_made_of_the_result_and_the_reasons() -> None:
    found = report.page(report.result(), report.reasons())
    assert report.PAGE.read_text(encoding="utf-8") == found, "run `python -m tests.mutation.report`"


def test_the_aim_is_reached() -> None:
    """Assert that 95 of 100 judged mutants are killed."""
    judged, killed = (sum(told[key] for told in report.result().values()) for key in ("judged", "killed"))
    assert killed >= 0.95 * judged
