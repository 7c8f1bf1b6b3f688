"""Plant faults one at a time on stores that are migrated or rolled back once: look, undo, judge what was found."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from tvmigrate.engines.clients import Clients
from tvmigrate.errors import TvmigrateError
from tvmigrate.events import Listener, Said, ignore
from tvmigrate.verify.errors import VerificationError
from tvmigrate.verify.faults.judge import Caught, Outcome, judge, place_of
from tvmigrate.verify.faults.model import AnyOf, Fault
from tvmigrate.verify.faults.site import NothingToPlant, Site
from tvmigrate.verify.findings import CheckResult, Phase, State
from tvmigrate.verify.job import Job
from tvmigrate.verify.rehearsal import Rehearsal

KEPT = 5_000  # findings of a check that are compared with what a fault declares; a fault with more names none of them
_AS_DECLARED = {Caught.CAUGHT, Caught.NOT_PLANTED}


class NoPassingMigration(VerificationError):  # noqa: N818 - it says what happened, as in `errors`
    """The migration fails by itself, or what a fault broke could not be repaired: nothing can be said of faults."""


def judge_faults(job: Job, faults: Sequence[Fault], listener: Listener = ignore) -> Iterator[Outcome]:
    """Yield what came of each fault, in the order after the migration, after the rollback, whole rehearsals.

    `job` is rehearsed first, and again whenever a fault left something behind. Its `only` and `second_round` are not
    used: every check looks, once.

    Raises:
        TvmigrateError: the job could not begin.
        NoPassingMigration: it does not pass before anything is planted.
    """
    job = replace(job, only=None, second_round=False, max_findings=KEPT)
    with _Stores(job, listener) as stores:
        for phase in Phase:
            planted = [fault for fault in faults if fault.plant is not None and fault.phase is phase]
            for fault in planted:
                yield stores.try_out(fault, is_last=fault is planted[-1])
    for fault in faults:
        if fault.change is not None:
            yield _rehearse_wrongly(fault, job)


@dataclass(slots=True)
class _Stores:
    """The stores after a command, brought there when first needed, and anew when they are spoilt."""

    job: Job
    listener: Listener
    _opened: ExitStack = field(default_factory=ExitStack)
    _rehearsal: Rehearsal | None = None
    _site: Site | None = None
    _phase: Phase | None = None

    def __enter__(self) -> _Stores:
        return self

    def __exit__(self, *of_an_error: object) -> None:
        self._close()

    def try_out(self, fault: Fault, *, is_last: bool) -> Outcome:
        """Return what came of `fault`.

        What one fault leaves behind shows in the findings of the next. So where these are not as declared, and after
        the last fault of a phase, the stores are looked at with nothing planted. If they do not pass then, the fault is
        tried again on new stores, which tells whether it was to blame or one before it.
        """
        outcome = self._plant(fault)
        if outcome.caught in _AS_DECLARED and not is_last:
            return outcome
        if not self._spoilt(fault.phase):
            return outcome
        self._close()
        self.listener(Said(f"{fault.id}: the stores do not pass after it; it is tried again on new ones.", "warning"))
        again = self._plant(fault)
        if left := self._spoilt(fault.phase):
            self._close()
            return replace(again, caught=Caught.ERROR, told=(*again.told, f"it could not be undone: {left}"))
        return replace(
            again, caught=Caught.ERROR, told=(*again.told, "a fault before it was not undone; alone this one is")
        )

    def _plant(self, fault: Fault) -> Outcome:
        rehearsal, site = self._ready(fault.phase)
        began = time.monotonic()
        plant = fault.plant(site) if fault.plant is not None else iter(())
        try:
            keys = next(plant)
        except NothingToPlant as nothing:
            return Outcome(fault.id, Caught.NOT_PLANTED, (str(nothing),))
        except Exception as problem:  # noqa: BLE001 - whatever a plant raises, the other faults are still to be judged
            return _error(fault, "planting", problem)
        try:
            results, _ = rehearsal.look(fault.phase)
        except TvmigrateError as problem:
            results, told = [], _error(fault, "looking", problem)
        else:
            told = judge(fault, keys, results, time.monotonic() - began)
        try:
            if next(plant, None) is not None:
                return _error(fault, "undoing", RuntimeError("the plant yields twice"))
        except Exception as problem:  # noqa: BLE001 - as above
            return _error(fault, "undoing", problem)
        return told

    def _spoilt(self, phase: Phase) -> str:
        """Return what does not pass though nothing is planted, empty if all does."""
        rehearsal, _ = self._ready(phase)
        try:
            results, _ = rehearsal.look(phase)
        except TvmigrateError as problem:
            return str(problem)
        return _told(results)

    def _ready(self, phase: Phase) -> tuple[Rehearsal, Site]:
        if self._phase is Phase.ROLLBACK and phase is Phase.MIGRATION:
            self._close()
        if self._rehearsal is None or self._site is None:
            with ExitStack() as opened:
                rehearsal = opened.enter_context(Rehearsal(self.job, self.listener))
                _require_pass(rehearsal.migrated())
                clients = opened.enter_context(Clients(rehearsal.endpoints))
                job = self.job
                self._site = Site(clients, rehearsal.reference, job.policy, job.old_end_state, job.quarantine)
                self._rehearsal, self._phase = rehearsal, Phase.MIGRATION
                self._opened = opened.pop_all()
        if phase is not self._phase:
            _require_pass(self._rehearsal.rolled_back())
            self._phase = phase
        return self._rehearsal, self._site

    def _close(self) -> None:
        opened, self._opened = self._opened, ExitStack()
        self._rehearsal = self._site = self._phase = None
        opened.close()


def _require_pass(results: Sequence[CheckResult]) -> None:
    if told := _told(results):
        raise NoPassingMigration(
            f"Faults are planted in what a right migration leaves, and this one does not pass by itself: {told} "
            "`tvmigrate rehearse` with the same options tells the whole of it."
        )


def _rehearse_wrongly(fault: Fault, job: Job) -> Outcome:
    """Rehearse a job whose commands are wrong."""
    began = time.monotonic()
    try:
        with Rehearsal(fault.change(job) if fault.change is not None else job) as rehearsal:
            results = [*rehearsal.migrated(), *rehearsal.rolled_back()]
    except NothingToPlant as nothing:
        return Outcome(fault.id, Caught.NOT_PLANTED, (str(nothing),))
    except TvmigrateError as problem:
        return _error(fault, "rehearsing", problem)
    # A job that is wrong as a whole breaks whatever there is: which records, its findings need not say.
    return judge(fault, [AnyOf.KEY] * len(fault.finds), results, time.monotonic() - began)


def _error(fault: Fault, doing: str, problem: Exception) -> Outcome:
    return Outcome(fault.id, Caught.ERROR, (f"{doing} it: {type(problem).__name__}: {problem}",))


def _told(results: Sequence[CheckResult]) -> str:
    """Return which checks did not pass, with the first thing that each says; empty if all did."""
    wrong = [result for result in results if result.state in {State.FAIL, State.ERROR}]
    return " ".join(
        f"{result.id}: {result.error or (place_of(result.findings[0]) if result.findings else result.state)}"
        for result in wrong[:3]
    )
