"""What holds for whatever any check says, so that every test that runs one asserts it."""

from __future__ import annotations

from collections.abc import Iterable

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.findings import CheckResult, Direction, State


def require_sound(results: Iterable[CheckResult]) -> None:
    """Assert that results and findings name their store, rule, direction and record, in a sentence without a hole."""
    for result in results:
        assert isinstance(result.state, State), result
        assert result.examined >= 0, result
        assert result.findings_total >= len(result.findings), result
        assert (result.state is State.FAIL) >= bool(result.findings), result
        for finding in result.findings:
            assert isinstance(finding.store, Store), finding
            assert isinstance(finding.rule, Rule), finding
            assert isinstance(finding.direction, Direction), finding
            assert result.store in {finding.store, Store.CROSS}, (result.id, finding)
            assert isinstance(finding.note, str), finding
            assert finding.note.strip(), finding
            assert finding.old or finding.new, finding
