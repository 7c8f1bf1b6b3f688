"""A store that is away, refuses or was never connected to: typed errors, whole sentences, no password."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from src.errors import AppError, InvalidValue, NotConnected, StoreError, StoreRefused, StoreUnavailable
from src.settings import Urls, masked
from src.storage.clickhouse_client_v2 import ClickHouseClientV2, clickhouse_client_v2
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2, elasticsearch_client_v2
from src.storage.redis_client_v2 import RedisClientV2, redis_client_v2

from .proxy import LosingProxy

ROOT = Path(__file__).parents[3]
AT = dt.datetime(2025, 11, 20, 6, 5, tzinfo=dt.UTC)
CLIENTS = {
    "redis": (RedisClientV2, "redis"),
    "clickhouse": (ClickHouseClientV2, "http"),
    "elasticsearch": (ElasticsearchClientV2, "http"),
}
COMMENT = ("c", "p", "t", "u", AT, "neutral", 0.0, 0.0, [])
NAMES = (
    "comment_id",
    "program_id",
    "text",
    "username",
    "timestamp",
    "sentiment",
    "sentiment_score",
    "engagement_score",
    "topics",
)
CALLS = {
    redis_client_v2: {
        "ping": (),
        "set_current_eaos": ("p", 0, 0, 0, 0, 0),
        "get_current_eaos": ("p",),
        "get_current_eaos_many": (["p"],),
        "programs": (),
        "add_trending_topic": ("5min", "t", 1),
        "get_top_trends": ("5min",),
        "append_event": ("p", "note"),
        "get_events": ("p", "2025-11-20"),
        "event_dates": ("p",),
    },
    clickhouse_client_v2: {
        "ping": (),
        "insert_eaos_metric": ("p", AT, 0, 0, 0, 0, 0),
        "get_latest_eaos": ("p",),
        "get_eaos_history": ("p",),
        "insert_comment": dict(zip(NAMES, COMMENT, strict=True)),
        "insert_comments": ([],),
        "insert_aggregates": ([],),
        "get_topics": ("p",),
        "insert_anomaly": ("p", AT, "m", 0, 0, 0, "low"),
        "get_anomalies": (),
        "programs": (),
    },
    elasticsearch_client_v2: {
        "ping": (),
        "index_comment": COMMENT,
        "bulk_index": ([],),
        "get_comment": ("c",),
        "search_comments": (),
        "search_page": (),
        "count_comments": (),
    },
}
CONNECT = {
    redis_client_v2: "`await redis_client_v2.connect()`",
    clickhouse_client_v2: "`clickhouse_client_v2.connect()`",
    elasticsearch_client_v2: "`await elasticsearch_client_v2.connect()`",
}


async def finished(result):
    return await result if asyncio.iscoroutine(result) else result


async def call(method, arguments):
    return await finished(method(**arguments) if isinstance(arguments, dict) else method(*arguments))


@pytest.mark.parametrize("client", CALLS, ids=lambda client: type(client).__name__)
async def test_every_method_before_connect_says_so(client):
    public = {name for name in dir(client) if not name.startswith("_")}
    assert public == {*CALLS[client], "connect", "disconnect"}  # a new method belongs into this table
    for name, arguments in CALLS[client].items():
        with pytest.raises(NotConnected) as raised:
            await call(getattr(client, name), arguments)
        singleton = CONNECT[client].strip("`").removeprefix("await ").removesuffix(".connect()")
        said = "was called before connect() or after disconnect()"
        assert str(raised.value) == f"{singleton}.{name}() {said}: call {CONNECT[client]} first."


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize("store", CLIENTS)
async def test_a_store_that_is_away_is_named_without_its_password(store, closed_port):
    kind, scheme = CLIENTS[store]
    client = kind(f"{scheme}://user:s%2Fcret@127.0.0.1:{closed_port}", attempts=2)
    with pytest.raises(StoreUnavailable) as raised:
        await finished(client.connect())
    assert raised.value.store == store
    assert not raised.value.maybe_done
    assert str(raised.value).startswith(f"{store} at {scheme}://user:***@127.0.0.1:{closed_port} does not answer: ")
    assert "s%2Fcret" not in str(raised.value)
    assert "s/cret" not in str(raised.value)
    with pytest.raises(NotConnected):
        await finished(client.ping())
    await finished(client.disconnect())


@pytest.mark.parametrize("store", CLIENTS)
async def test_a_store_that_does_not_answer_is_given_up(store):
    """It takes the connection and says nothing."""
    kind, scheme = CLIENTS[store]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = kind(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2, attempts=1)
        with pytest.raises(StoreUnavailable, match=f"^{store} at .* does not answer: "):
            await finished(client.connect())


@pytest.mark.parametrize("store", CLIENTS)
async def test_what_is_another_store_is_refused(store, stores, app_urls):
    kind, _ = CLIENTS[store]
    other = {"redis": app_urls.clickhouse, "clickhouse": app_urls.elasticsearch, "elasticsearch": app_urls.clickhouse}
    client = kind(other[store].replace("http", "redis") if store == "redis" else other[store], attempts=1, timeout=2)
    with pytest.raises(StoreError) as raised:
        await finished(client.connect())
    assert raised.value.store == store


@pytest.mark.parametrize("store", CLIENTS)
async def test_disconnect_twice_and_connect_again(store, stores, app_urls):
    kind, _ = CLIENTS[store]
    client = kind(getattr(app_urls, store))
    await finished(client.disconnect())
    for _ in range(2):
        await finished(client.connect())
        await finished(client.connect())
        await finished(client.ping())
        await finished(client.disconnect())
        await finished(client.disconnect())
    with pytest.raises(NotConnected):
        await finished(client.ping())


@pytest.mark.parametrize("store", ["redis", "elasticsearch"])
def test_another_event_loop_needs_another_connect(store, stores, app_urls):
    kind, _ = CLIENTS[store]
    client = kind(getattr(app_urls, store))

    async def connect_and_ask() -> None:
        await client.connect()
        await client.ping()

    with asyncio.Runner() as one, asyncio.Runner() as other:
        one.run(connect_and_ask())
        with pytest.raises(
            NotConnected, match=rf"^{store}_client_v2\.ping\(\) was called in another event loop than c"
        ):
            other.run(client.ping())
        one.run(client.disconnect())
        other.run(connect_and_ask())
        other.run(client.disconnect())


@pytest.mark.parametrize("store", CLIENTS)
async def test_a_store_that_comes_back_is_used_again(store, stores, app_urls):
    """The connections of the pool are dead then; the first question after is answered all the same."""
    kind, _ = CLIENTS[store]
    with LosingProxy(getattr(app_urls, store), b"no such marker") as proxy:
        client = kind(proxy.url)
        await finished(client.connect())
        proxy.cut()
        await finished(client.ping())
        await finished(client.disconnect())


async def test_a_wrong_password_is_refused_with_what_to_do(raw_redis, app_urls):
    host = app_urls.redis.removeprefix("redis://")
    with pytest.raises(StoreRefused) as raised:
        await RedisClientV2(f"redis://nobody:s3cret@{host}").connect()
    told = str(raised.value)
    assert told.startswith(f"redis at redis://nobody:***@{host} refused: ")
    assert told.endswith("To do: correct user and password in REDIS_URL.")
    assert "s3cret" not in told


@pytest.mark.parametrize(
    ("client", "told"),
    [
        (RedisClientV2("http://h:1"), "REDIS_URL is 'http://h:1': expected is redis:// or rediss:// or unix:// with a"),
        (ElasticsearchClientV2("https://"), "ELASTICSEARCH_URL is 'https://': expected is http:// or https:// with a"),
        (ElasticsearchClientV2("http://h:port"), "ELASTICSEARCH_URL is no URL (Port could not be cast"),
    ],
    ids=["scheme", "host", "port"],
)
async def test_a_wrong_url_is_refused(client, told):
    with pytest.raises(InvalidValue) as raised:
        await client.connect()
    assert str(raised.value).startswith(told)


def test_urls_come_from_the_environment_or_are_docker_compose_s():
    assert Urls.from_environ({}) == Urls("redis://127.0.0.1:6379", "http://127.0.0.1:8123", "http://127.0.0.1:9200")
    given = {"REDIS_URL": "redis://r", "CLICKHOUSE_URL": "http://c", "ELASTICSEARCH_URL": ""}
    assert Urls.from_environ(given) == Urls("redis://r", "http://c", "http://127.0.0.1:9200")
    assert masked("redis://:pw@h:1/0") == "redis://:***@h:1/0"
    assert masked("http://[") == "***"


def test_the_errors_are_one_tree():
    for kind in (InvalidValue, NotConnected, StoreUnavailable, StoreRefused):
        assert issubclass(kind, AppError)


def check(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the check as the guide does."""
    command = [sys.executable, "tests/test_storage_v2.py"]
    return subprocess.run(command, env=environ, cwd=ROOT, check=False, capture_output=True, text=True)


