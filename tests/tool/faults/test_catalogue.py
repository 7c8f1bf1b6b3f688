"""The catalogue of faults: every check has its own, and the page about them is true."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tvmigrate.report.fault_page import page
from tvmigrate.report.outcome import all_checks
from tvmigrate.verify.check import Check
from tvmigrate.verify.faults.all import CATALOGUE
from tvmigrate.verify.faults.judge import BY_HAND

PAGE = Path(__file__).parents[3] / "docs" / "faults.md"
# They see with another eye what other checks see, so that a rule that is wrong on both sides is found: no state of the
# stores shows that, a mutant of the rule does.
CHECKS = [check for check in all_checks() if not check.id.startswith(BY_HAND)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check_is_proved_by_a_fault(check: Check) -> None:
    """Assert that a new check comes with a fault that only it, or it first, tells of."""
    assert [fault.id for fault in CATALOGUE if fault.finds[0].check == check.id]


def test_no_two_faults_are_alike_in_check_field_and_direction() -> None:
    counts = Counter(fault.main for fault in CATALOGUE)
    assert [main for main, count in counts.items() if count > 1] == []


def test_there_are_at_least_eighty() -> None:
    assert len(CATALOGUE.faults) >= 80


def test_the_page_about_faults_is_that_of_the_catalogue() -> None:
    """`python -m tvmigrate.report.fault_page > docs/faults.md` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == page(CATALOGUE)
