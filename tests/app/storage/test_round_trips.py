"""Whatever the clients take, they give back: scores bit for bit, instants as fine as the store holds them."""

from __future__ import annotations

import datetime as dt
import struct

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tvmigrate.contract import new

few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = texts.filter(lambda text: text.strip() != "" and text.strip("\x85") != "") | st.sampled_from(
    ["the_voice/thí sinh 1", "a:b:2025-11-20", "*", "[a]", ".", "..", "{x:String}", "a\\'b\n\t\0", "\\N", "%2F+?#"]
)
counts = st.integers(0, 2**61)
doubles = st.floats(allow_nan=False, allow_infinity=False)
floats = st.floats(-new.MAX_FLOAT, new.MAX_FLOAT)
zones = st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=7)), dt.timezone(dt.timedelta(hours=-3, minutes=-30))])
instants = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30), timezones=zones)  # noqa: DTZ001
of_clickhouse = st.datetimes(dt.datetime(1900, 1, 2), dt.datetime(2299, 12, 30), timezones=zones)  # noqa: DTZ001


def bits(number: float) -> bytes:
    return struct.pack("<d", number)


def to_the_millisecond(moment: dt.datetime) -> dt.datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@few
@given(names, doubles, counts, counts, counts, instants)
@example("p", -0.0, 0, 0, 0, dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, dt.UTC))
@example("p", 5e-324, 2**61, 2**61, 2**61, dt.datetime(2025, 11, 20, tzinfo=dt.UTC))
async def test_an_eaos_state(redis_v2, program, score, positive, negative, neutral, moment):
    total = positive + negative + neutral
    await redis_v2.set_current_eaos(program, score, positive, negative, neutral, total, updated_at=moment)
    assert await redis_v2.get_current_eaos(program) == {
        "program_id": program,
        "score": score,
        "positive": positive,
        "negative": negative,
        "neutral": neutral,
        "total": total,
        "updated_at": moment,
    }
    assert bits((await redis_v2.get_current_eaos(program))["score"]) == bits(score)
    assert program in await redis_v2.programs()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | doubles | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@few
@given(names, names, instants, st.none() | names, st.none() | doubles, st.dictionaries(texts, json_values, max_size=4))
async def test_an_event(redis_v2, program, kind, moment, metric, value, data):
    if kind == new.METRIC_EVENT:
        kind = "other"
    event = await redis_v2.append_event(program, kind, timestamp=moment, metric=metric, value=value, data=data)
    date = moment.astimezone(dt.UTC).date()
    (*_, last) = await redis_v2.get_events(program, date, limit=10_000)
    assert last == event
    assert event == {
        "type": kind,
        "metric": metric,
        "program_id": program,
        "timestamp": moment,
        "value": value,
        "data": data,
    }
    assert date.isoformat() in await redis_v2.event_dates(program)


@few
@given(names, of_clickhouse, doubles, counts, counts, counts)
@example("p", dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, dt.UTC), -0.0, 0, 0, 0)
@example("p", dt.datetime(2025, 11, 20, 6, 5, 0, 1000, dt.UTC), 5e-324, 2**61, 2**61, 2**61)
def test_an_eaos_metric(clickhouse_v2, program, moment, score, positive, negative, neutral):
    total = positive + negative + neutral
    clickhouse_v2.insert_eaos_metric(program, moment, score, positive, negative, neutral, total)
    found = clickhouse_v2.get_eaos_history(program, start=moment, end=moment, limit=10_000)
    row = {
        "program_id": program,
        "timestamp": to_the_millisecond(moment),
        "score": score,
        "positive_count": positive,
        "negative_count": negative,
        "neutral_count": neutral,
        "total_comments": total,
    }
    assert row in found
    assert bits(score) in [bits(one["score"]) for one in found]
    assert clickhouse_v2.get_latest_eaos(program)["timestamp"] >= row["timestamp"]


@few
@given(names, of_clickhouse, names, doubles, doubles, doubles, names)
def test_an_anomaly(clickhouse_v2, program, moment, metric, value, expected, deviation, severity):
    clickhouse_v2.insert_anomaly(program, moment, metric, value, expected, deviation, severity)
    assert {
        "program_id": program,
        "timestamp": to_the_millisecond(moment),
        "metric": metric,
        "value": value,
        "expected": expected,
        "deviation": deviation,
        "severity": severity,
    } in clickhouse_v2.get_anomalies(program, moment, moment, severity, limit=10_000)


@few
@given(
    st.fixed_dictionaries(
        {
            "comment_id": names,
            "program_id": names,
            "text": texts,
            "username": texts,
            "timestamp": instants,
            "sentiment": st.sampled_from(["positive", "negative", "neutral"]),
            "sentiment_score": floats,
            "engagement_score": floats | st.integers(-(2**63), 2**64 - 1),
            "topics": st.lists(names, max_size=3),
        }
    )
)
async def test_a_comment(elasticsearch_v2, comment):
    assert await elasticsearch_v2.index_comment(**comment, refresh=False) == comment["comment_id"]
    assert await elasticsearch_v2.get_comment(comment["comment_id"]) == comment
    assert await elasticsearch_v2.bulk_index([comment], refresh=True) == 1
    found = await elasticsearch_v2.search_comments(comment["program_id"], size=10_000)
    assert {**comment, "score": 0.0} in found
