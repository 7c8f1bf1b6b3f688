"""The new application at work: V2 clients that write at a rate, to programs of their own and to migrated ones."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2
from src.storage.redis_client_v2 import RedisClientV2
from tvmigrate.engines.endpoints import Endpoints

_NEW = ("the_voice/new_1", "the_voice/new_2")
_MANY = 10
_FIRST_TURNS = 3  # after them it writes what it has written before, too


@dataclass
class Writer:
    """Writes in a thread of its own while the `with` lasts; `programs` and `comments` are migrated ones it writes to.

    `written` counts keys, rows and documents, `turns` how often it wrote to all of its programs; three are done when
    the `with` begins. Whatever goes wrong is raised at the end.
    """

    endpoints: Endpoints
    rate: float
    programs: list[str]
    comments: list[str]
    written: int = 0
    turns: int = 0
    seconds: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _error: list[BaseException] = field(default_factory=list)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="writer")
        self._thread.start()
        while (self.turns < _FIRST_TURNS or self.written < self.rate / 10) and self._thread.is_alive():
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join()
        if self._error and error is None:
            raise self._error[0]

    def _run(self) -> None:
        try:
            asyncio.run(self._write())
        except BaseException as error:  # noqa: BLE001 - raised where the writer is left
            self._error.append(error)

    async def _write(self) -> None:
        began = time.monotonic()
        async with (
            RedisClientV2(self.endpoints.redis) as redis,
            ElasticsearchClientV2(self.endpoints.elasticsearch) as elasticsearch,
        ):
            with ClickHouseClientV2(self.endpoints.clickhouse) as clickhouse:
                while not self._stop.is_set():
                    turn = self.turns + 1
                    await self._redis(redis, turn)
                    await elasticsearch.bulk_index(self._some(turn, overwrite=True))
                    self._clickhouse(clickhouse, turn)
                    self.written += 3 * len(self._touched) + 2 + 2 * _MANY + 5 + 3
                    self.turns = turn
                    self.seconds = time.monotonic() - began
                    await asyncio.sleep(max(0.0, self.written / self.rate - self.seconds))

    @property
    def _touched(self) -> list[str]:
        return [*self.programs, *_NEW]

    async def _redis(self, redis: RedisClientV2, turn: int) -> None:
        for n, program in enumerate(self._touched):
            await redis.set_current_eaos(program, turn / 1000, turn, n, 1, turn + n + 1)
            await redis.append_event(program, "vote", data={"turn": turn})
            await redis.append_event(program, "metric", metric="votes", value=turn)
        await redis.add_trending_topic("5min", f"topic {turn % 5}", 1.0)
        await redis.add_trending_topic("15min", "giọng hát", turn, how="set")

    def _some(self, turn: int, *, overwrite: bool) -> list[Any]:
        named = [f"v2-{turn}-{n}" for n in range(_MANY)] + (self.comments[:5] if overwrite else [])
        now = dt.datetime.now(dt.UTC)
        return [
            {
                "comment_id": name, "program_id": self._touched[n % len(self._touched)], "text": f"hay quá {turn}",
                "username": "lan", "timestamp": now, "sentiment": "positive", "sentiment_score": 0.5,
                "engagement_score": 1.0, "topics": ["giọng hát"],
            }
            for n, name in enumerate(named)
        ]  # fmt: skip

    def _clickhouse(self, clickhouse: ClickHouseClientV2, turn: int) -> None:
        now = dt.datetime.now(dt.UTC)
        clickhouse.insert_comments(self._some(turn, overwrite=False))
        bucket = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
        clickhouse.insert_aggregates([
            {"program_id": name, "timestamp": bucket, "topic": "giọng hát", "count": 1, "avg_sentiment": 0.5}
            for name in self._touched[:2]
        ])  # fmt: skip
        clickhouse.insert_eaos_metric(self._touched[0], now, 0.5, 1, 2, 3, 6)
