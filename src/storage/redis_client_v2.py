"""The application's client of Redis on the new layout: EAOS now, trends, events. Async; `redis_client_v2` is one.

await redis_client_v2.connect()
await redis_client_v2.set_current_eaos("the_voice/lan", 0.85, positive=100, negative=20, neutral=30, total=150)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import redis.asyncio as redis

from src.errors import InvalidValue, UnreadableRecord
from src.settings import masked
from src.storage import checks, redis_forms, times
from src.storage.failures import REDIS
from src.storage.records import EaosState, Event, Trend
from src.storage.redis_connection import RedisConnection
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

    def __init__(self, url: str | None = None, *, timeout: float = 5.0, attempts: int = 3, pool_size: int = 32) -> None:
        """Nothing is opened before `connect()`.

        Args:
            url: `redis://`, `rediss://` or `unix://`; None: REDIS_URL, read when `connect()` is called.
            timeout: seconds to wait for a connection, for an answer, and for a free connection of the pool.
            attempts: how often at most what is safe to repeat is tried.
            pool_size: connections at most.
        """
        self._connection = RedisConnection(url, timeout, attempts, pool_size)

    async def connect(self) -> None:
        """Open the pool and ask Redis for an answer; a second call opens it anew.

        Raises:
            InvalidValue: the URL is none of Redis.
            StoreUnavailable: Redis does not answer; nothing is left open.
            StoreRefused: Redis refuses the user or the database.
        """
        await self._connection.open()

    async def disconnect(self) -> None:
        """Close the pool; a second call does nothing."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    async def ping(self) -> None:
        """Return when Redis has answered."""
        await self._connection.repeat("ping", lambda client: client.ping())

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
        key = new.eaos_key(program_id)
        fields: dict[Any, Any] = {**redis_forms.hash_fields(state)}  # redis-py's dict takes no narrower type

        async def write(client: redis.Redis) -> None:
            async with client.pipeline(transaction=True) as together:
                together.delete(key)
                together.hset(key, mapping=fields)
                if ttl_seconds is not None:
                    together.expire(key, ttl_seconds)
                await together.execute()

        await self._connection.repeat("set_current_eaos", write)

    async def get_current_eaos(self, program_id: str) -> EaosState | None:
        """Return the current EAOS of a program, None if there is none.

        Of a migrated `updated_at`, digits finer than a microsecond are cut off.

        Raises:
            InvalidValue: `program_id` is blank.
            UnreadableRecord: the hash is not of the contract's form.
        """
        (state,) = (await self._states("get_current_eaos", [program_id])).values()
        return state

    async def get_current_eaos_many(self, program_ids: Iterable[str]) -> dict[str, EaosState | None]:
        """Return the current EAOS of each program, in the order given, None where there is none; raises as for one."""
        return await self._states("get_current_eaos_many", program_ids)

    async def _states(self, method: str, program_ids: Iterable[str]) -> dict[str, EaosState | None]:
        names = list(dict.fromkeys(checks.name(new.EVENT_PROGRAM_ID, program_id) for program_id in program_ids))

        async def read(client: redis.Redis) -> list[list[bytes | None]]:
            found: list[list[bytes | None]] = []
            for at in range(0, len(names), _MANY):
                async with client.pipeline(transaction=False) as together:
                    for name in names[at : at + _MANY]:
                        together.hmget(new.eaos_key(name), new.EAOS_FIELDS)
                    found += await together.execute()
            return found

        found = await self._connection.repeat(method, read)
        return {
            name: self._readable(new.eaos_key(name), partial(redis_forms.state_of, name, fields))
            for name, fields in zip(names, found, strict=True)
        }

    async def programs(self) -> list[str]:
        """Return the programs that have a current EAOS or events, sorted; walks the keys of the whole database."""
        states = await self._connection.names("programs", new.EAOS_PREFIX + "*", "HASH")
        lists = await self._connection.names("programs", new.EVENTS_PREFIX + "*", "LIST")
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
            after = await self._connection.once(
                "add_trending_topic", lambda client: client.zincrby(key, amount, member)
            )
            return float(after or 0.0)
        await self._connection.repeat("add_trending_topic", lambda client: client.zadd(key, {member: amount}))
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
        pairs = await self._connection.repeat(
            "get_top_trends",
            lambda client: client.eval(redis_forms.PAGE_OF_TRENDS, 1, key, first, last),
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
        await self._connection.once("append_event", lambda client: client.rpush(key, item))
        return event

    async def get_events(
        self, program_id: str, date: dt.date | str, *, limit: int = 100, offset: int = 0, event_type: str | None = None
    ) -> list[Event]:
        """Return events of a program and a UTC date in their order.

        `offset` events are passed over, of the type asked for if there is one.

        Raises:
            InvalidValue: a blank program, no date, a limit outside 1 to 10,000, a negative offset.
            UnreadableRecord: an item is no event; its position is named.
        """
        key = new.events_key(checks.name(new.EVENT_PROGRAM_ID, program_id), times.utc_day("date", date))
        wanted, passed = checks.limit("limit", limit), checks.offset("offset", offset)
        found: list[Event] = []
        # Without a type to look for, Redis passes over the first itself.
        at, end = (passed, wanted) if event_type is None else (0, passed + wanted)
        while len(found) < end:
            size = min(_MANY, end - len(found)) if event_type is None else _MANY
            items = await self._connection.repeat("get_events", _range(key, at, at + size - 1))
            for position, item in enumerate(items, at):
                event = self._readable(f"{key}#{position}", partial(redis_forms.event_of, item))
                if event_type is None or event["type"] == event_type:
                    found.append(event)
            if len(items) < size:
                break
            at += size
        return found[end - wanted : end]

    async def event_dates(self, program_id: str) -> list[str]:
        """Return the UTC dates (YYYY-MM-DD) on which a program has events, sorted; walks the keys of the database."""
        prefix = new.events_key(checks.name(new.EVENT_PROGRAM_ID, program_id), "")
        pattern = "".join(f"\\{char}" if char in "*?[]\\" else char for char in prefix) + "*"
        names = await self._connection.names("event_dates", pattern, "LIST")
        return sorted(date for name in names if ":" not in (date := name.removeprefix(prefix)))

    def _readable(self, where: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except (ValueError, TypeError) as error:
            raise UnreadableRecord(
                REDIS,
                f"{where} in redis at {masked(self._connection.url)} has not the form of the new layout: {error}.",
            ) from error


def _range(key: str, first: int, last: int) -> Callable[[redis.Redis], Awaitable[list[Any]]]:
    return lambda client: client.lrange(key, first, last)


redis_client_v2 = RedisClientV2()
