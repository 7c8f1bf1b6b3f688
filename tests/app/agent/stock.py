"""What the agent's tests ask for, written through the V2 clients into empty stores of the new layout."""

from __future__ import annotations

import datetime as dt

from src.settings import Urls
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2
from src.storage.records import Aggregate, Comment
from src.storage.redis_client_v2 import RedisClientV2
from tvmigrate.contract import new
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints

NOON = dt.datetime(2025, 11, 20, 12, 0, tzinfo=dt.UTC)
ONE, TWO, INTRO = "the_voice/contestant_1", "the_voice/contestant_2", "the_voice/segment_intro"
ALONE = "morning_news"  # ClickHouse knows it, Redis does not
PROGRAMS = [ALONE, ONE, TWO, INTRO]
SCORES = {ONE: (0.5, 0.6, 0.82), TWO: (0.9, 0.7, 0.55), ALONE: (0.4,)}  # by the hour from NOON


def urls_of(endpoints: Endpoints) -> Urls:
    return Urls(endpoints.redis, endpoints.clickhouse, endpoints.elasticsearch)


def comment(identity: str, program: str, text: str, *, sentiment: str, minute: int, topics: list[str]) -> Comment:
    return Comment(
        comment_id=identity,
        program_id=program,
        text=text,
        username="viewer",
        timestamp=NOON + dt.timedelta(minutes=minute),
        sentiment=sentiment,
        sentiment_score={"positive": 0.9, "neutral": 0.0, "negative": -0.8}[sentiment],
        engagement_score=5.0,
        topics=topics,
    )


COMMENTS = [
    comment("c1", ONE, "Giọng hát hay quá", sentiment="positive", minute=1, topics=["giọng hát"]),
    comment("c2", ONE, "Great show!", sentiment="positive", minute=2, topics=["show"]),
    comment("c3", ONE, "dở tệ", sentiment="negative", minute=3, topics=["giọng hát"]),
    comment("c4", TWO, "Great voice [red]not red[/red] \x1b[31m", sentiment="neutral", minute=4, topics=[]),
]


async def write(endpoints: Endpoints) -> None:
    """Empty the stores, make the new layout, and write the records above."""
    empty(endpoints)
    with Clients(endpoints) as raw:  # the clients write no infinity, but a migration brings those along
        raw.redis.zadd(new.trend_key("1hour"), {"endless": float("inf")})
    urls = urls_of(endpoints)
    async with RedisClientV2(urls.redis) as redis, ElasticsearchClientV2(urls.elasticsearch) as elasticsearch:
        await redis.set_current_eaos(ONE, 0.82, 120, 15, 40, 175, updated_at=NOON)
        await redis.set_current_eaos(TWO, 0.55, 10, 9, 1, 20, updated_at=NOON)
        await redis.set_current_eaos(INTRO, 0.0, 0, 0, 0, 0, updated_at=NOON)
        for place in range(12):
            await redis.add_trending_topic("15min", f"topic {place:02}", place, how="set")
        await elasticsearch.bulk_index(COMMENTS, refresh=True)
    with ClickHouseClientV2(urls.clickhouse) as clickhouse:
        for program, scores in SCORES.items():
            for hour, score in enumerate(scores):
                clickhouse.insert_eaos_metric(program, NOON + dt.timedelta(hours=hour), score, 6, 3, 1, 10)
        clickhouse.insert_aggregates(
            Aggregate(program_id=ONE, timestamp=NOON, topic=topic, count=count, avg_sentiment=mean)
            for topic, count, mean in (("giọng hát", 2, 0.05), ("show", 1, 0.9))
        )
        clickhouse.insert_anomaly(ONE, NOON, "score", 0.1, 0.8, -0.7, "high")
        clickhouse.insert_anomaly(TWO, NOON, "score", 0.4, 0.6, -0.2, "low")


def empty(endpoints: Endpoints) -> None:
    """Leave the new layout without a record."""
    with Clients(endpoints) as raw:
        raw.redis.flushall()
        raw.clickhouse.command(f"DROP DATABASE IF EXISTS {new.DATABASE} SYNC")
        raw.clickhouse.command(f"CREATE DATABASE {new.DATABASE}")
        for table in new.TABLES:
            raw.clickhouse.command(table.create(new.DATABASE))
        indices = raw.elasticsearch.indices
        if names := list(indices.get(index="*")):
            indices.put_settings(index=names, settings={"index.blocks.write": None})
            indices.delete(index=names)
        indices.create(index=new.INDEX.name, mappings=dict(new.INDEX.mappings), aliases={new.ALIAS: {}})
