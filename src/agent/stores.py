"""The agent's own clients of the three stores: opened when first needed, each call bounded in time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from src.errors import AppError, StoreUnavailable
from src.settings import Urls, masked

# The drivers take a second to import, and the schemas, help and completion need none: each is imported when opened.
if TYPE_CHECKING:
    from src.storage.clickhouse_client_v2 import ClickHouseClientV2
    from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2
    from src.storage.redis_client_v2 import RedisClientV2

REDIS, CLICKHOUSE, ELASTICSEARCH = STORES = ("redis", "clickhouse", "elasticsearch")
SECONDS = 5.0

T = TypeVar("T")


class Stores:
    """One client of each store, made from `urls`; usable from one event loop.

    Args:
        urls: where the stores answer; by default as the environment says when the first call is made.
        timeout: seconds that one call of a store, connecting included, may take.
    """

    def __init__(self, urls: Urls | None = None, *, timeout: float = SECONDS) -> None:
        self._urls = urls
        self.timeout = timeout
        self._redis: RedisClientV2 | None = None
        self._clickhouse: ClickHouseClientV2 | None = None
        self._elasticsearch: ElasticsearchClientV2 | None = None
        self._opening = {store: asyncio.Lock() for store in STORES}

    @property
    def urls(self) -> Urls:
        """Where the stores answer."""
        if self._urls is None:
            self._urls = Urls.from_environ()
        return self._urls

    async def redis(self, work: Callable[[RedisClientV2], Awaitable[T]]) -> T:
        """Return what `work` makes of the connected client.

        Raises:
            StoreUnavailable: Redis is away, or did not answer within the timeout.
            AppError: what the client raises.
        """

        async def connected() -> T:
            async with self._opening[REDIS]:
                if self._redis is None:
                    from src.storage.redis_client_v2 import RedisClientV2  # noqa: PLC0415

                    client = RedisClientV2(self.urls.redis, timeout=self.timeout)
                    await client.connect()
                    self._redis = client
            return await work(self._redis)

        return await self._bounded(REDIS, connected())

    async def clickhouse(self, work: Callable[[ClickHouseClientV2], T]) -> T:
        """Return what `work` makes of the connected client, in a thread: the client is synchronous.

        Raises:
            StoreUnavailable: ClickHouse is away, or did not answer within the timeout.
            AppError: what the client raises.
        """

        async def connected() -> T:
            async with self._opening[CLICKHOUSE]:
                if self._clickhouse is None:
                    from src.storage.clickhouse_client_v2 import ClickHouseClientV2  # noqa: PLC0415

                    client = ClickHouseClientV2(self.urls.clickhouse, timeout=self.timeout)
                    await asyncio.to_thread(client.connect)
                    self._clickhouse = client
            return await asyncio.to_thread(work, self._clickhouse)

        return await self._bounded(CLICKHOUSE, connected())

    async def elasticsearch(self, work: Callable[[ElasticsearchClientV2], Awaitable[T]]) -> T:
        """Return what `work` makes of the connected client.

        Raises:
            StoreUnavailable: Elasticsearch is away, or did not answer within the timeout.
            AppError: what the client raises.
        """

        async def connected() -> T:
            async with self._opening[ELASTICSEARCH]:
                if self._elasticsearch is None:
                    from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2  # noqa: PLC0415

                    client = ElasticsearchClientV2(self.urls.elasticsearch, timeout=self.timeout)
                    await client.connect()
                    self._elasticsearch = client
            return await work(self._elasticsearch)

        return await self._bounded(ELASTICSEARCH, connected())

    async def health(self) -> dict[str, AppError | None]:
        """Ask each store at once whether it answers; return what is wrong by store, None where nothing is."""
        asked = {
            REDIS: self.redis(lambda client: client.ping()),
            CLICKHOUSE: self.clickhouse(lambda client: client.ping()),
            ELASTICSEARCH: self.elasticsearch(lambda client: client.ping()),
        }
        answers = await asyncio.gather(*asked.values(), return_exceptions=True)
        found: dict[str, AppError | None] = {}
        for store, answer in zip(asked, answers, strict=True):
            if isinstance(answer, BaseException) and not isinstance(answer, AppError):
                raise answer
            found[store] = answer if isinstance(answer, AppError) else None
        return found

    async def close(self) -> None:
        """Close the clients that were opened; a second call does nothing."""
        redis, clickhouse, elasticsearch = self._redis, self._clickhouse, self._elasticsearch
        self._redis = self._clickhouse = self._elasticsearch = None
        if redis is not None:
            await redis.disconnect()
        if clickhouse is not None:
            clickhouse.disconnect()
        if elasticsearch is not None:
            await elasticsearch.disconnect()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _bounded(self, store: str, work: Awaitable[T]) -> T:
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(work, self.timeout)
        raise StoreUnavailable(
            store,
            f"{store} at {masked(str(getattr(self.urls, store)))} did not answer within {self.timeout:g} s. "
            "See whether it is up and not overloaded, or give it more time (--timeout SECONDS).",
        )
