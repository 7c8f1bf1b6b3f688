"""What a refusal says: a quarantined record's detail names what was found, whole, as an operator reads it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tvmigrate.contract import exact_json, rules, values
from tvmigrate.contract.outcome import Quarantined, Reason, Unmappable
from tvmigrate.contract.policy import Policy

KEEP = Policy(keep_entities=True)
SHOW = Policy(show="the_voice")
HANOI = Policy(keep_entities=True, timezone="Asia/Ho_Chi_Minh")
NEW_YORK = Policy(keep_entities=True, timezone="America/New_York")
LONG = "x" * 500
DOCUMENT = {"text": "hay", "entity": "x", "timestamp": 1, "sentiment": "neutral", "score": 1}
COMMENT = {
    "comment_id": "c", "entity": "e", "text": "t", "username": "u", "created_at": 0, "sentiment": "neutral",
    "sentiment_score": 0.5, "engagement": 1.0, "topics": "a", "eaos_score": None,
}  # fmt: skip
METRICS = {"entity": "e", "eaos_score": 0.5, "sentiment_breakdown": "{}", "comment_count": 0, "recorded_at": 0}


def instant(value: object, policy: Policy = KEEP) -> Callable[[], object]:
    return lambda: values.instant(value, policy)


def eaos(raw: bytes, entity: bytes = b"x") -> Callable[[], object]:
    return lambda: rules.redis_eaos(entity, raw, KEEP, 0)


def item(raw: bytes, metric: bytes = b"m", policy: Policy = KEEP) -> Callable[[], object]:
    return lambda: rules.redis_metric(metric, 0, raw, policy)


def document(changes: dict[str, Any], doc_id: str = "a") -> Callable[[], object]:
    kept = {name: value for name, value in {**DOCUMENT, **changes}.items() if value is not None}
    return lambda: rules.elasticsearch_document(doc_id, kept, KEEP)


def comment(**changes: Any) -> Callable[[], object]:
    return lambda: rules.clickhouse_comment({**COMMENT, **changes}, KEEP)


def metrics(**changes: Any) -> Callable[[], object]:
    return lambda: rules.clickhouse_eaos_metric({**METRICS, **changes}, KEEP)


def parse(raw: bytes | str) -> Callable[[], object]:
    return lambda: exact_json.parse(raw)


NOT_AN_INSTANT = "cannot be read as an instant:"
SENTIMENTS = "tích cực, tiêu cực, trung lập, positive, negative, neutral"
REFUSALS: list[tuple[Callable[[], object], Reason, str]] = [
    # value.program_id, value.time_range, value.sentiment
    (lambda: values.program_id("\u3000", KEEP), Reason.EMPTY_ENTITY,
     r"the entity is '\u3000': empty or only White_Space"),
    (lambda: values.time_range("30"), Reason.UNKNOWN_WINDOW, "window '30' is none of 5, 15, 60 and has no time range"),
    (lambda: values.sentiment(5), Reason.UNKNOWN_SENTIMENT, "the sentiment is 5, not a label"),
    (lambda: values.sentiment("vui"), Reason.UNKNOWN_SENTIMENT, f"'vui' is none of {SENTIMENTS}"),
    (
        lambda: values.sentiment("tích cực".encode().decode("latin-1")),
        Reason.UNKNOWN_SENTIMENT,
        r"'tÃ\xadch cá»±c' is mis-decoded UTF-8 (read as Latin-1 or Windows-1252)",
    ),
    # value.count, value.number
    (lambda: values.count(-1), Reason.BAD_COUNT, "-1 is not a whole number from 0 to 2^63-1"),
    (lambda: values.count("1.5"), Reason.BAD_COUNT, "'1.5' is not a whole number from 0 to 2^63-1"),
    (lambda: values.count(True), Reason.BAD_COUNT, "True is not a whole number from 0 to 2^63-1"),
    (lambda: values.count(Decimal("1.50")), Reason.BAD_COUNT, "1.50 is not a whole number from 0 to 2^63-1"),
    (lambda: values.count(2**1001), Reason.BAD_COUNT, "an integer of 1002 bits is not a whole number from 0 to 2^63-1"),
    (lambda: values.count("x" * 198), Reason.BAD_COUNT, f"'{'x' * 198}' is not a whole number from 0 to 2^63-1"),
    (lambda: values.count("x" * 199), Reason.BAD_COUNT, f"'{'x' * 199}… is not a whole number from 0 to 2^63-1"),
    (lambda: values.count(2**1000), Reason.BAD_COUNT, "an integer of 1001 bits is not a whole number from 0 to 2^63-1"),
    (lambda: values.count(2**999), Reason.BAD_COUNT, f"{str(2**999)[:200]}… is not a whole number from 0 to 2^63-1"),
    (lambda: values.count(10**199), Reason.BAD_COUNT, f"{10**199} is not a whole number from 0 to 2^63-1"),
    (lambda: values.number("1"), Reason.BAD_NUMBER, "'1' is not a number"),
    (lambda: values.number(Decimal("1e400")), Reason.NOT_FINITE, "1E+400 is not a finite IEEE double"),
    (lambda: values.numeric_text("-Inf"), Reason.NOT_FINITE, "'-Inf' is not a finite number"),
    (lambda: values.numeric_text("1,5"), Reason.BAD_NUMBER, "'1,5' does not spell a number"),
    (lambda: values.numeric_text("1" * 401), Reason.BAD_NUMBER, f"'{'1' * 199}… does not spell a number"),
    # value.timestamp
    (instant(None), Reason.BAD_TIMESTAMP, f"None {NOT_AN_INSTANT} it is neither text nor a number"),
    (instant(True), Reason.BAD_TIMESTAMP, f"True {NOT_AN_INSTANT} it is neither text nor a number"),
    (instant(10**30), Reason.BAD_TIMESTAMP, f"{10**30} {NOT_AN_INSTANT} it is outside the years 1 to 9999"),
    (instant(Decimal("NaN")), Reason.BAD_TIMESTAMP, f"NaN {NOT_AN_INSTANT} it is outside the years 1 to 9999"),
    (instant(10**15), Reason.BAD_TIMESTAMP, f"{10**15} {NOT_AN_INSTANT} it is outside the years 1 to 9999"),
    (instant(Decimal("1e-10")), Reason.BAD_TIMESTAMP, f"1E-10 {NOT_AN_INSTANT} it is finer than a nanosecond"),
    (instant(Decimal("1e-99")), Reason.BAD_TIMESTAMP, f"1E-99 {NOT_AN_INSTANT} it is finer than a nanosecond"),
    (instant(Decimal("1" * 20 + ".5" + "1" * 80)), Reason.BAD_TIMESTAMP,
     f"{'1' * 20}.5{'1' * 80} {NOT_AN_INSTANT} it is finer than a nanosecond"),
    (instant("heute"), Reason.BAD_TIMESTAMP, f"'heute' {NOT_AN_INSTANT} it is not an ISO 8601 date and time"),
    (instant("2025-01-01T00:00:00.1234567890Z"), Reason.BAD_TIMESTAMP,
     f"'2025-01-01T00:00:00.1234567890Z' {NOT_AN_INSTANT} it has more than 9 fraction digits"),
    (instant("2025-02-30T00:00:00Z"), Reason.BAD_TIMESTAMP,
     f"'2025-02-30T00:00:00Z' {NOT_AN_INSTANT} day is out of range for month"),
    (instant("2025-01-01T00:00:00+24:00"), Reason.BAD_TIMESTAMP,
     f"'2025-01-01T00:00:00+24:00' {NOT_AN_INSTANT} its offset is none"),
    (instant("2025-01-01T00:00:00+01:60"), Reason.BAD_TIMESTAMP,
     f"'2025-01-01T00:00:00+01:60' {NOT_AN_INSTANT} its offset is none"),
    (instant("2025-03-09T02:30:00", NEW_YORK), Reason.BAD_TIMESTAMP,
     f"'2025-03-09T02:30:00' {NOT_AN_INSTANT} the clocks of America/New_York skipped that time"),
    (instant("0001-01-01T00:00:00+00:01"), Reason.BAD_TIMESTAMP,
     f"'0001-01-01T00:00:00+00:01' {NOT_AN_INSTANT} it is outside the years 1 to 9999"),
    (instant("0001-01-01T00:00:00", HANOI), Reason.BAD_TIMESTAMP,
     f"'0001-01-01T00:00:00' {NOT_AN_INSTANT} it is outside the years 1 to 9999"),
    # JSON
    (parse(b"a\xff"), Reason.NOT_UTF8, "byte 1 is not UTF-8"),
    (parse("{x"), Reason.BAD_JSON,
     "not JSON at character 1: Expecting property name enclosed in double quotes"),
    (parse("\ufeff{}"), Reason.BAD_JSON, "not JSON at character 0: Unexpected UTF-8 BOM (decode using utf-8-sig)"),
    (parse(b"\xef\xbb\xbf{}"), Reason.BAD_JSON,
     "not JSON at character 0: Unexpected UTF-8 BOM (decode using utf-8-sig)"),
    (parse("[" * 100_000), Reason.BAD_JSON, "nested more than 200 levels deep"),
    (parse(r'[NaN, "\ud800", ' + "[" * 1500 + "]" * 1501), Reason.BAD_JSON, "nested more than 200 levels deep"),
    (parse("[" * 201 + "]" * 201), Reason.BAD_JSON, "nested more than 200 levels deep"),
    (parse("[" * 201 + r'"\u0041"' + "]" * 201), Reason.BAD_JSON, "nested more than 200 levels deep"),
    (parse('{"a":' * 201 + "[]" + "}" * 201), Reason.BAD_JSON, "nested more than 200 levels deep"),
    (parse("NaN"), Reason.NOT_FINITE, "the JSON holds a literal NaN"),
    (parse("1e" + "1" * 99), Reason.BAD_NUMBER, f"the exponent of 1e{'1' * 78} is beyond any number's"),
    (parse("1E+0" + "1" * 18), Reason.BAD_NUMBER, f"the exponent of 1E+0{'1' * 18} is beyond any number's"),
    (parse('{"b": 1, "a": 1, "a": 2, "b": 2, "c": 1}'), Reason.CONFLICTING_FIELDS,
     "the JSON object says 'a', 'b' twice"),
    (parse(r'["\ud800"]'), Reason.NOT_UTF8, r"'\ud800' holds half of a surrogate pair"),
    (parse(r'[["\ud800"], ["a"]]'), Reason.NOT_UTF8, r"'\ud800' holds half of a surrogate pair"),
    (parse(r'[{"a": "\ud800"}, {"b": "b"}]'), Reason.NOT_UTF8, r"'\ud800' holds half of a surrogate pair"),
    (parse(r'{"a": ["\ud800"], "b": ["b"], "c": {"d": 1}}'), Reason.NOT_UTF8,
     r"'\ud800' holds half of a surrogate pair"),
    (parse('{"a": 1e400, "a": 1e401}'), Reason.CONFLICTING_FIELDS, "the JSON object says 'a' twice"),
    (parse(r'{"\udfff": 1}'), Reason.NOT_UTF8, r"'\udfff' holds half of a surrogate pair"),
    # redis.eaos
    (eaos(b"{}", entity=b"\xff"), Reason.NOT_UTF8, r"the entity \xff is not UTF-8"),
    (eaos(b"5"), Reason.BAD_JSON, "the value is JSON, but not an object"),
    (eaos(b'{"score": 1, "metadata": 5}'), Reason.BAD_JSON, "metadata is not an object"),
    (eaos(b'{"positive": 1}'), Reason.MISSING_FIELD, "no score"),
    (eaos(b'{"score": 1}'), Reason.MISSING_COUNTS, "none of positive, negative, neutral"),
    (eaos(b'{"score": 1, "positive": 1, "metadata": {"positive": 2}}'), Reason.CONFLICTING_FIELDS,
     "positive: metadata.positive says 2, positive says 1"),
    (eaos(b'{"score": 1, "positive": 1, "timestamp": 5, "metadata": {"updated_at": 6}}'), Reason.CONFLICTING_FIELDS,
     "updated_at: metadata.updated_at says 6000000000, timestamp says 5000000000"),
    (eaos(b'{"score": 1, "positive": 9223372036854775807, "negative": 1}'), Reason.BAD_COUNT,
     "9223372036854775808 is not a whole number from 0 to 2^63-1"),
    # redis.trend
    (lambda: rules.redis_trend(b"\xff"), Reason.NOT_UTF8, r"the window \xff is not UTF-8"),
    (lambda: rules.redis_trend(b"15"), Reason.UNKNOWN_WINDOW,
     "window '15' is not a number of minutes followed by m"),
    # redis.metric
    (item(b"{}", metric=b"\xff\\"), Reason.NOT_UTF8, r"the metric name \xff\\ is not UTF-8"),
    (item(b"{}", metric=b""), Reason.MISSING_FIELD, "the key has no metric name"),
    (item(b'"x"'), Reason.BAD_JSON, "the item is JSON, but neither an object nor a number"),
    (item(b"[1]"), Reason.BAD_JSON, "the item is JSON, but neither an object nor a number"),
    (item(b"true"), Reason.BAD_JSON, "the item is JSON, but neither an object nor a number"),
    (item(b"null"), Reason.BAD_JSON, "the item is JSON, but neither an object nor a number"),
    (item(b"0.5"), Reason.MISSING_TIMESTAMP, "a bare number has no timestamp"),
    (item(b"{}"), Reason.MISSING_FIELD, "no entity, and no show to stand in for it"),
    (item(b'{"entity": 5}'), Reason.BAD_JSON, "entity is 5, not text"),
    (item(b"{}", policy=SHOW), Reason.MISSING_FIELD, "no value"),
    (item(b'{"entity": "e", "value": 1}'), Reason.MISSING_TIMESTAMP, "no timestamp"),
    # clickhouse.*
    (comment(comment_id=""), Reason.MISSING_FIELD, "the comment_id is empty"),
    (comment(text=b"\xff"), Reason.NOT_UTF8, r"column text: \xff is not UTF-8"),
    (metrics(entity=b"\xff"), Reason.NOT_UTF8, r"column entity: \xff is not UTF-8"),
    (metrics(sentiment_breakdown=b"\xff"), Reason.NOT_UTF8, r"column sentiment_breakdown: \xff is not UTF-8"),
    (metrics(sentiment_breakdown="5"), Reason.BAD_JSON, "sentiment_breakdown is JSON, but not an object"),
    (metrics(sentiment_breakdown='{"positive": 9223372036854775807, "tích cực": 1}'), Reason.BAD_COUNT,
     "9223372036854775808 is not a whole number from 0 to 2^63-1"),
    # elasticsearch.comments
    (document({}, doc_id="ế" * 171), Reason.TOO_LARGE, "_id has 513 bytes, the limit is 512"),
    (document({"comment_id": LONG}), Reason.CONFLICTING_FIELDS, f"comment_id says '{LONG[:199]}, _id says 'a'"),
    (document({"text": "\ud800"}), Reason.NOT_UTF8, r"'\ud800' holds half of a surrogate pair"),
    (document({"text": None}), Reason.MISSING_FIELD, "none of text, content, comment_text"),
    (document({"timestamp": None}), Reason.MISSING_TIMESTAMP, "none of timestamp, created_at, ts"),
    (document({"text": 5}), Reason.BAD_JSON, "text is 5, not text"),
    (document({"text": [LONG]}), Reason.BAD_JSON, f"text is ['{LONG[:198]}, not text"),
    (document({"entity": 5}), Reason.BAD_JSON, "entity is 5, not text"),
    (document({"entity": "x" * 32_767}), Reason.TOO_LARGE, "entity has 32767 bytes, the limit is 32766"),
    (document({"score": Decimal("3.5e38")}), Reason.TOO_LARGE, "score is 3.5e+38, outside ±3.4028235e+38"),
    (document({"engagement": "-3.5e38"}), Reason.TOO_LARGE, "engagement is -3.5e+38, outside ±3.4028235e+38"),
    (document({"topics": 5}), Reason.BAD_JSON, "topics is 5, neither a list nor text"),
    (document({"topics": {"a": LONG}}), Reason.BAD_JSON,
     f"topics is {{'a': '{LONG[:193]}, neither a list nor text"),
    (document({"tags": [5]}), Reason.BAD_JSON, "an element of tags is 5, not text"),
    (document({"tags": "x" * 32_767}), Reason.TOO_LARGE, "a topic of tags has 32767 bytes, the limit is 32766"),
    (document({"user": 5}), Reason.BAD_JSON, "user is 5, not text"),
    (document({"user": "x" * 32_767}), Reason.TOO_LARGE, "user has 32767 bytes, the limit is 32766"),
    (document({"text": LONG, "content": "y" * 500}), Reason.CONFLICTING_FIELDS,
     f"text: text says '{LONG[:199]}, content says '{'y' * 199}"),
]  # fmt: skip


@pytest.mark.parametrize(("refused", "reason", "detail"), REFUSALS, ids=range(len(REFUSALS)))
def test_a_refusal_says_what_was_found(refused: Callable[[], object], reason: Reason, detail: str) -> None:
    try:
        found = refused()
    except Unmappable as why:
        assert str(why) == f"{reason}: {detail}"  # noqa: PT017 - a rule of a record returns what a rule of a value raises
        found = Quarantined(why.reason, why.detail)
    assert found == Quarantined(reason, detail)


def test_every_reason_but_a_wrong_type_is_among_them() -> None:
    """A wrong type is a key's, and says no detail of its own."""
    assert {reason for _, reason, _ in REFUSALS} == set(Reason) - {Reason.WRONG_TYPE}
