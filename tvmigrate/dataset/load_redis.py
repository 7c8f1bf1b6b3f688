"""Redis's part of a load: keys in batches, each with its time to live in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import redis
from redis.client import Pipeline

from tvmigrate.dataset.errors import DatasetError, bad_line
from tvmigrate.dataset.model import DUMP, HASH, LIST, SET, STREAM, STRING, ZSET, RedisKey
from tvmigrate.dataset.progress import SHOWN, Progress
from tvmigrate.dataset.read import Dataset
from tvmigrate.dataset.redis_form import from_bytes
from tvmigrate.engines.clients import Clients

BATCH_KEYS = 500
BATCH_BYTES = 4 << 20
ITEMS_A_COMMAND = 1000


class RedisLoader:
    """Creates the keys of a dataset; `keys` and `epoch_ms` say what was done after `load`."""

    def __init__(
        self, dataset: Dataset, clients: Clients, progress: Progress, counts_from_ms: int | None = None
    ) -> None:
        self._counts_from_ms = counts_from_ms
        self._dataset = dataset
        self._clients = clients
        self._progress = progress
        self._total = 0
        self.keys = 0
        self.epoch_ms = 0

    def check(self) -> None:
        """Read every line; raises DatasetError, also for a database that the server does not have."""
        last = RedisKey(-1, b"", STRING, None, b"")
        for key in self._dataset.redis_keys():
            self._total += 1
            if key.db and self._clients.redis_is_cluster:
                raise self._refused(
                    key,
                    f"the key {shown(key)} is of database {key.db}, and a Redis Cluster has database 0 alone",
                    "database 0 for every key, or one Redis server",
                )
            if key.db > last.db:
                last = key
            if self._total % 1000 == 0:
                self._progress.check()
        if last.db > 0:
            try:
                self._clients.redis_db(last.db).ping()
            except redis.ResponseError as error:
                raise self._refused(
                    last, f"database {last.db} does not exist ({error})", "one that the server has"
                ) from None

    def existing(self) -> list[str]:
        """Return the keys that exist, as `db:key`; no more batches are looked at when there are enough to name."""
        found = []
        for client, batch in self._batches():
            with client.pipeline(transaction=False) as pipe:
                for key in batch:
                    pipe.exists(key.key)
                answers = pipe.execute()
            found += [f"{key.db}:{shown(key)}" for key, there in zip(batch, answers, strict=True) if there]
            if len(found) > SHOWN:
                break
        return found

    def remove(self) -> None:
        """Remove the dataset's keys."""
        for client, batch in self._batches():
            client.unlink(*(key.key for key in batch))

    def load(self) -> None:
        """Create the keys; raises DatasetError for one that Redis refuses or that stands in the file twice."""
        self._progress.start(self._total)
        seconds, microseconds = self._clients.redis.time()
        now_ms = seconds * 1000 + microseconds // 1000
        self.epoch_ms = now_ms if self._counts_from_ms is None else self._counts_from_ms
        for client, batch in self._batches():
            self._create(client, batch)
            self.keys += len(batch)
            self._progress.step(len(batch))
        self._progress.finish()

    def _create(self, client: redis.Redis, batch: list[RedisKey]) -> None:
        owners: list[RedisKey] = []
        checks: set[int] = set()
        with client.pipeline(transaction=True) as pipe:
            for key in batch:
                checks.add(len(pipe))
                pipe.exists(key.key)
                queue(pipe, key)
                if key.ttl_ms is not None:
                    pipe.pexpireat(key.key, self.epoch_ms + key.ttl_ms)
                owners += [key] * (len(pipe) - len(owners))
            answers: list[Any] = pipe.execute(raise_on_error=False)
        for place, (key, answer) in enumerate(zip(owners, answers, strict=True)):
            if place in checks and answer == 1:
                raise self._refused(key, f"the key {shown(key)} of database {key.db} is there already", "each key once")
            if isinstance(answer, redis.ResponseError):
                raise self._refused(key, f"Redis refuses the key {shown(key)} ({answer})", "a value that Redis takes")
            if isinstance(answer, Exception):
                raise answer

    def _refused(self, key: RedisKey, found: str, expected: str) -> DatasetError:
        assert self._dataset.redis is not None  # noqa: S101 - it gave the key
        return bad_line(self._dataset.redis, key.line, found, expected)

    def _batches(self) -> Iterator[tuple[redis.Redis, list[RedisKey]]]:
        for db, keys in groupby(self._dataset.redis_keys(), key=lambda key: key.db):
            client = self._clients.redis_db(db)
            batch: list[RedisKey] = []
            size = 0
            for key in keys:
                if len(batch) == BATCH_KEYS or size >= BATCH_BYTES:
                    yield client, batch
                    self._progress.check()
                    batch, size = [], 0
                batch.append(key)
                size += weight(key)
            yield client, batch


def weight(key: RedisKey) -> int:
    """Return roughly how many bytes a key's value has."""
    value = key.value
    if isinstance(value, bytes):
        return len(value)
    if key.type in {LIST, SET}:
        return sum(map(len, value))
    if key.type == ZSET:
        return sum(len(member) + 8 for member, _ in value)
    if key.type == HASH:
        return sum(len(name) + len(held) for name, held in value.items())
    return sum(len(name) + len(held) for _, fields in value for name, held in fields.items())


def queue(pipe: Pipeline, key: RedisKey) -> None:
    """Append to `pipe` the commands that create `key` where there is none, without its time to live."""
    name, value = key.key, key.value
    if key.type == STRING:
        pipe.set(name, value)
    elif key.type == DUMP:
        pipe.restore(name, 0, value)
    elif key.type == STREAM:
        for entry_id, fields in value:
            pipe.xadd(name, fields, id=entry_id)
    else:
        items = list(value.items()) if key.type == HASH else value
        for start in range(0, len(items), ITEMS_A_COMMAND):
            part = items[start : start + ITEMS_A_COMMAND]
            if key.type == LIST:
                pipe.rpush(name, *part)
            elif key.type == SET:
                pipe.sadd(name, *part)
            elif key.type == HASH:
                pipe.hset(name, mapping=dict(part))
            else:
                pipe.zadd(name, dict(part))


def shown(key: RedisKey) -> str:
    """Return a key's name as the file has it."""
    return repr(from_bytes(key.key))
