"""The catalogue of faults: every check has its own, and the page about them is true."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tvmigrate.report import check_page
from tvmigrate.report.blind_spots import BLIND_SPOTS
from tvmigrate.report.fault_page import page
from tvmigrate.report.outcome import all_checks
from tvmigrate.verify.check import Check
from tvmigrate.verify.faults.all import CATALOGUE
from tvmigrate.verify.faults.judge import BY_HAND

DOCS = Path(__file__).parents[3] / "docs"
SAMPLES = json.loads((DOCS / "samples.json").read_bytes())
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
    assert (DOCS / "faults.md").read_text(encoding="utf-8") == page(CATALOGUE)


def test_the_page_about_checks_is_that_of_the_checks_and_their_faults() -> None:
    """`python -m tvmigrate.report.check_page` writes it anew."""
    assert (DOCS / "checks.md").read_text(encoding="utf-8") == check_page.page(SAMPLES)


def test_every_check_shows_what_it_says() -> None:
    """`tvmigrate faults … && python -m tvmigrate.report.check_page report/faults.json` takes samples anew."""
    assert sorted(SAMPLES) == sorted(check.id for check in CHECKS)


def test_what_a_check_cannot_see_is_told_of_each() -> None:
    assert sorted(BLIND_SPOTS) == sorted(check.id for check in all_checks())
