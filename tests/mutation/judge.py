"""Tests as judges: one warm pytest session that forks for each mutant, and fresh sessions for what an import decides.

A mutant is killed by the first test that fails with it, by an error of the import, or by taking too long.
"""

from __future__ import annotations

import gc
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import coverage
import pytest

from tests.mutation.measured import Measured
from tests.mutation.mutants import PRODUCT, Mutant
from tests.mutation.swap import Functions, Instead, NeedsImport, mutate_processes

KILLED, SURVIVED, TIMEOUT, NEEDS_IMPORT = "killed", "survived", "timeout", "needs-import"
_CODES = {0: SURVIVED, 1: KILLED, 77: NEEDS_IMPORT}
_PATIENCE = 15


@dataclass(frozen=True)
class Told:
    """What came of a mutant: `by` is the test that failed, `judges` how many were asked."""

    outcome: str
    by: str = ""
    judges: int = 0
    seconds: float = 0.0

    @property
    def killer(self) -> str:
        """The test that failed, with all its parameters: that one may have its name from the mutant."""
        return self.by.partition("[")[0]


def freeze() -> None:
    """Keep the collector from writing into pages that forks share: to copy them is most of what a fork costs."""
    gc.collect()
    gc.disable()
    gc.freeze()


def in_child(work: Callable[[Callable[[str], None]], int], seconds: float) -> Told:
    """Run `work` in a forked process that has `seconds` of a processor; it gets a function that says its test.

    What others do on this machine must not decide: by the clock it has `_PATIENCE` times as long. The process works in
    a folder of its own, which is removed: a mutant may write what it was told to write elsewhere to where it is.
    """
    began = time.monotonic()
    folder = tempfile.mkdtemp(prefix="tvmigrate-mutant-")
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setpgid(0, 0)
            os.chdir(folder)
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
            os.close(reading)
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            code = work(lambda text: (os.write(writing, f"{text}\n".encode()), None)[1])
        except SystemExit as stopped:
            code = int(bool(stopped.code))
        except BaseException:  # noqa: BLE001 - whatever it is, the mutant did it
            code = 1
        finally:
            os._exit(code)
    os.close(writing)
    with suppress(ProcessLookupError, PermissionError):
        os.setpgid(pid, pid)
    told, late = b"", False
    while True:
        left = began + _PATIENCE * seconds - time.monotonic()
        ready = select.select([reading], [], [], max(left, 0))[0] if left > 0 else []
        if not ready:
            late = True
            break
        piece = os.read(reading, 65536)
        if not piece:
            break
        told += piece
    os.close(reading)
    if late:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what it started
    shutil.rmtree(folder, ignore_errors=True)  # what it started may still be ending
    tests = told.decode().split("\n")[:-1]
    late = late or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGXCPU, signal.SIGKILL})
    outcome = TIMEOUT if late else _CODES.get(os.waitstatus_to_exitcode(status), KILLED)
    return Told(outcome, tests[-1] if tests else "", len(tests), round(time.monotonic() - began, 3))


