"""When the record that the quarantine keeps is the old one (contract §7.20)."""

from __future__ import annotations

import pytest

from tvmigrate.verify.old_record import ANY, ANY_ORDER, EXACT, compared, digest

ROW = '{"instants": ["at"], "floats": ["score"]}'
DEEP = "[" * 300 + "]" * 300


@pytest.mark.parametrize(
    ("form", "old", "kept"),
    [
        (EXACT, '{"a":1.0,"b":[1,2]}', '{ "b": [1, 2.0], "a": 1 }'),
        (EXACT, '"\u1ecd"', r'"\u1ecd"'),
        (EXACT, '{"a":1,"a":1}', '{"a":1}'),
        (EXACT, DEEP, DEEP),
        (ANY_ORDER, '["a","b","b"]', '["b","a","b"]'),
        (ROW, '{"at":"2026-01-01T00:00:00Z","score":0.1}', '{"score":0.10000000149011612,"at":"2026-01-01 00:00:00"}'),
        (ROW, '{"at":null,"score":-0.0}', '{"at":null,"score":-0}'),
        (ROW, '{"at":null,"score":"nan"}', '{"at":null,"score":"NaN"}'),
    ],
)
def test_a_record_in_other_words_is_the_same(form: str, old: str, kept: str) -> None:
    assert list(compared(form, old, kept)) == []
    assert digest(form, old) == digest(form, kept)


@pytest.mark.parametrize(
    ("form", "old", "kept", "fields"),
    [
        (EXACT, '"x"', "", ["record"]),
        (EXACT, '"x"', " ", ["record"]),
        (EXACT, '""', "{}", ["record"]),
        (EXACT, "0", "-0.0", ["record"]),
        (EXACT, '"1"', "1", ["record"]),
        (EXACT, "12345678901234567890123", "12345678901234567890124", ["record"]),
        (EXACT, '{"a":NaN}', '{"a":"NaN"}', ["record.a"]),
        (EXACT, '{"a":1e99999999999999999999}', '{"a":1}', ["record.a"]),
        (EXACT, '{"a":1,"a":2}', '{"a":2}', ["record.a", "record.a (again)"]),
        (EXACT, '{"text":"half"}', '{"text":"ha', ["record"]),
        (EXACT, DEEP, "[]", ["record"]),
        (ANY_ORDER, '["a","b"]', '["b"]', ['record."text a"']),
        (ROW, '{"at":null,"score":0.1}', '{"at":null,"score":0.1000001}', ["record.score"]),
        (ROW, '{"at":"2026-01-01T00:00:00Z","score":1}', '{"at":"2026-01-01 00:00:01","score":1}', ["record.at"]),
        (ROW, '{"at":null,"score":null}', '{"score":null}', ["record.at"]),
        (ANY, "", "", ["record"]),
    ],
)
def test_a_record_that_lost_something_is_not_the_same(form: str, old: str, kept: str, fields: list[str]) -> None:
    assert [field for field, _, _ in compared(form, old, kept)] == fields
    assert form == ANY or digest(form, old) != digest(form, kept)


def test_half_a_surrogate_pair_is_told_as_its_escape() -> None:
    ((field, old, _),) = compared(EXACT, r'{"\ud83d":"\ud83d"}', "{}")
    assert (field, old) == (r"record.\ud83d", r"\ud83d")
