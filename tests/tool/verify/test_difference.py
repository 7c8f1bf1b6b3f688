"""What kind of difference lies between two values, in the words that an operator reads."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify import compare
from tvmigrate.verify.compare import ABSENT
from tvmigrate.verify.difference import Kind, kind_of
from tvmigrate.verify.findings import Direction, Finding

NOON = "2025-11-20T12:00:00Z"
LONG = "x" * 100
FLOAT32 = 0.8199999928474426


def told(expected: Any, actual: Any, field: str | None = "f", direction: Direction = Direction.CHANGED) -> str:
    finding = Finding(
        Store.REDIS, Rule.REDIS_EAOS, direction, "It differs.", field=field, expected=expected, actual=actual
    )
    return kind_of(finding).text


KINDS: list[tuple[Any, Any, str]] = [
    ("x", None, "nothing instead of a value"),
    (None, "x", "a value where there should be none"),
    # instants
    (NOON, "1970-01-01T00:00:00Z", "1970 instead of an instant"),
    (NOON, "1914-02-11T12:00:00Z", "the sign of the instant turned"),
    ("2025-11-20T12:00:00.1234567Z", "2025-11-20T12:00:00.123Z", "an instant cut to whole milliseconds"),
    ("2025-11-20T12:00:00.1237Z", "2025-11-20T12:00:00.124Z", "an instant rounded to whole milliseconds"),
    ("2025-11-20T12:00:00.6Z", NOON, "an instant cut to whole seconds"),
    ("2025-11-20T12:00:00.6Z", "2025-11-20T12:00:01Z", "an instant rounded to whole seconds"),
    ("2025-11-20T12:00:40Z", NOON, "an instant cut to whole minutes"),
    ("2025-11-20T12:00:30Z", "2025-11-20T12:01:00Z", "an instant rounded to whole minutes"),
    ("2025-11-20T12:00:29Z", "2025-11-20T12:01:00Z", "an instant shifted by +31 s"),
    (NOON, "1970-01-21T09:54:00Z", "an instant divided by 1000"),
    ("1970-01-21T09:54:00Z", NOON, "an instant times 1000"),
    ("2025-11-20T12:00:00Z", "1970-01-01T00:29:23.640Z", "an instant divided by 1000000"),
    ("1970-01-01T00:29:23.640Z", "2025-11-20T12:00:00Z", "an instant times 1000000"),
    ("2150-01-01T00:00:00Z", "2013-11-24T17:31:44Z", "an instant that overflowed 32 bits"),
    (NOON, "2025-11-20T19:00:00Z", "an instant shifted by +7 h"),
    (NOON, "2025-11-20T05:00:00+00:00", "an instant shifted by \u22127 h"),
    (NOON, "2025-11-20T17:45:00Z", "an instant shifted by +5.75 h"),
    (NOON, "2025-11-22T12:00:00Z", "an instant shifted by +2 days"),
    (NOON, "2025-11-21T12:00:00", "an instant shifted by +1 days"),
    (NOON, "2025-11-20T13:05:00Z", "an instant shifted by +65 min"),
    (NOON, "2025-11-20T11:59:00Z", "an instant shifted by \u22121 min"),
    (NOON, "2025-11-20T12:00:00.25Z", "an instant shifted by +0.25 s"),
    (NOON, "2025-11-20T12:01:01Z", "an instant shifted by +61 s"),
    (NOON, "2025-11-20 12:00:00", f'another text: "{NOON}" → "2025-11-20 12:00:00"'),
    (NOON, "2025-02-30T12:00:00Z", f'another text: "{NOON}" → "2025-02-30T12:00:00Z"'),
    # numbers
    (1.5, "NaN", "no finite number"),
    (1.5, "-inf", "no finite number"),
    ("1.5", "+Infinity", "no finite number"),
    (5, "5", "a number as text"),
    ("5", 5, "a number instead of text"),
    (0.0, -0.0, "the sign of zero"),
    ("1.50", "1.5", "a number written otherwise"),
    (5, 0, "0 instead of a number"),
    (5, -5, "the sign turned"),
    (0.1, 0.10000000000000002, "off by the last bit"),
    (0.82, FLOAT32, "rounded to Float32"),
    (FLOAT32, 0.82, "equal only as Float32"),
    (0.123456, 0.12, "rounded to 2 decimals"),
    (0.5678, 1.0, "rounded to a whole number"),
    (0.5678, 0.56, "cut to 2 decimals"),
    (1.9, 1.0, "cut to a whole number"),
    (0.25, 250.0, "times 1000"),
    (0.25, 25.0, "times 100"),
    (0.25, 15.0, "times 60"),
    (0.25, 2.5, "times 10"),
    (12345.5, 12.3455, "divided by 1000"),
    (12345.5, 123.455, "divided by 100"),
    (90.5, 90.5 / 60, "divided by 60"),
    (12345.5, 1234.55, "divided by 10"),
    (2**64 + 5, 5, "a number that overflowed 64 bits"),
    (2**32 + 5, 5, "a number that overflowed 32 bits"),
    (2**16 + 5, 5, "a number that overflowed 16 bits"),
    (300, 44, "a number that overflowed 8 bits"),
    (2**31 + 5, 5, "a number that overflowed 31 bits"),
    (200, -56, "a number that overflowed 8 bits"),
    (5, 5000, "times 1000"),
    (5, 500, "times 100"),
    (5, 300, "times 60"),
    (5, 50, "times 10"),
    (5000, 5, "divided by 1000"),
    (500, 5, "divided by 100"),
    (3 * 60, 3, "divided by 60"),
    (50, 5, "divided by 10"),
    (5, 8, "a number off by +3"),
    (8, 5, "a number off by \u22123"),
    (0.25, 7.75, "another number"),
    (10**400, 10**400 + 1, "a number off by +1"),
    ("+12", "13", "a number off by +1"),
    ("1e2", 100, "a number instead of text"),
    (5, True, "a value of another type: number → boolean"),
    # texts
    ("x", "", "an empty text"),
    ("e\u0301", "é", "NFC instead of the form it had"),
    ("é", "e\u0301", "NFD instead of the form it had"),
    ("ﬁé", "fié", "NFKC instead of the form it had"),
    ("ﬁé", "fie\u0301", "NFKD instead of the form it had"),
    ("Ab C", "ab c", "in lower case"),
    ("Ab C", "AB C", "in upper case"),
    ("ab cd", "Ab Cd", "in title case"),
    ("a", " a", "blanks around the text"),
    ("tích", "tÃ\xadch", "UTF-8 read as Latin-1"),
    ("tÃ\xadch", "tích", "Latin-1 read as UTF-8"),
    ("tích cực", "t?ch c?c", "characters replaced by ?"),
    ("tích", "t\ufffdch", "characters replaced by ?"),
    ("abc", "a", "a text cut off after 1 characters"),
    ("x" * 5000, "x" * 1024, "a text cut off after 1,024 characters"),
    ("a", "abc", "a text with something added"),
    ("abc", "bc", "a text without its beginning"),
    ("bc", "abc", "a text with something before it"),
    ("positive", "negative", 'another text: "positive" → "negative"'),
    ("a" * 40, "b" * 40, f'another text: "{"a" * 40}" → "{"b" * 40}"'),
    ("a" * 41, "b", "another text"),
    ("a?", "b?", 'another text: "a?" → "b?"'),
    # lists
    (["a"], [], "an empty list"),
    (["a", "b"], ["b", "a"], "a list in another order"),
    (["a", "b", "a"], ["a", "b"], "a list without its doubles"),
    (["a", "b", "c"], ["a"], "a list cut off after 1 items"),
    (["a"], ["a", "b"], "a list with items added"),
    (["a", "b", "c"], ["a", "c"], "a list with items left out"),
    (["a", "c"], ["a", "b", "c"], "a list with items put in"),
    (["a", "c"], ["b", "c"], "another list"),
    # others
    ({"a": 1}, [1], "a value of another type: object → list"),
    ("x", ["x"], "a value of another type: text → list"),
    (True, "x", "a value of another type: boolean → text"),
    ({"b": 1, "a": "ế"}, {"a": 2}, 'another value: {"a": "ế", "b": 1} → {"a": 2}'),
    ({"a": "x" * 71}, {"a": 2}, f'another value: {{"a": "{"x" * 71}"}} → {{"a": 2}}'),
    ({"a": "x" * 72}, {"a": 2}, "another value"),
    ({"a": LONG}, {"a": 2}, "another value"),
]


@pytest.mark.parametrize(("expected", "actual", "text"), KINDS, ids=lambda v: f"{v!r:.30}")
def test_a_difference_is_told_as_the_kind_it_is(expected: Any, actual: Any, text: str) -> None:
    assert told(expected, actual) == text


@pytest.mark.parametrize(
    ("expected", "actual", "text"),
    [
        (5, None, "the time to live is lost"),
        (5, -1, "the time to live is lost"),
        (0, "none", "the time to live is lost"),
        (None, 5, "a time to live where there was none"),
        ("none", 0, "a time to live where there was none"),
        (5, 6, "the time to live is longer"),
        (6, 5, "the time to live is shorter"),
        (None, None, ""),
    ],
)
def test_a_time_to_live_is_told_as_what_became_of_it(expected: Any, actual: Any, text: str) -> None:
    for direction in (Direction.MISSING, Direction.EXTRA, Direction.CHANGED):
        assert told(expected, actual, "data.ttl", direction) == text


def test_of_a_record_that_is_missing_or_extra_only_the_reason_is_told() -> None:
    assert told("bad-json", None, "reason", Direction.MISSING) == "of the reason bad-json"
    assert told(None, "bad-json", "reason", Direction.EXTRA) == "of the reason bad-json"
    assert told(5, None, "reason", Direction.MISSING) == ""
    assert told("x", None, "item", Direction.MISSING) == ""
    assert told(None, None) == ""
    assert Kind("a", " b").text == "a b"
    assert Kind("a").text == "a"


@pytest.mark.parametrize(
    ("one", "other", "are"),
    [
        (1, 1.0, True), (1, Decimal("1.0"), True), (0, -0.0, False), (0.0, 0, True), (-0.0, -0.0, True),
        (Decimal("0.1"), 0.1, True), (Decimal("0.1000000000000000000001"), 0.1, True), (2**63, 2**63 + 1, False),
        (Decimal("1e400"), Decimal("1e401"), False), (Decimal("1e400"), Decimal("1E+400"), True),
        (Decimal("-0"), 0, True), (Decimal("-0.0"), 0, False), (True, 1, False), (True, True, True),
        (False, None, False),
        ("1", 1, False), (None, None, True), ("a", "a", True), ([1, [2]], [1.0, [2]], True), ([1], [1, None], False),
        ({"a": 1}, {"a": 1.0}, True), ({"a": 1}, {}, False), ({}, {"a": None}, False), ({}, [], False),
    ],
)  # fmt: skip
def test_two_json_values_are_the_same_or_not(one: Any, other: Any, are: bool) -> None:
    assert compare.same(one, other) is compare.same(other, one) is are


def test_differences_name_their_places() -> None:
    one = {"a": {"b": [1, 2, 3]}, "c": 1, "d": None}
    other = {"a": {"b": [1, 5]}, "c": "1", "e": 2}
    assert sorted(compare.differences(one, other), key=lambda found: found[0]) == [
        ("a.b[1]", 2, 5), ("a.b[2]", 3, ABSENT), ("c", 1, "1"), ("d", None, ABSENT), ("e", ABSENT, 2),
    ]  # fmt: skip
    assert list(compare.differences(1, 2)) == [("", 1, 2)]
    assert list(compare.differences([1], [2], "x")) == [("x[0]", 1, 2)]
    assert list(compare.differences([], [2])) == [("[0]", ABSENT, 2)]
    assert repr(ABSENT) == "absent"


def test_the_direction_says_which_side_has_nothing() -> None:
    assert compare.direction_between(1, ABSENT) is Direction.MISSING
    assert compare.direction_between(ABSENT, 1) is Direction.EXTRA
    assert compare.direction_between(1, None) is Direction.CHANGED
    assert compare.direction_between(1, None, None) is Direction.MISSING
    assert compare.direction_between(None, 1, None) is Direction.EXTRA


def test_a_finding_holds_plain_json() -> None:
    value = {1: [Decimal("0.10"), float("inf"), (b"a\xff", ABSENT)], "f": 0.5}
    assert compare.shown(value) == {"1": ["0.10", "inf", ["a\\xff", None]], "f": 0.5}
    assert compare.same_double(float("nan"), float("nan"))
    assert not compare.same_double(0.0, -0.0)
