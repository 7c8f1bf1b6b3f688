"""What tests ask of results: the findings of a check, and that one of them names what it should."""

from __future__ import annotations

from typing import Any

from tvmigrate.verify.findings import CheckResult, Finding, State


def found(results: dict[str, CheckResult], check: str) -> tuple[Finding, ...]:
    """Return the findings of a check that failed, and did so by looking, not by an error."""
    result = results[check]
    assert (result.state, result.error) == (State.FAIL, None), result
    assert result.findings_total >= len(result.findings) > 0
    return result.findings


def only(results: dict[str, CheckResult], check: str) -> Finding:
    """Return the one finding of a check."""
    (finding,) = found(results, check)
    return finding


def facts(finding: Finding) -> tuple[Any, ...]:
    """Return what a finding names: direction, new name, field, expected, actual."""
    return str(finding.direction), finding.new, finding.field, finding.expected, finding.actual


def failed(results: dict[str, CheckResult]) -> set[str]:
    """Return the ids of the checks that did not pass."""
    return {name for name, result in results.items() if result.state is not State.PASS}
