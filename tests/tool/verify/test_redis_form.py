"""The form of a key of the new layout: what is wrong with it is told by field, with what is there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.redis_form import form_findings, new_type
from tvmigrate.verify.redis_live import LiveKey

HASH, LIST = "eaos:current:p", "events:a/b:2025-11-20"
RIGHT = {
    "score": "0.5", "positive": "1", "negative": "0", "neutral": "20", "total": "21",
    "updated_at": "2025-11-20T06:05:00.5Z",
}  # fmt: skip
EVENT = {
    "type": "metric", "metric": "m", "program_id": "a/b", "timestamp": "2025-11-20T06:05:00Z", "value": 1, "data": {},
}  # fmt: skip
SIX = "score, positive, negative, neutral, total, updated_at"
MEMBERS = ["type", "metric", "program_id", "timestamp", "value", "data"]


def told(name: str, kind: str, value: Any) -> list[tuple[str | None, Any, Any, str]]:
    findings = list(form_findings(LiveKey(0, name.encode(), kind, {"value": value}, None), name))
    for finding in findings:
        place = name if finding.new == name else f"{name}#0"
        assert finding == Finding(
            Store.REDIS, Rule.REDIS_SCHEMA, Direction.SCHEMA, finding.note, new=place, field=finding.field,
            expected=finding.expected, actual=finding.actual,
        )  # fmt: skip
    return [(finding.field, finding.expected, finding.actual, finding.note) for finding in findings]


def event(**changes: Any) -> list[tuple[str | None, Any, Any, str]]:
    return told(LIST, "list", [json.dumps({**EVENT, **changes})])


def test_a_right_key_is_told_nothing_of() -> None:
    assert told(HASH, "hash", RIGHT) == told(LIST, "list", [json.dumps(EVENT)]) == told("cache:x", "string", "x") == []
    assert told("trends:top:5min", "zset", [["a", 1]]) == []
    assert [new_type(name) for name in (b"eaos:current:x", b"trends:top:x", b"events:x", b"eaos:x")] == [
        "hash", "zset", "list", None,
    ]  # fmt: skip


def test_a_key_of_another_type() -> None:
    note = f"{HASH} is a list; the new layout has a hash there."
    assert told(HASH, "list", []) == [("type", "hash", "list", note)]


def test_a_name_that_no_new_key_has() -> None:
    keys = ["trends:top:5min", "trends:top:15min", "trends:top:1hour"]
    note = f"trends:top:30min is no key of the new layout; the trends are {', '.join(keys)}."
    assert told("trends:top:30min", "zset", []) == [("key", keys, "trends:top:30min", note)]
    assert told("eaos:current:", "hash", RIGHT) == [
        ("key", None, "eaos:current:", "eaos:current: names no program."),
    ]
    for name in ("events:a/b", "events::2025-11-20", "events:a:2025-11-2", "events:a:2025-11-20x"):
        form = "events:{program_id}:YYYY-MM-DD"
        note = f"{name} is no key of the new layout; a list of events is {form}."
        assert told(name, "list", []) == [("key", form, name, note)]


def test_fields_that_lack_and_fields_too_many() -> None:
    fields = {name: text for name, text in RIGHT.items() if name != "total"} | {"lang": "vi"}
    assert told(HASH, "hash", fields) == [
        ("total", "total", None, f"{HASH} lacks the field total; its fields are exactly {SIX}."),
        ("lang", None, "vi", f"{HASH} has the field lang too; its fields are exactly {SIX}."),
    ]


@pytest.mark.parametrize(
    ("field", "text", "wanted"),
    [
        ("updated_at", "2025-11-20T06:05:00", "an instant as UTC RFC 3339 with Z"),
        ("updated_at", "2025-11-20T06:05:00+00:00", "an instant as UTC RFC 3339 with Z"),
        ("updated_at", "2025-02-30T06:05:00Z", "an instant as UTC RFC 3339 with Z"),
        ("updated_at", "2025-11-20T06:05:00.1234567890Z", "an instant as UTC RFC 3339 with Z"),
        ("total", "21.0", "a whole number from 0, in digits alone"),
        ("positive", "01", "a whole number from 0, in digits alone"),
        ("negative", "-1", "a whole number from 0, in digits alone"),
        ("neutral", "", "a whole number from 0, in digits alone"),
        ("score", "x" * 300, "a finite number"),
        ("score", "NaN", "a finite number"),
        ("score", '"0.5"', "a finite number"),
        ("score", "1e999", "a finite number"),
    ],
)
def test_a_field_that_does_not_hold_what_it_is_for(field: str, text: str, wanted: str) -> None:
    note = f"The field {field} of {HASH} is {text!r:.200}, not {wanted}."
    assert told(HASH, "hash", {**RIGHT, field: text}) == [(field, wanted, text, note)]


def test_an_item_that_is_no_event() -> None:
    note = f"{LIST}#0 is not an object of exactly {', '.join(MEMBERS)}."
    assert told(LIST, "list", ["[" + "1," * 200 + "1]"]) == [("item", MEMBERS, ("[" + "1," * 200)[:300], note)]
    assert event(lang="vi") == [("item", MEMBERS, sorted([*MEMBERS, "lang"]), note)]
    ((field, expected, actual, said),) = told(LIST, "list", ["{" + "x" * 400])
    assert (field, expected, actual) == ("item", "a JSON object", "{" + "x" * 299)
    assert said.startswith(f"{LIST}#0 cannot be read: bad-json: not JSON at character 1: ")


def test_a_member_of_an_event_that_is_not_what_its_list_says() -> None:
    name = f"{LIST}#0"
    instant = f"The timestamp of {name} is not an instant as UTC RFC 3339 with Z."
    assert event(type="buzz") == [("type", "metric", "buzz", f"The type of {name} is not 'metric'.")]
    assert event(program_id="a") == [("program_id", "a/b", "a", f"{name} is of another program than its list.")]
    assert event(timestamp=5) == [("timestamp", "UTC RFC 3339 with Z", "5", instant)]
    assert event(timestamp="2025-11-20") == [("timestamp", "UTC RFC 3339 with Z", "2025-11-20", instant)]
    assert event(timestamp="2025-11-21T06:05:00Z") == [
        ("timestamp", "2025-11-20", "2025-11-21T06:05:00Z",
         f"{name} happened on another UTC date than its list names."),
    ]  # fmt: skip
    assert event(data=["x" * 400]) == [("data", {}, str(["x" * 400])[:300], f"The data of {name} is no object.")]
