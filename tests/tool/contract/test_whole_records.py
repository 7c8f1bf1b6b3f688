"""One record of each rule, whole: what it becomes, what is filled, archived, and said of the source. By hand."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from tvmigrate.contract import exact_json, rules, values
from tvmigrate.contract.outcome import Mapped
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.rules import Document, Event, Hash, Row

SHOW = Policy(show="the_voice")
KEEP = Policy(keep_entities=True)
HANOI = Policy(keep_entities=True, timezone="Asia/Ho_Chi_Minh")
RUN = 1_763_618_700_123_456_789


def test_an_eaos_value_of_a_newer_writer() -> None:
    raw = (
        b'{"score": 0.82, "lang": "vi", "metadata": {"positive": 120, "negative": "15", "neutral": 40.0, "total": 180,'
        b' "updated_at": "2025-11-20T13:05:00+07:00", "by": {"a": 1.50}}}'
    )
    assert rules.redis_eaos(b"contestant_1", raw, SHOW, RUN) == Mapped(
        Hash(
            "eaos:current:the_voice/contestant_1",
            {
                "score": "0.82", "positive": "120", "negative": "15", "neutral": "40", "total": "180",
                "updated_at": "2025-11-20T06:05:00Z",
            },
        ),
        (),
        {"lang": "vi", "metadata.by": {"a": Decimal("1.50")}},
        "total is 180, the counts add up to 175",
    )  # fmt: skip


def test_an_eaos_value_of_an_older_writer() -> None:
    raw = b'{"score": 1, "negative": 2, "total": null, "timestamp": "2025-11-20T13:05", "metadata": null, "x": null}'
    assert rules.redis_eaos(b"a/b", raw, HANOI, RUN) == Mapped(
        Hash(
            "eaos:current:a/b",
            {
                "score": "1", "positive": "0", "negative": "2", "neutral": "0", "total": "2",
                "updated_at": "2025-11-20T06:05:00Z",
            },
        ),
        ("positive", "neutral", "total"),
        {"x": None},
    )  # fmt: skip


def test_an_eaos_value_without_an_instant_gets_one_of_the_run() -> None:
    found = rules.redis_eaos(b"x", b'{"score": 1, "positive": 1, "negative": 0, "neutral": 0, "total": 1}', KEEP, RUN)
    assert isinstance(found, Mapped)
    assert found.value.fields["updated_at"] == "2025-11-20T06:05:00.123456789Z"
    assert (found.filled, found.inconsistency) == (("updated_at",), "")


def test_a_count_said_in_two_places_alike_is_one_and_both_are_mapped() -> None:
    raw = b'{"score": 1, "positive": 1, "timestamp": 5, "metadata": {"positive": "1", "updated_at": 5.0, "score": 3}}'
    found = rules.redis_eaos(b"x", raw, KEEP, RUN)
    assert isinstance(found, Mapped)
    assert found.value.fields["positive"] == "1"
    assert dict(found.archived) == {"metadata.score": 3}


def test_a_metrics_item() -> None:
    raw = '{"entity": "x", "value": 1.50, "timestamp": "2025-11-20T23:30:00-01:00", "metric": "y", "vùng": [1.0, null]}'
    moment = 1_763_685_000 * 10**9
    assert rules.redis_metric("buzz é".encode(), 7, raw.encode(), SHOW) == Mapped(
        Event(
            "events:the_voice/x:2025-11-21",
            (moment, "buzz é", 7),
            '{"type":"metric","metric":"buzz é","program_id":"the_voice/x","timestamp":"2025-11-21T00:30:00Z",'
            '"value":1.5,"data":{"metric":"y","vùng":[1.0,null]}}',
        )
    )


def test_a_comments_row() -> None:
    row = {
        "comment_id": b"c1", "entity": b"x", "text": "hay\xa0".encode(), "username": b"lan", "created_at": 5,
        "sentiment": " TÍCH CỰC".encode(), "sentiment_score": 0.5, "engagement": 3.0, "topics": b" a,,b,a ",
        "eaos_score": 0.25, "lang": b"vi",
    }  # fmt: skip
    new = {
        "comment_id": "c1", "program_id": "the_voice/x", "text": "hay\xa0", "username": "lan", "timestamp": 5,
        "sentiment": "positive", "sentiment_score": 0.5, "engagement_score": 3.0, "topics": ["a", "b", "a"],
        "eaos_score": 0.25,
    }  # fmt: skip
    assert rules.clickhouse_comment(row=row, policy=SHOW) == Mapped(Row(new), archived={"lang": b"vi"})
    assert rules.clickhouse_comment({**row, "eaos_score": None, "sentiment_score": 1}, SHOW) == Mapped(
        Row({**new, "eaos_score": None, "sentiment_score": 1.0}), archived={"lang": b"vi"}
    )


def test_an_eaos_metrics_row() -> None:
    row = {
        "entity": "x", "eaos_score": 0.5, "recorded_at": 9, "comment_count": 9, "likes": 7,
        "sentiment_breakdown": '{"tích cực": 1, "positive": 2, "NEGATIVE": "4", "tiêu cực": null, "trung lập": 1.0}',
    }  # fmt: skip
    new = {
        "program_id": "the_voice/x", "timestamp": 9, "score": 0.5, "positive_count": 3, "negative_count": 4,
        "neutral_count": 1, "total_comments": 9,
    }  # fmt: skip
    assert rules.clickhouse_eaos_metric(row, SHOW) == Mapped(
        Row(new), (), {"likes": 7}, "comment_count is 9, the breakdown adds up to 8"
    )
    assert rules.clickhouse_eaos_metric({**row, "comment_count": 8, "eaos_score": 1}, SHOW) == Mapped(
        Row({**new, "total_comments": 8, "score": 1.0}), archived={"likes": 7}
    )


def test_a_topic_falls_into_the_five_minutes_that_its_comment_does() -> None:
    row = Row({"program_id": "p", "timestamp": 599_999_999_999, "topics": ["b", "a", "b"]})
    found = list(rules.aggregate_keys(row))
    assert found == [("p", 300, "b"), ("p", 300, "a")]
    assert all(type(bucket) is int for _, bucket, _ in found)


def test_a_document() -> None:
    source = {
        "comment_id": "c1", "content": "hay", "program": "x", "ts": 1_763_618_700_500, "sentiment_label": "Trung Lập",
        "score": Decimal("0.10"), "engagement": "3", "tags": "a, b,a", "author": "lan", "lang": "vi", "n": None,
    }  # fmt: skip
    assert rules.elasticsearch_document("c1", source, SHOW) == Mapped(
        Document(
            "c1",
            {
                "comment_id": "c1", "program_id": "the_voice/x", "text": "hay", "username": "lan",
                "timestamp": "2025-11-20T06:05:00.5Z", "sentiment": "neutral", "sentiment_score": 0.1,
                "engagement_score": 3, "topics": ["a", "b", "a"],
            },
        ),
        (),
        {"lang": "vi", "n": None},
    )  # fmt: skip


def test_a_document_that_lacks_what_has_a_default() -> None:
    source = {"text": "", "entity": "x", "timestamp": 0, "sentiment": "negative", "score": -1, "user": None}
    found = rules.elasticsearch_document("ế" * 170, source, KEEP)
    assert isinstance(found, Mapped)
    assert found.value.source == {
        "comment_id": "ế" * 170, "program_id": "x", "text": "", "username": "", "timestamp": "1970-01-01T00:00:00Z",
        "sentiment": "negative", "sentiment_score": -1, "engagement_score": 0, "topics": [],
    }  # fmt: skip
    assert type(found.value.source["engagement_score"]) is int
    assert (found.filled, dict(found.archived)) == (("engagement_score", "topics", "username"), {})


def test_what_is_just_within_a_limit_of_elasticsearch_maps() -> None:
    longest = "x" * 32_766
    source = {
        "text": "", "entity": longest, "timestamp": 0, "sentiment": "negative", "score": Decimal("3.4028235e38"),
        "engagement": Decimal("-3.4028235e38"), "topics": [longest], "user": longest,
    }  # fmt: skip
    found = rules.elasticsearch_document("x" * 512, source, KEEP)
    assert isinstance(found, Mapped)
    assert found.value.source["sentiment_score"] == -found.value.source["engagement_score"] == 3.4028235e38


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        ("0", 0), ("007", 7), (0, 0), (2**63 - 1, 2**63 - 1), ("9223372036854775807", 2**63 - 1), (120.0, 120),
        (Decimal("1.2e2"), 120), ("0" * 5000 + "1", 1), ("0" * 5000, 0),
    ],
)  # fmt: skip
def test_a_count_is_whole(value: object, whole: int) -> None:
    assert (values.count(value), type(values.count(value))) == (whole, int)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (-(2**63), -(2**63)), (2**64 - 1, 2**64 - 1), (2**64, 2.0**64), (-(2**63) - 1, -(2.0**63)),
        (Decimal("1.0"), 1.0), (1.0, 1.0), ("-12", -12), ("12-", None), ("1e2", 100.0), ("1E+2", 100.0), ("-0", 0),
        ("9" * 400, None), ("1." + "5" * 398, 1.5555555555555556),
    ],
)  # fmt: skip
def test_a_number_stays_whole_within_64_bits_and_is_a_double_else(value: object, number: float | None) -> None:
    if number is None:
        with pytest.raises(values.Unmappable):
            values.numeric_text(value)
    else:
        found = values.numeric_text(value)
        assert (found, type(found)) == (number, type(number))


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        (99_999_999_999, 99_999_999_999 * 10**9), (-99_999_999_999, None), (100_000_000_000, 10**17),
        (-100_000_000_000, -(10**17)), (0.1, 10**8), (Decimal("0.000000001"), 1),
        (Decimal("100000000000.000001"), 10**17 + 1),
        ("1970-01-01 00:00:01,5", 1_500_000_000), ("1970-01-01t01:00:00.25+0100", 250_000_000),
        ("1970-01-01T00:00:00+01", -3600 * 10**9), ("1970-01-01T00:00:00-00:30", 1800 * 10**9),
        ("1970-01-01T23:59:00+23:59", 0), ("9999-12-31T23:59:59.999999999Z", 253402300799 * 10**9 + 999_999_999),
        ("0001-01-01T00:00:00Z", -62135596800 * 10**9),
    ],
)  # fmt: skip
def test_an_instant_to_the_nanosecond(value: object, ns: int | None) -> None:
    if ns is None:
        with pytest.raises(values.Unmappable):
            values.instant(value, KEEP)
    else:
        assert values.instant(value, KEEP) == ns


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"), (59, "1970-01-01T00:00:59Z"), (60, "1970-01-01T00:01:00Z"),
        (3599, "1970-01-01T00:59:59Z"), (3600, "1970-01-01T01:00:00Z"), (86399, "1970-01-01T23:59:59Z"),
        (86400, "1970-01-02T00:00:00Z"), (82800, "1970-01-01T23:00:00Z"), (-1, "1969-12-31T23:59:59Z"),
    ],
)  # fmt: skip
def test_a_clock_strikes_at_its_boundaries(seconds: int, text: str) -> None:
    assert values.rfc3339(seconds * 10**9) == text
    assert values.rfc3339(seconds * 10**9 + 10) == text.replace("Z", ".00000001Z")
    assert values.utc_date(seconds * 10**9) == text[:10]


def test_more_digits_than_any_count_has_are_no_count() -> None:
    for text in ("9" * 20, "9" * 5000, "0" * 5000 + "9" * 20):
        with pytest.raises(values.Unmappable, match=r"^bad-count: "):
            values.count(text)


def test_the_zone_of_this_machine_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for zone in ("Asia/Ho_Chi_Minh", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        try:
            assert values.instant("2025-11-20T13:05:00", HANOI) == RUN // 10**9 * 10**9
        finally:
            monkeypatch.undo()
            time.tzset()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-9223372036854775808", -(2**63)), ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", Decimal(2**64)),
        ("-9223372036854775809", Decimal(-(2**63) - 1)), ("-99999999999999999", -99999999999999999),
        ("1.0", Decimal("1.0")),
        ("1e2", Decimal("1e2")),
    ],
)  # fmt: skip
def test_json_keeps_an_integer_of_64_bits_whole_and_the_digits_of_others(text: str, value: object) -> None:
    found = exact_json.parse(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1.5e1"), "15.0"), (Decimal(-15), "-15.0"), (Decimal(-(2**63)), "-9223372036854775808.0"),
        (Decimal(2**64 - 1), "18446744073709551615.0"), (Decimal(2**64), "18446744073709551616"),
        (Decimal("1E+5"), "1E+5"), (Decimal("0.10"), "0.10"), ({"é": [1, None, "x"]}, '{"é":[1,null,"x"]}'),
    ],
)  # fmt: skip
def test_a_double_is_written_as_one(value: object, text: str) -> None:
    assert exact_json.dump(value) == text


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("-Infinity"), object])
def test_what_json_has_no_form_for_is_not_written(value: object) -> None:
    with pytest.raises(TypeError) as refused:
        exact_json.dump([value])
    assert f"{refused.value.__cause__ or refused.value}" == f"{value!r} has no JSON form"


@pytest.mark.parametrize("text", ["[" * 200 + r'"\u0041"' + "]" * 200, "[" * 200 + "]" * 200])
def test_two_hundred_levels_are_read(text: str) -> None:
    assert exact_json.dump(exact_json.parse(text)) == text.replace(r"\u0041", "A")


def test_many_brackets_side_by_side_are_not_deep() -> None:
    text = "[" + ",".join(["[{}]"] * 300) + "]"
    assert exact_json.dump(exact_json.parse(text)) == text


def test_a_time_without_an_offset_is_read_in_the_policys_zone_in_every_store() -> None:
    local, instant = "2025-11-20T13:05:00", "2025-11-20T06:05:00Z"
    item = f'{{"entity": "x", "value": 1, "timestamp": "{local}"}}'
    event = rules.redis_metric(b"m", 0, item.encode(), HANOI)
    source = {"text": "", "entity": "x", "timestamp": local, "sentiment": "negative", "score": 1}
    document = rules.elasticsearch_document("a", source, HANOI)
    value = f'{{"score": 1, "positive": 1, "metadata": {{"updated_at": "{local}"}}}}'
    eaos = rules.redis_eaos(b"x", value.encode(), HANOI, RUN)
    assert isinstance(event, Mapped)
    assert isinstance(document, Mapped)
    assert isinstance(eaos, Mapped)
    assert exact_json.parse(event.value.body)["timestamp"] == instant
    assert document.value.source["timestamp"] == eaos.value.fields["updated_at"] == instant
