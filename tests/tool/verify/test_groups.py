"""Findings by cause: all are counted, some of each cause are kept, and what they share is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.check import Check, Sheet
from tvmigrate.verify.difference import kind_of
from tvmigrate.verify.findings import Direction, Finding, Phase
from tvmigrate.verify.groups import MAX_DETAILS, MAX_PLACES, OTHERS, TOLD_APART, Groups

CHANGED = Finding(Store.CLICKHOUSE, Rule.CLICKHOUSE_COMMENTS, Direction.CHANGED, "It differs.", field="sentiment")


def changed(expected: Any, actual: Any, field: str = "sentiment") -> Finding:
    return replace(CHANGED, field=field, expected=expected, actual=actual)


def gathered(findings: list[Finding], limit: int = 50) -> Groups:
    groups = Groups(limit)
    for finding in findings:
        groups.add(finding)
    return groups


@pytest.mark.parametrize(
    ("expected", "actual", "told"),
    [
        ("positive", "negative", 'another text: "positive" → "negative"'),
        ("x" * 50, "y", "another text"),
        ("thí", "thi\u0301", "NFD instead of the form it had"),
        ("thi\u0301", "thí", "NFC instead of the form it had"),
        ("Show", "show", "in lower case"),
        ("tích cực", "t\xc3\xadch c\xe1\xbb\xb1c", "UTF-8 read as Latin-1"),
        ("tích cực", "t?ch c?c", "characters replaced by ?"),
        (" a ", "a", "blanks around the text"),
        ("abcdef", "abc", "a text cut off after 3 characters"),
        ("text", "", "an empty text"),
        ("text", None, "nothing instead of a value"),
        (None, "text", "a value where there should be none"),
        ("2025-11-20T06:05:00Z", "2025-11-20T13:05:00Z", "an instant shifted by +7 h"),
        ("2025-11-20T06:05:00Z", "2025-11-20T00:20:00Z", "an instant shifted by \u22125.75 h"),
        ("2025-11-20T06:05:00Z", "2025-11-20T06:05:03Z", "an instant shifted by +3 s"),
        ("2025-11-20T06:05:00.750Z", "2025-11-20T06:05:00Z", "an instant cut to whole seconds"),
        ("2025-11-20T06:05:00.750Z", "2025-11-20T06:05:01Z", "an instant rounded to whole seconds"),
        ("2025-11-20T06:05:00Z", "1970-01-21T09:53:38.700Z", "an instant divided by 1000"),
        ("2025-11-20T06:05:00Z", "1970-01-01T00:00:00Z", "1970 instead of an instant"),
        ("2110-02-07T06:28:16Z", "1974-01-01T00:00:00Z", "an instant that overflowed 32 bits"),
        ("2025-11-20 06:05:00", "2025-11-20 07:05:00", "an instant shifted by +1 h"),
        (0.123456789, 0.12345679104328156, "rounded to Float32"),
        (0.8199999928474426, 0.82, "equal only as Float32"),
        (0.1, 0.10000000000000002, "off by the last bit"),
        (0.8765, 0.88, "rounded to 2 decimals"),
        (0.8765, 0.87, "cut to 2 decimals"),
        (0.5, -0.5, "the sign turned"),
        (0.0, -0.0, "the sign of zero"),
        ("478", "477", "a number off by \u22121"),
        (3, 300, "times 100"),
        (2**32 + 5, 5, "a number that overflowed 32 bits"),
        (7, 0, "0 instead of a number"),
        (1.5, "nan", "no finite number"),
        (120, "120", "a number as text"),
        ("120", 120, "a number instead of text"),
        (0.7183, 0.4912, "another number"),
        (["a", "b"], ["b", "a"], "a list in another order"),
        (["a", "a", "b"], ["a", "b"], "a list without its doubles"),
        (["a", "b", "c"], ["a"], "a list cut off after 1 items"),
        (["a", "b", "c"], ["a", "c"], "a list with items left out"),
        (["a"], [], "an empty list"),
        (["a"], "a", "a value of another type: list → text"),
        (True, False, "another value: true → false"),
        ({"a": 1}, {"a": 2}, 'another value: {"a": 1} → {"a": 2}'),
    ],
)
def test_what_lies_between_two_values_is_said(expected: Any, actual: Any, told: str) -> None:
    assert kind_of(changed(expected, actual)).text == told


@pytest.mark.parametrize(
    ("expected", "actual", "told"),
    [
        (60_000, None, "the time to live is lost"),
        (60_000, -1, "the time to live is lost"),
        (None, 60_000, "a time to live where there was none"),
        (60_000, 30_000, "the time to live is shorter"),
        (60_000, 90_000, "the time to live is longer"),
    ],
)
def test_what_became_of_a_time_to_live_is_said(expected: Any, actual: Any, told: str) -> None:
    assert kind_of(changed(expected, actual, "ttl")).text == told


def test_a_time_to_live_that_is_missing_is_told_as_lost() -> None:
    finding = replace(CHANGED, direction=Direction.MISSING, field="ttl", expected=60_000, actual=None)
    assert kind_of(finding).text == "the time to live is lost"


def test_of_a_missing_record_there_is_nothing_to_compare() -> None:
    assert kind_of(replace(CHANGED, direction=Direction.MISSING, expected={"a": 1})).text == ""


def test_the_reason_of_a_quarantined_record_tells_causes_apart() -> None:
    row = replace(CHANGED, direction=Direction.MISSING, field="reason", expected="bad-json")
    assert kind_of(row).text == "of the reason bad-json"


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text() | st.integers())


@given(VALUES, VALUES, st.sampled_from(["sentiment", "ttl"]))
def test_any_two_values_have_a_kind(expected: Any, actual: Any, field: str) -> None:
    assert isinstance(kind_of(changed(expected, actual, field)).text, str)


def test_one_cause_is_one_group_however_many_findings_it_has() -> None:
    groups = gathered([changed("positive", "negative")] * 10_000)
    (group,) = groups.groups()
    assert (group.count, group.kind, group.field) == (10_000, 'another text: "positive" → "negative"', "sentiment")
    assert len(groups.findings()) == 50


def test_causes_are_told_apart_and_the_largest_is_first() -> None:
    groups = gathered([changed("a", "b"), changed(1, 2), changed("a", "b"), changed("a", "b", "username")])
    assert [(group.field, group.count) for group in groups.groups()] == [
        ("sentiment", 2),
        ("sentiment", 1),
        ("username", 1),
    ]


def test_positions_in_a_list_are_one_field() -> None:
    (group,) = gathered([changed("a", "b", f"[{n}].data.tags[{n}]") for n in range(30)]).groups()
    assert (group.field, group.count) == ("[*].data.tags[*]", 30)


def test_values_that_have_no_more_in_common_than_to_differ_are_one_group() -> None:
    (group,) = gathered([changed(f"a{n}", f"b{n}") for n in range(5000)]).groups()
    assert (group.kind, group.count) == ("another text", 5000)


def test_a_common_cause_stands_out_of_those_that_nothing_joins() -> None:
    mixed = [changed("positive", "negative") if n % 10 else changed(f"a{n}", f"b{n}") for n in range(5000)]
    told = [(group.kind, group.count) for group in gathered(mixed).groups()]
    assert told == [('another text: "positive" → "negative"', 4500), ("another text", 500)]


def test_few_causes_are_told_one_by_one() -> None:
    groups = gathered([changed(f"a{n}", "b") for n in range(TOLD_APART)]).groups()
    assert sorted(group.kind for group in groups) == [f'another text: "a{n}" → "b"' for n in range(TOLD_APART)]


@pytest.mark.parametrize("fields", [1, MAX_PLACES + 300], ids=["one-field", "many-fields"])
def test_memory_is_bounded_and_every_finding_counted(fields: int) -> None:
    groups = gathered([changed(f"a{n}", f"b{n}", f"f{n % fields}") for n in range(5000)])
    assert sum(group.count for group in groups.groups()) == groups.total == 5000
    assert len(groups._counts) <= MAX_PLACES + 1
    assert all(len(kinds) <= MAX_DETAILS + 1 for kinds in groups._counts.values())


def test_fields_beyond_what_can_be_told_apart_are_one_honest_group() -> None:
    groups = gathered([changed("a", "b", f"f{n}") for n in range(MAX_PLACES + 300)]).groups()
    assert (groups[0].field, groups[0].kind, groups[0].count) == (None, OTHERS, 300)


def test_a_late_cause_is_kept_too_and_the_whole_stays_bounded() -> None:
    """Assert that each cause has samples, since ten thousand of one cause must not hide the one of another."""
    groups = gathered([changed("a", "b")] * 1000 + [changed(1, 2)] * 2 + [changed("a", "b", "username")], limit=6)
    assert len(groups.findings()) == 6
    kept = {(group.field, group.kind): len(group.samples) for group in groups.groups()}
    assert kept == {
        ("sentiment", 'another text: "a" → "b"'): 3,
        ("sentiment", "a number off by +1"): 2,
        ("username", 'another text: "a" → "b"'): 1,
    }


def test_samples_are_the_groups_own() -> None:
    groups = gathered([changed("a", "b"), changed(1, 2), changed("a", "b"), changed(3, 4)], limit=4)
    kept = groups.findings()
    assert [{kept[n].expected for n in group.samples} for group in groups.groups()] == [{"a"}, {1, 3}]


def test_nothing_is_kept_where_nothing_is_to_be_kept() -> None:
    groups = gathered([changed("a", "b")] * 3, limit=0)
    assert (groups.findings(), [group.count for group in groups.groups()]) == ((), [3])


def test_a_finding_may_stand_for_many_of_its_kind() -> None:
    sheet = Sheet(Check("test.law", Phase.MIGRATION, Store.REDIS, Rule.REDIS_EAOS, "Assert that it holds."), 5)
    sheet.find(CHANGED, times=70)
    result = sheet.result()
    assert (result.findings_total, len(result.findings), result.groups[0].count) == (70, 1, 70)