class Session:
    """A pytest plugin: instead of running the tests it measures those not measured yet, then `work` judges by them."""

    def __init__(self, work: Callable[[Session], None], measured: Measured) -> None:
        self._work = work
        self.measured = measured
        self.items: dict[str, pytest.Item] = {}
        self._failed: list[str] = []
        self._functions: Functions | None = None
        # Whether what a failed test leaves behind matters to the next mutant's. To end a ClickHouse that was started
        # after a fork can take forever.
        self.tears_down = False
        self._is_child = False
        self._coverage = coverage.Coverage(data_file=None, include=[f"{PRODUCT}/*"], config_file=False)
        self._coverage.start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = {item.nodeid: item for item in session.items}
        self._measure([item for item in session.items if item.nodeid not in self.measured.seconds])
        self._functions = Functions(PRODUCT)
        freeze()
        self._work(self)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            if self._is_child and not self.tears_down:
                os._exit(1)
            self._failed.append(report.nodeid)

    def _measure(self, items: Sequence[pytest.Item]) -> None:
        for place, item in enumerate(items):
            self._coverage.switch_context(item.nodeid)
            began = time.monotonic()
            run_item(item, items[min(place + 1, len(items) - 1)])
            self.measured.seconds[item.nodeid] = round(time.monotonic() - began, 4)
        self._coverage.stop()
        if items:
            data = self._coverage.get_data()
            self.measured.add({path: data.contexts_by_lineno(path) for path in data.measured_files()}, self._failed)

    def run(self, name: str) -> None:
        """Run a test with nothing broken, and keep of its fixtures only those that every test may find made."""
        item = self.items[name]
        chain = item.listchain()
        furthest = min(
            self.items.values(), key=lambda other: sum(a is b for a, b in zip(chain, other.listchain(), strict=False))
        )
        run_item(item, furthest)
        if self._failed:
            raise RuntimeError(f"{name} fails though nothing is broken")

    def judge(self, mutant: Mutant, judges: Iterable[str], seconds: float) -> Told:
        """Run `judges` with the mutant in a forked process, until one fails."""
        names = [name for name in judges if name in self.items]

        def work(say: Callable[[str], None]) -> int:
            assert self._functions is not None
            self._is_child = True
            mutate_processes(*mutant.told)
            try:
                self._functions.change(mutant.path, mutant.source())
            except NeedsImport:
                return 77
            except SyntaxError:
                return 1
            self._failed.clear()
            for place, name in enumerate(names):
                say(name)
                following = names[min(place + 1, len(names) - 1)]
                run_item(self.items[name], None if self.tears_down and following == name else self.items[following])
                if self._failed:
                    return 1
            return 0

        return in_child(work, seconds)


def run_item(item: pytest.Item, following: pytest.Item | None) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


class FreshSession:
    """A pytest plugin: a session that has imported nothing of the product forks for each mutant before it collects."""

    def __init__(
        self,
        work: Callable[[FreshSession], None],
        arguments: Sequence[str],
        order: Mapping[str, float],
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self._work, self._arguments, self._order, self._before = work, arguments, order, before
        self._say: Callable[[str], None] | None = None
        self._session: pytest.Session | None = None
        self.has_worked = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool | None:
        if self._say is not None:  # in the fork: collect as ever
            return None
        self._session = session
        freeze()
        self._work(self)
        self.has_worked = True
        return True

    def judge(self, mutant: Mutant | None, seconds: float, first: Sequence[str] = ()) -> Told:
        """Run the tests `first`, then all, the quickest first, with the mutant in forked processes, until one fails."""
        told = self.judge_alone(mutant, seconds, list(first)) if first else Told(SURVIVED)
        if told.outcome == SURVIVED:
            more = self.judge_alone(mutant, seconds, self._arguments)
            told = replace(more, judges=told.judges + more.judges, seconds=told.seconds + more.seconds)
        return told

    def judge_alone(self, mutant: Mutant | None, seconds: float, arguments: Sequence[str]) -> Told:
        """Run the tests that pytest finds by `arguments`, with the mutant in a forked process, until one fails."""
        session = self._session
        assert session is not None
        loaded = [name for name in sys.modules if name.partition(".")[0] == "tvmigrate"]
        assert not loaded, loaded

        def work(say: Callable[[str], None]) -> int:
            self._say = say
            if mutant is not None:
                Instead(mutant.module, mutant.path, mutant.source()).install()
                mutate_processes(*mutant.told)
            self._before()
            session.config.args = list(arguments)
            session.config.hook.pytest_collection(session=session)
            if session.testsfailed:
                return 1
            items = session.items
            for place, item in enumerate(items):
                say(item.nodeid)
                run_item(item, items[min(place + 1, len(items) - 1)])
            return 0 if items else 1

        return in_child(work, seconds)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self._order.get(item.nodeid, 0))

    def pytest_runtestloop(self) -> bool:
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os._exit(1)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            os._exit(1)
