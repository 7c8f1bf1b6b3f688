"""The judges of `migrate/` and `verify/`: tests on real engines, in warm processes that fork for each mutant."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.mutation import lent_engines
from tests.mutation.judge import (
    KILLED,
    NEEDS_IMPORT,
    SURVIVED,
    TIMEOUT,
    FreshSession,
    Session,
    Told,
)
from tests.mutation.measured import Measured, is_of_module, measure_more
from tests.mutation.mutants import PRODUCT, ROOT, Mutant
from tests.mutation.pure import QUIET, quiet
from tests.mutation.store import Outcomes

LONGEST = 240.0  # seconds for one test or a few
# What runs in processes that tests start, where nobody measures: the tests that start them.
ELSEWHERE = {
    "verify/reference_engine.py": "tests/tool/verify/test_frame.py",
    "migrate/cli.py": "tests/tool/migrate/test_commands.py",
}
# What runs every module of a court in other processes: asked where a mutant is judged again.
COMMANDS = {"migrate": "tests/tool/migrate/test_commands.py"}
MOST = 45.0  # seconds of tests that judge one mutant, unless there is but one, or it is judged again


@dataclass(frozen=True)
class Court:
    """Tests that share a set of engines: `warm` are those whose session fixtures are made before the forks."""

    name: str
    tests: tuple[str, ...]
    warm: tuple[str, ...] = ()


COURTS = {
    "migrate": (Court("migrate", ("tests/tool/migrate",)),),
    "verify": (
        Court(
            "verify_stores",
            ("tests/tool/verify_stores",),
            ("tests/tool/verify_stores/test_right_state.py",),
        ),
        Court(
            "verify",
            ("tests/tool/verify", "tests/tool/report"),
            ("tests/tool/verify/test_redis_breakages.py", "tests/tool/verify/test_rollback_breakages.py"),
        ),
    ),
}


def measure(court: Court, environ: dict[str, str], path: Path) -> Measured:
    """Measure the tests of a court that are not measured yet; what is known is kept at `path`."""

    def work(known: Measured) -> None:
        lent_engines.lend(environ)
        arguments = [str(ROOT / test) for test in court.tests]
        pytest.main([*arguments, *QUIET], plugins=[Session(lambda session: None, known)])

    return measure_more(path, work)


class Bench:
    """A court that sits: a process with its tests collected, which is asked over a pipe."""

    def __init__(self, court: Court, environ: dict[str, str], measured: Measured, log: Path, most: float) -> None:
        self.court, self._environ, self.measured, self._log, self._most = court, environ, measured, log, most
        self._ours: Connection | None = None
        self._pid = 0

    def judge(self, mutant: Mutant) -> Told:
        """Ask the tests that run what the mutant changes."""
        judges, total = [], 0.0
        known = self.measured.judges(mutant)
        file = ELSEWHERE.get(mutant.path.relative_to(PRODUCT).as_posix())
        if file is None and math.isinf(self._most):
            file = COMMANDS.get(self.court.name)
        if file is not None:
            more = [name for name in self.measured.seconds if name.startswith(file) and name not in known]
            known += sorted(more, key=self.measured.seconds.__getitem__)
        for name in known:
            if name in self.measured.failed:
                continue
            total += self.measured.seconds[name]
            if judges and total > self._most:
                break
            judges.append(name)
        if not judges:
            return Told(NEEDS_IMPORT if self.measured.at_import(mutant) else SURVIVED)
        if self._ours is None:
            self._start()
        assert self._ours is not None
        self._ours.send((mutant, judges, max(LONGEST, 2 * total)))
        try:
            told: Told = self._ours.recv()
        except EOFError:
            raise RuntimeError(f"the session of {self.court.name} ended, see its log") from None
        if told.outcome == TIMEOUT:
            self.close()  # whatever it was doing is half done
        if told.outcome == SURVIVED and self.measured.at_import(mutant):
            return replace(told, outcome=NEEDS_IMPORT)
        return told

    def _start(self) -> None:
        self._ours, theirs = Pipe()
        self._pid = os.fork()
        if self._pid:
            theirs.close()
            return
        try:
            self._ours.close()
            quiet(self._log)
            lent_engines.lend(self._environ)
            pytest.main(
                [*self.court.tests, *QUIET],
                plugins=[Session(lambda session: self._serve(session, theirs), self.measured)],
            )
        finally:
            os._exit(1)

    def _serve(self, session: Session, theirs: Connection) -> None:
        names = list(session.items)
        for file in self.court.warm:
            name = next(name for name in names if name.startswith(file) and name not in self.measured.failed)
            session.run(name)
        while True:
            try:
                asked = theirs.recv()
            except EOFError:
                os._exit(0)
            theirs.send(session.judge(*asked))

    def close(self) -> None:
        if self._ours is not None:
            self._ours.close()
            self._ours = None
            os.kill(self._pid, signal.SIGKILL)  # its forks may hold the pipe open
            os.waitpid(self._pid, 0)


def judge_all(
    courts: Sequence[Court],
    mutants: Sequence[Mutant],
    outcomes: Outcomes,
    work: Path,
    tell: Callable[[str], None],
    again: tuple[str, ...] = (),
) -> None:
    """Judge those of `mutants` that `outcomes` does not know yet, and add what came of them.

    Those with one of the outcomes `again` are judged too, and then by every test that runs what they change.
    """
    todo = list(outcomes.open(mutants, *again))
    with _benches(courts, work, math.inf if again else MOST) as benches:
        began = time.monotonic()
        for place, mutant in enumerate(todo):
            told = Told(NEEDS_IMPORT)
            if not is_of_module(mutant):
                told = _judge(benches, mutant)
            outcomes.add(mutant, told)
            so_far = f"{place + 1} of {len(todo)}, {time.monotonic() - began:.0f} s"
            tell(f"{so_far}: {told.outcome} {told.seconds} {told.by} {mutant.id}")


def _judge(benches: Sequence[Bench], mutant: Mutant) -> Told:
    told: list[Told] = []
    for bench in sorted(benches, key=lambda bench: -len(bench.measured.judges(mutant))):
        told.append(bench.judge(mutant))
        if told[-1].outcome not in {SURVIVED, NEEDS_IMPORT}:
            break
    outcome = told[-1].outcome
    if outcome in {SURVIVED, NEEDS_IMPORT}:
        outcome = NEEDS_IMPORT if any(one.outcome == NEEDS_IMPORT for one in told) else SURVIVED
    return Told(outcome, told[-1].by, sum(one.judges for one in told), round(sum(one.seconds for one in told), 3))


@contextmanager
def _benches(courts: Sequence[Court], work: Path, most: float) -> Iterator[list[Bench]]:
    with ExitStack() as opened:
        benches = []
        for court in courts:
            environ = opened.enter_context(lent_engines.engines())
            measured = measure(court, environ, work / f"{court.name}.measured.json")
            bench = Bench(court, environ, measured, work / f"{court.name}.log", most)
            benches.append(bench)
        try:
            yield benches
        finally:
            for bench in benches:
                bench.close()  # before the engines, which end with the last process that has their stdin


def judge_imports(
    courts: Sequence[Court], mutants: Sequence[Mutant], outcomes: Outcomes, work: Path, tell: Callable[[str], None]
) -> None:
    """Judge the mutants that show only in a module imported anew, by one court after the other."""
    for court in courts:
        todo = [mutant for mutant in mutants if (outcomes.of(mutant) or {}).get("outcome") == NEEDS_IMPORT]
        if todo:
            with lent_engines.engines() as environ:
                measured = measure(court, environ, work / f"{court.name}.measured.json")
                _judge_imports(court, court is courts[-1], todo, environ, measured, outcomes, tell)


def _judge_imports(
    court: Court,
    is_last: bool,
    todo: Sequence[Mutant],
    environ: dict[str, str],
    measured: Measured,
    outcomes: Outcomes,
    tell: Callable[[str], None],
) -> None:
    def work(session: FreshSession) -> None:
        for place, mutant in enumerate(todo):
            told = session.judge(mutant, 3 * LONGEST)
            tell(f"imported anew {place + 1} of {len(todo)}: {told.outcome} {told.seconds} {told.by} {mutant.id}")
            if told.outcome == KILLED and told.by:
                right = session.judge_alone(None, LONGEST, [str(ROOT / told.killer)])
                if right.outcome != SURVIVED:
                    tell(f"{told.killer} fails though nothing is broken: {right.outcome}")
                    continue
            if told.outcome != SURVIVED or is_last:
                outcomes.add(mutant, told)

    arguments = [str(ROOT / test) for test in court.tests]
    without = [word for name in measured.failed for word in ("--deselect", name)]
    session = FreshSession(work, arguments, measured.seconds, lambda: lent_engines.lend(environ))
    pytest.main([str(ROOT / "tests"), *QUIET, "-p", "no:tvmigrate", *without], plugins=[session])


def judge_by(tests: Sequence[str], mutants: Sequence[Mutant], outcomes: Outcomes, tell: Callable[[str], None]) -> None:
    """Judge mutants by these tests alone, imported anew; add those that they kill, and those of no function."""

    def work(session: FreshSession) -> None:
        if session.judge(None, LONGEST).outcome != SURVIVED:
            tell("the tests fail though nothing is broken")
            return
        for mutant in mutants:
            told = session.judge(mutant, LONGEST)
            tell(f"{told.outcome} {told.seconds} {told.by} {mutant.id}")
            if told.outcome == KILLED or is_of_module(mutant):
                outcomes.add(mutant, told)

    with lent_engines.engines() as environ:
        session = FreshSession(work, [str(ROOT / test) for test in tests], {}, lambda: lent_engines.lend(environ))
        pytest.main([str(ROOT / "tests"), *QUIET, "-p", "no:tvmigrate"], plugins=[session])


__all__ = ["COURTS", "judge_all", "judge_by", "judge_imports", "measure"]
