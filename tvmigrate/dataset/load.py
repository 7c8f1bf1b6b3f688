"""Fill three engines from a dataset, side by side; all of it, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event as Flag
from typing import Protocol, TypeVar

import elasticsearch
import redis
import urllib3
from clickhouse_connect.driver.exceptions import ClickHouseError

from tvmigrate.dataset.errors import DatasetError, LoadError
from tvmigrate.dataset.load_clickhouse import ClickHouseLoader
from tvmigrate.dataset.load_elasticsearch import ElasticsearchLoader
from tvmigrate.dataset.load_redis import RedisLoader
from tvmigrate.dataset.progress import SHOWN, Progress
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.quoting import unquoted
from tvmigrate.errors import TvmigrateError
from tvmigrate.events import Listener, ignore
from tvmigrate.side_by_side import GivenUp, one_at_a_time

T = TypeVar("T")

DRIVER_ERRORS = (
    redis.RedisError,
    ClickHouseError,
    elasticsearch.ApiError,
    elasticsearch.TransportError,
    urllib3.exceptions.HTTPError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What was loaded.

    A key with `ttl_ms` expires at `redis_epoch_ms + ttl_ms`, in milliseconds since the Unix epoch on the Redis server's
    clock, however long the load took.
    """

    redis_keys: int
    redis_epoch_ms: int
    rows: Mapping[str, int]
    documents: Mapping[str, int]
    seconds: float


class _Loader(Protocol):
    """One store's part of a load, in the order the methods are called."""

    def check(self) -> None:
        """Read the whole of the store's files; raises DatasetError for the first line that is wrong."""

    def existing(self) -> list[str]:
        """Return names of what is there already and would be created: all, or enough to say that there are more."""

    def remove(self) -> None:
        """Remove from the engine whatever the dataset would create, and nothing else."""

    def load(self) -> None:
        """Create everything."""


def load(
    dataset: Dataset,
    endpoints: Endpoints,
    listener: Listener = ignore,
    *,
    replace: bool = False,
    redis_epoch_ms: int | None = None,
) -> LoadReport:
    """Create the dataset's keys, tables and index in the engines; on any failure remove what was created.

    Args:
        dataset: opened; every line of it is checked before anything is written.
        endpoints: the engines.
        listener: told the progress, never from two threads at once.
        replace: remove the keys, tables and indices that the dataset would create, where they exist. Nothing else goes.
        redis_epoch_ms: the instant from which `ttl_ms` counts; now, on Redis's clock, unless said.

    Raises:
        DatasetError: a malformed line, a row or document that its engine refuses, or engines that already hold
            something that the dataset would create (without `replace`); nothing is written then.
        LoadError: an engine failed on the way.
        EngineUnreachable: ClickHouse does not answer.
    """
    started = time.monotonic()
    stop = Flag()
    with ExitStack() as stack:
        clients = stack.enter_context(Clients(endpoints))
        pool = stack.enter_context(ThreadPoolExecutor(3, thread_name_prefix="load"))
        stack.callback(stop.set)
        tell = one_at_a_time(listener)
        in_redis = RedisLoader(dataset, clients, Progress("load redis", "keys", tell, stop), redis_epoch_ms)
        in_clickhouse = ClickHouseLoader(dataset, clients.clickhouse, Progress("load clickhouse", "rows", tell, stop))
        in_elasticsearch = ElasticsearchLoader(
            dataset, clients.elasticsearch, Progress("load elasticsearch", "documents", tell, stop)
        )
        loaders: Mapping[str, _Loader] = {
            "redis": in_redis,
            "clickhouse": in_clickhouse,
            "elasticsearch": in_elasticsearch,
        }
        side_by_side(pool, stop, {store: loader.check for store, loader in loaders.items()})
        if replace:
            side_by_side(pool, stop, {store: loader.remove for store, loader in loaders.items()})
        else:
            _refuse_existing(side_by_side(pool, stop, {store: loader.existing for store, loader in loaders.items()}))
        try:
            side_by_side(pool, stop, {store: loader.load for store, loader in loaders.items()})
        except BaseException as failure:
            stop.clear()
            _undo(pool, stop, loaders, failure)
            raise
        return LoadReport(
            in_redis.keys,
            in_redis.epoch_ms,
            dict(in_clickhouse.rows),
            dict(in_elasticsearch.documents),
            time.monotonic() - started,
        )


def side_by_side(pool: ThreadPoolExecutor, stop: Flag, work: Mapping[str, Callable[[], T]]) -> dict[str, T]:
    """Run one piece of work a store; the first failure stops the others, and is raised."""

    def run(store: str, do: Callable[[], T]) -> T:
        try:
            return do()
        except DRIVER_ERRORS as error:
            stop.set()
            reason = unquoted(" ".join(str(error).split())) or type(error).__name__
            raise LoadError(f"{store} failed while a dataset was loaded into it: {reason[:1000]}") from error
        except BaseException:
            stop.set()
            raise

    futures = {store: pool.submit(run, store, do) for store, do in work.items()}
    try:
        failures = [error for future in futures.values() if (error := future.exception()) is not None]
    except BaseException:  # an interrupt: nothing may write any more when it is passed on
        stop.set()
        wait(futures.values())
        raise
    if failures:
        raise next((error for error in failures if not isinstance(error, GivenUp)), failures[0])
    return {store: future.result() for store, future in futures.items()}


def _refuse_existing(existing: Mapping[str, list[str]]) -> None:
    named = [
        f"{store}: {', '.join(names[:SHOWN])}{' and more' if len(names) > SHOWN else ''}"
        for store, names in existing.items()
        if names
    ]
    if named:
        raise DatasetError(
            f"The engines already hold what the dataset would create ({'; '.join(named)}). Nothing was written. Load "
            "into empty engines, or give --replace to remove just these first."
        )


def _undo(pool: ThreadPoolExecutor, stop: Flag, loaders: Mapping[str, _Loader], failure: BaseException) -> None:
    try:
        side_by_side(pool, stop, {store: loader.remove for store, loader in loaders.items()})
    except TvmigrateError as error:
        failure.add_note(f"What had been loaded could not be removed again: {error}")
