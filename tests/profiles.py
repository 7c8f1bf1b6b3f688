"""How long Hypothesis looks: `dev` while writing, `ci` before a commit counts, `nightly` when nobody waits."""

from __future__ import annotations

import os
from datetime import UTC, datetime

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
