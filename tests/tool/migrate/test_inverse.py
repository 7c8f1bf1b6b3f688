"""The rules backwards: what comes back becomes the same again, and what would not is said."""

from __future__ import annotations

import re
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tool.migrate.stores import ROOT
from tvmigrate.contract import exact_json, new, rules, values
from tvmigrate.contract.outcome import Mapped, Rule
from tvmigrate.contract.policy import Policy
from tvmigrate.migrate import inverse
from tvmigrate.migrate.inverse import NoWayBack

POLICIES = (
    Policy(show="s"),
    Policy(keep_entities=True),
    Policy(show="s", entity_map={"x": "mapped", "y": "mapped", "z": "s/z/1"}, timezone="Asia/Ho_Chi_Minh"),
)
words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
counts = st.integers(0, 2**63 - 1)
doubles = st.floats(allow_nan=False, allow_infinity=False)
singles = st.floats(width=32, allow_nan=False, allow_infinity=False)
seconds = st.integers(0, 2**32 - 1)
labels = st.sampled_from([str(label) for label in values.Sentiment])
policies = st.sampled_from(POLICIES)
topics = st.lists(words.filter(lambda word: values.split_topics(word) == [word]), max_size=3)


@st.composite
def programs(draw: st.DrawFn) -> tuple[str, Policy]:
    """A program id that some entity becomes."""
    policy = draw(policies)
    entity = draw(words.filter(lambda word: word.strip() != "") | st.sampled_from(["x", "y", "z", "s/x", "a/b"]))
    try:
        return values.program_id(entity, policy), policy
    except rules.Unmappable:
        return values.program_id("plain", policy), policy


@given(programs())
def test_each_entity_of_a_program_becomes_it(given_program: tuple[str, Policy]) -> None:
    program, policy = given_program
    found = inverse.entities(program, policy)
    assert found
    assert {values.program_id(entity, policy) for entity in found} == {program}


def test_a_program_that_no_entity_becomes_has_no_way_back() -> None:
    with pytest.raises(NoWayBack, match="no entity becomes the program id 'plain'"):
        inverse.entities("plain", Policy(show="s"))
    assert inverse.entities("mapped", POLICIES[2]) == ["x", "y"]
    assert inverse.entities("s/x", POLICIES[2]) == ["s/x"]
    assert inverse.entities("s/q", POLICIES[2]) == ["q", "s/q"]


@given(
    programs(),
    doubles | st.integers(-(2**63), 2**64 - 1),
    st.lists(counts, min_size=4, max_size=4),
    st.integers(-(10**18), 10**18),
    st.none() | st.just(b'{"note": "kept", "timestamp": 5, "metadata": {"host": [1.50], "total": 3}}'),
)
def test_a_hash_that_the_rule_writes_comes_back_whole(
    given_program: tuple[str, Policy], score: float, four: list[int], ns: int, before: bytes | None
) -> None:
    program, policy = given_program
    entity = inverse.entities(program, policy)[0].encode()
    fields = {
        name.encode(): text.encode()
        for name, text in zip(
            new.EAOS_FIELDS, (values.number_text(score), *map(str, four), values.rfc3339(ns)), strict=True
        )
    }
    back = inverse.eaos(entity, fields, before, policy)
    outcome = rules.redis_eaos(entity, back.old, policy, 1)
    assert isinstance(outcome, Mapped)
    assert (back.lost, back.again) == ("", fields)
    assert {name.encode(): text.encode() for name, text in outcome.value.fields.items()} == fields
    assert outcome.value.key == new.eaos_key(program)
    assert bool(outcome.archived) == (before is not None)
    if before is not None:
        assert set(outcome.archived) == {"note", "metadata.host"}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({b"score": b"high"}, "not JSON at character 0"),
        ({b"positive": b"-1"}, "… is not a whole number"),
        ({b"extra": b"1"}, "it has the fields extra, negative, neutral, positive, score, total, updated_at"),
        ({b"updated_at": b"yes'ter\"day"}, "the next migration would set it aside: … "),
        ({b"updated_at": b"\xff"}, "it is not UTF-8"),
    ],
)
def test_a_hash_that_is_not_of_the_layout_has_no_way_back(changed: dict[bytes, bytes], why: str) -> None:
    fields = dict.fromkeys((name.encode() for name in new.EAOS_FIELDS), b"1") | {b"updated_at": b"2025-01-01T00:00:00Z"}
    with pytest.raises(NoWayBack, match=re.escape(why)):
        inverse.eaos(b"x", fields | changed, None, POLICIES[0])


