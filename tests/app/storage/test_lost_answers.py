"""When a store did what it was asked and its answer is lost: nothing is done twice, and the caller is told."""

from __future__ import annotations

import datetime as dt

import pytest

from src.errors import StoreUnavailable
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2
from src.storage.redis_client_v2 import RedisClientV2

from .proxy import LosingProxy

AT = dt.datetime(2025, 11, 20, 6, 5, tzinfo=dt.UTC)
PROGRESS = b'HTTP/1.1 200 OK\r\nX-ClickHouse-Progress: {"read_rows":"1"}\r\n'
LOST = " What it was asked may or may not have been done: look before you ask again."


def rows(raw) -> int:
    return int(raw.query("SELECT count() FROM tv_analytics.eaos_metrics").result_rows[0][0])


@pytest.mark.parametrize("instead", [b"", PROGRESS], ids=["no-answer", "half-a-head"])
def test_an_insert_whose_answer_is_lost_makes_one_row(raw_clickhouse, app_urls, instead):
    with LosingProxy(app_urls.clickhouse, b"INSERT", instead=instead) as proxy, ClickHouseClientV2(proxy.url) as client:
        with pytest.raises(StoreUnavailable) as raised:
            client.insert_eaos_metric("p", AT, 0.5, 1, 1, 1, 3)
        assert (rows(raw_clickhouse), proxy.seen) == (1, 1)
        assert raised.value.maybe_done
        assert str(raised.value).startswith(f"clickhouse at {proxy.url} does not answer: ")
        assert str(raised.value).endswith(LOST)
        client.insert_eaos_metric("p", AT, 0.5, 1, 1, 1, 3)  # and the client still works
        assert rows(raw_clickhouse) == 2


def test_a_lost_batch_says_how_many_rows_are_written(raw_clickhouse, app_urls):
    comment = {
        "program_id": "p", "text": "", "username": "", "timestamp": AT, "sentiment": "neutral",
        "sentiment_score": 0, "engagement_score": 0, "topics": [],
    }  # fmt: skip
    comments = ({"comment_id": f"c{number}", **comment} for number in range(10_001))
    with (
        LosingProxy(app_urls.clickhouse, b"INSERT", lose=0) as proxy,
        ClickHouseClientV2(proxy.url) as client,
        pytest.raises(StoreUnavailable, match=r"again\. The 10000 rows before these 1 are written\.$"),
    ):
        client.insert_comments(losing_the_last(comments, proxy))
    assert raw_clickhouse.query("SELECT uniqExact(comment_id) FROM tv_analytics.raw_comments").result_rows == [
        (10_001,)
    ]


def losing_the_last(comments, proxy):
    for number, comment in enumerate(comments):
        if number == 10_000:
            proxy.lose(1)
        yield comment


def test_a_select_whose_answer_is_lost_is_asked_again(clickhouse_v2, app_urls):
    clickhouse_v2.insert_eaos_metric("p", AT, 0.5, 1, 1, 1, 3)
    with LosingProxy(app_urls.clickhouse, b"eaos_metrics", lose=2) as proxy, ClickHouseClientV2(proxy.url) as client:
        assert client.get_latest_eaos("p")["timestamp"] == AT
        assert proxy.seen == 3


async def test_an_addition_whose_answer_is_lost_counts_once(raw_redis, app_urls):
    with LosingProxy(app_urls.redis, b"ZINCRBY") as proxy:
        async with RedisClientV2(proxy.url) as client:
            with pytest.raises(StoreUnavailable) as raised:
                await client.add_trending_topic("5min", "lan", 50)
            assert (raw_redis.zscore("trends:top:5min", "lan"), proxy.seen) == (50.0, 1)
            assert raised.value.maybe_done
            assert str(raised.value).endswith(LOST)
            assert await client.add_trending_topic("5min", "lan", 1) == 51.0


async def test_an_event_whose_answer_is_lost_is_there_once(raw_redis, app_urls):
    with LosingProxy(app_urls.redis, b"RPUSH") as proxy:
        async with RedisClientV2(proxy.url) as client:
            with pytest.raises(StoreUnavailable):
                await client.append_event("p", "note", timestamp=AT)
            assert (len(await client.get_events("p", "2025-11-20")), proxy.seen) == (1, 1)


async def test_what_may_be_done_twice_is_repeated(raw_redis, raw_elasticsearch, app_urls):
    with LosingProxy(app_urls.redis, b"HSET", lose=2) as proxy:
        async with RedisClientV2(proxy.url) as client:
            await client.set_current_eaos("p", 0.5, 1, 1, 1, 3)
            assert proxy.seen == 3
    with LosingProxy(app_urls.redis, b"ZADD") as proxy:
        async with RedisClientV2(proxy.url) as client:
            assert await client.add_trending_topic("5min", "lan", 7, how="set") == 7.0
            assert proxy.seen == 2
    with LosingProxy(app_urls.elasticsearch, b"_bulk") as proxy:
        async with ElasticsearchClientV2(proxy.url) as client:
            assert await client.index_comment("c", "p", "t", "u", AT, "neutral", 0.0, 0.0, []) == "c"
            assert await client.count_comments("p") == 1
            assert proxy.seen == 2


async def test_no_more_than_the_attempts_are_made(raw_redis, app_urls):
    with LosingProxy(app_urls.redis, b"HMGET", lose=9) as proxy:
        async with RedisClientV2(proxy.url, attempts=2) as client:
            with pytest.raises(StoreUnavailable) as raised:
                await client.get_current_eaos("p")
            assert proxy.seen == 2
            assert not raised.value.maybe_done