def test_the_guide_s_check_says_what_it_tried_and_leaves_nothing(app_environ, stores):
    stores.redis.zadd("trends:top:15min", {"real": 5})
    done = check(app_environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "redis", "right", "right", "right", "clickhouse", "right", "right", "right", "right",
        "elasticsearch", "right", "right", "All",
    ]  # fmt: skip
    assert stores.redis.keys() == [b"trends:top:15min"]
    assert stores.redis.zrange("trends:top:15min", 0, -1) == [b"real"]
    for table in ("eaos_metrics", "comment_aggregates", "anomalies", "raw_comments"):
        assert stores.clickhouse.query(f"SELECT count() FROM tv_analytics.{table}").result_rows == [(0,)]
    assert stores.elasticsearch.count(index="tv_comments")["count"] == 0


def test_the_guide_s_check_names_a_store_that_is_away(app_environ, closed_port):
    done = check({**app_environ, "CLICKHOUSE_URL": f"http://u:s3cret@127.0.0.1:{closed_port}"})
    assert (done.returncode, done.stderr) == (3, "")
    assert f"clickhouse at http://u:***@127.0.0.1:{closed_port}" in done.stdout
    assert done.stdout.endswith("Not checked, since away: clickhouse\n")
    assert "s3cret" not in done.stdout


def test_the_guide_s_check_says_what_is_wrong(app_environ, stores):
    stores.clickhouse.command("DROP TABLE tv_analytics.anomalies SYNC")
    stores.elasticsearch.indices.delete(index="tv_comments_v2")
    done = check(app_environ)
    assert (done.returncode, done.stderr) == (1, "")
    assert "  WRONG  clickhouse keeps anomalies: clickhouse at http://" in done.stdout
    assert done.stdout.endswith("WRONG: clickhouse, elasticsearch\n")
