"""`junit.xml`: a suite a phase, a test case a check, for build servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from tvmigrate.printable import printable
from tvmigrate.report.files import write_whole
from tvmigrate.report.prose import explain, headline, repeat_lines
from tvmigrate.verify.check import Check
from tvmigrate.verify.findings import CheckResult, Phase, State, Verdict

FILE = "junit.xml"


def write(verdict: Verdict, directory: Path, checks: Mapping[str, Check], repeat: Callable[[str], str]) -> Path:
    """Write `junit.xml` into `directory`, whole or not at all, and return its path; raises ReportUnwritable.

    `checks` gives the claims by check id, `repeat` the shell command that runs one again. A check that found nothing to
    look at is skipped, with that as its reason.
    """
    path = directory / FILE
    write_whole(path, text(verdict, checks, repeat))
    return path


def text(
    verdict: Verdict, checks: Mapping[str, Check], repeat: Callable[[str], str], told: Callable[..., str] = explain
) -> bytes:
    """Return what `write` writes; `told(result, check)` is what a check that did not pass has to say."""
    report = JUnitXml("tvmigrate")
    for phase in Phase:
        suite = TestSuite(str(phase))
        for name, value in {"verdict": verdict.state, "show": verdict.show or "", **verdict.engines}.items():
            suite.add_property(str(name), str(value))
        for result in verdict.checks:
            if result.phase is phase:
                suite.add_testcase(_case(result, checks.get(result.id), repeat, told))
        if len(suite):
            report.add_testsuite(suite)
    report.update_statistics()
    return bytes(report.tostring())


def _case(result: CheckResult, check: Check | None, repeat: Callable[[str], str], told: Callable[..., str]) -> TestCase:
    case = TestCase(result.id, f"{result.phase}.{result.store}")
    kind = {State.FAIL: Failure, State.ERROR: Error, State.EMPTY: Skipped}.get(result.state)
    if kind is not None:
        element = kind(printable(headline(result)), str(result.rule))
        element.text = told(result, check)
        if result.state is not State.EMPTY:
            element.text += f"\n\n{repeat_lines(repeat(result.id))}"
        case.result = [element]
    return case
