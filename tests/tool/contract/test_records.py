"""Laws of the record rules: total on any bytes, deterministic, order kept, nothing lost between mapped and archived."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tvmigrate.contract import exact_json, keys, new, old, rules, values
from tvmigrate.contract.outcome import Fate, Mapped, Quarantined, Reason, Rule, Unmappable
from tvmigrate.contract.policy import Policy

from .strategies import (
    ANY_LABELS,
    DATES,
    ENTITIES,
    FIXTURES,
    NUMBER_TEXTS,
    OCTETS,
    POLICIES,
    SCALAR_TEXTS,
    TEXT,
    VALUE_TEXTS,
    lines,
    literals,
    mutated,
    objects,
    redis_values,
)

RUN = 1_763_618_700 * 10**9
SHOW = Policy(show="the_voice")
KEEP = Policy(keep_entities=True)

EAOS_NAMES = literals(
    "score", "positive", "negative", "neutral", "total", "updated_at", "timestamp", "metadata", "lang"
)
EAOS = (
    objects(EAOS_NAMES, SCALAR_TEXTS | objects(EAOS_NAMES, SCALAR_TEXTS)).map(str.encode)
    | mutated(redis_values("eaos:", "string"))
    | OCTETS
)
ITEM_NAMES = literals("entity", "value", "timestamp", "metric", "type", "data", "region")
ITEMS = (
    objects(ITEM_NAMES, VALUE_TEXTS | DATES.map(json.dumps)).map(str.encode)
    | mutated(redis_values("metrics:", "list"))
    | NUMBER_TEXTS.map(str.encode)
    | OCTETS
)
SPELLINGS = [name for names in old.SPELLINGS.values() for name in names]
SOURCES = objects(
    literals(*SPELLINGS, "comment_id", "lang"),
    VALUE_TEXTS | DATES.map(json.dumps) | ANY_LABELS.map(json.dumps) | ENTITIES.map(json.dumps),
).map(str.encode) | mutated(
    [line.partition(b'"_source": ')[2][:-1] for line in lines("elasticsearch/tv_comments.ndjson")]
)
FLOATS = st.floats(width=32)
ROW_TIMES = st.integers(0, 2**32 - 1).map(lambda seconds: seconds * 10**9)
COMMENTS = st.fixed_dictionaries(
    {
        "comment_id": OCTETS,
        "entity": ENTITIES | OCTETS,
        "text": OCTETS,
        "username": OCTETS,
        "created_at": ROW_TIMES,
        "sentiment": ANY_LABELS | OCTETS,
        "sentiment_score": FLOATS,
        "engagement": FLOATS,
        "topics": OCTETS,
        "eaos_score": st.none() | FLOATS,
    },
    optional={"lang": TEXT},
)
BREAKDOWNS = objects(ANY_LABELS.map(json.dumps), SCALAR_TEXTS)
METRIC_ROWS = st.fixed_dictionaries(
    {
        "entity": ENTITIES | OCTETS,
        "eaos_score": FLOATS,
        "sentiment_breakdown": BREAKDOWNS | OCTETS,
        "comment_count": st.integers(0, 2**32 - 1),
        "recorded_at": ROW_TIMES,
    }
)


def judged(first: Any, second: Any) -> Any:
    """Assert what holds for every rule: the same twice, and mapped or quarantined with a detail; return the outcome."""
    assert repr(first) == repr(second)
    assert isinstance(first, Mapped | Quarantined)
    if isinstance(first, Quarantined):
        assert first.reason in Reason
        assert first.detail
    else:
        assert first.fate is (Fate.FILLED if first.filled else Fate.MAPPED)
        assert exact_json.dump(dict(first.archived))
    return first


# ---------------------------------------------------------------------------------------------------------------- eaos


@given(OCTETS, EAOS, POLICIES)
@example(b"x", b'{"score": 1, "positive": 1, "deep": ' + b"[" * 300 + b"]" * 300 + b"}", KEEP)
@example(b"x", b'{"score": 1e99999999999999999999, "positive": 1}', KEEP)
@example(b"x", b'{"score": 99999999999999999999999, "positive": 1}', KEEP)
def test_any_eaos_value_becomes_six_fields_or_a_reason(entity: bytes, raw: bytes, policy: Policy) -> None:
    found = judged(rules.redis_eaos(entity, raw, policy, RUN), rules.redis_eaos(entity, raw, policy, RUN))
    if isinstance(found, Quarantined):
        return
    assert tuple(found.value.fields) == new.EAOS_FIELDS
    assert found.value.key == rules.redis_eaos_target(entity, policy)
    assert set(found.filled) <= {*new.EAOS_FIELDS} - {"score"}
    for name in ("positive", "negative", "neutral", "total"):
        assert values.count(found.value.fields[name]) == int(found.value.fields[name])
    assert values.rfc3339(values.instant(found.value.fields["updated_at"], policy)) == found.value.fields["updated_at"]


@given(st.sampled_from(redis_values("eaos:", "string")), POLICIES)
def test_every_field_of_an_eaos_value_is_mapped_or_archived(raw: bytes, policy: Policy) -> None:
    found = rules.redis_eaos(b"x", raw, policy, RUN)
    if isinstance(found, Quarantined):
        return
    body = exact_json.parse(raw)
    inner = body.get("metadata") or {}
    placed = {"score", "positive", "negative", "neutral", "total", "metadata", "timestamp"}
    wanted = {name: value for name, value in body.items() if name not in placed}
    wanted |= {
        f"metadata.{name}": value
        for name, value in inner.items()
        if name not in {"positive", "negative", "neutral", "total", "updated_at"}
    }
    assert dict(found.archived) == wanted


@given(ENTITIES, ENTITIES, st.sampled_from([SHOW, KEEP]))
def test_two_eaos_keys_without_a_slash_have_two_targets(one: str, other: str, policy: Policy) -> None:
    targets = []
    for entity in (one, other):
        try:
            targets.append(rules.redis_eaos_target(entity.encode(), policy))
        except Unmappable as why:
            assert why.reason is Reason.EMPTY_ENTITY  # noqa: PT017 - the law goes on
            return
    if one != other and "/" not in one + other:
        assert targets[0] != targets[1]


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_total_absent_is_the_sum_and_said_to_be_filled(positive: int, negative: int, neutral: int) -> None:
    raw = json.dumps({"score": 1, "positive": positive, "negative": negative, "neutral": neutral, "timestamp": 1})
    found = rules.redis_eaos(b"x", raw.encode(), KEEP, RUN)
    assert isinstance(found, Mapped)
    assert found.value.fields["total"] == str(positive + negative + neutral)
    assert (found.filled, found.inconsistency) == (("total",), "")


def test_counts_absent_are_quarantined_or_zero_by_policy() -> None:
    raw = b'{"score": 0.5, "timestamp": 1}'
    strict = rules.redis_eaos(b"x", raw, KEEP, RUN)
    assert isinstance(strict, Quarantined)
    assert strict.reason is Reason.MISSING_COUNTS
    zero = rules.redis_eaos(b"x", raw, Policy(keep_entities=True, zero_missing_counts=True), RUN)
    assert isinstance(zero, Mapped)
    assert zero.filled == ("positive", "negative", "neutral", "total")


# -------------------------------------------------------------------------------------------------------------- trends


@given(OCTETS)
def test_a_trend_key_maps_for_three_windows_only(window: bytes) -> None:
    found = judged(rules.redis_trend(window), rules.redis_trend(window))
    targets = {b"5m": "trends:top:5min", b"15m": "trends:top:15min", b"60m": "trends:top:1hour"}
    assert (found.value if isinstance(found, Mapped) else None) == targets.get(window)


def test_the_three_windows_have_three_targets() -> None:
    mapped = [rules.redis_trend(window) for window in (b"5m", b"15m", b"60m")]
    assert [found.value for found in mapped if isinstance(found, Mapped)] == list(new.TREND_KEYS)


# ------------------------------------------------------------------------------------------------------------- metrics


@given(OCTETS, st.integers(0, 10**6), ITEMS, POLICIES)
@example(b"m", 0, b'{"entity": "x", "value": 1, "timestamp": 1, "deep": ' + b"[" * 400 + b"]" * 400 + b"}", KEEP)
@example(b"m", 0, b'{"entity": "x", "value": 99999999999999999999999, "timestamp": 1}', KEEP)
def test_any_metrics_item_becomes_one_event_or_a_reason(
    metric: bytes, position: int, raw: bytes, policy: Policy
) -> None:
    found = judged(rules.redis_metric(metric, position, raw, policy), rules.redis_metric(metric, position, raw, policy))
    if isinstance(found, Quarantined):
        return
    event = exact_json.parse(found.value.body)
    item = exact_json.parse(raw)
    assert tuple(event) == new.EVENT_FIELDS
    assert (event["type"], event["metric"]) == ("metric", metric.decode())
    assert event["data"] == {
        name: value for name, value in item.items() if name not in ("entity", "value", "timestamp")
    }
    assert float(event["value"]) == float(item["value"])
    moment = values.instant(event["timestamp"], policy)
    assert moment == values.instant(item["timestamp"], policy)
    assert found.value.order == (moment, metric.decode(), position)
    assert found.value.key == f"events:{event['program_id']}:{event['timestamp'][:10]}"


@given(ENTITIES, st.dates(), ENTITIES, st.dates())
def test_two_programs_or_days_never_share_a_list_of_events(one: str, day: Any, other: str, another: Any) -> None:
    same = (one, day) == (other, another)
    assert (new.events_key(one, day.isoformat()) == new.events_key(other, another.isoformat())) == same


@given(st.lists(st.tuples(st.sampled_from(["buzz", "viewers"]), st.integers(0, 3)), max_size=8))
def test_events_of_merged_lists_stand_by_time_metric_and_old_position(items: list[tuple[str, int]]) -> None:
    events = []
    for position, (metric, second) in enumerate(items):
        raw = json.dumps({"entity": "x", "value": position, "timestamp": second})
        found = rules.redis_metric(metric.encode(), position, raw.encode(), KEEP)
        assert isinstance(found, Mapped)
        events.append(found.value)
    by_order = [exact_json.parse(event.body)["value"] for event in sorted(events, key=lambda event: event.order)]
    expected = sorted(range(len(items)), key=lambda position: (items[position][1], items[position][0], position))
    assert by_order == expected


def test_an_item_without_entity_is_the_shows_or_has_a_reason() -> None:
    raw = b'{"value": 1, "timestamp": 0}'
    mapped = rules.redis_metric(b"m", 0, raw, SHOW)
    assert isinstance(mapped, Mapped)
    assert mapped.value.key == "events:the_voice:1970-01-01"
    refused = rules.redis_metric(b"m", 0, raw, KEEP)
    assert isinstance(refused, Quarantined)
    assert refused.reason is Reason.MISSING_FIELD


# ---------------------------------------------------------------------------------------------------------- ClickHouse


@given(COMMENTS, POLICIES)
def test_any_comment_row_becomes_a_new_row_or_a_reason(row: Mapping[str, Any], policy: Policy) -> None:
    found = judged(rules.clickhouse_comment(row, policy), rules.clickhouse_comment(row, policy))
    if isinstance(found, Mapped):
        assert tuple(found.value.values) == new.RAW_COMMENTS.column_names
        assert found.value.values["timestamp"] == row["created_at"]
        assert dict(found.archived) == {name: row[name] for name in row if name == "lang"}
        assert found.filled == ()


@given(METRIC_ROWS, POLICIES)
def test_any_eaos_metrics_row_becomes_a_new_row_or_a_reason(row: Mapping[str, Any], policy: Policy) -> None:
    found = judged(rules.clickhouse_eaos_metric(row, policy), rules.clickhouse_eaos_metric(row, policy))
    if isinstance(found, Mapped):
        new_row = found.value.values
        assert tuple(new_row) == new.EAOS_METRICS.column_names
        summed = sum(new_row[name] for name in ("positive_count", "negative_count", "neutral_count"))
        assert new_row["total_comments"] == row["comment_count"]
        assert bool(found.inconsistency) == (summed != row["comment_count"])


@given(st.lists(st.sampled_from(["a", "b", "c", "ế"]), max_size=6), st.integers(0, 2**32 - 1))
def test_a_topic_twice_in_one_comment_counts_once(topics: list[str], seconds: int) -> None:
    row = rules.Row({"program_id": "p", "timestamp": seconds * 10**9, "topics": topics})
    found = list(rules.aggregate_keys(row))
    assert {topic for _, _, topic in found} == set(topics)
    assert len(found) == len(set(topics))
    assert all(bucket <= seconds < bucket + 300 and bucket % 300 == 0 for _, bucket, _ in found)


# ------------------------------------------------------------------------------------------------------- Elasticsearch


@given(TEXT, SOURCES, POLICIES)
@example(
    "a",
    b'{"engagement":"99999999999999999999999","text":"","entity":"e","ts":1,"sentiment":"neutral","score":1}',
    KEEP,
)
@example("a" * 513, b"{}", KEEP)
def test_any_document_becomes_a_strict_one_or_a_reason(doc_id: str, raw: bytes, policy: Policy) -> None:
    try:
        source = exact_json.parse(raw)
    except Unmappable:
        return
    if not isinstance(source, dict):
        return
    found = judged(
        rules.elasticsearch_document(doc_id, source, policy), rules.elasticsearch_document(doc_id, source, policy)
    )
    if isinstance(found, Quarantined):
        return
    assert found.value.id == found.value.source["comment_id"] == doc_id
    assert tuple(found.value.source) == new.DOCUMENT_FIELDS
    assert exact_json.parse(exact_json.dump(found.value.source))
    assert set(found.filled) <= {"engagement_score", "username", "topics"}
    assert set(found.archived) == set(source) - {*SPELLINGS, "comment_id"}


@given(st.sampled_from(lines("elasticsearch/tv_comments.ndjson")))
def test_a_mapped_document_maps_to_itself_when_its_program_has_a_slash(line: bytes) -> None:
    raw = json.loads(line)
    try:
        source = exact_json.parse(json.dumps(raw["_source"]))
    except Unmappable:
        return
    found = rules.elasticsearch_document(raw["_id"], source, SHOW)
    if isinstance(found, Mapped) and "/" in found.value.source["program_id"]:
        again = rules.elasticsearch_document(raw["_id"], found.value.source, SHOW)
        assert again == Mapped(found.value)


@given(st.sampled_from(sorted(old.SPELLINGS)), st.data())
def test_every_spelling_of_a_field_maps_the_same(field: str, data: st.DataObject) -> None:
    sample = {
        "text": "hay", "entity": "x", "timestamp": 1, "sentiment": "neutral", "sentiment_score": Decimal("0.1"),
        "engagement_score": 2, "topics": ["a"], "username": "lan",
    }  # fmt: skip
    spelled = next(name for name in old.SPELLINGS[field] if name in sample)
    other = data.draw(st.sampled_from(old.SPELLINGS[field]))
    renamed = {other if name == spelled else name: value for name, value in sample.items()}
    assert rules.elasticsearch_document("a", renamed, KEEP) == rules.elasticsearch_document("a", sample, KEEP)


@pytest.mark.parametrize("field", sorted(old.SPELLINGS))
def test_two_spellings_of_one_field_that_differ_are_quarantined(field: str) -> None:
    differing = {
        "text": ("a", "b"), "program_id": ("a", "b"), "timestamp": (1, 2), "sentiment": ("neutral", "positive"),
        "sentiment_score": (1, 2), "engagement_score": (1, "2"), "topics": ("a", ["b"]), "username": ("a", "b"),
    }  # fmt: skip
    source: dict[str, Any] = {
        "text": "a", "entity": "a", "timestamp": 1, "sentiment": "neutral", "score": 1, "topics": ["a"],
    }  # fmt: skip
    for name in old.SPELLINGS[field]:
        source.pop(name, None)
    first, second = old.SPELLINGS[field][:2]
    source |= dict(zip((first, second), differing[field], strict=True))
    found = rules.elasticsearch_document("a", source, KEEP)
    assert isinstance(found, Quarantined)
    assert found.reason is Reason.CONFLICTING_FIELDS


# ---------------------------------------------------------------------------------------------------------------- keys

TYPES = ["string", "list", "set", "zset", "hash", "stream", "ReJSON-RL"]
NAMES = st.builds(
    lambda prefix, rest: prefix + rest,
    st.sampled_from([b"eaos:", b"eaos:current:", b"trend:", b"trends:top:", b"metrics:", b"events:", b"cache:", b""]),
    OCTETS | st.sampled_from([b"5m", b"5min", b"x:2025-11-20", b""]),
)


@given(st.integers(0, 3), NAMES, st.sampled_from(TYPES))
def test_a_key_is_exactly_one_kind_by_name_and_type(db: int, name: bytes, kind: str) -> None:
    found = keys.classify(db, name, kind)
    assert keys.classify(db, name, kind) == found
    families = {b"eaos": Rule.REDIS_EAOS, b"trend": Rule.REDIS_TREND, b"trends": Rule.REDIS_TREND,
                b"metrics": Rule.REDIS_METRIC, b"events": Rule.REDIS_METRIC}  # fmt: skip
    family = families.get(name.partition(b":")[0]) if b":" in name and db == 0 else None
    if name.startswith(b"trends:") and not name.startswith(b"trends:top:"):
        family = None
    assert found.rule is (family or Rule.REDIS_UNRELATED)
    assert isinstance(found, keys.UnrelatedKey) == (family is None)


@given(OCTETS)
def test_a_string_under_eaos_is_old_also_when_it_begins_with_current(rest: bytes) -> None:
    assert keys.classify(0, b"eaos:current:" + rest, "string") == keys.OldKey(Rule.REDIS_EAOS, b"current:" + rest)
    assert keys.classify(0, b"eaos:current:" + rest, "hash") == keys.NewKey(Rule.REDIS_EAOS)


def test_every_key_of_a_mapped_record_is_a_new_key() -> None:
    assert isinstance(keys.classify(0, new.eaos_key("p").encode(), "hash"), keys.NewKey)
    assert all(isinstance(keys.classify(0, key.encode(), "zset"), keys.NewKey) for key in new.TREND_KEYS)
    assert isinstance(keys.classify(0, new.events_key("p", "2025-11-20").encode(), "list"), keys.NewKey)


def test_the_fixtures_hold_eaos_values_and_metrics_items_to_mutate() -> None:
    assert FIXTURES.is_dir()
    assert len(redis_values("eaos:", "string")) > 100
    assert len(redis_values("metrics:", "list")) > 50
