"""Every benchmark still runs: once, tiny, a group with each commit. What it measures here is of no interest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.results import Results
from bench.rows import GROUPS
from tests import profiles
from tests.conftest import Tell

ROOT = Path(__file__).parents[3]
# Both are commands that run in this very session anyway.
LONG = {"rehearse", "suite"}


RUN = ("benchmarks", "groups of benchmarks")
KNOWN = [group.name for group in GROUPS if group.name not in LONG]


def part() -> list[str]:
    """Return the groups to run: all, or one of the commit's turn."""
    return KNOWN if profiles.is_nightly() else [KNOWN[profiles.turn() % len(KNOWN)]]


def test_every_benchmark_runs(tmp_path: Path, share: Tell) -> None:
    names = part()
    share(RUN, "groups", ran=len(names), of=len(KNOWN))
    out = tmp_path / "results.json"
    words = [sys.executable, "-m", "bench", *names, "--scale", "0.0002", "--once", "--out", str(out)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    groups = Results.read(out).groups
    assert list(groups) == names
    for name, group in groups.items():
        assert group.failed == "", name
        assert all(turn.seconds > 0 for turns in group.turns.values() for turn in turns)
        for side, why in group.unavailable.items():
            assert side in {"elasticdump", "reladiff"}, why


def test_a_name_that_there_is_not_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "nothing"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "There is no nothing; there are redis.verify," in done.stderr
