"""docs/verdict.schema.json: made of the code, strict, and true of what is written."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from tvmigrate.report import verdict_json
from tvmigrate.report.schema import schema

from .samples import BACK, EMPTY, FAILED, PASSED, STOPPED, rich, verdict

PUBLISHED = Path(__file__).parents[3] / "docs" / "verdict.schema.json"


def test_the_published_schema_is_the_one_of_the_code():
    assert json.loads(PUBLISHED.read_bytes()) == schema(), (
        "python -m tvmigrate.report.schema > docs/verdict.schema.json"
    )


def test_it_is_a_schema():
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("made", [rich(), verdict(FAILED, PASSED, STOPPED, EMPTY, BACK), verdict()])
def test_a_verdict_is_valid(tmp_path, made):
    Draft202012Validator(schema()).validate(json.loads(verdict_json.write(made, tmp_path).read_bytes()))


@pytest.mark.parametrize("key", ["verdict", "made", "not_judged", "quarantine", "checks"])
def test_no_key_may_be_left_out(tmp_path, key):
    written = json.loads(verdict_json.write(rich(), tmp_path).read_bytes())
    del written[key]
    with pytest.raises(ValidationError):
        Draft202012Validator(schema()).validate(written)


def test_no_key_may_be_added(tmp_path):
    written = json.loads(verdict_json.write(rich(), tmp_path).read_bytes())
    with pytest.raises(ValidationError):
        Draft202012Validator(schema()).validate({**written, "more": 1})
