"""What is refused before anything is sent: the field is named, and the sentence says what was expected."""

# ruff: noqa: E501 - whole messages, as they are told

from __future__ import annotations

import asyncio
import datetime as dt
import math

import pytest

from src.errors import InvalidValue
from src.storage import checks, redis_forms, times
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.comment_search import Filters
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2
from src.storage.redis_client_v2 import RedisClientV2

AT = dt.datetime(2025, 11, 20, 6, 5, tzinfo=dt.UTC)
WHOLE = "expected is a whole number from 0 to 2^63-1."


@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (checks.name, "", "f is '': it may not be empty or blank."),
        (checks.name, "\u3000 \t", "f is '\\u3000 \\t': it may not be empty or blank."),
        (checks.name, 7, "f is 7: expected is text."),
        (checks.topics, ["x" * 32_767], "f has 32767 bytes, the store takes 32766: shorten it."),
        (checks.text, "\ud800", "f is '\\ud800', which holds half of a surrogate pair: expected is text that UTF-8 can write."),
        (checks.count, -1, f"f is -1: {WHOLE}"),
        (checks.count, True, f"f is True: {WHOLE}"),
        (checks.count, 1.0, f"f is 1.0: {WHOLE}"),
        (checks.count, 2**63, f"f is 9223372036854775808: {WHOLE}"),
        (checks.number, math.nan, "f is nan: expected is a finite number that an IEEE double holds."),
        (checks.number, -math.inf, "f is -inf: expected is a finite number that an IEEE double holds."),
        (checks.number, 10**400, f"f is 1{'0' * 49}: expected is a finite number that an IEEE double holds."),
        (checks.number, True, "f is True: expected is a number."),
        (checks.number, "0.5", "f is '0.5': expected is a number."),
        (checks.sentiment, "good", "f is 'good': expected is one of positive, negative, neutral."),
        (
            checks.sentiment,
            "Tiêu cực",
            "f is 'Tiêu cực': expected is one of positive, negative, neutral: write 'negative', the label of the new layout.",
        ),
        (checks.sentiment, None, "f is None: expected is one of positive, negative, neutral."),
        (checks.time_range, "30min", "f is '30min': expected is one of 5min, 15min, 1hour."),
        (
            checks.time_range,
            15,
            "f is 15: expected is one of 5min, 15min, 1hour: write '15min', the new name of the old window.",
        ),
        (checks.limit, 0, "f is 0: expected is a whole number from 1 to 10000."),
        (checks.limit, 10_001, "f is 10001: expected is a whole number from 1 to 10000."),
        (checks.offset, -1, "f is -1: expected is a whole number from 0 to 2^53."),
        (checks.topics, "show", "f is 'show': expected is a list of topics."),
        (checks.topics, ["show", " "], "f is ' ': it may not be empty or blank."),
        (times.utc, "2025-11-20", "f is '2025-11-20': expected is a datetime, aware or (the machine's local time) naive."),
        (
            times.utc,
            dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=7))),
            "f is datetime.datetime(1, 1, 1, 0, 0, tzinfo=datetime.timezone(datetime.timedelta(seconds=25200))), which is outside the years 1 to 9999 in UTC.",
        ),
        (redis_forms.checked_data, [1], "f is [1]: expected is a dict."),
        (redis_forms.checked_data, {"a": [{"b": math.nan}]}, "f is nan: expected is a finite number that an IEEE double holds."),
        (redis_forms.checked_data, {"a": {1: 2}}, "f has the key 1: keys of JSON objects are text."),
        (redis_forms.checked_data, {"a": {1, 2}}, "f holds {1, 2}, and JSON has no form for it."),
        (redis_forms.checked_data, {"a": 2**64}, "f holds 1.845e+19, more than 64 bits: write it as text."),
        (redis_forms.checked_data, {"a": "\udfff"}, "f cannot be written as JSON: '\\udfff' holds half of a surrogate pair."),
    ],
)  # fmt: skip
def test_a_value_is_refused(check, value, message):
    with pytest.raises(InvalidValue) as raised:
        check("f", value)
    assert (raised.value.field, str(raised.value)) == ("f", message)


def test_a_value_error_is_what_it_is():
    assert issubclass(InvalidValue, ValueError)


COMMENT = {
    "comment_id": "c", "program_id": "p", "text": "", "username": "", "timestamp": AT, "sentiment": "neutral",
    "sentiment_score": 0.0, "engagement_score": 0, "topics": [],
}  # fmt: skip
EVERY = "comment_id, program_id, text, username, timestamp, sentiment, sentiment_score, engagement_score, topics, eaos_score"


