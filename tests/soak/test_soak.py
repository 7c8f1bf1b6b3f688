"""A short soak: one dataset there and back, interrupted where the commit's hash says."""

from __future__ import annotations

import random
from pathlib import Path

from tests import profiles
from tests.conftest import Tell
from tests.soak.loop import ROOT, Soak
from tests.soak.measure import grown
from tvmigrate.engines.endpoints import Endpoints

CYCLES = 1
OF = 100  # what some twenty minutes are (docs/nightly.md)


def test_nothing_is_lost_however_often_commands_are_interrupted(
    endpoints: Endpoints, tmp_path: Path, share: Tell
) -> None:
    """Assert that the old data come back, the new data are right, and no process is left."""
    seed = profiles.turn() % 10**6
    share(("soak", "cycles of load, apply, verify, rollback, verify, with interruptions"), "clean", CYCLES, OF, seed)
    soak = Soak(endpoints, ROOT / "fixtures" / "clean", tmp_path, random.Random(seed), most=1)  # noqa: S311
    for _ in range(CYCLES):
        soak.cycle()


def test_growth_is_told_by_name() -> None:
    flat = [{"tool mb": 100, "tool files": 20}] * 8
    assert grown(flat) == []
    leaking = [{"tool mb": 100 + 10 * n, "tool files": 20 + n} for n in range(8)]
    assert grown(leaking) == ["tool mb grew from 130 to 170", "tool files grew from 23 to 27"]
