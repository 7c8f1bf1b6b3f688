"""The one way to open a client to each store."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import clickhouse_connect
import elasticsearch
import redis
import urllib3
from clickhouse_connect.driver.client import Client as ClickHouse

from tvmigrate.engines import redis_url, tls
from tvmigrate.engines.endpoints import CLICKHOUSE_URL, ELASTICSEARCH_URL, REDIS_URL
from tvmigrate.engines.plain_json import PlainJsonNode
from tvmigrate.engines.quick_json import QuickJson
from tvmigrate.engines.redis_client import open_cluster, open_sentinel
from tvmigrate.engines.redis_url import masked
from tvmigrate.engines.sent_once import OnceTransport
from tvmigrate.errors import UsageError

CONNECT_SECONDS = 5
_JSON = ("application/json", "application/vnd.elasticsearch+json")
ANSWER_SECONDS = 300
VARIABLE = {"redis": REDIS_URL, "clickhouse": CLICKHOUSE_URL, "elasticsearch": ELASTICSEARCH_URL}


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
    scheme = url.partition("://")[0]
    if scheme in redis_url.MANY and scheme.endswith(redis_url.SENTINEL):
        return open_sentinel(url, db, timeout, CONNECT_SECONDS)
    if scheme in redis_url.MANY:
        if db:
            raise UsageError(f"{REDIS_URL} leads to a Redis Cluster, which has database 0 alone, and not {db}.")
        return open_cluster(url, timeout, CONNECT_SECONDS)
    parts = _split(url, "redis", redis_url.PLAIN, redis_url.MANY)
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


def open_clickhouse(url: str, timeout: float = ANSWER_SECONDS) -> ClickHouse:
    """Return an HTTP client without a session, for any number of threads; it asks for the version at once.

    Args:
        url: `http(s)://[user[:password]@]host[:port][/database]`; the database is `default` unless named. Of `https`,
            what bears on TLS may stand after `?` (`tls.CLICKHOUSE`).
        timeout: how long to wait for an answer, in seconds.

    Raises:
        UsageError: the URL is not of this form.
        ClickHouseError, OSError: the server does not answer or refuses the user.
    """
    parts = _split(url, "clickhouse", ("http", "https"))
    files = _tls(parts, "clickhouse", tls.CLICKHOUSE)
    secured: dict[str, Any] = {}
    if files is not None:
        secured = {"ca_cert": files.ca, "client_cert": files.certificate, "client_cert_key": files.key}
        secured |= {"verify": files.verified}
        if files.certificate and parts.password:
            secured["tls_mode"] = (
                "strict"  # else the driver takes the certificate for the user's, and leaves off the password
            )
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
        **secured,
    )


def open_elasticsearch(url: str, timeout: float = ANSWER_SECONDS) -> elasticsearch.Elasticsearch:
    """Return a client; nothing is sent yet.

    Its JSON reader is quick and loses nothing (`quick_json`); its node class makes one client do for servers of
    different majors; its transport sends once what changes something.

    Args:
        url: `http(s)://[user:password@]host[:port]`. Of `https`, what bears on TLS may stand after `?`
            (`tls.ELASTICSEARCH`).
        timeout: how long to wait for an answer, in seconds.

    Raises:
        UsageError: the URL is not of this form.
    """
    parts = _split(url, "elasticsearch", ("http", "https"))
    files = _tls(parts, "elasticsearch", tls.ELASTICSEARCH)
    secured: dict[str, Any] = {}
    if files is not None:
        given = (("ca_certs", files.ca), ("client_cert", files.certificate), ("client_key", files.key))
        secured = {name: path for name, path in given if path}
        secured |= {} if files.verified else {"verify_certs": False, "ssl_show_warn": False}
    port = parts.port or (443 if parts.scheme == "https" else 9200)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    user = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return elasticsearch.Elasticsearch(
        f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}",
        basic_auth=user,
        request_timeout=timeout,
        node_class=PlainJsonNode,
        transport_class=OnceTransport,
        serializers={kind: QuickJson() for kind in _JSON},
        **secured,
    )


def _tls(parts: SplitResult, store: str, names: tls.Names) -> tls.Tls | None:
    """Return what bears on TLS of a URL, None where there is none; a parameter that says something else is refused."""
    parameters = dict(parse_qsl(parts.query))
    files = tls.take(parameters, names) if parts.scheme == "https" else None
    if files is not None and not files.verified:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # we were told so
    if parameters:
        known = ", ".join((names.ca, names.certificate, names.key, names.verify))
        raise UsageError(
            f"{VARIABLE[store]} is {masked(parts.geturl())!r}, with {', '.join(sorted(parameters))} after the "
            f"question mark; known there are {known}, of a URL of https."
        )
    return files


def _split(url: str, store: str, schemes: tuple[str, ...], others: tuple[str, ...] = ()) -> SplitResult:
    listed = " or ".join(f"{scheme}://" for scheme in (*schemes, *others))
    expected = f"expected is {listed} with a host, such as {schemes[0]}://db.example:1234"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"{VARIABLE[store]} is no URL ({error}): {expected}.") from error
    if parts.scheme not in schemes or not (parts.hostname or parts.scheme == "unix"):
        raise UsageError(f"{VARIABLE[store]} is {masked(url)!r}: {expected}.")
    return parts
