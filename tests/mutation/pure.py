"""The judges of `contract/`: tests that need no engine, in a warm process that forks for each mutant."""

from __future__ import annotations

import importlib
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.mutation.judge import KILLED, NEEDS_IMPORT, SURVIVED, FreshSession, Session, Told
from tests.mutation.measured import Measured, is_of_module, measure_more
from tests.mutation.mutants import ROOT, Mutant
from tests.mutation.store import Outcomes

TESTS = ("tests/tool/contract", "tests/tool/cli/test_settings.py")
QUIET = (
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "--no-header",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)
SLOW = 20.0  # seconds beyond what the judges take when nothing is wrong
# What a fresh session would import first each time, and no mutant changes.
_PRELOADED = (
    "hypothesis", "hypothesis.strategies", "orjson", "zoneinfo", "click", "rich.console", "_pytest.pytester", "asyncio",
    "unittest.mock", "decimal", "fractions", "json", "coverage", "clickhouse_connect.driver.httpclient", "redis",
    "redis.asyncio", "elasticsearch", "elasticsearch.helpers", "stamina", "psutil", "lz4.frame", "zstandard",
    "platformdirs", "junitparser", "pandas",
)  # fmt: skip


def measure(tests: Sequence[str], path: Path) -> Measured:
    """Measure those of `tests` that are not measured yet; what is known is kept at `path`."""

    def work(known: Measured) -> None:
        pytest.main([*(str(ROOT / test) for test in tests), *QUIET], plugins=[Session(lambda session: None, known)])

    found = measure_more(path, work)
    if found.failed:
        path.unlink()
        raise RuntimeError(f"tests fail though nothing is broken: {found.failed[:5]}")
    return found


def judge_all(
    mutants: Sequence[Mutant],
    outcomes: Outcomes,
    measured: Measured,
    tell: Callable[[str], None],
    again: Sequence[str] = (),
) -> None:
    """Judge those of `mutants` whose outcome is not known yet, or is one of `again`."""
    todo = list(outcomes.open(mutants, NEEDS_IMPORT, *again))  # an earlier run may have ended before it asked anew
    _warm([mutant for mutant in todo if not is_of_module(mutant)], outcomes, measured, tell)
    warm = {mutant.id for mutant in todo if not is_of_module(mutant)}
    _fresh(
        [m for m in todo if m.id not in warm or outcomes.known[m.id]["outcome"] == NEEDS_IMPORT],
        outcomes,
        measured,
        tell,
    )


def _warm(mutants: Sequence[Mutant], outcomes: Outcomes, measured: Measured, tell: Callable[[str], None]) -> None:
    todo = mutants
    if not todo:
        return
    pid = os.fork()  # what a pytest session imports must not be there for the fresh ones
    if pid == 0:
        code = 1

        def work(session: Session) -> None:
            nonlocal code
            began = time.monotonic()
            for place, mutant in enumerate(todo):
                judges = measured.judges(mutant)
                told = Told(NEEDS_IMPORT)
                if judges:
                    told = session.judge(mutant, judges, SLOW + 3 * sum(measured.seconds[name] for name in judges))
                if told.outcome in {SURVIVED, NEEDS_IMPORT}:
                    told = Told(
                        NEEDS_IMPORT if measured.at_import(mutant) else SURVIVED,
                        judges=len(judges),
                        seconds=told.seconds,
                    )
                outcomes.add(mutant, told)
                if place % 50 == 0:
                    tell(f"warm {place} of {len(todo)}, {time.monotonic() - began:.0f} s")
            code = 0

        try:
            quiet()
            pytest.main([*TESTS, *QUIET], plugins=[Session(work, measured)])
        finally:
            os._exit(code)
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("the judges ended before their work was done")
    outcomes.read()


def quiet(log: Path = Path(os.devnull)) -> None:
    """Have this process and its forks write to `log` instead of stdout."""
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)


def preload() -> None:
    """Import what no mutant changes."""
    for name in _PRELOADED:
        try:
            importlib.import_module(name)
        except ImportError:
            continue


def _fresh(mutants: Sequence[Mutant], outcomes: Outcomes, measured: Measured, tell: Callable[[str], None]) -> None:
    seconds = 3 * SLOW + 5 * sum(measured.seconds.values())
    killers: dict[Path, Counter[str]] = defaultdict(Counter)  # what kills one of a file is likely to kill the next

    def work(session: FreshSession) -> None:
        right = session.judge(None, seconds)
        if right.outcome != SURVIVED:
            raise RuntimeError(f"tests fail though nothing is broken: {right}")
        tell(f"fresh: all judges take {right.seconds} s")
        began = time.monotonic()
        for place, mutant in enumerate(mutants):
            before = outcomes.of(mutant)
            outcomes.read()
            if outcomes.of(mutant) != before:
                continue  # another process judged it meanwhile
            told = session.judge(mutant, seconds, [test for test, _ in killers[mutant.path].most_common(3)])
            if told.outcome == KILLED and told.by in measured.seconds:  # a test may have its name from the mutant
                killers[mutant.path][str(ROOT / told.by)] += 1
            outcomes.add(mutant, told)
            if place % 50 == 0:
                tell(f"fresh {place} of {len(mutants)}, {time.monotonic() - began:.0f} s")

    if mutants:
        fresh(work, measured.seconds)


def judge_anew(mutants: Sequence[Mutant], tell: Callable[[str], None]) -> list[Told]:
    """Judge a few mutants by all tests, with nothing measured before; what has no engine to ask comes first.

    Raises:
        RuntimeError: a test that killed one fails with nothing broken too.
    """
    found: list[Told] = []

    def work(session: FreshSession) -> None:
        for mutant in mutants:
            found.append(session.judge(mutant, 6 * SLOW))
            tell(f"{found[-1].outcome} by {found[-1].by}: {mutant.id}")
        for killer in sorted({told.killer for told in found if told.by and told.outcome == KILLED}):
            if session.judge_alone(None, 6 * SLOW, [str(ROOT / killer)]).outcome != SURVIVED:
                raise RuntimeError(f"{killer} fails though nothing is broken")

    fresh(work, _SqlLast())
    return found


class _SqlLast(dict[str, float]):
    def get(self, name: str, default: object = None) -> float:  # type: ignore[override]
        return float("sql" in name)


def fresh(work: Callable[[FreshSession], None], order: Mapping[str, float]) -> None:
    """Run `work` with a session that has collected nothing yet."""
    preload()
    problems: list[BaseException] = []

    def guarded(session: FreshSession) -> None:
        try:
            work(session)
        except BaseException as problem:  # noqa: BLE001 - pytest would print it, and go on
            problems.append(problem)

    session = FreshSession(guarded, [str(ROOT / test) for test in TESTS], order)
    pytest.main([str(ROOT / "tests"), *QUIET, "-p", "no:tvmigrate"], plugins=[session])
    if problems or not session.has_worked:
        raise RuntimeError("the judges ended before their work was done") from next(iter(problems), None)
