"""The sample data into the three stores, through the application's own clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from src.setup.sample.comments import comments
from src.setup.sample.derived import Derived
from src.setup.sample.plan import Plan
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2
from src.storage.records import Comment
from src.storage.redis_client_v2 import RedisClientV2

CHUNK = 5000  # comments in memory at once, and of one INSERT


@dataclass(frozen=True, slots=True)
class Written:
    """How many records went where."""

    comments: int
    aggregates: int
    history: int
    anomalies: int
    states: int
    events: int
    trends: int


async def write(
    plan: Plan,
    redis: RedisClientV2,
    clickhouse: ClickHouseClientV2,
    elasticsearch: ElasticsearchClientV2,
    tell: Callable[[int], None],
) -> Written:
    """Write everything that the plan makes; `tell` is called with each number of comments that both stores have.

    Raises what the clients raise; what was written until then stays, and `--replace` removes it.
    """
    derived, done = Derived(plan), 0
    for chunk in _chunks(comments(plan)):
        for comment in chunk:
            derived.take(comment)
        done += len(chunk)
        # Both are waited for, also where one fails: nothing may still be writing when the clients are closed.
        ended = await asyncio.gather(
            asyncio.to_thread(clickhouse.insert_comments, chunk),
            elasticsearch.bulk_index(chunk, refresh=done == plan.count),
            return_exceptions=True,
        )
        for failure in ended:
            if isinstance(failure, BaseException):
                raise failure
        tell(len(chunk))
    aggregates, history, anomalies = await asyncio.to_thread(_tables, derived, clickhouse)
    # Redis is read by whoever shows what is going on now: it comes when the rest is there.
    events, trends, states = list(derived.events()), list(derived.trends()), list(derived.states())
    for event in events:
        await redis.append_event(
            event["program_id"],
            event["type"],
            timestamp=event["timestamp"],
            metric=event["metric"],
            value=event["value"],
            data=event["data"],
        )
    for time_range, topic, number in trends:
        await redis.add_trending_topic(time_range, topic, number, how="set")
    for state in states:
        await redis.set_current_eaos(**state)
    return Written(done, aggregates, history, anomalies, len(states), len(events), len(trends))


def _tables(derived: Derived, clickhouse: ClickHouseClientV2) -> tuple[int, int, int]:
    aggregates = clickhouse.insert_aggregates(derived.aggregates())
    history, anomalies = list(derived.history()), derived.anomalies()
    for row in history:
        clickhouse.insert_eaos_metric(**row)
    for anomaly in anomalies:
        clickhouse.insert_anomaly(**anomaly)
    return aggregates, len(history), len(anomalies)


def _chunks(given: Iterable[Comment]) -> Iterator[list[Comment]]:
    rest = iter(given)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
