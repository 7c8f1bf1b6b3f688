"""What these tests demand of a verdict: nothing found, everything looked at, every record with a fate."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tvmigrate.contract.outcome import LedgerLine
from tvmigrate.report.prose import explain
from tvmigrate.verify.findings import CheckResult, State

RUN = ("false-alarms", "correct variations")


def assert_nothing_found(results: Iterable[CheckResult], ledger: Iterable[LedgerLine]) -> None:
    """Fail with the findings' text; a check that could not look is as wrong as one that cries wolf."""
    results = list(results)
    wrong = [result for result in results if result.state in {State.FAIL, State.ERROR}]
    if wrong:
        pytest.fail("\n\n".join(map(explain, wrong)), pytrace=False)
    # Of a dataset without a record there is nothing to check.
    assert any(r.state is State.PASS for r in results) or all(r.state is State.EMPTY for r in results)
    assert [line for line in ledger if not line.balanced] == []
