"""What a check is, how it reports what it saw, and the registry of all of them.

One pass over a store may answer several checks: an *examination* names its checks and fills a sheet for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.events import Said
from tvmigrate.verify.findings import CheckResult, Finding, Phase, State
from tvmigrate.verify.groups import Groups
from tvmigrate.verify.stopped import why

if TYPE_CHECKING:
    from tvmigrate.verify.context import Context


@dataclass(frozen=True, slots=True)
class Check:
    """One law: its id (`store.what`), when and where it holds, and the claim, a sentence that starts `Assert that`."""

    id: str
    phase: Phase
    store: Store
    rule: Rule
    claim: str


class Sheet:
    """Where an examination writes down what one check saw. Keeps `limit` findings, counts them all by their causes."""

    def __init__(self, check: Check, limit: int) -> None:
        self.check = check
        self._groups = Groups(limit)
        self._examined = 0
        self._old = 0

    def saw(self, count: int = 1) -> None:
        """Note that `count` more records or objects were looked at."""
        self._examined += count

    def old_side_has(self, count: int) -> None:
        """Note that the old side holds `count` more records of this check: examining none of them is a failure."""
        self._old += count

    def find(self, finding: Finding, times: int = 1) -> None:
        """Note a difference, which stands for `times` of its kind."""
        self._groups.add(finding, times)

    @property
    def differences(self) -> int:
        """How many differences were found."""
        return self._groups.total

    def result(self, error: str | None = None) -> CheckResult:
        """Close the sheet. `error` says why the check could not look to the end."""
        check, total = self.check, self._groups.total
        if total == 0 and error is None and self._examined == 0 and self._old > 0:
            error = f"{check.id} examined nothing, though the old side has {self._old} records of {check.rule}."
            return CheckResult(check.id, check.phase, check.store, check.rule, State.FAIL, 0, error=error)
        if total:
            state = State.FAIL
        elif error is not None:
            state = State.ERROR
        else:
            state = State.PASS if self._examined else State.EMPTY
        findings, groups = self._groups.findings(), self._groups.groups()
        return CheckResult(
            check.id, check.phase, check.store, check.rule, state, self._examined, findings, total, error, groups
        )


Run = Callable[["Context", Mapping[str, Sheet]], None]
Applies = Callable[["Context"], str]


def always(context: Context) -> str:
    """Return the empty text: nothing speaks against the examination."""
    return ""


@dataclass(frozen=True, slots=True)
class Examination:
    """A pass over a store and the checks it answers.

    `applies(context)` returns the sentence that says why it has nothing to say about this run, empty if it has: its
    checks are then no part of the verdict's results, and the sentence is an event and stands in the verdict.
    """

    checks: tuple[Check, ...]
    run: Run
    applies: Applies = always


class Registry:
    """All examinations, in the order they were registered."""

    def __init__(self) -> None:
        self.examinations: list[Examination] = []

    def examines(self, *checks: Check, applies: Applies = always) -> Callable[[Run], Run]:
        """Register the decorated `run(context, sheets)` as what answers `checks`; `sheets` is keyed by check id.

        `applies` says for which runs it does; see `Examination`.

        Raises:
            ValueError: a check id is registered already.
        """

        def register(run: Run) -> Run:
            known = {check.id for check in self.checks()}
            for check in checks:
                if check.id in known:
                    raise ValueError(f"check {check.id} is registered twice")
            self.examinations.append(Examination(checks, run, applies))
            return run

        return register

    def checks(self) -> list[Check]:
        """Return every registered check."""
        return [check for examination in self.examinations for check in examination.checks]


REGISTRY = Registry()
examines = REGISTRY.examines


def examine(
    examination: Examination, context: Context, *, limit: int, only: frozenset[str] | None = None
) -> list[CheckResult]:
    """Run one examination; return the results of its checks (those named in `only`, if given).

    Whatever it raises makes the checks it answers `error`, with the sentence: a check that could not look never passes.
    One that does not apply to this run has no results, and says so to the context's listener.
    """
    sheets = {check.id: Sheet(check, limit) for check in examination.checks}
    error: str | None = None
    before = context.book.copy()
    try:
        if why_not := examination.applies(context):
            context.listener(Said(f"{', '.join(sheets)}: not judged. {why_not}"))
            context.book.not_judged(sheets, why_not)
            return []
        examination.run(context, sheets)
    except Exception as problem:  # noqa: BLE001 - whatever it raises means that the check could not look
        error = why(problem)
    if error is not None:
        # Half a count would look like records without a fate.
        context.book.restore(before)
    return [sheet.result(error) for check_id, sheet in sheets.items() if only is None or check_id in only]
