"""A looking's outcome in the form that every report is made of: a result a part, its differences by cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tvmigrate.made import choices
from tvmigrate.report.prose import counted
from tvmigrate.report.redact import Redactor
from tvmigrate.verify.check import Check
from tvmigrate.verify.findings import CheckResult, Finding, Phase, Verdict
from tvmigrate.verify.groups import Groups
from tvmigrate.verify_live.outcome import Outcome, Told

_ALL = 1 << 62  # findings that are kept of a part: --max-findings bounds them already


def verdict(outcome: Outcome) -> Verdict:
    """Return the outcome as a verdict over its parts."""
    how = outcome.how
    return Verdict(
        how.source.policy.show,
        {**choices(how.source.policy), "old": str(how.asked.old_end_state)},
        how.engines,
        [_result(part) for part in outcome.parts],
        [],
        made=how.made,
    )


def safe(outcome: Outcome, redactor: Redactor) -> Outcome:
    """Return the outcome without the values that are not shown."""
    return replace(
        outcome,
        parts=[
            replace(
                part,
                different=[
                    replace(one, findings=tuple(redactor.values(part.about.id, found) for found in one.findings))
                    for one in part.different
                ],
            )
            for part in outcome.parts
        ],
    )


def claims(outcome: Outcome) -> dict[str, Check]:
    """Return what each part claims, by its id."""
    abouts = [part.about for part in outcome.parts]
    return {one.id: Check(one.id, Phase.MIGRATION, one.store, one.rule, one.claim) for one in abouts}


def ages(outcome: Outcome) -> Callable[[Finding], str]:
    """Return what says of a finding for how long its record has differed, and at how many looks in a row."""
    # By identity: a finding holds values of any kind, and two records may differ in the same way.
    of = {
        id(finding): f"So for {one.age_seconds:,.0f} s, and at {counted(one.rounds, 'look')} in a row"
        for part in outcome.parts
        for one in part.different
        for finding in one.findings
    }
    return lambda finding: of[id(finding)]


def is_told(outcome: Outcome, part: Told) -> bool:
    """Return whether a part has more to say than that the looking was stopped before its end."""
    return not outcome.stopped or bool(part.different or part.unsettled or part.error)


def _result(part: Told) -> CheckResult:
    groups = Groups(_ALL)
    for one in part.different:
        for finding in one.findings:
            groups.add(finding)
    return CheckResult(
        part.about.id, Phase.MIGRATION, part.about.store, part.about.rule, part.state, part.looked,
        groups.findings(), groups.total, " ".join(_lacks(part)) or None, groups.groups(),
    )  # fmt: skip


def _lacks(part: Told) -> Iterator[str]:
    if part.error:
        yield part.error
    elif not part.is_done:
        of = "" if part.total is None else f" of {part.total:,}"
        yield f"It was not looked at to its end: {part.looked:,}{of} {part.about.unit} were."
    if part.unsettled:
        one = part.unsettled == 1
        yield (
            f"{counted(part.unsettled, 'record')} differed when last looked at, and {'has' if one else 'have'} not "
            "been looked at often enough to be sure."
        )
