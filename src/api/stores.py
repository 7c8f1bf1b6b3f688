"""The three stores as the API asks them: connected when they can be, each within its own time limit and threads.

A store that is away, when the API starts or later, is an error of the requests that need it and of no other: nothing
here waits for two stores at once, and ClickHouse's client, which blocks, has a pool of threads of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Concatenate, Generic, ParamSpec, Protocol, TypeVar

from src.api.link import Limits, Link, Ping
from src.errors import AppError
from src.settings import Urls
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2
from src.storage.redis_client_v2 import RedisClientV2

REDIS, CLICKHOUSE, ELASTICSEARCH = "redis", "clickhouse", "elasticsearch"

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _AsyncClient(Protocol):
    async def connect(self) -> None: ...
    async def disconnect(self) -> None: ...
    async def ping(self) -> object: ...


class _SyncClient(Protocol):
    def connect(self) -> None: ...
    def disconnect(self) -> None: ...
    def ping(self) -> object: ...


_AsyncC = TypeVar("_AsyncC", bound=_AsyncClient)
_SyncC = TypeVar("_SyncC", bound=_SyncClient)


class AsyncStore(Generic[_AsyncC]):
    """A store whose client is async."""

    def __init__(self, store: str, client: _AsyncC, limits: Limits) -> None:
        self._client = client
        self._link = Link(store, client.connect, limits)

    def begin(self) -> None:
        """Begin to connect, without waiting."""
        self._link.begin()

    async def ask(
        self, method: Callable[Concatenate[_AsyncC, _P], Awaitable[_T]], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Return what the client's `method` returns; raises StoreTooSlow, and whatever the method raises."""
        return await self._link.within(lambda: method(self._client, *args, **kwargs))

    async def ping(self) -> Ping:
        """Return how the store answers a ping."""
        return await self._link.ping(self._client.ping)

    async def close(self) -> None:
        """Disconnect; a store that is away cannot keep the API from ending."""
        await self._link.end()
        with suppress(AppError):
            await self._client.disconnect()


class ThreadedStore(Generic[_SyncC]):
    """A store whose client blocks: asked in threads of its own, never more than `Limits.clickhouse_threads`.

    An own executor and not `anyio.to_thread` with a limiter: a call that is given up there hands its place back while
    its thread still waits, so that a stopped server would take more threads with each request. Here a thread stays
    taken until the driver gives up, and who waits for a free one is told that the store is too slow.
    """

    def __init__(self, store: str, client: _SyncC, limits: Limits) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(limits.clickhouse_threads, thread_name_prefix=store)
        self._link = Link(store, lambda: self._in_thread(client.connect), limits)

    def begin(self) -> None:
        """Begin to connect, without waiting."""
        self._link.begin()

    async def ask(self, method: Callable[Concatenate[_SyncC, _P], _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Return what the client's `method` returns; raises StoreTooSlow, and whatever the method raises."""
        return await self._link.within(lambda: self._in_thread(lambda: method(self._client, *args, **kwargs)))

    async def ping(self) -> Ping:
        """Return how the store answers a ping."""
        return await self._link.ping(lambda: self._in_thread(self._client.ping))

    async def close(self) -> None:
        """Disconnect and let the threads end; none is waited for."""
        await self._link.end()
        self._threads.shutdown(wait=False, cancel_futures=True)
        with suppress(AppError):
            self._client.disconnect()

    def _in_thread(self, work: Callable[[], _T]) -> Awaitable[_T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work)


class Stores:
    """The API's own three clients."""

    def __init__(self, urls: Urls, limits: Limits) -> None:
        seconds = limits.client_seconds
        self.redis = AsyncStore(REDIS, RedisClientV2(urls.redis, timeout=seconds), limits)
        threads = limits.clickhouse_threads
        clickhouse = ClickHouseClientV2(urls.clickhouse, timeout=seconds, pool_size=threads)
        self.clickhouse = ThreadedStore(CLICKHOUSE, clickhouse, limits)
        self.elasticsearch = AsyncStore(
            ELASTICSEARCH, ElasticsearchClientV2(urls.elasticsearch, timeout=seconds), limits
        )

    @property
    def _all(
        self,
    ) -> tuple[AsyncStore[RedisClientV2], ThreadedStore[ClickHouseClientV2], AsyncStore[ElasticsearchClientV2]]:
        return self.redis, self.clickhouse, self.elasticsearch

    def begin(self) -> None:
        """Begin to connect to all three; the API serves meanwhile."""
        for store in self._all:
            store.begin()

    async def pings(self) -> list[Ping]:
        """Ping all three side by side."""
        return list(await asyncio.gather(*(store.ping() for store in self._all)))

    async def close(self) -> None:
        """Disconnect all three."""
        await asyncio.gather(*(store.close() for store in self._all))
