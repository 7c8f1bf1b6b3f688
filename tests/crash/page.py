"""docs/crash.md and docs/nightly/crash.json, from the outcomes."""

from __future__ import annotations

from tests.crash.outcomes import Outcomes


def write(outcomes: Outcomes) -> None:
    """Write both."""
