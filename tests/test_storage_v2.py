"""Checks of the three V2 storage clients against running stores: `python tests/test_storage_v2.py`, or under pytest.

As a script it uses REDIS_URL, CLICKHOUSE_URL and ELASTICSEARCH_URL (or the ports of docker-compose.yml), says what it
tried, and takes away what it wrote. It exits with 0 if all is right, 1 if something is wrong, 3 if nothing is wrong but
a store is away.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import elasticsearch
import pytest
import redis
from clickhouse_connect.driver.exceptions import ClickHouseError

from src.errors import AppError, StoreRefused, StoreUnavailable, UnreadableRecord
from src.settings import Urls, masked
from src.storage.clickhouse_client_v2 import clickhouse_client_v2
from src.storage.elasticsearch_client_v2 import elasticsearch_client_v2
from src.storage.elasticsearch_node import PlainJsonSyncNode
from src.storage.redis_client_v2 import redis_client_v2
from tvmigrate.contract import new

if TYPE_CHECKING:
    from tvmigrate.engines.endpoints import Endpoints

RIGHT, WRONG, AWAY = 0, 1, 3


class WrongAnswer(AssertionError):  # noqa: N818
    """A store gave something else than was written."""


@dataclass(frozen=True)
class Probe:
    """Names that nothing else in the stores has, and an instant that every store holds whole."""

    name: str = field(default_factory=lambda: f"storage-check-{uuid.uuid4().hex}")
    at: dt.datetime = dt.datetime(2025, 11, 20, 6, 5, 0, 123_000, dt.UTC)

    @property
    def program(self) -> str:
        return f"{self.name}/contestant_1"

    @property
    def comments(self) -> list[dict[str, Any]]:
        said = [("positive", "What a great show"), ("negative", "Not great, too loud"), ("neutral", "Chương trình mới")]
        return [
            {
                "comment_id": f"{self.name}-{number}",
                "program_id": self.program,
                "text": text,
                "username": "viewer123",
                "timestamp": self.at + dt.timedelta(seconds=number),
                "sentiment": sentiment,
                "sentiment_score": 0.1 * number,
                "engagement_score": 50,
                "topics": ["show", f"topic-{number}"],
            }
            for number, (sentiment, text) in enumerate(said)
        ]


def expect(what: str, actual: object, expected: object) -> None:
    if actual != expected:
        raise WrongAnswer(f"{what}: written was {expected!r}, read was {actual!r}")


# ------------------------------------------------------------------------------------------------------------- Redis


async def redis_keeps_the_current_eaos(probe: Probe) -> None:
    state = {"score": 0.85, "positive": 100, "negative": 20, "neutral": 30, "total": 150, "updated_at": probe.at}
    await redis_client_v2.set_current_eaos(probe.program, **state)  # type: ignore[arg-type]
    found = await redis_client_v2.get_current_eaos(probe.program)
    expect("the current EAOS", found, {"program_id": probe.program, **state})
    expect("a program without EAOS", await redis_client_v2.get_current_eaos(probe.name), None)


async def redis_adds_up_a_trending_topic(probe: Probe) -> None:
    # Far above any real score but an infinite one, so that it is on the first page of a store that is in use.
    await redis_client_v2.add_trending_topic("15min", probe.name, 1e300)
    after = await redis_client_v2.add_trending_topic("15min", probe.name, 1e300)
    expect("the score after two additions", after, 2e300)
    trends = await redis_client_v2.get_top_trends("15min", 100)
    expect("the trend", [one for one in trends if one["topic"] == probe.name], [{"topic": probe.name, "score": after}])


async def redis_keeps_events_in_their_order(probe: Probe) -> None:
    first = await redis_client_v2.append_event(probe.program, "metric", timestamp=probe.at, metric="buzz", value=0.1)
    second = await redis_client_v2.append_event(probe.program, "alert", timestamp=probe.at, data={"why": "quá ồn"})
    date = probe.at.date()
    expect("the events", await redis_client_v2.get_events(probe.program, date), [first, second])
    expect("the alerts", await redis_client_v2.get_events(probe.program, date, event_type="alert"), [second])
    expect("the dates of events", await redis_client_v2.event_dates(probe.program), [date.isoformat()])


def clean_redis(probe: Probe) -> None:
    with redis.Redis.from_url(Urls.from_environ().redis) as client:
        client.delete(new.eaos_key(probe.program), new.events_key(probe.program, probe.at.date().isoformat()))
        for key in new.TREND_KEYS:
            client.zrem(key, probe.name)


# -------------------------------------------------------------------------------------------------------- ClickHouse


def clickhouse_keeps_eaos_metrics(probe: Probe) -> None:
    counts = {"positive_count": 100, "negative_count": 20, "neutral_count": 30, "total_comments": 150}
    older = {"program_id": probe.program, "timestamp": probe.at, "score": 0.1, **counts}
    newer = older | {"timestamp": probe.at + dt.timedelta(milliseconds=1), "score": 0.85}
    for row in (newer, older):
        clickhouse_client_v2.insert_eaos_metric(**row)  # type: ignore[arg-type]
    expect("the latest EAOS", clickhouse_client_v2.get_latest_eaos(probe.program), newer)
    expect("the history", clickhouse_client_v2.get_eaos_history(probe.program, probe.at), [older, newer])


def clickhouse_keeps_comments(probe: Probe) -> None:
    first, *others = probe.comments
    clickhouse_client_v2.insert_comment(**first)
    expect("the number of comments", clickhouse_client_v2.insert_comments(others), len(others))
    expect("the program among the programs", probe.program in clickhouse_client_v2.programs(), True)


def clickhouse_sums_up_topics(probe: Probe) -> None:
    bucket = {"program_id": probe.program, "timestamp": probe.at.replace(microsecond=0), "topic": "show"}
    clickhouse_client_v2.insert_aggregates(
        [{**bucket, "count": 3, "avg_sentiment": 0.5}, {**bucket, "count": 1, "avg_sentiment": -0.5}]
    )
    expect(
        "the topics",
        clickhouse_client_v2.get_topics(probe.program),
        [{"topic": "show", "count": 4, "avg_sentiment": 0.25}],
    )


def clickhouse_keeps_anomalies(probe: Probe) -> None:
    row = {"program_id": probe.program, "timestamp": probe.at, "metric": "score", "value": 0.9, "expected": 0.5}
    row |= {"deviation": 0.4, "severity": "high"}
    clickhouse_client_v2.insert_anomaly(**row)  # type: ignore[arg-type]
    expect("the anomalies", clickhouse_client_v2.get_anomalies(probe.program, severity="high"), [row])


def clean_clickhouse(probe: Probe) -> None:
    client = clickhouse_connect.get_client(dsn=Urls.from_environ().clickhouse)
    try:
        for table in new.TABLES:
            client.command(
                f"DELETE FROM {new.DATABASE}.{table.name} WHERE program_id = {{program:String}}",
                parameters={"program": probe.program},
                settings={"mutations_sync": 1},
            )
    finally:
        client.close()


# ----------------------------------------------------------------------------------------------------- Elasticsearch


async def elasticsearch_finds_a_comment_at_once(probe: Probe) -> None:
    comment = probe.comments[0]
    identity = await elasticsearch_client_v2.index_comment(**comment)
    expect("the id", identity, comment["comment_id"])
    expect("the comment", await elasticsearch_client_v2.get_comment(identity), comment)
    found = await elasticsearch_client_v2.search_comments(program_id=probe.program, query="great")
    expect("what the search finds", [one["comment_id"] for one in found], [identity])


async def elasticsearch_filters_and_pages(probe: Probe) -> None:
    comments = probe.comments
    written = await elasticsearch_client_v2.bulk_index(comments, refresh=True)
    expect("the number of comments", written, len(comments))
    search = elasticsearch_client_v2.search_comments
    expect(
        "the negative ones",
        [one["text"] for one in await search(probe.program, sentiment="negative")],
        [comments[1]["text"]],
    )
    expect(
        "those of a topic", [one["text"] for one in await search(probe.program, topic="topic-2")], [comments[2]["text"]]
    )
    expect("their count", await elasticsearch_client_v2.count_comments(probe.program), len(comments))
    ids, after = [], None
    while True:
        page, after = await elasticsearch_client_v2.search_page(probe.program, size=2, sort="oldest", after=after)
        ids += [one["comment_id"] for one in page]
        if after is None:
            break
    expect("all, page by page", ids, [one["comment_id"] for one in comments])


def clean_elasticsearch(probe: Probe) -> None:
    with elasticsearch.Elasticsearch(Urls.from_environ().elasticsearch, node_class=PlainJsonSyncNode) as client:
        for comment in probe.comments:
            client.options(ignore_status=404).delete(index=new.ALIAS, id=comment["comment_id"], refresh=True)


# ---------------------------------------------------------------------------------------------------------- running

Step = Callable[[Probe], Awaitable[None] | None]


@dataclass(frozen=True)
class Store:
    """A store: its client, the checks, and how what they wrote is taken away."""

    name: str
    client: Any
    checks: tuple[Step, ...]
    clean: Callable[[Probe], None]


STORES = (
    Store(
        "redis",
        redis_client_v2,
        (redis_keeps_the_current_eaos, redis_adds_up_a_trending_topic, redis_keeps_events_in_their_order),
        clean_redis,
    ),
    Store(
        "clickhouse",
        clickhouse_client_v2,
        (
            clickhouse_keeps_eaos_metrics,
            clickhouse_keeps_comments,
            clickhouse_sums_up_topics,
            clickhouse_keeps_anomalies,
        ),
        clean_clickhouse,
    ),
    Store(
        "elasticsearch",
        elasticsearch_client_v2,
        (elasticsearch_finds_a_comment_at_once, elasticsearch_filters_and_pages),
        clean_elasticsearch,
    ),
)


async def finished(result: Any) -> None:
    """Wait for what the async clients give; the sync one is done."""
    if asyncio.iscoroutine(result):
        await result


@asynccontextmanager
async def connected(store: Store) -> AsyncIterator[Probe]:
    """Connect a store's client and give a probe; take away what was written in its name."""
    probe = Probe()
    await finished(store.client.connect())
    try:
        yield probe
        store.clean(probe)
    except BaseException:
        # What went wrong first is what is told: it is likely why the probe cannot be taken away either.
        with suppress(Exception):
            store.clean(probe)
        raise
    finally:
        await finished(store.client.disconnect())


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def tried(store: Store) -> int:
    """Run a store's checks, say what became of each, and return the worst of it."""
    worst, doing = RIGHT, "connect"
    try:
        async with connected(store) as probe:
            for step in store.checks:
                doing = step.__name__.replace("_", " ")
                try:
                    await finished(step(probe))
                except (WrongAnswer, StoreRefused, UnreadableRecord) as error:
                    say(f"  WRONG  {doing}: {error}")
                    worst = WRONG
                else:
                    say(f"  right  {doing}")
            doing = "take away what was written"
    except StoreUnavailable as error:
        say(f"  away   {doing}: {error}")
        return worst or AWAY
    except (AppError, redis.RedisError, ClickHouseError, elasticsearch.ApiError) as error:
        if worst == RIGHT:  # else likely of the same cause
            say(f"  WRONG  {doing}: {error}")
        return WRONG
    return worst


