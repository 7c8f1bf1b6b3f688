"""Each endpoint answers what the V2 clients wrote."""

from __future__ import annotations

import httpx
import pytest
from redis import Redis

from tests.app.api.data import HUY, LAN
from tvmigrate.contract import new


async def get(api: httpx.AsyncClient, path: str, **query: object) -> dict:
    answer = await api.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_current_eaos_is_what_redis_holds(api):
    assert await get(api, "/v2/eaos/current", program_id=LAN) == {
        "program_id": LAN,
        "score": 0.85,
        "positive": 100,
        "negative": 20,
        "neutral": 30,
        "total": 150,
        "updated_at": "2025-11-20T12:00:00Z",
    }


async def test_a_program_id_may_hold_what_a_url_gives_a_meaning_to(api):
    assert (await get(api, "/v2/eaos/current", program_id=HUY))["program_id"] == HUY
    assert (await get(api, "/v2/eaos/latest", program_id=HUY))["program_id"] == HUY
    assert [found["program_id"] for found in (await get(api, "/v2/comments", program_id=HUY))["items"]] == [HUY]


async def test_history_is_oldest_first_and_both_ends_of_the_period_belong_to_it(api):
    found = await get(
        api, "/v2/eaos/history", program_id=LAN, start="2025-11-20T12:01:00Z", end="2025-11-20T19:03:00+07:00"
    )
    assert [row["timestamp"] for row in found["items"]] == [f"2025-11-20T12:0{minute}:00Z" for minute in (1, 2, 3)]
    assert found["items"][0] == {
        "program_id": LAN,
        "timestamp": "2025-11-20T12:01:00Z",
        "score": 0.125,
        "positive_count": 100,
        "negative_count": 20,
        "neutral_count": 30,
        "total_comments": 150,
    }
    assert found["next"] is None


async def test_latest_is_the_end_of_the_history(api):
    assert (await get(api, "/v2/eaos/latest", program_id=LAN))["timestamp"] == "2025-11-20T12:04:00Z"


async def test_a_period_without_values_of_a_known_program_is_an_empty_page(api):
    for path in ("/v2/eaos/history", "/v2/topics", "/v2/anomalies", "/v2/comments"):
        found = await get(api, path, program_id=LAN, start="2031-01-01T00:00:00Z")
        assert found == {"items": [], "next": None}, path
    assert await get(api, "/v2/events", program_id=LAN, date="2031-01-01") == {"items": [], "next": None}


async def test_trends_are_highest_first(api):
    found = await get(api, "/v2/trends", time_range="15min", limit=2)
    assert found["items"] == [{"topic": "topic_00", "score": 100.0}, {"topic": "topic_01", "score": 99.0}]
    assert (await get(api, "/v2/trends", time_range="1hour"))["items"] == []


async def test_an_infinite_trend_is_told_in_words_that_json_can_hold(api, urls):
    with Redis.from_url(urls.redis) as redis:
        # The client refuses to write one; migrated data may hold one.
        redis.zadd(new.trend_key("5min"), {"up": float("inf"), "down": float("-inf")})
    found = await get(api, "/v2/trends", time_range="5min")
    assert found["items"] == [{"topic": "up", "score": "inf"}, {"topic": "down", "score": "-inf"}]


async def test_events_are_those_of_a_utc_day(api):
    found = await get(api, "/v2/events", program_id=LAN, date="2025-11-20", limit=1)
    assert found["items"] == [
        {
            "type": "metric",
            "metric": "votes",
            "program_id": LAN,
            "timestamp": "2025-11-20T12:00:00Z",
            "value": 0,
            "data": {},
        }
    ]
    breaks = await get(api, "/v2/events", program_id=LAN, date="2025-11-21", event_type="break")
    assert [event["metric"] for event in breaks["items"]] == [None]
    assert (await get(api, "/v2/events", program_id=LAN, date="2025-11-21", event_type="metric"))["items"] == []


async def test_event_dates_are_the_days_with_events(api):
    assert (await get(api, "/v2/events/dates", program_id=LAN))["items"] == ["2025-11-20", "2025-11-21"]
    assert (await get(api, "/v2/events/dates", program_id=HUY))["items"] == []


async def test_topics_are_the_most_frequent_first(api):
    found = await get(api, "/v2/topics", program_id=LAN)
    assert found["items"][0] == {"topic": "show", "count": 7, "avg_sentiment": 0.5}
    assert [topic["topic"] for topic in found["items"]] == ["show", "performance", "voice"]


async def test_anomalies_are_found_by_program_and_severity(api):
    assert len((await get(api, "/v2/anomalies"))["items"]) == 5
    found = await get(api, "/v2/anomalies", program_id=LAN, severity="low")
    assert found["items"] == [
        {
            "program_id": LAN,
            "timestamp": "2025-11-20T12:00:00Z",
            "metric": "score",
            "value": 0.1,
            "expected": 0.5,
            "deviation": -0.4,
            "severity": "low",
        }
    ]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 31),
        ({"program_id": LAN}, 30),
        ({"query": "great"}, 16),
        ({"query": "tuyệt vời", "program_id": LAN}, 15),
        ({"sentiment": "negative"}, 10),
        ({"topic": "performance"}, 15),
        ({"start": "2025-11-20T12:10:00Z", "end": "2025-11-20T12:12:00Z"}, 3),
        ({"query": "great", "sentiment": "positive", "topic": "show", "program_id": LAN}, 5),
    ],
    ids=str,
)
async def test_comments_fit_every_filter(api, filters, count):
    found = await get(api, "/v2/comments", limit=100, **filters)
    assert len(found["items"]) == count
    assert await get(api, "/v2/comments/count", **filters) == {"count": count}


async def test_comments_are_sorted_as_asked(api):
    newest = await get(api, "/v2/comments", sort="newest", limit=1, program_id=LAN)
    oldest = await get(api, "/v2/comments", sort="oldest", limit=1, program_id=LAN)
    assert (newest["items"][0]["comment_id"], oldest["items"][0]["comment_id"]) == (f"{LAN}/000029", f"{LAN}/000000")


async def test_one_comment_is_found_by_its_id(api):
    assert await get(api, "/v2/comments/one", comment_id=f"{LAN}/000001") == {
        "comment_id": f"{LAN}/000001",
        "program_id": LAN,
        "text": "a great show",
        "username": "viewer1",
        "timestamp": "2025-11-20T12:01:00Z",
        "sentiment": "neutral",
        "sentiment_score": 0.25,
        "engagement_score": 2.5,
        "topics": ["show"],
    }


async def test_programs_say_which_stores_know_them(api):
    both = ["redis", "clickhouse"]
    everywhere = await get(api, "/v2/programs")
    assert everywhere["items"] == [{"program_id": HUY, "stores": both}, {"program_id": LAN, "stores": both}]
    redis = await get(api, "/v2/programs", source="redis")
    assert redis["items"] == [{"program_id": HUY, "stores": ["redis"]}, {"program_id": LAN, "stores": ["redis"]}]


async def test_health_names_each_store(api):
    found = await get(api, "/health")
    assert found["status"] == "up"
    assert {name: (store["status"], store["error"]) for name, store in found["stores"].items()} == dict.fromkeys(
        ("redis", "clickhouse", "elasticsearch"), ("up", None)
    )
    assert await get(api, "/ready") == {"ready": True, "away": []}
