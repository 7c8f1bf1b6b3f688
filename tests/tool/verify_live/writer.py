"""The new application at work: V2 clients that write at a rate, to programs of their own and to migrated ones."""

from __future__ import annotations

import asyncio
import datetime as dt
import multiprocessing
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2
from src.storage.redis_client_v2 import RedisClientV2
from tvmigrate.engines.endpoints import Endpoints

_NEW = ("the_voice/new_1", "the_voice/new_2")
_FEWEST = 10  # comments a turn
_TURNS = 3  # a second, about: comments are written so many together that it can keep its rate
_PATIENCE = 60.0  # seconds for an answer: the machine may have much else to do
_FIRST_TURNS = 3  # after them it writes what it has written before, too
_SPAWN = multiprocessing.get_context("spawn")


@dataclass
class Writer:
    """Writes in a process of its own while the `with` lasts; `programs` and `comments` are migrated ones it writes to.

    `written` counts keys, rows and documents, `turns` how often it wrote to all of its programs; three are done when
    the `with` begins. Whatever goes wrong is raised at the end. `by_minute` then has what was written in each.
    """

    endpoints: Endpoints
    rate: float
    programs: list[str]
    comments: list[str]
    by_minute: list[int] = field(default_factory=list)
    _told: Any = field(default_factory=lambda: _SPAWN.Array("d", 3))
    _stop: Any = field(default_factory=_SPAWN.Event)
    _end: Any = field(default_factory=_SPAWN.Queue)
    _process: Any = None

    @property
    def written(self) -> int:
        return int(self._told[0])

    @property
    def turns(self) -> int:
        return int(self._told[1])

    @property
    def seconds(self) -> float:
        return float(self._told[2])

    def __enter__(self) -> Self:
        work = _Work(self.endpoints, self.rate, self.programs, self.comments)
        self._process = _SPAWN.Process(target=_run, args=(work, self._told, self._stop, self._end), name="writer")
        self._process.start()
        while (self.turns < _FIRST_TURNS or self.written < self.rate / 10) and self._process.is_alive():
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self.by_minute, failed = self._end.get(timeout=60)
        self._process.join()
        assert failed is None or error is not None, failed


@dataclass(frozen=True)
class _Work:
    endpoints: Endpoints
    rate: float
    programs: Sequence[str]
    comments: Sequence[str]

    @property
    def touched(self) -> list[str]:
        return [*self.programs, *_NEW]

    @property
    def many(self) -> int:
        return max(_FEWEST, round(self.rate / 2 / _TURNS))

    async def write(self, told: Any, stop: Any, by_minute: Counter[int]) -> None:
        began, at = time.monotonic(), self.endpoints
        async with (
            RedisClientV2(at.redis, timeout=_PATIENCE) as redis,
            ElasticsearchClientV2(at.elasticsearch, timeout=_PATIENCE) as elasticsearch,
        ):
            with ClickHouseClientV2(at.clickhouse, timeout=_PATIENCE) as clickhouse:
                while not stop.is_set():
                    turn = int(told[1]) + 1
                    each = await asyncio.gather(
                        self._redis(redis, turn),
                        elasticsearch.bulk_index(self._some(turn, overwrite=True)),
                        asyncio.to_thread(self._clickhouse, clickhouse, turn),
                    )
                    seconds = time.monotonic() - began
                    by_minute[int(seconds // 60)] += sum(each)
                    told[0] += sum(each)
                    told[1] = turn
                    told[2] = seconds
                    await asyncio.sleep(max(0.0, told[0] / self.rate - seconds))

    async def _redis(self, redis: RedisClientV2, turn: int) -> int:
        async def one(n: int, program: str) -> None:
            await redis.set_current_eaos(program, turn / 1000, turn, n, 1, turn + n + 1)
            await redis.append_event(program, "vote", data={"turn": turn})
            await redis.append_event(program, "metric", metric="votes", value=turn)

        await asyncio.gather(*(one(n, program) for n, program in enumerate(self.touched)))
        await redis.add_trending_topic("5min", f"topic {turn % 5}", 1.0)
        await redis.add_trending_topic("15min", "giọng hát", turn, how="set")
        return 3 * len(self.touched) + 2

    def _some(self, turn: int, *, overwrite: bool) -> list[Any]:
        named = [f"v2-{turn}-{n}" for n in range(self.many)] + (list(self.comments[:5]) if overwrite else [])
        now = dt.datetime.now(dt.UTC)
        return [
            {
                "comment_id": name, "program_id": self.touched[n % len(self.touched)], "text": f"hay quá {turn}",
                "username": "lan", "timestamp": now, "sentiment": "positive", "sentiment_score": 0.5,
                "engagement_score": 1.0, "topics": ["giọng hát"],
            }
            for n, name in enumerate(named)
        ]  # fmt: skip

    def _clickhouse(self, clickhouse: ClickHouseClientV2, turn: int) -> int:
        now = dt.datetime.now(dt.UTC)
        comments = clickhouse.insert_comments(self._some(turn, overwrite=False))
        bucket = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
        aggregates = clickhouse.insert_aggregates([
            {"program_id": name, "timestamp": bucket, "topic": "giọng hát", "count": 1, "avg_sentiment": 0.5}
            for name in self.touched[:2]
        ])  # fmt: skip
        clickhouse.insert_eaos_metric(self.touched[0], now, 0.5, 1, 2, 3, 6)
        return comments + aggregates + 1


def _run(work: _Work, told: Any, stop: Any, end: Any) -> None:
    by_minute: Counter[int] = Counter()
    failed = None
    try:
        asyncio.run(work.write(told, stop, by_minute))
    except BaseException:  # noqa: BLE001 - raised where the writer is left
        failed = traceback.format_exc()
    end.put(([by_minute[minute] for minute in range(max(by_minute, default=-1) + 1)], failed))
