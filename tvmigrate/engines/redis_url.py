"""`REDIS_URL` of a cluster or of Sentinel, read.

| URL | |
|---|---|
| `redis[s]+cluster://[user:password@]host[:port][,host[:port]…]` | a Redis Cluster; any of its servers will do |
| `redis[s]+sentinel://[user:password@]host[:port][,host[:port]…]/service` | the master that these sentinels name |

Parameters after `?` are redis-py's; of Sentinel also `sentinel_username` and `sentinel_password`, for the sentinels
themselves. redis-sentinel-url, LangChain, RedisVL and Prefect spell it so too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from redis.connection import parse_url

from tvmigrate.engines import tls
from tvmigrate.engines.endpoints import REDIS_URL
from tvmigrate.engines.secrets import masked
from tvmigrate.errors import UsageError

CLUSTER, SENTINEL = "cluster", "sentinel"
PLAIN = ("redis", "rediss", "unix")
MANY = tuple(f"{plain}+{kind}" for kind in (CLUSTER, SENTINEL) for plain in ("redis", "rediss"))
_PORTS = {CLUSTER: 6379, SENTINEL: 26379}


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A URL that names several servers, in its parts.

    `places` are (host, port) of the cluster's servers, or of the sentinels of `service` (None: a cluster). `options`
    are keyword arguments of redis-py's client, `sentinel` those for the sentinels.
    """

    places: tuple[tuple[str, int], ...]
    service: str | None
    options: Mapping[str, Any]
    sentinel: Mapping[str, Any] = field(default_factory=dict)


def read(url: str) -> RedisAddress:
    """Read a URL whose scheme is one of `MANY`.

    Raises:
        UsageError: it has not the form, or names a database; what is said of it hides the password.
    """
    scheme, _, rest = url.partition("://")
    plain, _, kind = scheme.partition("+")
    before, _, query = rest.partition("?")
    authority, _, path = before.partition("/")
    user, at, hosts = authority.rpartition("@")
    places = tuple(_place(url, one, _PORTS[kind]) for one in hosts.split(","))
    parameters = dict(parse_qsl(query))
    sentinel = {name: parameters.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    files = tls_options(parameters) if plain == "rediss" else {}
    try:
        options: dict[str, Any] = parse_url(f"redis://{user}{at}none?{urlencode(parameters)}")  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise _unusable(url, str(error).rstrip(".")) from error
    del options["host"]
    options |= files
    if kind == CLUSTER:
        if path.strip("/") not in {"", "0"} or options.pop("db", 0):
            raise _unusable(url, "a Redis Cluster has database 0 alone: leave it off")
        return RedisAddress(places, None, options)
    service, _, database = path.partition("/")
    if not service or database not in {"", "0"} or options.pop("db", 0):
        raise _unusable(
            url, "expected is the name that the sentinels have for the master, and no database, as in …:26379/mymaster"
        )
    return RedisAddress(places, unquote(service), options, files | {name: v for name, v in sentinel.items() if v})


def tls_options(parameters: dict[str, str]) -> dict[str, Any]:
    """Take what bears on TLS out of a URL's `parameters`, and return it as redis-py's client takes it.

    Raises:
        UsageError: see `tls.take`.
    """
    found = tls.take(parameters, tls.REDIS)
    options: dict[str, Any] = {"ssl": True}
    given = (("ssl_ca_certs", found.ca), ("ssl_certfile", found.certificate), ("ssl_keyfile", found.key))
    options |= {name: path for name, path in given if path}
    return options if found.verified else options | {"ssl_cert_reqs": "none", "ssl_check_hostname": False}


def _place(url: str, text: str, port: int) -> tuple[str, int]:
    host, colon, number = text.rpartition(":")
    if text.endswith("]") or not colon:
        host, number = text, ""
    if not host or (number and not (number.isascii() and number.isdigit() and 0 < int(number) < 65536)):
        raise _unusable(url, "expected are hosts with their ports, separated by commas, as in a:6379,b:6379")
    return unquote(host.strip("[]")), int(number or port)


def _unusable(url: str, why: str) -> UsageError:
    return UsageError(f"{REDIS_URL} is {masked(url)!r}: {why}.")
