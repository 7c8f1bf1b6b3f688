"""The one way to open a client to each store, and to learn whether all three can be worked with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

import clickhouse_connect
import elasticsearch
import redis
import urllib3
from clickhouse_connect.driver.client import Client as ClickHouse
from clickhouse_connect.driver.exceptions import ClickHouseError

from tvmigrate.engines.endpoints import CLICKHOUSE_URL, ELASTICSEARCH_URL, REDIS_URL, Endpoints
from tvmigrate.engines.errors import EngineUnreachable, UnsupportedVersion
from tvmigrate.engines.plain_json import PlainJsonNode
from tvmigrate.engines.whole_answers import require_whole_answers
from tvmigrate.errors import UsageError

CONNECT_SECONDS = 5
ANSWER_SECONDS = 300
# The oldest version of each store that the tool works with, and the first that it does not, if there is one.
SUPPORTED: dict[str, tuple[tuple[int, int], tuple[int, int] | None]] = {
    "redis": ((6, 2), None),
    "clickhouse": ((23, 8), None),
    "elasticsearch": ((8, 16), (10, 0)),  # the first whose point in time can refuse to leave out shards
}
_VARIABLE = {"redis": REDIS_URL, "clickhouse": CLICKHOUSE_URL, "elasticsearch": ELASTICSEARCH_URL}


def open_redis(url: str, db: int = 0, timeout: float = ANSWER_SECONDS) -> redis.Redis:
    """Return a client of database `db` that gives bytes; nothing is sent yet.

    Args:
        url: `redis://`, `rediss://` or `unix://`, with user and password where needed; it names no other
            database than 0, since the tool reads every database by its number.
        db: number of the database.
        timeout: how long to wait for an answer, in seconds.

    Raises:
        UsageError: the URL is none of these, or names another database.
    """
    parts = _split(url, "redis", ("redis", "rediss", "unix"))
    if parts.scheme != "unix":
        if parts.path.strip("/") not in {"", "0"}:
            raise UsageError(
                f"{REDIS_URL} {masked(url)} names a database. The keys are in database 0, and the tool "
                "visits the others by their numbers: leave the path off."
            )
        url = parts._replace(path="").geturl()
    return redis.Redis.from_url(
        url,
        db=db,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=timeout,
        decode_responses=False,
    )


def open_clickhouse(url: str, timeout: float = ANSWER_SECONDS) -> ClickHouse:
    """Return an HTTP client without a session, for any number of threads; it asks for the version at once.

    Args:
        url: `http(s)://[user[:password]@]host[:port][/database]`; the database is `default` unless named.
        timeout: how long to wait for an answer, in seconds.

    Raises:
        UsageError: the URL is not of this form.
        ClickHouseError, OSError: the server does not answer or refuses the user.
    """
    parts = _split(url, "clickhouse", ("http", "https"))
    return clickhouse_connect.get_client(
        interface=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or (8443 if parts.scheme == "https" else 8123),
        username=unquote(parts.username) if parts.username else "default",
        password=unquote(parts.password or ""),
        database=unquote(parts.path.strip("/")) or "default",
        connect_timeout=CONNECT_SECONDS,
        send_receive_timeout=timeout,
        autogenerate_session_id=False,
        compress=True,
        client_name="tvmigrate",
    )


def open_elasticsearch(url: str, timeout: float = ANSWER_SECONDS) -> elasticsearch.Elasticsearch:
    """Return a client; nothing is sent yet.

    It keeps the driver's own JSON reader: orjson is faster, but turns whole numbers beyond 64 bits into
    floats and refuses lone surrogates, which old documents may hold. Its node class makes one client do for servers of
    different majors.

    Args:
        url: `http(s)://[user:password@]host[:port]`.
        timeout: how long to wait for an answer, in seconds.

    Raises:
        UsageError: the URL is not of this form.
    """
    parts = _split(url, "elasticsearch", ("http", "https"))
    port = parts.port or (443 if parts.scheme == "https" else 9200)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    user = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return elasticsearch.Elasticsearch(
        f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}",
        basic_auth=user,
        request_timeout=timeout,
        node_class=PlainJsonNode,
    )


class Clients:
    """One client of each store, opened together and closed together."""

    def __init__(self, endpoints: Endpoints, timeout: float = ANSWER_SECONDS) -> None:
        """Open the three clients; only ClickHouse's asks its server something at once.

        Each waits `timeout` seconds for an answer.

        Raises:
            UsageError: a URL is malformed.
            EngineUnreachable: ClickHouse does not answer or refuses the user.
            ResultsCut: ClickHouse's user has settings that cut results short, and may not change them.
        """
        self._endpoints = endpoints
        self._timeout = timeout
        self._databases: dict[int, redis.Redis] = {}
        with ExitStack() as opened:
            self.redis = self._databases[0] = open_redis(endpoints.redis, 0, timeout)
            opened.callback(self._close_redis)
            self.elasticsearch = open_elasticsearch(endpoints.elasticsearch, timeout)
            opened.callback(self.elasticsearch.close)
            try:
                self.clickhouse = open_clickhouse(endpoints.clickhouse, timeout)
                require_whole_answers(self.clickhouse)
            except (ClickHouseError, urllib3.exceptions.HTTPError, OSError) as error:
                raise _unreachable([("clickhouse", endpoints.clickhouse, error)]) from error
            opened.callback(self.clickhouse.close)
            self._opened = opened.pop_all()

    def redis_db(self, number: int) -> redis.Redis:
        """Return the client of Redis database `number`, opened once and closed with the others."""
        if number not in self._databases:
            self._databases[number] = open_redis(self._endpoints.redis, number, self._timeout)
        return self._databases[number]

    def close(self) -> None:
        """Close all clients; a second call does nothing."""
        self._opened.close()

    def _close_redis(self) -> None:
        for client in self._databases.values():
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def unreachable(endpoints: Endpoints) -> dict[str, Exception]:
    """Ask each store for its version; return what went wrong by store, nothing where all of them answer in 5 s.

    Raises:
        UsageError: a URL is malformed.
    """
    return _ask_versions(endpoints)[1]


def check_reachable(endpoints: Endpoints) -> dict[str, str]:
    """Ask each store for its version, and return them by store: `redis`, `clickhouse`, `elasticsearch`.

    Raises:
        UsageError: a URL is malformed.
        EngineUnreachable: one or more do not answer or refuse the user; all of them are named.
        UnsupportedVersion: one or more have a version that the tool does not work with.
    """
    versions, failed = _ask_versions(endpoints)
    urls = {store: url for store, url, _ in _asked(endpoints)}
    if failed:
        away = [(store, urls[store], error) for store, error in failed.items()]
        raise _unreachable(away) from away[0][2]
    too_old = [
        f"{store} at {masked(url)} is {versions[store]}; supported is {_range(store)}."
        for store, url in urls.items()
        if not supported(store, versions[store])
    ]
    if too_old:
        raise UnsupportedVersion(
            f"{' '.join(too_old)} Nothing was read or changed; point the tool at a supported server."
        )
    return versions


def _asked(endpoints: Endpoints) -> tuple[tuple[str, str, Callable[[str], str]], ...]:
    return (
        ("redis", endpoints.redis, redis_version),
        ("clickhouse", endpoints.clickhouse, clickhouse_version),
        ("elasticsearch", endpoints.elasticsearch, elasticsearch_version),
    )


def _ask_versions(endpoints: Endpoints) -> tuple[dict[str, str], dict[str, Exception]]:
    versions: dict[str, str] = {}
    failed: dict[str, Exception] = {}
    for store, url, ask in _asked(endpoints):
        try:
            versions[store] = ask(url)
        except (
            redis.RedisError,
            ClickHouseError,
            elasticsearch.ApiError,
            elasticsearch.TransportError,
            elasticsearch.UnsupportedProductError,
            urllib3.exceptions.HTTPError,
            OSError,
        ) as error:
            failed[store] = error
    return versions, failed


def redis_version(url: str) -> str:
    """Return the version of the Redis at `url`; raises RedisError, OSError."""
    with open_redis(url) as client:
        client.connection_pool.connection_kwargs["socket_timeout"] = CONNECT_SECONDS
        return str(client.info("server")["redis_version"])


def clickhouse_version(url: str) -> str:
    """Return the version of the ClickHouse at `url`; raises ClickHouseError, OSError."""
    client = open_clickhouse(url, CONNECT_SECONDS)
    try:
        return str(client.server_version)
    finally:
        client.close()


def elasticsearch_version(url: str) -> str:
    """Return the version of the Elasticsearch at `url`; raises elasticsearch's ApiError, TransportError."""
    with open_elasticsearch(url) as client:
        answer = client.options(request_timeout=CONNECT_SECONDS, max_retries=0).info()
        return str(answer["version"]["number"])


