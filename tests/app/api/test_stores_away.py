"""Fifty clients at once while a store is paused, killed and started again: the others answer, and all recover."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from src.api.link import Limits, StoreTooSlow
from src.api.stores import Stores
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.redis_client_v2 import RedisClientV2
from tests.app.api.data import QUESTIONS, Question, fill, lay_out, urls_of
from tests.standstill import stopped
from tvmigrate.engines.embedded import NAMES, EmbeddedEngines
from tvmigrate.engines.embedded.ports import free_ports

ROOT = Path(__file__).parents[3]
CLIENTS = 50
AWAY, SLOW = 503, 504
# Long enough for fifty questions to one store on a busy machine, short enough to wait for.
STORE_SECONDS = "6"
PATIENCE = 60  # seconds, until a store that is back must have been found


@pytest.fixture(scope="module")
async def engines() -> AsyncIterator[EmbeddedEngines]:
    """Engines of these tests' own, since they are stopped."""
    with EmbeddedEngines() as engines:
        lay_out(engines.endpoints)
        await fill(urls_of(engines.endpoints))
        yield engines


@asynccontextmanager
async def served(engines: EmbeddedEngines, log: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the API as its command serves it."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "src.api", "--port", str(port), "--store-seconds", STORE_SECONDS]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, env=os.environ | engines.endpoints.environ(), cwd=ROOT, stdout=output, stderr=output
        )
    limits = httpx.Limits(max_connections=CLIENTS)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, limits=limits) as client:
            await eventually(client, "/openapi.json", {200}, server)
            yield client
    finally:
        server.terminate()
        assert server.wait(PATIENCE) in {0, -signal.SIGTERM}, log.read_text()
    assert "Traceback" not in log.read_text()


async def eventually(
    client: httpx.AsyncClient, path: str, statuses: set[int], server: subprocess.Popen[bytes] | None = None
) -> httpx.Response:
    """Return the first answer to `path` with one of `statuses`."""
    async with asyncio.timeout(PATIENCE):
        while True:
            assert server is None or server.poll() is None, "the API ended"
            try:
                answer = await client.get(path)
                if answer.status_code in statuses:
                    return answer
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


async def crowd(client: httpx.AsyncClient) -> dict[str, set[int]]:
    """Let 50 clients at once ask an endpoint of each store; return the statuses by the stores that endpoints need.

    Each endpoint is asked by some of them. Who is told that a store is away must be told one that the endpoint needs.
    """
    seen: dict[str, set[int]] = defaultdict(set)
    of_store: dict[str, list[Question]] = defaultdict(list)
    for question in QUESTIONS:
        of_store[question.stores[-1]].append(question)

    async def one(number: int) -> None:
        for questions in of_store.values():
            question = questions[number % len(questions)]
            answer = await client.get(question.path, params=question.query)
            seen["+".join(question.stores)].add(answer.status_code)
            if answer.status_code in {AWAY, SLOW}:
                assert answer.json()["store"] in question.stores
                assert answer.headers["retry-after"] == "1"
                assert answer.json()["type"].endswith("too-slow") == (answer.status_code == SLOW)

    await asyncio.gather(*map(one, range(CLIENTS)))
    return dict(seen)


def expect_only(away: str | None, how: int, seen: dict[str, set[int]]) -> None:
    """Assert that the endpoints which need the store `away` said so by the status `how`, and all others answered."""
    for stores, statuses in seen.items():
        assert statuses == {how if away in stores.split("+") else 200}, (stores, statuses)


async def expect_recovered(client: httpx.AsyncClient) -> None:
    await eventually(client, "/health", {200})
    expect_only(None, AWAY, await crowd(client))


async def expect_health_names(client: httpx.AsyncClient, away: str) -> None:
    answer, ready = await asyncio.gather(client.get("/health"), client.get("/ready"))
    assert answer.status_code == AWAY
    stores = answer.json()["stores"]
    assert {name for name, store in stores.items() if store["status"] == "down"} == {away}
    assert stores[away]["error"].startswith(away)
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "away": [away]})


@pytest.fixture(scope="module")
async def client(
    engines: EmbeddedEngines, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    async with served(engines, tmp_path_factory.mktemp("api") / "log") as client:
        await eventually(client, "/health", {200})
        yield client


@pytest.mark.parametrize("store", ["clickhouse", "elasticsearch"])
async def test_a_paused_store_is_too_slow_and_the_others_answer_and_it_recovers(engines, client, store):
    with stopped(engines.processes[store]):
        expect_only(store, SLOW, await crowd(client))
        await expect_health_names(client, store)
    await expect_recovered(client)


async def test_questions_that_were_given_up_hold_no_more_threads_than_said(engines):
    others = set(threading.enumerate())
    async with answering(engines, clickhouse_threads=2) as stores:
        with stopped(engines.processes["clickhouse"]):
            for _ in range(3):
                questions = [stores.clickhouse.ask(ClickHouseClientV2.programs) for _ in range(10)]
                assert {type(answer) for answer in await outcomes(questions)} == {StoreTooSlow}
                assert sum(thread.name.startswith("clickhouse") for thread in set(threading.enumerate()) - others) == 2


async def test_a_driver_that_overhears_its_cancellation_does_not_outlast_the_time_limit(engines):
    async with answering(engines) as stores:
        for _ in range(6):
            with stopped(engines.processes["redis"]):
                questions = [stores.redis.ask(RedisClientV2.get_top_trends, "15min") for _ in range(CLIENTS)]
                assert {type(answer) for answer in await outcomes(questions)} == {StoreTooSlow}
            async with asyncio.timeout(PATIENCE):
                while (await stores.redis.ping()).error:
                    pass


@asynccontextmanager
async def answering(engines: EmbeddedEngines, **limits: int) -> AsyncIterator[Stores]:
    """Yield stores that have all answered, with half a second for a question."""
    stores = Stores(urls_of(engines.endpoints), Limits(store_seconds=0.5, **limits))
    try:
        async with asyncio.timeout(PATIENCE):
            while any(ping.error for ping in await stores.pings()):
                await asyncio.sleep(0.05)
        yield stores
    finally:
        await stores.close()


async def outcomes(questions: list[Awaitable[Any]]) -> list[Any]:
    return await asyncio.gather(*questions, return_exceptions=True)


async def test_a_killed_store_is_away_and_the_others_answer_and_it_recovers(engines, client):
    engines.kill("redis")
    try:
        expect_only("redis", AWAY, await crowd(client))
        await expect_health_names(client, "redis")
    finally:
        engines.restart("redis")
    await expect_recovered(client)


async def test_stores_that_are_away_at_the_start_are_found_when_they_are_back(engines, tmp_path):
    engines.kill("redis")
    engines.kill("clickhouse")
    with stopped(engines.processes["elasticsearch"]):
        async with served(engines, tmp_path / "log") as client:
            answer = await client.get("/ready")
            assert (answer.status_code, answer.json()) == (503, {"ready": False, "away": list(NAMES)})
            os.kill(engines.processes["elasticsearch"], signal.SIGCONT)
            await eventually(client, "/v2/comments", {200})
            for path, store in (("/v2/trends?time_range=15min", "redis"), ("/v2/anomalies", "clickhouse")):
                assert (await client.get(path)).json()["store"] == store
            engines.restart("redis")
            engines.restart("clickhouse")
            await expect_recovered(client)
