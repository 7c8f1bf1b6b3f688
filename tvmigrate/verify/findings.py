"""What verification says: findings, the result of a check, the verdict over all of them (contract §5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from tvmigrate.contract.outcome import LedgerLine, QuarantineLine, Rule, Store
from tvmigrate.errors import ExitCode
from tvmigrate.verify.provenance import Provenance


class Direction(StrEnum):
    """Which way the new data differs from what the rules make of the old data."""

    MISSING = "missing"
    EXTRA = "extra"
    CHANGED = "changed"
    SCHEMA = "schema"


class Phase(StrEnum):
    """After which command a check looks."""

    MIGRATION = "migration"
    ROLLBACK = "rollback"


class State(StrEnum):
    """What came of a check, or of the whole run."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    ERROR = "error"
    EMPTY = "empty"


EXIT_CODES: Mapping[State, ExitCode] = {
    State.PASS: ExitCode.PASS,
    State.FAIL: ExitCode.DIFFERENT,
    State.ERROR: ExitCode.COULD_NOT_CHECK,
    State.EMPTY: ExitCode.NOTHING_TO_CHECK,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference: where it is, what was expected and what is there, and a sentence a person can act on.

    `old` and `new` are the record's names on either side (Redis key, `table key`, document id); `expected` and `actual`
    are JSON values; all of them None where there is no such side.
    """

    store: Store
    rule: Rule
    direction: Direction
    note: str
    old: str | None = None
    new: str | None = None
    field: str | None = None
    expected: Any = None
    actual: Any = None

    def as_json(self) -> dict[str, Any]:
        """Return the finding as an entry of `verdict.json`."""
        keys = ("store", "rule", "old", "new", "field", "expected", "actual", "direction", "note")
        values = asdict(self)
        return {key: values[key] for key in keys}


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one check with one cause: what they share, how many there are, and a few of them.

    `field` has `[*]` for every position in a list; `kind` says in words what lies between expected and actual, empty
    where that cannot be compared. `count` is of all findings, kept or not; `samples` are the positions of this group's
    in the check's `findings`.
    """

    store: Store
    rule: Rule
    direction: Direction
    field: str | None
    kind: str
    count: int
    samples: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the group as an entry of `verdict.json`."""
        return {name: getattr(self, name) for name in Group.__slots__}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check saw: how many records or objects, some of the findings, how many there are in all.

    `groups` has all findings by their cause, the largest first. `error` is the sentence that says why it could not
    look, None if it could.
    """

    id: str
    phase: Phase
    store: Store
    rule: Rule
    state: State
    examined: int
    findings: tuple[Finding, ...] = ()
    findings_total: int = 0
    error: str | None = None
    groups: tuple[Group, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the result as an entry of `verdict.json`; `error` and `groups` are its last keys (contract §7)."""
        return {
            "id": self.id,
            "phase": self.phase,
            "store": self.store,
            "rule": self.rule,
            "state": self.state,
            "examined": self.examined,
            "findings": [finding.as_json() for finding in self.findings],
            "findings_total": self.findings_total,
            "error": self.error,
            "groups": [group.as_json() for group in self.groups],
        }


@dataclass(frozen=True, slots=True)
class NotJudged:
    """Checks, by id, that a run left out, and the sentence that says why."""

    checks: tuple[str, ...]
    why: str


def overall(states: Iterable[State]) -> State:
    """Return the state of a whole run: fail before error before empty before pass; empty only if all are.

    No check at all is `error`: nothing was looked at, and that is never a pass.
    """
    seen = set(states)
    for state in (State.FAIL, State.ERROR, State.PASS, State.EMPTY):
        if state in seen:
            return state
    return State.ERROR


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole answer of a run, as `verdict.json` holds it.

    `quarantine` counts the quarantined records by reason, as they were found; `not_judged` are the checks that this run
    left out; `made` is where the answer comes from, None where that is not known.
    """

    show: str | None
    policy: Mapping[str, Any]
    engines: Mapping[str, str]
    checks: Sequence[CheckResult]
    ledger: Sequence[LedgerLine]
    inconsistencies: Sequence[Mapping[str, Any]] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    quarantine: Sequence[QuarantineLine] = ()
    not_judged: Sequence[NotJudged] = ()
    made: Provenance | None = None

    @property
    def state(self) -> State:
        """The verdict."""
        return overall(check.state for check in self.checks)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that goes with the verdict."""
        return EXIT_CODES[self.state]

    def as_json(self) -> dict[str, Any]:
        """Return the content of `verdict.json`; every key is always there."""
        return {
            "verdict": self.state,
            "show": self.show,
            "policy": dict(self.policy),
            "engines": dict(self.engines),
            "checks": [check.as_json() for check in self.checks],
            "ledger": [asdict(line) for line in self.ledger],
            "inconsistencies": [dict(entry) for entry in self.inconsistencies],
            "seconds": dict(self.seconds),
            "quarantine": [asdict(line) for line in self.quarantine],
            "not_judged": [asdict(left_out) for left_out in self.not_judged],
            "made": None if self.made is None else asdict(self.made),
        }
