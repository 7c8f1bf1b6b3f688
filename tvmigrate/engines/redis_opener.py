"""The one way to open a client of Redis, of a URL that ends with `#read-only` one that cannot write.

Who needs that alone imports no other driver.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

import redis

from tvmigrate.engines import redis_url
from tvmigrate.engines.endpoints import READ_ONLY, REDIS_URL
from tvmigrate.engines.read_only import guard
from tvmigrate.engines.redis_client import open_cluster, open_sentinel
from tvmigrate.engines.secrets import masked
from tvmigrate.engines.store_url import ANSWER_SECONDS, CONNECT_SECONDS, split
from tvmigrate.errors import UsageError


def open_redis(url: str, db: int = 0, timeout: float = ANSWER_SECONDS) -> redis.Redis:
    """Return a client of database `db` that gives bytes; nothing is sent yet, unless it is a cluster.

    Args:
        url: `redis://`, `rediss://` or `unix://`, with user and password where needed, or that of several servers
            (see `redis_url`); it names no other database than 0, since the tool reads every database by its number.
        db: number of the database.
        timeout: how long to wait for an answer, in seconds.

    Raises:
        UsageError: the URL is none of these, or names another database, or `db` is another one than 0 of a cluster.
        redis.ConnectionError: no server of a cluster answers.
    """
    if url.endswith(READ_ONLY):
        return guard(open_redis(url.removesuffix(READ_ONLY), db, timeout))
    scheme = url.partition("://")[0]
    if scheme in redis_url.MANY and scheme.endswith(redis_url.SENTINEL):
        return open_sentinel(url, db, timeout, CONNECT_SECONDS)
    if scheme in redis_url.MANY:
        if db:
            raise UsageError(f"{REDIS_URL} leads to a Redis Cluster, which has database 0 alone, and not {db}.")
        return open_cluster(url, timeout, CONNECT_SECONDS)
    parts = split(url, "redis", redis_url.PLAIN, redis_url.MANY)
    if parts.scheme != "unix":
        if parts.path.strip("/") not in {"", "0"}:
            raise UsageError(
                f"{REDIS_URL} {masked(url)} names a database. The keys are in database 0, and the tool "
                "visits the others by their numbers: leave the path off."
            )
        url = parts._replace(path="").geturl()
    secured = {}
    if parts.scheme == "rediss":
        secured = redis_url.tls_options(dict(parse_qsl(parts.query)))
        del secured["ssl"]  # the scheme says it
    return redis.Redis.from_url(
        url,
        db=db,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=timeout,
        decode_responses=False,
        **secured,
    )
