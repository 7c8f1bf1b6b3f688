"""The three stores as the API asks them: connected when they can be, each within its own time limit and threads.

A store that is away, when the API starts or later, is an error of the requests that need it and of no other: nothing
here waits for two stores at once, and ClickHouse's client, which blocks, has a pool of threads of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from src.errors import AppError, InvalidValue, StoreError, StoreUnavailable
from src.settings import Urls
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2
from src.storage.redis_client_v2 import RedisClientV2

REDIS, CLICKHOUSE, ELASTICSEARCH = "redis", "clickhouse", "elasticsearch"

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a store may take, and how many threads ClickHouse has.

    `store_seconds` is for all that one request asks of one store in one go, connecting included; `health_seconds` for
    the ping of `/health` and `/ready`; `clickhouse_threads` bounds the questions under way at ClickHouse.
    """

    store_seconds: float = 3.0
    health_seconds: float = 2.0
    clickhouse_threads: int = 8

    @property
    def client_seconds(self) -> float:
        """The drivers' own limit: a little more, so that the API's limit, which says 504, is the one that is met."""
        return self.store_seconds * 1.25


class StoreTooSlow(StoreError):
    """A store did not answer within the API's time limit."""

    def __init__(self, store: str, seconds: float) -> None:
        super().__init__(
            store,
            f"{store} did not answer within {seconds:g} s. The other stores' endpoints are not affected; "
            "ask again later, or for less.",
        )


@dataclass(frozen=True, slots=True)
class Ping:
    """What a store said to a ping: the milliseconds until it answered or was given up, and the error if any."""

    store: str
    latency_ms: float
    error: AppError | None


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


class _Link:
    """Whether a client has connected, and the clock of what is asked of it."""

    def __init__(self, store: str, connect: Callable[[], Awaitable[None]], limits: Limits) -> None:
        self.store = store
        self._connect = connect
        self._limits = limits
        self._is_connected = False
        self._attempt: asyncio.Task[None] | None = None
        self._given_up: set[asyncio.Task[Any]] = set()  # a task that nothing holds may be collected while it runs

    def begin(self) -> None:
        """Begin to connect without waiting for it; an error is for whoever asks the store next."""
        if self._attempt is None or self._attempt.done():
            self._attempt = asyncio.create_task(self._connect_once())
            # An error that nobody was waiting for is no news: the next request tries again.
            self._attempt.add_done_callback(lambda attempt: attempt.cancelled() or attempt.exception())

    async def within(self, work: Callable[[], Awaitable[_T]], seconds: float | None = None) -> _T:
        """Connect if that has not been done, do `work`; raises StoreTooSlow after `seconds`, and what `work` raises.

        The time limit does not depend on how soon a driver notices that it is cancelled: redis-py, with fifty tasks
        waiting for a connection, overhears it now and then and goes on until its own limit. So the work is given up
        and not waited for; it ends by the driver's limit at the latest.
        """
        allowed = self._limits.store_seconds if seconds is None else seconds
        task = asyncio.create_task(self._connect_and(work))
        try:
            done, _ = await asyncio.wait({task}, timeout=allowed)
        finally:
            if not task.done():
                task.cancel()
                self._given_up.add(task)
                task.add_done_callback(self._forget)
        if not done:
            raise StoreTooSlow(self.store, allowed)
        return task.result()

    async def ping(self, work: Callable[[], Awaitable[object]]) -> Ping:
        """Do `work` within the time limit of a ping, and say how it went instead of raising."""
        began = time.perf_counter()
        error: AppError | None = None
        try:
            await self.within(work, self._limits.health_seconds)
        except AppError as raised:
            error = raised
        return Ping(self.store, round((time.perf_counter() - began) * 1000, 3), error)

    async def end(self) -> None:
        """Give up an attempt to connect that is under way."""
        if self._attempt is not None and not self._attempt.done():
            self._attempt.cancel()
            with suppress(asyncio.CancelledError, AppError):
                await self._attempt

    async def _connect_and(self, work: Callable[[], Awaitable[_T]]) -> _T:
        if not self._is_connected:
            # One attempt for all who wait: fifty requests open no fifty connections to a store that is not there.
            self.begin()
            if self._attempt is not None:
                await asyncio.shield(self._attempt)
        return await work()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._given_up.discard(task)
        _ = task.cancelled() or task.exception()  # nobody waits for it any more

    async def _connect_once(self) -> None:
        try:
            await self._connect()
        except InvalidValue as error:  # of the URL that the API was given, and not of a request
            raise StoreUnavailable(self.store, str(error)) from error
        self._is_connected = True


class AsyncStore(Generic[_AsyncC]):
    """A store whose client is async."""

    def __init__(self, store: str, client: _AsyncC, limits: Limits) -> None:
        self._client = client
        self._link = _Link(store, client.connect, limits)

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
        self._link = _Link(store, lambda: self._in_thread(client.connect), limits)

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
