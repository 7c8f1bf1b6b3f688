"""The application's client of Redis on the new layout: EAOS now, trends, events. Async; `redis_client_v2` is ready made.

    await redis_client_v2.connect()
    await redis_client_v2.set_current_eaos("the_voice/lan", 0.85, positive=100, negative=20, neutral=30, total=150)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import redis.asyncio as redis
import stamina
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from src.errors import InvalidValue, UnreadableRecord
from src.settings import REDIS_URL, Urls, masked
from src.storage import checks, redis_forms, times
from src.storage.failures import REDIS, away, is_away, never_sent, not_connected, refused, split_url, waits
from src.storage.records import EaosState, Event, Trend
from tvmigrate.contract import new

T = TypeVar("T")
_MANY = 500  # commands of one pipeline, items of one read


class RedisClientV2:
    """A pool of connections to Redis, for one event loop.

    Reads, and writes that come to the same when done twice, are repeated with jitter while the store is away: up to
    `attempts` times within `timeout`. `add_trending_topic` (adding) and `append_event` are repeated only where no
    connection came about; after that they raise `StoreUnavailable` with `maybe_done`.

    Every method but `connect` and `disconnect` raises `NotConnected` before `connect()`, `StoreUnavailable` where
    Redis is away, and `StoreRefused` where it answers with an error.
    """

    def __init__(
        self, url: str | None = None, *, timeout: float = 5.0, attempts: int = 3, pool_size: int = 32
    ) -> None:
        """Nothing is opened before `connect()`.

        Args:
            url: `redis://`, `rediss://` or `unix://`; None: REDIS_URL, read when `connect()` is called.
            timeout: seconds to wait for a connection, for an answer, and for a free connection of the pool.
            attempts: how often at most what is safe to repeat is tried.
            pool_size: connections at most.
        """
        self._given_url = url
        self._url = ""
        self._timeout = timeout
        self._waits = waits(attempts, timeout)
        self._pool_size = pool_size
        self._client: redis.Redis | None = None

    async def connect(self) -> None:
        """Open the pool and ask Redis for an answer; a second call opens it anew.

        Raises:
            InvalidValue: the URL is none of Redis.
            StoreUnavailable: Redis does not answer; nothing is left open.
            StoreRefused: Redis refuses the user or the database.
        """
        await self.disconnect()
        url = self._given_url or Urls.from_environ().redis
        split_url(REDIS_URL, url, ("redis", "rediss", "unix"))
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=self._pool_size,
            timeout=self._timeout,
            socket_timeout=self._timeout,
            socket_connect_timeout=self._timeout,
            # redis-py would repeat any command after a lost connection, increments too.
            retry=Retry(NoBackoff(), 0),
        )
        self._url, self._client = url, redis.Redis.from_pool(pool)
        try:
            await self.ping()
        except BaseException:
            await self.disconnect()
            raise

    async def disconnect(self) -> None:
        """Close the pool; a second call does nothing."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    async def ping(self) -> None:
        """Return when Redis has answered."""
        await self._repeat("ping", lambda client: client.ping())

    # ------------------------------------------------------------------------------------------------------- EAOS

    async def set_current_eaos(
        self,
        program_id: str,
        score: float,
        positive: int,
        negative: int,
        neutral: int,
        total: int,
        updated_at: dt.datetime | None = None,
        ttl_seconds: int | None = None,
    ) -> None:
        """Write the current EAOS of a program, whole or not at all, over whatever was there.

        Args:
            program_id: not blank.
            score: finite; kept bit for bit.
            positive, negative, neutral: whole numbers from 0.
            total: their sum.
            updated_at: naive is local time; None: now. Kept to the microsecond.
            ttl_seconds: the state expires after so many seconds; None: never, also if it would have before.

        Raises:
            InvalidValue: an argument is not as said.
        """
        parts = {
            new.POSITIVE: checks.count(new.POSITIVE, positive),
            new.NEGATIVE: checks.count(new.NEGATIVE, negative),
            new.NEUTRAL: checks.count(new.NEUTRAL, neutral),
        }
        state = EaosState(
            program_id=checks.name(new.EVENT_PROGRAM_ID, program_id),
            score=checks.number(new.SCORE, score),
            positive=positive,
            negative=negative,
            neutral=neutral,
            total=checks.total(new.TOTAL, total, **parts),
            updated_at=times.now() if updated_at is None else times.utc(new.UPDATED_AT, updated_at),
        )
        if ttl_seconds is not None and checks.count("ttl_seconds", ttl_seconds) == 0:
            raise InvalidValue("ttl_seconds", "ttl_seconds is 0: expected is a whole number from 1, or None.")
        key, fields = new.eaos_key(program_id), redis_forms.hash_fields(state)

        async def write(client: redis.Redis) -> None:
            async with client.pipeline(transaction=True) as together:
                together.delete(key)
                together.hset(key, mapping=fields)
                if ttl_seconds is not None:
                    together.expire(key, ttl_seconds)
                await together.execute()

        await self._repeat("set_current_eaos", write)

    async def get_current_eaos(self, program_id: str) -> EaosState | None:
        """Return the current EAOS of a program, None if there is none.

        Of a migrated `updated_at`, digits finer than a microsecond are cut off.

        Raises:
            InvalidValue: `program_id` is blank.
            UnreadableRecord: the hash is not of the contract's form.
        """
        return (await self.get_current_eaos_many([program_id]))[program_id]

    async def get_current_eaos_many(self, program_ids: Iterable[str]) -> dict[str, EaosState | None]:
        """Return the current EAOS of each program, in the order given, None where there is none; raises as for one."""
        names = list(dict.fromkeys(checks.name(new.EVENT_PROGRAM_ID, program_id) for program_id in program_ids))

        async def read(client: redis.Redis) -> list[list[bytes | None]]:
            found: list[list[bytes | None]] = []
            for at in range(0, len(names), _MANY):
                async with client.pipeline(transaction=False) as together:
                    for name in names[at : at + _MANY]:
                        together.hmget(new.eaos_key(name), new.EAOS_FIELDS)
                    found += await together.execute()
            return found

        found = await self._repeat("get_current_eaos_many", read)
        return {
            name: self._readable(new.eaos_key(name), lambda n=name, f=fields: redis_forms.state_of(n, f))  # type: ignore[misc]
            for name, fields in zip(names, found, strict=True)
        }

    async def programs(self) -> list[str]:
        """Return the programs that have a current EAOS or events, sorted; walks the keys of the whole database."""
        states = await self._names("programs", new.EAOS_PREFIX + "*", "HASH")
        lists = await self._names("programs", new.EVENTS_PREFIX + "*", "LIST")
        found = {name.removeprefix(new.EAOS_PREFIX) for name in states}
        found |= {name.removeprefix(new.EVENTS_PREFIX).rpartition(":")[0] for name in lists}
        return sorted(found - {""})

    # ----------------------------------------------------------------------------------------------------- trends

    async def add_trending_topic(
        self, time_range: str, topic: str, score: float, *, how: Literal["add", "set"] = "add"
    ) -> float:
        """Add `score` to what the topic has (`how="add"`, the default), or set it; return the topic's score afterwards.

        Args:
            time_range: 5min, 15min or 1hour.
            topic: not blank.
            score: finite.
            how: `add` is one ZINCRBY: additions of several writers all count. `set` is a ZADD.

        Raises:
            InvalidValue: an argument is not as said.
        """
        key = new.trend_key(checks.time_range("time_range", time_range))
        member, amount = checks.name("topic", topic), checks.number("score", score)
        if checks.one_of("how", how, ("add", "set")) == "add":
            return float(await self._once("add_trending_topic", lambda client: client.zincrby(key, amount, member)))
        await self._repeat("add_trending_topic", lambda client: client.zadd(key, {member: amount}))
        return float(amount)

    async def get_top_trends(self, time_range: str, limit: int = 10, offset: int = 0) -> list[Trend]:
        """Return topics of a time range, highest score first, of one score by topic; `offset` is passed over.

        Migrated scores may be infinite. A topic's byte that is not UTF-8 shows as `\\xNN`.

        Raises:
            InvalidValue: an unknown time range, a limit outside 1 to 10,000, a negative offset.
        """
        key = new.trend_key(checks.time_range("time_range", time_range))
        first = checks.offset("offset", offset)
        last = first + checks.limit("limit", limit) - 1
        pairs = await self._repeat(
            "get_top_trends",
            lambda client: client.eval(redis_forms.PAGE_OF_TRENDS, 1, key, first, last),  # type: ignore[arg-type]
        )
        return redis_forms.trends_of(pairs)

    # ----------------------------------------------------------------------------------------------------- events

    async def append_event(
        self,
        program_id: str,
        event_type: str,
        *,
        timestamp: dt.datetime | None = None,
        metric: str | None = None,
        value: float | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Event:
        """Append an event to the list of its program and UTC date; return it as it was stored.

        Args:
            program_id, event_type: not blank. An event of type `metric` needs a metric and a value.
            timestamp: naive is local time; None: now. Kept to the microsecond.
            metric: not blank, or None.
            value: finite, or None.
            data: a JSON object; None is an empty one.

        Raises:
            InvalidValue: an argument is not as said.
        """
        named = event_type == new.METRIC_EVENT
        event = Event(
            type=checks.name("event_type", event_type),
            metric=None if metric is None and not named else checks.name(new.EVENT_METRIC, metric),
            program_id=checks.name(new.EVENT_PROGRAM_ID, program_id),
            timestamp=times.now() if timestamp is None else times.utc(new.EVENT_TIMESTAMP, timestamp),
            value=None if value is None and not named else checks.number(new.EVENT_VALUE, value),
            data=redis_forms.checked_data(new.EVENT_DATA, data),
        )
        key, item = new.events_key(program_id, times.date_of(event["timestamp"])), redis_forms.event_text(event)
        await self._once("append_event", lambda client: client.rpush(key, item))
        return event

    async def get_events(
        self, program_id: str, date: dt.date | str, *, limit: int = 100, offset: int = 0, event_type: str | None = None
    ) -> list[Event]:
        """Return events of a program and a UTC date in their order; `offset` events (of the type asked for) are passed over.

        Raises:
            InvalidValue: a blank program, no date, a limit outside 1 to 10,000, a negative offset.
            UnreadableRecord: an item is no event; its position is named.
        """
        key = new.events_key(checks.name(new.EVENT_PROGRAM_ID, program_id), times.utc_day("date", date))
        wanted, passed = checks.limit("limit", limit), checks.offset("offset", offset)
        found: list[Event] = []
        at = passed if event_type is None else 0
        while len(found) < wanted:
            size = _MANY if event_type is not None else min(_MANY, wanted - len(found))
            items = await self._repeat("get_events", lambda client: client.lrange(key, at, at + size - 1))  # noqa: B023
            for position, item in enumerate(items, at):
                event = self._readable(f"{key}#{position}", lambda raw=item: redis_forms.event_of(raw))  # type: ignore[misc]
                if event_type is None or event["type"] == event_type:
                    found.append(event)
            at += size
            if len(items) < size:
                break
        return found[passed:][:wanted] if event_type is not None else found

    async def event_dates(self, program_id: str) -> list[str]:
        """Return the UTC dates (YYYY-MM-DD) on which a program has events, sorted; walks the keys of the database."""
        prefix = new.events_key(checks.name(new.EVENT_PROGRAM_ID, program_id), "")
        pattern = "".join(f"\\{char}" if char in "*?[]\\" else char for char in prefix) + "*"
        names = await self._names("event_dates", pattern, "LIST")
        return sorted(date for name in names if ":" not in (date := name.removeprefix(prefix)))

    # --------------------------------------------------------------------------------------------------- the wire

    async def _names(self, method: str, pattern: str, kind: str) -> set[str]:
        """Return the keys that match; one that is not UTF-8 is of no program of ours."""

        async def walk(client: redis.Redis) -> set[str]:
            found = set()
            async for key in client.scan_iter(match=pattern, count=1000, _type=kind):
                try:
                    found.add(key.decode())
                except UnicodeDecodeError:
                    continue
            return found

        return await self._repeat(method, walk)

    def _readable(self, where: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except (ValueError, TypeError) as error:
            raise UnreadableRecord(
                REDIS, f"{where} in redis at {masked(self._url)} has not the form of the new layout: {error}."
            ) from error

    async def _repeat(self, method: str, ask: Callable[[redis.Redis], Awaitable[T]]) -> T:
        """Ask, and ask again while Redis is away."""
        client = self._connected(method)

        async def once() -> T:
            async with self._failures():
                return await ask(client)

        return await stamina.AsyncRetryingCaller(**self._waits)(is_away, once)

    async def _once(self, method: str, ask: Callable[[redis.Redis], Awaitable[T]]) -> T:
        """Ask once: only the way to a connection is tried again."""
        client = self._connected(method)
        async with AsyncExitStack() as held:

            async def reach() -> redis.Redis:
                async with self._failures():
                    return await held.enter_async_context(client.client())

            single = await stamina.AsyncRetryingCaller(**self._waits)(never_sent, reach)
            async with self._failures(maybe_done=True):
                return await ask(single)

    def _connected(self, method: str) -> redis.Redis:
        if self._client is None:
            raise not_connected("redis_client_v2", method, "await redis_client_v2.connect()")
        return self._client

    @asynccontextmanager
    async def _failures(self, *, maybe_done: bool = False) -> AsyncIterator[None]:
        """Raise what the driver raises as the application's errors."""
        try:
            yield
        except (exceptions.AuthenticationError, exceptions.AuthorizationError) as error:
            raise refused(REDIS, self._url, error, f"correct user and password in {REDIS_URL}") from error
        except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
            raise away(REDIS, self._url, error, maybe_done=maybe_done) from error
        except exceptions.RedisError as error:
            raise refused(REDIS, self._url, error) from error


redis_client_v2 = RedisClientV2()
