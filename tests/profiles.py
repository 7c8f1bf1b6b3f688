"""How long Hypothesis looks: `dev` while writing, `ci` before a commit counts, `nightly` when nobody waits."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from hypothesis import HealthCheck, settings


def register() -> None:
    """Register the profiles and load the one that `HYPOTHESIS_PROFILE` names: dev unless said."""
    common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("dev", common, max_examples=40)
    settings.register_profile("ci", common, max_examples=200, print_blob=True)
    settings.register_profile("nightly", common, max_examples=5000, print_blob=True)
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
