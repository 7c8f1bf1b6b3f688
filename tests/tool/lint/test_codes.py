"""Each code finds its bad samples at their lines, and leaves the right way of doing it alone."""

import re

import pytest

from tests.tool.lint.samples import found_at, judged, samples
from tvmigrate.lint.hazards import HAZARDS

BAD = [sample for sample in samples() if not sample.good]
GOOD = [sample for sample in samples() if sample.good]


@pytest.mark.parametrize("sample", BAD, ids=str)
def test_the_hazard_is_found_at_its_line_and_nowhere_else(sample):
    assert found_at(sample.files, sample.code) == [(sample.name, line) for line in sample.lines]


@pytest.mark.parametrize("sample", GOOD, ids=str)
def test_the_right_way_gives_nothing_at_all(sample):
    """Assert that what is told to do instead is no hazard under any other code either."""
    report = judged(sample.files)
    assert [(one.code, one.place.path, one.place.line) for one in report.findings] == []
    assert report.statements


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda hazard: hazard.code)
def test_every_code_has_a_bad_sample_and_a_good_one(hazard):
    assert hazard.code in {sample.code for sample in BAD}
    assert hazard.code in {sample.code for sample in GOOD}


def test_codes_and_names_are_unique():
    assert len({hazard.code for hazard in HAZARDS}) == len({hazard.name for hazard in HAZARDS}) == len(HAZARDS)


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda hazard: hazard.code)
def test_every_hazard_is_told_in_whole_sentences_with_something_to_do(hazard):
    assert hazard.danger.endswith(".")
    assert hazard.instead
    assert max(len(line) for line in hazard.instead.splitlines()) <= 150


@pytest.mark.parametrize("sample", BAD, ids=str)
def test_no_name_is_left_open_in_what_is_told(sample):
    """Assert that every `{name}` in a hazard's words is filled where it is found."""
    names = {name for hazard in HAZARDS for name in re.findall(r"\{(\w+)\}", hazard.danger + hazard.instead)}
    for finding in judged(sample.files).findings:
        told = finding.danger + finding.instead
        assert [name for name in names if "{" + name + "}" in told] == []
