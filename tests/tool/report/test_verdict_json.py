"""verdict.json: the keys of the contract, values that any JSON reader takes, whole or not there."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvmigrate.report import verdict_json
from tvmigrate.report.files import ReportUnwritable, write_whole
from tvmigrate.report.plain import as_json_text, plain

from .samples import BACK, EMPTY, FAILED, PASSED, STOPPED, verdict

TOP = {"verdict", "show", "policy", "engines", "checks", "ledger", "inconsistencies", "seconds"}
FURTHER = {"quarantine", "not_judged", "made"}
CHECK = {"id", "phase", "store", "rule", "state", "examined", "findings", "findings_total"}
FINDING = {"store", "rule", "old", "new", "field", "expected", "actual", "direction", "note"}
LEDGER = {"store", "rule", "old", "mapped", "filled", "quarantined", "untouched", "expired"}


@pytest.fixture
def written(tmp_path):
    path = verdict_json.write(verdict(FAILED, PASSED, STOPPED, EMPTY, BACK), tmp_path / "new" / "folder")
    return json.loads(path.read_bytes())


def test_top_level_keys_are_the_contracts(written):
    assert set(written) == TOP | FURTHER


def test_every_check_finding_and_ledger_line_has_the_contracts_keys(written):
    assert all(set(check) == CHECK | {"error", "groups"} for check in written["checks"])
    assert all(set(finding) == FINDING for check in written["checks"] for finding in check["findings"])
    assert all(set(line) == LEDGER for line in written["ledger"])


def test_a_group_names_its_cause_its_count_and_which_findings_it_has(written):
    (group,) = written["checks"][0]["groups"]
    assert group == {
        "store": "redis", "rule": "redis.eaos", "direction": "changed", "field": "score",
        "kind": "rounded to 2 decimals", "count": 3, "samples": [0],
    }  # fmt: skip


def test_a_derived_rule_has_null_old_records(written):
    assert [line["old"] for line in written["ledger"]] == [40, 9, None]


@pytest.mark.parametrize(
    ("checks", "state"),
    [
        ((FAILED, STOPPED, EMPTY, PASSED), "fail"),
        ((STOPPED, EMPTY, PASSED), "error"),
        ((EMPTY, PASSED), "pass"),
        ((EMPTY,), "empty"),
        ((), "error"),
    ],
    ids=["one-fails", "one-stopped", "one-empty", "all-empty", "no-check-at-all"],
)
def test_the_worst_check_decides(tmp_path, checks, state):
    assert json.loads(verdict_json.write(verdict(*checks), tmp_path).read_bytes())["verdict"] == state


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (float("nan"), '"nan"'),
        (float("-inf"), '"-inf"'),
        (b"\xff", '{"b64": "/w=="}'),
        (Decimal("0.10"), "0.1"),
        (Decimal("0.12345678901234567890"), '"0.12345678901234567890"'),
        (2**70, str(2**70)),
        (-0.0, "-0.0"),
        ("\ud83d", '"\\ud83d"'),
        ({"b", "a"}, '["a", "b"]'),
        (True, "true"),
    ],
    ids=["nan", "infinity", "bytes", "short-decimal", "long-decimal", "big", "minus-zero", "surrogate", "set", "bool"],
)
def test_odd_values_are_written_as_json_that_any_reader_takes(value, written):
    assert as_json_text(value) == written


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.decimals(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    )
)
def test_any_value_becomes_strict_json_in_utf8(value):
    read = json.loads(as_json_text(value).encode(), parse_constant=pytest.fail)
    assert read == plain(value)


def test_a_report_that_cannot_be_written_leaves_the_earlier_one(tmp_path):
    path = tmp_path / "verdict.json"
    path.write_text("earlier")
    blocked = path / "below-a-file"
    with pytest.raises(ReportUnwritable) as raised:
        write_whole(blocked, b"new")
    assert str(raised.value) == (
        f"The report {blocked} cannot be written: File exists. Nothing of it was left there; give a directory that "
        "can be written to with --report DIR."
    )
    assert path.read_text() == "earlier"


def test_no_unfinished_file_is_left_beside_the_report(tmp_path):
    write_whole(tmp_path / "a", b"1")
    write_whole(tmp_path / "a", b"2")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"2"}