def test_another_spelling_is_said() -> None:
    fields = dict.fromkeys((name.encode() for name in new.EAOS_FIELDS), b"1") | {
        b"updated_at": b"2025-01-01T07:00:00+07:00", b"score": b"0.50",
    }  # fmt: skip
    assert inverse.eaos(b"x", fields, None, POLICIES[0]).lost == "the spelling of score, updated_at"


@pytest.mark.parametrize("window", values.TIME_RANGES)
def test_a_trend_comes_back_under_its_window(window: str) -> None:
    outcome = rules.redis_trend(f"{window}m".encode())
    assert isinstance(outcome, Mapped)
    assert inverse.trend(outcome.value.encode()) == f"trend:{window}m".encode()


def test_a_trend_of_another_range_has_no_way_back() -> None:
    with pytest.raises(NoWayBack, match="no window becomes it"):
        inverse.trend(b"trends:top:1day")


@given(programs(), words, doubles, st.integers(-(10**18), 10**18), st.dictionaries(words, words | counts, max_size=3))
def test_an_event_that_the_rule_writes_comes_back_whole(
    given_program: tuple[str, Policy], metric: str, value: float, ns: int, data: dict[str, Any]
) -> None:
    program, policy = given_program
    data = {name: told for name, told in data.items() if name not in {"entity", "value", "timestamp"}}
    body = {
        "type": "metric", "metric": metric, "program_id": program, "timestamp": values.rfc3339(ns), "value": value,
        "data": data,
    }  # fmt: skip
    item, key = exact_json.dump(body).encode(), new.events_key(program, values.utc_date(ns)).encode()
    back = inverse.event(key, item, policy)
    name, raw = back.old
    outcome = rules.redis_metric(name, 0, raw, policy)
    assert isinstance(outcome, Mapped)
    assert (outcome.value.body.encode(), outcome.value.key.encode(), back.lost) == (item, key, "")
    assert inverse.order(item) == (ns, metric)


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (b"{", "not JSON"),
        (b'{"type": "alert"}', "it is no event of a metric"),
        (b'{"type": "metric"}', "it has not just the six members of an event"),
        (
            b'{"type":"metric","metric":1,"program_id":"s/x","timestamp":"2025-01-01T00:00:00Z","value":1,"data":{}}',
            "its metric or its program id is no text",
        ),
        (
            b'{"type":"metric","metric":"m","program_id":"s/x","timestamp":1,"value":1,"data":{"value":2}}',
            "its data name what the item itself says",
        ),
        (
            b'{"type":"metric","metric":"m","program_id":"s/x","timestamp":"2025-01-02T00:00:00Z","value":1,"data":{}}',
            "the next migration would put it into events:s/x:2025-01-02",
        ),
        (
            b'{"type":"metric","metric":"m","program_id":"q","timestamp":"2025-01-01T00:00:00Z","value":1,"data":{}}',
            "no entity becomes the program id 'q'",
        ),
    ],
)
def test_what_is_no_event_of_a_metric_has_no_way_back(item: bytes, why: str) -> None:
    with pytest.raises(NoWayBack, match=re.escape(why)):
        inverse.event(b"events:s/x:2025-01-01", item, POLICIES[0])


def test_an_event_of_the_show_itself_comes_back_without_an_entity() -> None:
    item = b'{"type":"metric","metric":"m","program_id":"s","timestamp":"2025-01-01T00:00:00Z","value":1,"data":{}}'
    back = inverse.event(b"events:s:2025-01-01", item, POLICIES[0])
    assert (back.old, back.lost) == ((b"m", b'{"value":1,"timestamp":"2025-01-01T00:00:00Z"}'), "")


def test_another_spelling_of_an_event_is_said() -> None:
    item = b'{"type":"metric","metric":"m","program_id":"s/x","timestamp":"2025-01-01T00:00:00Z","value":1, "data":{}}'
    assert inverse.event(b"events:s/x:2025-01-01", item, POLICIES[0]).lost == "the spelling of the event"


@st.composite
def comments(draw: st.DrawFn) -> tuple[dict[str, Any], Policy]:
    program, policy = draw(programs())
    row = {
        "comment_id": draw(words), "program_id": program, "text": draw(words), "username": draw(words),
        "timestamp": draw(seconds) * 10**9, "sentiment": draw(labels), "sentiment_score": draw(singles),
        "engagement_score": draw(singles), "topics": draw(topics), "eaos_score": draw(st.none() | singles),
    }  # fmt: skip
    return row, policy


@given(comments())
def test_a_comment_that_the_old_columns_can_hold_comes_back_whole(drawn: tuple[dict[str, Any], Policy]) -> None:
    row, policy = drawn
    back = inverse.comment(row, policy)
    outcome = rules.clickhouse_comment(back.old, policy)
    assert isinstance(outcome, Mapped)
    assert (dict(outcome.value.values), back.lost) == (row, "")


