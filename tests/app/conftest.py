"""What tests of the application share: the engines with the new layout, clients of theirs, and the stores as they are.

A test gets `stores` (raw access to empty stores of the new layout), or `redis_v2`, `clickhouse_v2`, `elasticsearch_v2`
(connected clients, `stores` included), or `app_environ` (the variables for a child process).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

from src.settings import Urls
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2
from src.storage.redis_client_v2 import RedisClientV2
from tvmigrate.engines.clients import Clients

from .new_layout import empty

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
def stores(_raw: Clients) -> Clients:
    """Drivers' own clients of the three stores, which hold the new layout and not one record.

    Whatever another test left is taken away, whichever folder's it was.
    """
    empty(_raw)
    return _raw


@pytest.fixture
async def redis_v2(stores: Clients, app_urls: Urls) -> AsyncIterator[RedisClientV2]:
    async with RedisClientV2(app_urls.redis) as client:
        yield client


@pytest.fixture
def clickhouse_v2(stores: Clients, app_urls: Urls) -> Iterator[ClickHouseClientV2]:
    with ClickHouseClientV2(app_urls.clickhouse) as client:
        yield client


@pytest.fixture
async def elasticsearch_v2(stores: Clients, app_urls: Urls) -> AsyncIterator[ElasticsearchClientV2]:
    async with ElasticsearchClientV2(app_urls.elasticsearch) as client:
        yield client
