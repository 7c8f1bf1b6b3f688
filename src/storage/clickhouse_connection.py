"""One HTTP client of ClickHouse for any number of threads, that sends nothing twice on its own."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import unquote

import clickhouse_connect
import stamina
import urllib3
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.httputil import get_pool_manager_options
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from src.errors import StoreError, StoreUnavailable
from src.settings import CLICKHOUSE_URL, Urls
from src.storage.failures import CLICKHOUSE, INIT, away, is_away, never_sent, not_connected, refused, split_url, waits
from tvmigrate.contract import new
from tvmigrate.contract.layout import Table, quoted

T = TypeVar("T")
# https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp: NOT_FOUND_COLUMN_IN_BLOCK,
# NO_SUCH_COLUMN_IN_TABLE, UNKNOWN_IDENTIFIER, UNKNOWN_TABLE, UNKNOWN_DATABASE
_LAYOUT_CODES = {10, 16, 47, 60, 81}
_ACCESS_CODES = {192, 193, 194, 516}  # UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED


class _Once(urllib3.PoolManager):
    """Connections whose failures leave the driver at once.

    clickhouse-connect (1.12) sends an insert again when the server closes the connection before it has answered,
    though the first may have been done: https://github.com/ClickHouse/clickhouse-connect/blob/main/clickhouse_connect/driver/_backend/http_sync.py
    It does so on urllib3's errors; it lets ours pass.
    """

    def __init__(self, url: str, pool_size: int) -> None:
        super().__init__(**get_pool_manager_options(maxsize=pool_size))
        self._store_url = url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> urllib3.BaseHTTPResponse:
        try:
            response = super().request(method, url, *args, **{**kwargs, "retries": False})
        except HTTPError as error:
            unsent = isinstance(error, NewConnectionError | ConnectTimeoutError)
            raise away(CLICKHOUSE, self._store_url, error, maybe_done=not unsent) from error
        # A connection that closed in the middle of the head: http.client takes that for the head's end.
        if response.status < 300 and all(name.lower() == "x-clickhouse-progress" for name in response.headers):
            response.close()
            cut = "the connection closed before the head of the answer ended"
            raise away(CLICKHOUSE, self._store_url, cut, maybe_done=True)
        return response


class ClickHouseConnection:
    """Opens, closes and asks; raises what the driver raises as the application's errors."""

    def __init__(self, url: str | None, timeout: float, attempts: int, pool_size: int) -> None:
        self._given_url = url
        self._url = ""
        self._timeout = timeout
        self._waits = waits(attempts, timeout)
        self._pool_size = pool_size
        self._client: Client | None = None
        self._pool: _Once | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Open the client, which asks the server for its version and settings; a second call opens it anew."""
        self.close()
        url = self._given_url or Urls.from_environ().clickhouse
        parts = split_url(CLICKHOUSE_URL, url, ("http", "https"))
        pool = _Once(url, self._pool_size)
        whole = max(1, math.ceil(self._timeout))  # the driver takes whole seconds here

        def start() -> Client:
            return clickhouse_connect.get_client(
                interface=parts.scheme,
                host=parts.hostname or "",
                port=parts.port or (8443 if parts.scheme == "https" else 8123),
                username=unquote(parts.username) if parts.username else "default",
                password=unquote(parts.password or ""),
                database=unquote(parts.path.strip("/")) or "default",
                connect_timeout=whole,
                send_receive_timeout=whole,
                query_retries=0,
                autogenerate_session_id=False,  # a session takes one query at a time
                tz_mode="aware",
                client_name="tv_analytics",
                pool_mgr=pool,
            )

        try:
            with self._failures(url):
                client = stamina.RetryingCaller(**self._waits)(is_away, start)
        except BaseException:
            pool.clear()
            raise
        client.timeout = urllib3.Timeout(connect=self._timeout, read=self._timeout)  # type: ignore[attr-defined]
        with self._lock:
            self._url, self._client, self._pool = url, client, pool

    def close(self) -> None:
        """Close the client; a second call does nothing."""
        with self._lock:
            client, pool, self._client, self._pool = self._client, self._pool, None, None
        if client is not None and pool is not None:
            client.close()
            pool.clear()

    def ping(self) -> None:
        """Return when the server has answered."""
        self.rows("ping", "SELECT 1", {})

    def rows(self, method: str, sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Return the rows of a SELECT; asked again while the server is away. DateTime64 comes as milliseconds."""
        client = self.require(method)

        def read() -> Sequence[Sequence[Any]]:
            with self._failures(self._url):
                formats = {"DateTime64*": "int", "DateTime": "int"}
                return client.query(sql, dict(parameters), query_formats=formats).result_rows

        return stamina.RetryingCaller(**self._waits)(is_away, read)

    def insert(self, method: str, table: Table, rows: Sequence[Sequence[Any]], before: int = 0) -> None:
        """Insert rows, values in the order of the table's columns; sent again only if the server cannot have got it.

        `before` rows of the same call are written already; an error says so.
        """
        client = self.require(method)

        def write() -> None:
            with self._failures(self._url):
                client.insert(
                    table.name,
                    rows,
                    column_names=table.column_names,
                    database=new.DATABASE,
                    # Said, so that the driver need not ask.
                    column_type_names=[column.type for column in table.columns],
                )

        try:
            stamina.RetryingCaller(**self._waits)(never_sent, write)
        except StoreError as error:
            if before:
                error.args = (f"{error} The {before} rows before these {len(rows)} are written.",)
            raise

    def require(self, method: str) -> Client:
        """Return the open client; raises NotConnected, naming the method."""
        client = self._client
        if client is None:
            raise not_connected("clickhouse_client_v2", method, "clickhouse_client_v2.connect()")
        return client

    @contextmanager
    def _failures(self, url: str) -> Iterator[None]:
        try:
            yield
        except ClickHouseError as error:
            if isinstance(cause := error.__cause__ or error.__context__, StoreUnavailable):
                raise cause from error
            code = getattr(error, "code", None)
            if code is None:  # no server's answer
                raise away(CLICKHOUSE, url, error, maybe_done=True) from error
            advice = INIT if code in _LAYOUT_CODES else ""
            if code in _ACCESS_CODES:
                advice = f"correct user and password in {CLICKHOUSE_URL}"
            raise refused(CLICKHOUSE, url, error, advice) from error
        except (HTTPError, OSError) as error:  # while the answer was read
            raise away(CLICKHOUSE, url, error, maybe_done=True) from error


def qualified(table: Table) -> str:
    """Return the quoted name of a table of the new layout, with its database."""
    return f"{quoted(new.DATABASE)}.{quoted(table.name)}"
