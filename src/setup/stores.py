"""The three stores as drivers, opened when they answer: creating a layout is no matter of the V2 clients."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

import clickhouse_connect
import elasticsearch
import redis
import urllib3
from clickhouse_connect.driver.client import Client as ClickHouse
from clickhouse_connect.driver.exceptions import ClickHouseError
from redis.backoff import NoBackoff
from redis.retry import Retry

from src.errors import AppError
from src.settings import CLICKHOUSE_URL, ELASTICSEARCH_URL, REDIS_URL, Urls, masked
from src.storage.elasticsearch_node import PlainJsonSyncNode
from src.storage.failures import CLICKHOUSE, ELASTICSEARCH, REDIS, reason, split_url

FAILURES = (
    redis.RedisError,
    ClickHouseError,
    elasticsearch.ApiError,
    elasticsearch.TransportError,
    elasticsearch.UnsupportedProductError,
    urllib3.exceptions.HTTPError,
    OSError,
)
_ANSWER_S = 60  # of a statement; a ClickHouse that is busy takes its time to create a table
_ASK_S = 3  # of the question whether a store is there
_PAUSE_S = 0.25


class StoresAway(AppError):
    """One or more stores did not answer in time; each is named, with what went wrong last."""


class Stores:
    """One client of each store; none of them names a database, which may have to be made first."""

    def __init__(self, urls: Urls) -> None:
        """Nothing is opened before `open`.

        Raises:
            InvalidValue: a URL is none of its store.
        """
        self._clickhouse = split_url(CLICKHOUSE_URL, urls.clickhouse, ("http", "https"))
        self._elasticsearch = split_url(ELASTICSEARCH_URL, urls.elasticsearch, ("http", "https"))
        split_url(REDIS_URL, urls.redis, ("redis", "rediss", "unix"))
        self.urls = urls
        self._opened = ExitStack()
        self.redis: redis.Redis
        self.clickhouse: ClickHouse
        self.elasticsearch: elasticsearch.Elasticsearch

    def open(self, wait_s: float) -> Self:
        """Open all three as soon as they answer, and give up `wait_s` seconds from now; each is asked at least once.

        Raises:
            StoresAway: not all of them did; nothing is left open.
        """
        deadline = time.monotonic() + wait_s
        asks: dict[str, Callable[[], None]] = {
            REDIS: self._open_redis, CLICKHOUSE: self._open_clickhouse, ELASTICSEARCH: self._open_elasticsearch,
        }  # fmt: skip
        failed: dict[str, Exception] = {}
        while True:
            for store in list(asks):
                try:
                    asks[store]()
                    del asks[store]
                    failed.pop(store, None)
                except FAILURES as error:
                    failed[store] = error
            if not asks:
                return self
            if time.monotonic() + _PAUSE_S > deadline:
                self.close()
                raise StoresAway(self._away(failed, wait_s))
            time.sleep(_PAUSE_S)

    def close(self) -> None:
        """Close what is open; a second call does nothing."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open_redis(self) -> None:
        client = redis.Redis.from_url(
            self.urls.redis,
            socket_connect_timeout=_ASK_S,
            socket_timeout=_ANSWER_S,
            retry=Retry(NoBackoff(), 0),
            decode_responses=False,
        )
        try:
            client.ping()
        except FAILURES:
            client.close()
            raise
        self.redis = self._opened.enter_context(client)

    def _open_clickhouse(self) -> None:
        parts = self._clickhouse
        options: dict[str, Any] = {
            "interface": parts.scheme,
            "host": parts.hostname or "",
            "port": parts.port or (8443 if parts.scheme == "https" else 8123),
            "username": unquote(parts.username) if parts.username else "default",
            "password": unquote(parts.password or ""),
            "database": "default",
            "autogenerate_session_id": False,
            "client_name": "tv_analytics",
        }
        clickhouse_connect.get_client(**options, connect_timeout=_ASK_S, send_receive_timeout=_ASK_S).close()
        self.clickhouse = clickhouse_connect.get_client(
            **options, connect_timeout=_ASK_S, send_receive_timeout=_ANSWER_S
        )
        self._opened.callback(self.clickhouse.close)

    def _open_elasticsearch(self) -> None:
        parts = self._elasticsearch
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        port = parts.port or (443 if parts.scheme == "https" else 9200)
        client = elasticsearch.Elasticsearch(
            f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}",
            basic_auth=(unquote(parts.username), unquote(parts.password or "")) if parts.username else None,
            request_timeout=_ANSWER_S,
            node_class=PlainJsonSyncNode,
        )
        try:
            # Not `GET /`: a node answers that before it has a master, and can create nothing yet.
            client.options(request_timeout=_ASK_S, max_retries=0).cluster.health(master_timeout="1s", timeout="1s")
        except FAILURES:
            client.close()
            raise
        self.elasticsearch = client
        self._opened.callback(client.close)

    def _away(self, failed: dict[str, Exception], wait_s: float) -> str:
        where = {
            REDIS: (REDIS_URL, self.urls.redis),
            CLICKHOUSE: (CLICKHOUSE_URL, self.urls.clickhouse),
            ELASTICSEARCH: (ELASTICSEARCH_URL, self.urls.elasticsearch),
        }
        sentences = [
            f"{store} at {masked(where[store][1])} does not answer: {reason(error, where[store][1])}."
            for store, error in failed.items()
        ]
        variables = ", ".join(where[store][0] for store in failed)
        advice = (
            f"Waited {wait_s:g} s, and nothing was changed. Start what is away (docker compose up -d), wait longer "
            f"with --wait SECONDS, or correct {variables}."
        )
        return "\n".join([*sentences, advice])
