"""What a run did not check: what was left out, could not look, had nothing to look at, or cannot be seen at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tvmigrate.report.blind_spots import BLIND_SPOTS, IN_GENERAL
from tvmigrate.report.looks import AGAIN, first_look
from tvmigrate.verify.findings import Phase, State, Verdict


@dataclass(frozen=True, slots=True)
class Unchecked:
    """`left_out` are sentences about checks that did not run; `stopped` and `empty` are check ids.

    `blind` has for each check that ran what it cannot see, `in_general` what none can, title and sentence.
    """

    left_out: Sequence[tuple[str, Sequence[str]]]
    stopped: Sequence[str]
    empty: Sequence[str]
    blind: Mapping[str, str]
    in_general: Mapping[str, str]


def unchecked(verdict: Verdict) -> Unchecked:
    """Return what `verdict` says nothing about."""
    left_out = [(one.why, one.checks) for one in verdict.not_judged if one.checks]
    ran = list(dict.fromkeys(first_look(result.id) for result in verdict.checks))
    was_rolled_back = any(result.phase is Phase.ROLLBACK for result in verdict.checks)
    if was_rolled_back and not any(result.id.endswith(tuple(AGAIN)) for result in verdict.checks):
        left_out.append((
            "A rollback that is run twice, and a second migration after it, were not looked at: `--second-round` does.",
            (),
        ))  # fmt: skip
    return Unchecked(
        left_out,
        [result.id for result in verdict.checks if result.state is State.ERROR],
        [result.id for result in verdict.checks if result.state is State.EMPTY],
        {check: BLIND_SPOTS[check] for check in ran if check in BLIND_SPOTS},
        IN_GENERAL,
    )