def masked(url: str) -> str:
    """Return `url` with its password replaced by `***`."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}:***@{host}").geturl()


def _split(url: str, store: str, schemes: tuple[str, ...]) -> SplitResult:
    listed = " or ".join(f"{scheme}://" for scheme in schemes)
    expected = f"expected is {listed} with a host, such as {schemes[0]}://db.example:1234"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"{_VARIABLE[store]} is no URL ({error}): {expected}.") from error
    if parts.scheme not in schemes or not (parts.hostname or parts.scheme == "unix"):
        raise UsageError(f"{_VARIABLE[store]} is {masked(url)!r}: {expected}.")
    return parts


def _unreachable(failed: list[tuple[str, str, Exception]]) -> EngineUnreachable:
    sentences = []
    for store, url, error in failed:
        reason = " ".join(str(error).split()) or type(error).__name__
        if password := urlsplit(url).password:
            reason = reason.replace(password, "***").replace(unquote(password), "***")
        sentences.append(f"{store} at {masked(url)} cannot be worked with: {reason.rstrip('.')}.")
    variables = ", ".join(_VARIABLE[store] for store, _, _ in failed)
    return EngineUnreachable(
        f"{' '.join(sentences)} Asked was for its version, with {CONNECT_SECONDS} s to connect. "
        f"Start the server or correct {variables} (host, port, user, password)."
    )


def supported(store: str, version: str) -> bool:
    """Tell whether the tool works with `version` of `store`."""
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    oldest, beyond = SUPPORTED[store]
    numbers = (*numbers, 0)[:2]
    return oldest <= numbers and (beyond is None or numbers < beyond)


def _range(store: str) -> str:
    oldest, beyond = SUPPORTED[store]
    text = ".".join(map(str, oldest))
    return f"{text} and later" if beyond is None else f"{text} and later, before {'.'.join(map(str, beyond))}"