def main() -> int:
    urls = Urls.from_environ()
    found = {}
    for store in STORES:
        say(f"{store.name} at {masked(getattr(urls, store.name))}")
        found[store.name] = asyncio.run(tried(store))
    wrong = [name for name, result in found.items() if result == WRONG]
    away = [name for name, result in found.items() if result == AWAY]
    if wrong:
        say(f"WRONG: {', '.join(wrong)}" + (f"; away: {', '.join(away)}" if away else ""))
        return WRONG
    if away:
        say(f"Not checked, since away: {', '.join(away)}")
        return AWAY
    say("All three storage clients work.")
    return RIGHT


# ----------------------------------------------------------------------------------------------------- under pytest


@pytest.fixture(scope="module")
def _new_layout(endpoints: Endpoints) -> None:
    from tests.app.new_layout import empty  # noqa: PLC0415 - as a script, this file knows no other
    from tvmigrate.engines.clients import Clients  # noqa: PLC0415

    with Clients(endpoints) as raw:
        empty(raw)


@pytest.fixture
def _environ(_new_layout: None, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in endpoints.environ().items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_environ")
@pytest.mark.parametrize(
    ("store", "step"),
    [pytest.param(store, step, id=step.__name__) for store in STORES for step in store.checks],
)
async def test_client(store: Store, step: Step) -> None:
    async with connected(store) as probe:
        await finished(step(probe))


if __name__ == "__main__":
    sys.exit(main())
