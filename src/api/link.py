"""The time limits of a store, and the link that keeps them: connected when it can be, given up when it is too slow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from src.errors import AppError, InvalidValue, StoreError, StoreUnavailable

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a store may take, and how many threads ClickHouse has.

    `store_seconds` is for all that one request asks of one store in one go, connecting included; `health_seconds` for
    the ping of `/health` and `/ready`; `clickhouse_threads` bounds the questions under way at ClickHouse.

    Raises:
        InvalidValue: one of them is not above 0.
    """

    store_seconds: float = 3.0
    health_seconds: float = 2.0
    clickhouse_threads: int = 8

    def __post_init__(self) -> None:
        for limit in fields(self):
            if not getattr(self, limit.name) > 0:
                raise InvalidValue(
                    limit.name, f"{limit.name} is {getattr(self, limit.name)}: expected is a number above 0."
                )

    @property
    def client_seconds(self) -> float:
        """The drivers' own limit: more, so that the API's, which says 504, is met first on a busy machine too."""
        return self.store_seconds + 2


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


class Link:
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
