"""How long each step of a run took, and how much it did in that time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tvmigrate.report.looks import AGAIN, first_look
from tvmigrate.verify.findings import Phase, Verdict

_WORDS: Mapping[str, str] = {
    "engines": "Start the engines",
    "load": "Load the old data",
    "migration": "Migrate",
    "verify migration": "Verify the migration",
    "rollback": "Roll back",
    "verify rollback": "Verify the rollback",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A step in words; `seconds` it took, `share` of the whole (0 to 1), how much of what it did and in a second."""

    name: str
    seconds: float
    share: float
    amount: str = ""
    rate: str = ""


def steps(verdict: Verdict) -> list[Step]:
    """Return the steps in the order they ran."""
    whole = sum(verdict.seconds.values())
    return [_step(name, seconds, whole, verdict) for name, seconds in verdict.seconds.items()]


def _step(name: str, seconds: float, whole: float, verdict: Verdict) -> Step:
    base = first_look(name)
    again = AGAIN.get(name.removeprefix(base), "")
    words = _WORDS.get(base, base) + (f", {again}" if again else "")
    share = seconds / whole if whole else 0.0
    count, unit = _done(base, name, verdict)
    if not count:
        return Step(words, seconds, share)
    rate = f"{count / seconds:,.0f}/s" if seconds >= 0.05 else ""
    return Step(words, seconds, share, f"{count:,} {unit}", rate)


def _done(base: str, name: str, verdict: Verdict) -> tuple[int, str]:
    if base in {"load", "migration", "rollback"} and name == base:
        return sum(line.old or 0 for line in verdict.ledger), "records"
    look, suffix = base.removeprefix("verify "), name.removeprefix(base)
    if look == base or look not in list(Phase):
        return 0, ""
    seen = (
        result.examined
        for result in verdict.checks
        if result.phase == look and result.id.removeprefix(first_look(result.id)) == suffix
    )
    return sum(seen), "records and objects"
