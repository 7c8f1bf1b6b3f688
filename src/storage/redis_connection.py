"""One pool of connections to Redis, that sends nothing twice on its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import redis.asyncio as redis
import stamina
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from src.settings import REDIS_URL, Urls
from src.storage.failures import REDIS, away, is_away, never_sent, not_connected, refused, split_url, waits

T = TypeVar("T")


class RedisConnection:
    """Opens, closes and asks; raises what the driver raises as the application's errors."""

    def __init__(self, url: str | None, timeout: float, attempts: int, pool_size: int) -> None:
        self._given_url = url
        self.url = ""
        self._timeout = timeout
        self._waits = waits(attempts, timeout)
        self._pool_size = pool_size
        self._client: redis.Redis | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Open the pool and ask for an answer; a second call opens it anew."""
        await self.close()
        url = self._given_url or Urls.from_environ().redis
        split_url(REDIS_URL, url, ("redis", "rediss", "unix"))
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=self._pool_size,
            timeout=self._timeout,
            socket_timeout=self._timeout,
            socket_connect_timeout=self._timeout,
            # redis-py (8.1) would repeat any command after a lost connection, increments too.
            retry=Retry(NoBackoff(), 0),
        )
        self.url, self._client, self._loop = url, redis.Redis.from_pool(pool), asyncio.get_running_loop()
        try:
            await self.repeat("connect", lambda client: client.ping())
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the pool; a second call does nothing."""
        client, self._client = self._client, None
        # What a loop that ended left open cannot be closed from here.
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

    async def repeat(self, method: str, ask: Callable[[redis.Redis], Awaitable[T]]) -> T:
        """Ask, and ask again while Redis is away."""
        client = self._require(method)

        async def once() -> T:
            async with self._failures():
                return await ask(client)

        return await stamina.AsyncRetryingCaller(**self._waits)(is_away, once)

    async def once(self, method: str, ask: Callable[[redis.Redis], Awaitable[T]]) -> T:
        """Ask once: only the way to a connection is tried again."""
        client = self._require(method)
        async with AsyncExitStack() as held:

            async def reach() -> redis.Redis:
                async with self._failures():
                    return await held.enter_async_context(client.client())

            single = await stamina.AsyncRetryingCaller(**self._waits)(never_sent, reach)
            async with self._failures(maybe_done=True):
                return await ask(single)

    async def names(self, method: str, pattern: str, kind: str) -> set[str]:
        """Return the keys of a type that match a pattern; one that is not UTF-8 is none of ours."""

        async def walk(client: redis.Redis) -> set[str]:
            found = set()
            async for key in client.scan_iter(match=pattern, count=1000, _type=kind):
                try:
                    found.add(key.decode())
                except UnicodeDecodeError:
                    continue
            return found

        return await self.repeat(method, walk)

    def _require(self, method: str) -> redis.Redis:
        elsewhere = self._loop is not asyncio.get_running_loop()
        if self._client is None or elsewhere:
            known = elsewhere and self._client is not None
            raise not_connected("redis_client_v2", method, "await redis_client_v2.connect()", elsewhere=known)
        return self._client

    @asynccontextmanager
    async def _failures(self, *, maybe_done: bool = False) -> AsyncIterator[None]:
        try:
            yield
        except (exceptions.AuthenticationError, exceptions.AuthorizationError) as error:
            raise refused(REDIS, self.url, error, f"correct user and password in {REDIS_URL}") from error
        except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
            raise away(REDIS, self.url, error, maybe_done=maybe_done) from error
        except exceptions.RedisError as error:
            raise refused(REDIS, self.url, error) from error
