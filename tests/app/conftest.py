"""What tests of the application share: the engines with the new layout, clients of theirs, and the stores as they are.

A test gets the application's connected clients (`redis_v2`, `clickhouse_v2`, `elasticsearch_v2`), drivers' own clients
(`raw_redis`, `raw_clickhouse`, `raw_elasticsearch`; `stores` is all three), or the variables for a child process
(`app_environ`). Whichever it asks for, that store is empty, and has the new layout.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest
import redis
from clickhouse_connect.driver.client import Client as ClickHouse
from elasticsearch import Elasticsearch

from src.settings import Urls
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2
from src.storage.redis_client_v2 import RedisClientV2
from tvmigrate.engines.clients import Clients

from . import new_layout

if TYPE_CHECKING:
    from tvmigrate.engines.endpoints import Endpoints


@pytest.fixture(scope="session")
def app_urls(endpoints: Endpoints) -> Urls:
    """The embedded engines as the application names them."""
    return Urls(endpoints.redis, endpoints.clickhouse, endpoints.elasticsearch)


@pytest.fixture
def app_environ(stores: Clients, endpoints: Endpoints) -> dict[str, str]:
    """The environment of a command of the application, on `stores`."""
    return {**os.environ, **endpoints.environ()}


@pytest.fixture(scope="session")
def _raw(endpoints: Endpoints) -> Iterator[Clients]:
    with Clients(endpoints) as clients:
        yield clients


@pytest.fixture
def raw_redis(_raw: Clients) -> redis.Redis:
    """The driver's own client of an empty Redis."""
    new_layout.empty_redis(_raw)
    return _raw.redis


@pytest.fixture
def raw_clickhouse(_raw: Clients) -> ClickHouse:
    """The driver's own client of a ClickHouse with the new tables, empty."""
    new_layout.empty_clickhouse(_raw)
    return _raw.clickhouse


@pytest.fixture
def raw_elasticsearch(_raw: Clients) -> Elasticsearch:
    """The driver's own client of an Elasticsearch with the new index, empty."""
    new_layout.empty_elasticsearch(_raw)
    return _raw.elasticsearch


@pytest.fixture
def stores(
    _raw: Clients, raw_redis: redis.Redis, raw_clickhouse: ClickHouse, raw_elasticsearch: Elasticsearch
) -> Clients:
    """All three: whatever another test left is taken away, whichever folder's it was."""
    return _raw


@pytest.fixture
async def redis_v2(raw_redis: redis.Redis, app_urls: Urls) -> AsyncIterator[RedisClientV2]:
    async with RedisClientV2(app_urls.redis) as client:
        yield client


@pytest.fixture
def clickhouse_v2(raw_clickhouse: ClickHouse, app_urls: Urls) -> Iterator[ClickHouseClientV2]:
    with ClickHouseClientV2(app_urls.clickhouse) as client:
        yield client


@pytest.fixture
async def elasticsearch_v2(raw_elasticsearch: Elasticsearch, app_urls: Urls) -> AsyncIterator[ElasticsearchClientV2]:
    async with ElasticsearchClientV2(app_urls.elasticsearch) as client:
        yield client
