"""How long Hypothesis looks: `dev` while writing, `ci` before a commit counts, `nightly` when nobody waits."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings


def register() -> None:
    """Register the profiles and load the one that `HYPOTHESIS_PROFILE` names: dev unless said."""
    common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("dev", common, max_examples=40)
    settings.register_profile("ci", common, max_examples=200, print_blob=True)
    settings.register_profile("nightly", common, max_examples=5000, print_blob=True)
    # A judge of mutants finds the same in the same time, and nobody reads what it found.
    settings.register_profile(
        "mutation",
        settings(common, suppress_health_check=list(HealthCheck)),
        max_examples=20,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        report_multiple_bugs=False,
    )
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def is_nightly() -> bool:
    """Return whether tests that have a short and a long form are to run the long one."""
    return os.environ.get("HYPOTHESIS_PROFILE") == "nightly"


def seed() -> int:
    """Return what the long run's random choices begin with: `TVMIGRATE_SEED`, or its own of today; else always one."""
    given = os.environ.get("TVMIGRATE_SEED")
    if given is not None:
        return int(given)
    return int(f"{datetime.now(UTC):%Y%m%d}") if is_nightly() else 0


@cache
def turn() -> int:
    """Return the number of the commit that is checked out, by which a short run chooses its share."""
    asked = ["git", "rev-parse", "HEAD"]
    told = subprocess.run(asked, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    return int(told.stdout, 16)


def in_turn(number: int, of: int) -> pytest.MarkDecorator:
    """Mark a test that is one `of` so many: a long run runs all of them, a short one that of the commit's turn."""
    away = not is_nightly() and turn() % of != number % of
    return pytest.mark.skipif(away, reason="of another commit's turn")
