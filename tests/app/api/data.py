"""What the API's tests put into the stores, through the V2 clients: two programs, and the layout for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from src.settings import Urls
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2
from src.storage.redis_client_v2 import RedisClientV2
from tests.integrity.one_set import empty
from tvmigrate.contract import new
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints

LAN, HUY = "the_voice/lan", "the_voice/huy & co?"
NOON = dt.datetime(2025, 11, 20, 12, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def urls_of(endpoints: Endpoints) -> Urls:
    return Urls(endpoints.redis, endpoints.clickhouse, endpoints.elasticsearch)


def comment(number: int, program_id: str = LAN, **changed: Any) -> dict[str, Any]:
    return {
        "comment_id": f"{program_id}/{number:06}",
        "program_id": program_id,
        "text": "a great show" if number % 2 else "Giọng hát tuyệt vời",
        "username": f"viewer{number % 7}",
        "timestamp": NOON + number * MINUTE,
        "sentiment": ("positive", "neutral", "negative")[number % 3],
        "sentiment_score": 0.25,
        "engagement_score": 2.5,
        "topics": ["show"] if number % 2 else ["show", "performance"],
        **changed,
    }


def lay_out(endpoints: Endpoints) -> None:
    """Empty the three engines and make the new layout."""
    empty(endpoints)
    with Clients(endpoints) as clients:
        clients.clickhouse.command(f"CREATE DATABASE {new.DATABASE}")
        for table in new.TABLES:
            clients.clickhouse.command(table.create(new.DATABASE))
        clients.elasticsearch.indices.create(
            index=new.INDEX.name, mappings=dict(new.INDEX.mappings), aliases={new.ALIAS: {}}
        )


async def fill(urls: Urls, comments: int = 30) -> None:
    """Write both programs into the three stores; `comments` of them are the first program's."""
    async with RedisClientV2(urls.redis) as redis, ElasticsearchClientV2(urls.elasticsearch) as elasticsearch:
        for program_id in (LAN, HUY):
            await redis.set_current_eaos(program_id, 0.85, 100, 20, 30, 150, updated_at=NOON)
        for number in range(25):
            await redis.add_trending_topic("15min", f"topic_{number:02}", 100 - number)
            await redis.append_event(LAN, "metric", timestamp=NOON + number * MINUTE, metric="votes", value=number)
        await redis.append_event(LAN, "break", timestamp=NOON + dt.timedelta(days=1))
        await elasticsearch.bulk_index(map(comment, range(comments)))
        await elasticsearch.bulk_index([comment(1, HUY)], refresh=True)
    with ClickHouseClientV2(urls.clickhouse) as clickhouse:
        for number in range(5):
            clickhouse.insert_eaos_metric(LAN, NOON + number * MINUTE, number / 8, 100, 20, 30, 150)
            clickhouse.insert_anomaly(LAN, NOON + number * MINUTE, "score", 0.1, 0.5, -0.4, "high" if number else "low")
        clickhouse.insert_eaos_metric(HUY, NOON, 0.5, 1, 1, 1, 3)
        clickhouse.insert_aggregates(
            {"program_id": LAN, "timestamp": NOON, "topic": topic, "count": count, "avg_sentiment": 0.5}
            for topic, count in (("show", 7), ("performance", 5), ("voice", 2))
        )


@dataclass(frozen=True, slots=True)
class Question:
    """A good request: its path, its parameters, and the stores that it needs."""

    path: str
    query: Mapping[str, str]
    stores: tuple[str, ...]


_OF_LAN = {"program_id": LAN}
QUESTIONS = (
    Question("/v2/eaos/current", _OF_LAN, ("redis",)),
    Question("/v2/trends", {"time_range": "15min"}, ("redis",)),
    Question("/v2/events", _OF_LAN | {"date": "2025-11-20"}, ("redis",)),
    Question("/v2/events/dates", _OF_LAN, ("redis",)),
    Question("/v2/eaos/latest", _OF_LAN, ("clickhouse",)),
    Question("/v2/eaos/history", _OF_LAN, ("clickhouse",)),
    Question("/v2/topics", _OF_LAN, ("clickhouse",)),
    Question("/v2/anomalies", _OF_LAN, ("clickhouse",)),
    Question("/v2/comments", _OF_LAN | {"query": "great"}, ("elasticsearch",)),
    Question("/v2/comments/count", _OF_LAN, ("elasticsearch",)),
    Question("/v2/comments/one", {"comment_id": f"{LAN}/000001"}, ("elasticsearch",)),
    Question("/v2/programs", {}, ("redis", "clickhouse")),
    Question("/v2/programs", {"source": "redis"}, ("redis",)),
    Question("/v2/programs", {"source": "clickhouse"}, ("clickhouse",)),
)
