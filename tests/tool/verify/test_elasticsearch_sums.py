from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tvmigrate.contract import new
from tvmigrate.verify.elasticsearch_documents import differing_fields, digest, plain_digest
from tvmigrate.verify.elasticsearch_sums import BUCKETS, Sums, bucket_of

VALUES = (
    st.sampled_from(
        (
            "2025-11-20T06:05:00Z", "2025-11-20T06:05:00.120Z", "2025-11-20T06:05:00.12Z", "2025-11-20T13:05:00+07:00",
            "2025-11-20T06:05:00,120Z", "2025-02-30T00:00:00Z", "2025-11-20T06:05:00.000Z", "2025-11-20t06:05:00z",
            0, 0.0, -0.0, 1, 1.0, True, 0.5, 2.0**70, 2**70, 1e308, float("inf"), None, "", "1", [], ["a"], ["a", 1],
            ["a", "\ud83d"], "\ud83d", {"a": 1}, {"a": 1.0}, [["a"]],
        )
    )
)  # fmt: skip
SOURCES = st.dictionaries(
    st.sampled_from(("timestamp", "sentiment_score", "engagement_score", "text", "topics", "extra")), VALUES, max_size=3
)


@example({"timestamp": 1}, {"timestamp": 1.0})
@given(SOURCES, SOURCES)
def test_digests_are_equal_where_no_field_differs(one: dict[str, Any], other: dict[str, Any]) -> None:
    # Within a list or an object, and where no number belongs, a digest tells 1 from 1.0: such documents are read again,
    # and what explains a difference finds none.
    told_apart = any(
        isinstance(value, dict | list) or (isinstance(value, int | float) and not name.endswith("_score"))
        for source in (one, other)
        for name, value in source.items()
    )
    differs = next(differing_fields(one, other), None) is not None
    if differs or not told_apart:
        assert (digest("a", one) != digest("a", other)) == differs


@given(SOURCES, SOURCES)
def test_plain_digests_are_equal_where_the_json_is(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (plain_digest("a", one) == plain_digest("a", other)) == same


def test_a_digest_is_of_the_id_too() -> None:
    assert digest("a", {"text": ""}) != digest("b", {"text": ""})


DOCUMENTS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.binary(min_size=16, max_size=16)), max_size=6)


def sums(documents: list[tuple[str, bytes]]) -> Sums:
    found = Sums()
    for name, of in documents:
        found.add(name, of)
    return found


@given(DOCUMENTS, st.randoms())
def test_the_order_of_documents_and_the_parts_they_come_in_decide_nothing(
    documents: list[tuple[str, bytes]], random: Any
) -> None:
    shuffled = random.sample(documents, len(documents))
    together = sums(shuffled[:2])
    together.take(sums(shuffled[2:]))
    assert together.differing(sums(documents)) == frozenset()
    assert Sums.of_rows(together.rows()).differing(sums(documents)) == frozenset()
    assert together.documents == len(documents)


@given(DOCUMENTS, DOCUMENTS)
def test_a_document_more_less_or_changed_is_in_a_bucket_that_differs(
    one: list[tuple[str, bytes]], other: list[tuple[str, bytes]]
) -> None:
    changed = {name for name, _ in set(one) ^ set(other)}
    assert {bucket_of(name) for name in changed} <= sums(one).differing(sums(other))


@pytest.mark.parametrize("name", ["", "đ", "\ud83d", "a" * 600])
def test_every_name_has_a_bucket(name: str) -> None:
    assert 0 <= bucket_of(name) < BUCKETS


def test_every_field_of_the_layout_is_compared() -> None:
    for field in new.DOCUMENT_FIELDS:
        assert digest("a", {field: "x"}) != digest("a", {field: "y"})
