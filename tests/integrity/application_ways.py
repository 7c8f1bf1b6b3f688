"""The two ways in which the application tells what its stores hold: the V2 clients, and the API over them.

Both give the same records, whole: every page is followed to its end. Pages are small enough that there are several.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

import httpx

from src.api.app import create_app
from src.settings import Urls
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2
from src.storage.redis_client_v2 import RedisClientV2

Record = dict[str, Any]
_PAGE = 500
_SMALL_PAGE = 3
_INSTANTS = ("timestamp", "updated_at")
_AT_ONCE = 16


class Way(Protocol):
    """What can be asked; a list is told in its order."""

    async def eaos(self, program: str) -> Record | None: ...
    async def trends(self, time_range: str) -> list[Record]: ...
    async def event_dates(self, program: str) -> list[str]: ...
    async def events(self, program: str, date: str) -> list[Record]: ...
    async def metrics(self, program: str) -> list[Record]: ...
    async def latest(self, program: str) -> Record | None: ...
    async def topics(self, program: str) -> list[Record]: ...
    async def anomalies(self) -> list[Record]: ...
    async def comments(self) -> list[Record]: ...
    async def comment(self, comment_id: str) -> Record | None: ...
    async def redis_programs(self) -> list[str]: ...
    async def clickhouse_programs(self) -> list[str]: ...


class Clients:
    """The V2 clients themselves."""

    def __init__(
        self, redis: RedisClientV2, clickhouse: ClickHouseClientV2, elasticsearch: ElasticsearchClientV2
    ) -> None:
        self._redis, self._clickhouse, self._elasticsearch = redis, clickhouse, elasticsearch

    async def eaos(self, program: str) -> Record | None:
        return await self._redis.get_current_eaos(program)

    async def trends(self, time_range: str) -> list[Record]:
        return await self._paged(lambda size, at: self._redis.get_top_trends(time_range, size, at), _SMALL_PAGE)

    async def event_dates(self, program: str) -> list[str]:
        return await self._redis.event_dates(program)

    async def events(self, program: str, date: str) -> list[Record]:
        return await self._paged(
            lambda size, at: self._redis.get_events(program, date, limit=size, offset=at), _SMALL_PAGE
        )

    async def metrics(self, program: str) -> list[Record]:
        def page(size: int, at: int) -> Any:
            return asyncio.to_thread(self._clickhouse.get_eaos_history, program, limit=size, offset=at)

        return await self._paged(page, 25)

    async def latest(self, program: str) -> Record | None:
        return await asyncio.to_thread(self._clickhouse.get_latest_eaos, program)

    async def topics(self, program: str) -> list[Record]:
        return await asyncio.to_thread(self._clickhouse.get_topics, program, limit=10_000)

    async def anomalies(self) -> list[Record]:
        return await asyncio.to_thread(self._clickhouse.get_anomalies)

    async def comments(self) -> list[Record]:
        found: list[Record] = []
        after = None
        while True:
            page, after = await self._elasticsearch.search_page(size=_PAGE, sort="oldest", after=after)
            found += page
            if after is None:
                return found

    async def comment(self, comment_id: str) -> Record | None:
        return await self._elasticsearch.get_comment(comment_id)

    async def redis_programs(self) -> list[str]:
        return await self._redis.programs()

    async def clickhouse_programs(self) -> list[str]:
        return await asyncio.to_thread(self._clickhouse.programs)

    @staticmethod
    async def _paged(ask: Callable[[int, int], Any], size: int) -> list[Record]:
        found: list[Record] = []
        while page := await ask(size, len(found)):
            found += page
            if len(page) < size:
                break
        return found


class Api:
    """The API's endpoints; what JSON cannot write is read back as what it stands for."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def eaos(self, program: str) -> Record | None:
        return await self._one("/v2/eaos/current", program_id=program)

    async def trends(self, time_range: str) -> list[Record]:
        found = await self._all("/v2/trends", time_range=time_range, limit=_SMALL_PAGE)
        return [{**one, "score": float(one["score"])} for one in found]

    async def event_dates(self, program: str) -> list[str]:
        return await self._all("/v2/events/dates", program_id=program)

    async def events(self, program: str, date: str) -> list[Record]:
        return await self._all("/v2/events", program_id=program, date=date, limit=_SMALL_PAGE)

    async def metrics(self, program: str) -> list[Record]:
        return await self._all("/v2/eaos/history", program_id=program, limit=25)

    async def latest(self, program: str) -> Record | None:
        return await self._one("/v2/eaos/latest", program_id=program)

    async def topics(self, program: str) -> list[Record]:
        return await self._all("/v2/topics", program_id=program, limit=100)

    async def anomalies(self) -> list[Record]:
        return await self._all("/v2/anomalies")

    async def comments(self) -> list[Record]:
        return await self._all("/v2/comments", sort="oldest", limit=_PAGE)

    async def comment(self, comment_id: str) -> Record | None:
        return await self._one("/v2/comments/one", comment_id=comment_id)

    async def redis_programs(self) -> list[str]:
        return [one["program_id"] for one in await self._all("/v2/programs", source="redis", limit=50)]

    async def clickhouse_programs(self) -> list[str]:
        return [one["program_id"] for one in await self._all("/v2/programs", source="clickhouse", limit=50)]

    async def _one(self, path: str, **parameters: Any) -> Record | None:
        answer = await self._client.get(path, params=parameters)
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        return _read(answer.json())

    async def _all(self, path: str, **parameters: Any) -> list[Any]:
        """Follow `next` to the last page; nothing is told of what is not known."""
        found: list[Any] = []
        answer = await self._client.get(path, params=parameters)
        if answer.status_code == 404:
            return found
        while True:
            assert answer.status_code == 200, answer.text
            body = answer.json()
            found += map(_read, body["items"])
            if body["next"] is None:
                return found
            answer = await self._client.get(body["next"])


def _read(item: Any) -> Any:
    """Read the instants of a record, which are RFC 3339 text in JSON."""
    if not isinstance(item, dict):
        return item
    return {name: dt.datetime.fromisoformat(value) if name in _INSTANTS else value for name, value in item.items()}


@asynccontextmanager
async def clients(urls: Urls) -> AsyncIterator[Way]:
    """Connect the three clients."""
    async with AsyncExitStack() as opened:
        yield Clients(
            await opened.enter_async_context(RedisClientV2(urls.redis)),
            opened.enter_context(ClickHouseClientV2(urls.clickhouse)),
            await opened.enter_async_context(ElasticsearchClientV2(urls.elasticsearch)),
        )


@asynccontextmanager
async def api(urls: Urls) -> AsyncIterator[Way]:
    """Run the API in this process."""
    app = create_app(urls)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client,
    ):
        yield Api(client)


WAYS: dict[str, Callable[[Urls], Any]] = {"clients": clients, "api": api}


async def each(ask: Callable[[Any], Any], of: Any) -> dict[Any, Any]:
    """Ask of each thing, some at once; return the answers by thing."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(thing: Any) -> Any:
        async with free:
            return await ask(thing)

    things = list(of)
    return dict(zip(things, await asyncio.gather(*map(one, things)), strict=True))
