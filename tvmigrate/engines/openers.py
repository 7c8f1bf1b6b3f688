"""The one way to open a client of ClickHouse and of Elasticsearch; `redis_opener` has that of Redis.

Of a URL that ends with `#read-only` it is one that cannot write.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote

import clickhouse_connect
import elasticsearch
import urllib3
from clickhouse_connect.driver.client import Client as ClickHouse

from tvmigrate.engines import tls
from tvmigrate.engines.endpoints import ELASTICSEARCH_URL, READ_ONLY
from tvmigrate.engines.plain_json import PlainJsonNode
from tvmigrate.engines.quick_json import QuickJson
from tvmigrate.engines.read_only import set_read_only
from tvmigrate.engines.read_only_node import ReadOnlyNode
from tvmigrate.engines.secrets import API_KEY, masked
from tvmigrate.engines.sent_once import OnceTransport
from tvmigrate.engines.store_url import ANSWER_SECONDS, CONNECT_SECONDS, VARIABLE, split
from tvmigrate.errors import UsageError

_JSON = ("application/json", "application/vnd.elasticsearch+json")


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
    if url.endswith(READ_ONLY):
        client = open_clickhouse(url.removesuffix(READ_ONLY), timeout)
        try:
            set_read_only(client)
        except BaseException:
            client.close()
            raise
        return client
    parts = split(url, "clickhouse", ("http", "https"))
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
        url: `http(s)://[user:password@]host[:port]`, or without a user `?api_key=…`. Of `https`, what bears on TLS may
            stand after `?` too (`tls.ELASTICSEARCH`).
        timeout: how long to wait for an answer, in seconds.

    Raises:
        UsageError: the URL is not of this form.
    """
    only_read = url.endswith(READ_ONLY)
    parts = split(url.removesuffix(READ_ONLY), "elasticsearch", ("http", "https"))
    files = _tls(parts, "elasticsearch", tls.ELASTICSEARCH)
    secured: dict[str, Any] = {}
    if files is not None:
        given = (("ca_certs", files.ca), ("client_cert", files.certificate), ("client_key", files.key))
        secured = {name: path for name, path in given if path}
        secured |= {} if files.verified else {"verify_certs": False, "ssl_show_warn": False}
    port = parts.port or (443 if parts.scheme == "https" else 9200)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    user = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    api_key = dict(parse_qsl(parts.query)).get(API_KEY)
    if user and api_key:
        raise UsageError(f"{ELASTICSEARCH_URL} is {masked(url)!r}: expected is a user or an API key, and not both.")
    return elasticsearch.Elasticsearch(
        f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}",
        basic_auth=user,
        api_key=api_key,
        request_timeout=timeout,
        node_class=ReadOnlyNode if only_read else PlainJsonNode,
        transport_class=OnceTransport,
        serializers={kind: QuickJson() for kind in _JSON},
        **secured,
    )


def _tls(parts: SplitResult, store: str, names: tls.Names) -> tls.Tls | None:
    """Return what bears on TLS of a URL, None where there is none; a parameter that says something else is refused."""
    parameters = dict(parse_qsl(parts.query))
    if names is tls.ELASTICSEARCH:
        parameters.pop(API_KEY, None)
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
