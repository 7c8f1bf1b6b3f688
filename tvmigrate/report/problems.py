"""The checks that did not pass as a report tells them: by cause, with a few differences of each, bounded in number.

A report shows up to `CHECKS` checks, `CAUSES` causes of each, `SAMPLES` differences of each cause and `ALL_SAMPLES` in
all; what is beyond that is told as a count, so that the size of a report does not grow with what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tvmigrate.report.looks import AGAIN, first_look
from tvmigrate.report.prose import percent, where_found
from tvmigrate.report.redact import Redactor, Told, is_definition
from tvmigrate.verify.check import Check
from tvmigrate.verify.findings import CheckResult, Finding, Group, State, Verdict

CHECKS = 40
CAUSES = 12
SAMPLES = 3
ALL_SAMPLES = 300
SCHEMA_ROWS = 60


def _no_age(_: Finding) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Telling:
    """What a report needs beyond the verdict.

    `checks` gives the claims by check id, `repeat(check_id)` the shell command that runs one again; `title` says what
    kind of run it was. `verdict_sha256` is the digest of the `verdict.json` beside the report. `age(finding)` says for
    how long it has been so.
    """

    checks: Mapping[str, Check]
    repeat: Callable[[str], str]
    redactor: Redactor = field(default_factory=Redactor)
    title: str = "Rehearsal of a migration"
    verdict_sha256: str | None = None
    age: Callable[[Finding], str] = _no_age


@dataclass(frozen=True, slots=True)
class Cause:
    """Differences with one cause: `share` is of what was examined, None where there are more differences than that."""

    count: int
    share: float | None
    share_words: str
    words: str
    samples: Sequence[Told]


@dataclass(frozen=True, slots=True)
class Problem:
    """A check that found differences or could not look. `left_out` counts differences of causes that are not told."""

    id: str
    state: str
    look: str
    claim: str
    examined: int
    total: int
    error: str
    causes: Sequence[Cause]
    causes_left_out: int
    left_out: int
    repeat: str
    also: Sequence[str]


@dataclass(frozen=True, slots=True)
class SchemaRow:
    """One difference of a definition, both sides."""

    store: str
    check: str
    told: Told


def not_passed(verdict: Verdict) -> list[CheckResult]:
    """Return the checks that found differences or could not look, each at its first such look.

    What could not look comes first; of the rest what found most.
    """
    wrong = [result for result in verdict.checks if result.state in {State.FAIL, State.ERROR}]
    firsts = list({first_look(result.id): result for result in reversed(wrong)}.values())[::-1]
    return sorted(firsts, key=lambda result: (result.state is not State.ERROR, -result.findings_total))


def problems(verdict: Verdict, telling: Telling) -> list[Problem]:
    """Return what is told of the first `CHECKS` checks that did not pass."""
    left = ALL_SAMPLES
    told = []
    for result in not_passed(verdict)[:CHECKS]:
        told.append(_problem(result, verdict, telling, left))
        left -= sum(len(cause.samples) for cause in told[-1].causes)
    return told


def _problem(result: CheckResult, verdict: Verdict, telling: Telling, most: int) -> Problem:
    check = telling.checks.get(result.id) or telling.checks.get(first_look(result.id))
    rest = result.groups[CAUSES:]
    first = first_look(result.id)
    causes: list[Cause] = []
    for group in result.groups[:CAUSES]:
        causes.append(_cause(result, group, telling, most))
        most -= len(causes[-1].samples)
    also = [
        AGAIN[one.id.removeprefix(first)]
        for one in verdict.checks
        if one.state in {State.FAIL, State.ERROR} and one.id != result.id and first_look(one.id) == first
    ]
    return Problem(
        id=result.id,
        state=str(result.state),
        look=f"after the {result.phase}" if first == result.id else AGAIN[result.id.removeprefix(first)],
        claim=check.claim if check is not None else "",
        examined=result.examined,
        total=result.findings_total,
        error=telling.redactor.text(result.error or ""),
        causes=causes,
        causes_left_out=len(rest),
        left_out=sum(group.count for group in rest),
        repeat=telling.redactor.text(telling.repeat(result.id)),
        also=also,
    )


def _cause(result: CheckResult, group: Group, telling: Telling, most: int) -> Cause:
    redactor = telling.redactor
    positions = group.samples[: max(0, min(SAMPLES, most))]
    share = group.count / result.examined if 0 < group.count <= result.examined else None
    facts = [where_found(group), str(group.direction)]
    if kind := redactor.kind(result.id, group):
        facts.append(kind)
    return Cause(
        group.count, share, "" if share is None else percent(share), redactor.text(", ".join(facts)),
        [
            replace(redactor.finding(result.id, one), age=telling.age(one))
            for one in (result.findings[position] for position in positions)
        ],
    )  # fmt: skip


def schema_rows(verdict: Verdict, redactor: Redactor) -> tuple[list[SchemaRow], int]:
    """Return the first `SCHEMA_ROWS` differences of definitions, both sides, and how many more were kept."""
    found = [
        (result.id, finding)
        for result in not_passed(verdict)
        if is_definition(result.id) and not result.id.endswith(".exit")
        for finding in result.findings
        if finding.expected is not None or finding.actual is not None
    ]
    told = [SchemaRow(str(one.store), check, redactor.finding(check, one)) for check, one in found[:SCHEMA_ROWS]]
    return told, len(found) - len(told)