@given(comments(), doubles, st.integers(0, 10**9 - 1))
def test_what_the_old_columns_cannot_hold_is_said(
    drawn: tuple[dict[str, Any], Policy], score: float, finer: int
) -> None:
    row, policy = drawn
    row = row | {"sentiment_score": score, "timestamp": row["timestamp"] + finer}
    try:
        back = inverse.comment(row, policy)
    except NoWayBack:
        assert abs(score) > 3.4028235e38
        return
    apart = [name for name, value in back.again.items() if value != row[name]]
    assert back.lost == (f"digits of {', '.join(apart)}" if apart else "")
    assert ("timestamp" in apart) == bool(finer)
    assert ("sentiment_score" in apart) == (struct.unpack("<f", struct.pack("<f", score))[0] != score)


@given(programs(), singles, st.lists(counts, min_size=3, max_size=3), st.integers(0, 2**33), seconds)
def test_a_row_of_metrics_comes_back_whole_or_not_at_all(
    given_program: tuple[str, Policy], score: float, three: list[int], total: int, at: int
) -> None:
    program, policy = given_program
    row = {
        "program_id": program, "timestamp": at * 10**9, "score": score, "positive_count": three[0],
        "negative_count": three[1], "neutral_count": three[2], "total_comments": total,
    }  # fmt: skip
    if total > 2**32 - 1:
        with pytest.raises(NoWayBack, match=f"total_comments is {total}, above"):
            inverse.eaos_metric(row, policy)
        return
    back = inverse.eaos_metric(row, policy)
    outcome = rules.clickhouse_eaos_metric(back.old, policy)
    assert isinstance(outcome, Mapped)
    assert (dict(outcome.value.values), back.lost) == (row, "")


@pytest.mark.parametrize("at", [-1, 2**32])
def test_an_instant_outside_of_a_date_time_has_no_way_back(at: int) -> None:
    row = {
        "program_id": "s/x", "timestamp": at * 10**9, "score": 1.0, "positive_count": 0, "negative_count": 0,
        "neutral_count": 0, "total_comments": 0,
    }  # fmt: skip
    with pytest.raises(NoWayBack, match="outside of a DateTime"):
        inverse.eaos_metric(row, POLICIES[0])


@given(programs(), words, singles, singles, st.lists(words, max_size=3), labels, st.booleans())
def test_a_document_that_the_rule_writes_comes_back_whole(
    given_program: tuple[str, Policy],
    text: str,
    score: float,
    engagement: float,
    tags: list[str],
    label: str,
    had: bool,
) -> None:
    program, policy = given_program
    source = {
        "comment_id": "c", "program_id": program, "text": text, "username": "u", "timestamp": "2025-01-01T00:00:00.5Z",
        "sentiment": label, "sentiment_score": score, "engagement_score": engagement, "topics": tags,
    }  # fmt: skip
    before = {"content": "another", "lang": "vi"} if had else None
    back = inverse.document("c", source, before, policy)
    outcome = rules.elasticsearch_document("c", back.old, policy)
    assert isinstance(outcome, Mapped)
    assert (dict(outcome.value.source), back.lost) == (source, "")
    assert dict(outcome.archived) == ({"lang": "vi"} if had else {})


def test_a_document_without_what_the_rule_asks_for_has_no_way_back() -> None:
    with pytest.raises(NoWayBack, match="the next migration would set it aside: none of text, content, comment_text"):
        inverse.document("late", {"comment_id": "late"}, None, POLICIES[0])
    whole = {"text": "t", "program_id": "s/x", "timestamp": 1, "sentiment": "neutral", "sentiment_score": 1}
    lost = inverse.document("late", whole, None, POLICIES[0]).lost
    assert lost == "the form of comment_id, username, timestamp, engagement_score, topics"


def test_the_page_says_of_each_rule_what_it_declares() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    for rule, declared in inverse.DECLARED.items():
        assert f"| `{rule}` | {'yes' if declared.reversible else 'no'} | {declared.lost} |" in text
    checks = {
        Rule.REDIS_UNRELATED,
        Rule.REDIS_TTL,
        Rule.REDIS_SCHEMA,
        Rule.CLICKHOUSE_SCHEMA,
        Rule.ELASTICSEARCH_SCHEMA,
    }
    mapping = {rule for rule in Rule if not rule.startswith(("ledger.", "cross.", "rollback."))} - checks
    assert set(inverse.DECLARED) == mapping
