"""Which kept record is which old one, where several share a key: the same by its text, or by what it says."""

from __future__ import annotations

import pytest

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.old_record import ANY, ANY_ORDER, EXACT, Expected
from tvmigrate.verify.quarantine import SCHEMA, keep_expected, live_rows, record_findings
from tvmigrate.verify.spool import Spool


def findings(form: str, due: list[str], kept: list[str]) -> list[tuple[str | None, object, object]]:
    """Return field, expected and actual of what is found where `due` records and `kept` rows share a key."""
    with Spool(SCHEMA) as spool:
        keep_expected(spool, [Expected("k", "bad-json", form, record) for record in due])
        live = [("k", "bad-json", record) for record in kept]
        spool.add("INSERT INTO live VALUES (?, ?, ?, ?)", list(live_rows(spool, live)))
        found = record_findings(spool, Store.REDIS, Rule.REDIS_EAOS)
        return [(one.field, one.expected, one.actual) for one in found]


@pytest.mark.parametrize(
    ("form", "due", "kept"),
    [
        (EXACT, ['{"a": 1}', '{"a": 2}'], ['{"a": 2}', '{"a": 1}']),
        (EXACT, ['{"a": 1, "b": 2}'], ['{"b":2,"a":1}']),
        (EXACT, ['{"a": 1}', '{"a":1}'], ['{"a": 1}', '{"a": 1}']),
        (EXACT, ['{"a": 1, "b": 2}', '{"a": 3}'], ['{"a":3}', '{"b": 2, "a": 1}']),
        (ANY_ORDER, ['["a", "b"]'], ['["b", "a"]']),
        (ANY, [""], ["whatever Redis says"]),
    ],
)
def test_records_that_say_the_same_are_the_same(form: str, due: list[str], kept: list[str]) -> None:
    assert findings(form, due, kept) == []


@pytest.mark.parametrize(
    ("form", "due", "kept", "found"),
    [
        (EXACT, ['{"a": 1}', '{"a": 2}'], ['{"a": 2}', '{"a": 3}'], [("record.a", 1, 3)]),
        (EXACT, ['{"a": 1}', '{"a": 1}'], ['{"a":1}', '{"a":2}'], [("record.a", 1, 2)]),
        (EXACT, ['["a", "b"]'], ['["b", "a"]'], [("record[0]", "a", "b"), ("record[1]", "b", "a")]),
        (EXACT, ['{"a": 1}'], [""], [("record", '{"a": 1}', None)]),
        (ANY, [""], [""], [("record", "the record", None)]),
    ],
)
def test_one_that_says_something_else_is_found_at_its_field(
    form: str, due: list[str], kept: list[str], found: list[tuple[str, object, object]]
) -> None:
    assert findings(form, due, kept) == found


def test_many_records_of_one_key_are_told_apart_in_time_that_grows_with_them() -> None:
    due = [f'{{"a": {number}, "b": 0}}' for number in range(20_000)]
    assert findings(EXACT, due, [f'{{"b": 0, "a": {number}}}' for number in reversed(range(20_000))]) == []