@pytest.mark.parametrize(
    ("changed", "field", "message"),
    [
        ({"comment_id": "x" * 513}, "comment_id", "comment_id has 513 bytes, the store takes 512: shorten it."),
        ({"program_id": "x" * 32_767}, "program_id", "program_id has 32767 bytes, the store takes 32766: shorten it."),
        ({"comment_id": " "}, "comment_id", "comment_id is ' ': it may not be empty or blank."),
        ({"username": "é" * 16_384}, "username", "username has 32768 bytes, the store takes 32766: shorten it."),
        ({"sentiment_score": 3.5e38}, "sentiment_score", "sentiment_score is 3.5e+38: the store takes ±3.4028235e+38."),
        ({"engagement_score": None}, "engagement_score", "engagement_score is None: expected is a number."),
        (
            {"eaos_score": math.inf},
            "eaos_score",
            "eaos_score is inf: expected is a finite number that an IEEE double holds.",
        ),
        ({"entity": "x"}, "entity", f"The comment has entity: expected are only {EVERY}."),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_a_comment_is_refused(changed, field, message):
    with pytest.raises(InvalidValue) as raised:
        checks.comment({**COMMENT, **changed})
    assert (raised.value.field, str(raised.value)) == (field, message)


def test_a_comment_without_a_field_is_refused():
    for field in COMMENT:
        with pytest.raises(InvalidValue) as raised:
            checks.comment({name: value for name, value in COMMENT.items() if name != field})
        assert (raised.value.field, str(raised.value)) == (field, f"The comment has no {field}: expected are {EVERY}.")
    with pytest.raises(InvalidValue, match=r"^The comment is 'x': expected is a dict of comment_id"):
        checks.comment("x")
    assert checks.comment(COMMENT) == {**COMMENT, "eaos_score": None}


UNOPENED_REDIS, UNOPENED_CLICKHOUSE, UNOPENED_ELASTICSEARCH = (
    RedisClientV2(),
    ClickHouseClientV2(),
    ElasticsearchClientV2(),
)
SUM = "The counts do not add up: positive 1 + negative 2 + neutral 3 is 6, and total is 7."
COUNTED = "positive_count 1 + negative_count 2 + neutral_count 3 is 6, and total_comments is 5."


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: UNOPENED_REDIS.set_current_eaos("p", 0.5, 1, 2, 3, 7), SUM),
        (lambda: UNOPENED_REDIS.set_current_eaos("p", 0.5, 1, 2, 3, 6, ttl_seconds=0),
         "ttl_seconds is 0: expected is a whole number from 1, or None."),
        (lambda: UNOPENED_REDIS.add_trending_topic("5", "t", 1),
         "time_range is '5': expected is one of 5min, 15min, 1hour: write '5min', the new name of the old window."),
        (lambda: UNOPENED_REDIS.add_trending_topic("5min", "t", 1, how="max"), "how is 'max': expected is one of add, set."),
        (lambda: UNOPENED_REDIS.append_event("p", "metric", metric="m"), "value is None: expected is a number."),
        (lambda: UNOPENED_REDIS.append_event("p", "metric", value=1), "metric is None: expected is text."),
        (lambda: UNOPENED_REDIS.get_events("", "2025-11-20"), "program_id is '': it may not be empty or blank."),
        (lambda: UNOPENED_CLICKHOUSE.insert_eaos_metric("p", AT, 0.5, 1, 2, 3, 5), f"The counts do not add up: {COUNTED}"),
        (lambda: UNOPENED_CLICKHOUSE.get_eaos_history("p", AT, AT - dt.timedelta(seconds=1)),
         "end is 2025-11-20T06:04:59Z, before start, which is 2025-11-20T06:05:00Z: give start ≤ end, or leave one out."),
        (lambda: UNOPENED_ELASTICSEARCH.search_comments(sort="best"),
         "sort is 'best': expected is one of relevance, newest, oldest."),
        (lambda: UNOPENED_ELASTICSEARCH.search_comments(query=" "), "query is ' ': it may not be empty or blank."),
        (lambda: Filters(start=AT, end=AT - dt.timedelta(1)).body(),
         "end is 2025-11-19T06:05:00Z, before start, which is 2025-11-20T06:05:00Z: give start ≤ end, or leave one out."),
    ],
)  # fmt: skip
async def test_a_call_is_refused_before_anything_is_sent(call, message):
    """The clients are not even connected."""

    async def called() -> None:
        if asyncio.iscoroutine(result := call()):
            await result

    with pytest.raises(InvalidValue) as raised:
        await called()
    assert str(raised.value) == message


def test_a_number_of_numpy_is_written_as_a_number():
    numpy = pytest.importorskip("numpy")
    checked = checks.number("f", numpy.float64(0.1))
    assert (type(checked), repr(checked)) == (float, "0.1")
