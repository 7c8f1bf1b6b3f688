"""From sources to what is told of them: every hazard's finder over the whole program, ignores, order, choice."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from tvmigrate.lint.hazard import Finding, Hazard, Severity, told
from tvmigrate.lint.hazards import HAZARDS
from tvmigrate.lint.ignore import without_ignored
from tvmigrate.lint.statement import Program, Source


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked for: the lowest severity to tell, only these codes (none: all), and codes left out."""

    severity: Severity = Severity.INFO
    select: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()

    def takes(self, hazard: Hazard) -> bool:
        """Say whether a hazard is looked for; a code's first letters choose a group (`TVM1`)."""
        chosen = not self.select or _in(hazard.code, self.select)
        return chosen and not _in(hazard.code, self.ignore) and hazard.severity.rank <= self.severity.rank


ALL = Choice()
_KNOWN = frozenset(hazard.code for hazard in HAZARDS)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, by file and line, and of how many statements in how many files."""

    findings: tuple[Finding, ...]
    sources: tuple[Source, ...]
    statements: int

    def of(self, severity: Severity) -> int:
        """Return how many findings are of this severity."""
        return sum(finding.severity is severity for finding in self.findings)


def lint(sources: Sequence[Source], choice: Choice = ALL) -> Report:
    """Judge files together and return what stands in them."""
    program = Program(sources)
    judged = [hazard for hazard in HAZARDS if choice.takes(hazard)]
    found = {finding: None for hazard in judged for finding in _findings(hazard, program)}
    wanted = frozenset(hazard.code for hazard in judged)
    told_of = list(without_ignored(found, sources, wanted, _KNOWN))
    order = {source.path: number for number, source in enumerate(sources)}
    findings = sorted(
        (finding for finding in told_of if finding.code in wanted),
        key=lambda one: (
            order.get(one.place.path, len(order)),
            one.place.path,
            one.place.line,
            one.place.column,
            one.code,
        ),
    )
    return Report(tuple(findings), tuple(sources), program.recognised)


def _findings(hazard: Hazard, program: Program) -> Iterator[Finding]:
    return (told(hazard, hit) for hit in hazard.find(program))


def _in(code: str, named: Collection[str]) -> bool:
    return any(code.startswith(name) for name in named)
