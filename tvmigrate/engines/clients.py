"""Clients of all three stores together, and whether all three can be worked with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import elasticsearch
import redis
import urllib3
from clickhouse_connect.driver.exceptions import ClickHouseError

from tvmigrate.closing import Closing
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.errors import EngineUnreachable, UnsupportedVersion
from tvmigrate.engines.openers import open_clickhouse, open_elasticsearch
from tvmigrate.engines.redis_client import ClusterClient
from tvmigrate.engines.redis_opener import open_redis
from tvmigrate.engines.secrets import masked, without_secrets
from tvmigrate.engines.store_url import ANSWER_SECONDS, CONNECT_SECONDS, VARIABLE
from tvmigrate.engines.whole_answers import require_whole_answers

__all__ = [
    "ANSWER_SECONDS",
    "CONNECT_SECONDS",
    "Clients",
    "check_reachable",
    "masked",
    "open_clickhouse",
    "open_elasticsearch",
    "open_redis",
    "supported",
    "unreachable",
]
# The oldest version of each store that the tool works with, and the first that it does not, if there is one.
SUPPORTED: dict[str, tuple[tuple[int, int], tuple[int, int] | None]] = {
    "redis": ((6, 2), None),
    "clickhouse": ((23, 8), None),
    "elasticsearch": ((8, 16), (10, 0)),  # the first whose point in time can refuse to leave out shards
}


class Clients(Closing):
    """One client of each store, opened together and closed together; `endpoints` and `timeout` are as it was given."""

    def __init__(self, endpoints: Endpoints, timeout: float = ANSWER_SECONDS) -> None:
        """Open the three clients; only those of ClickHouse and of a Redis Cluster ask their servers something at once.

        Each waits `timeout` seconds for an answer.

        Raises:
            UsageError: a URL is malformed.
            EngineUnreachable: ClickHouse, or every server of a Redis Cluster, does not answer or refuses the user.
            ResultsCut: ClickHouse's user has settings that cut results short, and may not change them.
        """
        self.endpoints = endpoints
        self.timeout = timeout
        self._databases: dict[int, redis.Redis] = {}
        with ExitStack() as opened:
            try:
                self.redis = self._databases[0] = open_redis(endpoints.redis, 0, timeout)
            except redis.RedisError as error:
                raise _unreachable([("redis", endpoints.redis, error)]) from error
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

    @property
    def redis_is_cluster(self) -> bool:
        """Whether Redis is a cluster, which has database 0 alone and commands on one slot alone."""
        return isinstance(self.redis, ClusterClient)

    def redis_db(self, number: int) -> redis.Redis:
        """Return the client of Redis database `number`, opened once and closed with the others.

        Raises:
            UsageError: it is another one than 0 of a cluster.
        """
        if number not in self._databases:
            self._databases[number] = open_redis(self.endpoints.redis, number, self.timeout)
        return self._databases[number]

    def close(self) -> None:
        """Close all clients; a second call does nothing."""
        self._opened.close()

    def _close_redis(self) -> None:
        for client in self._databases.values():
            client.close()


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
    with open_redis(url, timeout=CONNECT_SECONDS) as client:
        server = client.masters()[0] if isinstance(client, ClusterClient) else client
        return str(server.info("server")["redis_version"])


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


def _unreachable(failed: list[tuple[str, str, Exception]]) -> EngineUnreachable:
    sentences = []
    for store, url, error in failed:
        reason = " ".join(str(error).split()) or type(error).__name__
        reason = without_secrets(reason, [url])
        sentences.append(f"{store} at {masked(url)} cannot be worked with: {reason.rstrip('.')}.")
    variables = ", ".join(VARIABLE[store] for store, _, _ in failed)
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
