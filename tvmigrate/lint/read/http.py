"""Requests to Elasticsearch, and to ClickHouse's HTTP interface: from a URL and a body, or as in Kibana's console."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tvmigrate.lint.read.sql import looks_like_sql, read_sql
from tvmigrate.lint.read.text import Around, Text
from tvmigrate.lint.statement import Http, Place, Statement, Store, Unread, Via

_CONSOLE = re.compile(r"^\s*(GET|POST|PUT|DELETE|HEAD|PATCH)\s+(\S+)\s*$", re.MULTILINE)
_ELASTICSEARCH = re.compile(r"9200|elastic|\bES_|\$\{?ES\b|\$\{?ES_|^https?://es\b", re.IGNORECASE)
_CLICKHOUSE = re.compile(r"8123|8443|clickhouse|\$\{?CH\b|\$\{?CH_", re.IGNORECASE)
_API = re.compile(
    r"/_(clone|reindex|settings|mapping|alias|aliases|bulk|count|search|doc|refresh|block|snapshot|cat|tasks|cluster|"
    r"delete_by_query|update_by_query|update|create|forcemerge|open|close|split|shrink|rollover|stats|source|mget|all)\b"
)


def store_of(url: str) -> Store | None:
    """Say which store a URL is of; None if of neither."""
    if _ELASTICSEARCH.search(url) or _API.search(url):
        return "elasticsearch"
    return "clickhouse" if _CLICKHOUSE.search(url) else None


def request(place: Place, method: str, url: str, body: Text | None, via: Via) -> Iterator[Statement]:
    """Yield what a request says to a store: SQL for ClickHouse, a request for Elasticsearch, nothing for another."""
    host, path, query = _split(url)
    store = store_of(url)
    if body is not None and store != "elasticsearch" and looks_like_sql(body.value):
        yield from read_sql(body, via, frozenset(query))
    elif "query" in query and looks_like_sql(query["query"]) and store != "elasticsearch":
        around = Text(query["query"], place.line, place.column, Around(place.path, place.rollback))
        yield from read_sql(around, via, frozenset(query))
    elif store == "elasticsearch":
        text = "" if body is None else body.value
        yield Http(place, method.upper(), path, query, parsed(text), via, host, text)
        if body is not None and parsed(text) is None and "_bulk" not in path and text.strip():
            yield Unread(place, "the body of this request, which is made at run time or is no JSON")
    elif store == "clickhouse" and body is not None:
        yield Unread(place, "what this request sends to ClickHouse, which is made at run time")


def read_console(text: Text) -> Iterator[Statement]:
    """Yield the requests of a text as in Kibana's console: `PUT /index`, then its body."""
    heads = list(_CONSOLE.finditer(text.value))
    if not heads:
        yield Unread(text.place(), "this block of requests: no line of it is a method and a path")
    for head, following in zip(heads, [*heads, None][1:], strict=True):
        body = text.part(head.end(), len(text.value) if following is None else following.start())
        _, path, query = _split("http://elasticsearch/" + head[2].lstrip("/"))
        place = text.place(head.start(1))
        yield Http(place, head[1], path, query, parsed(body.value), "client", "", body.value)


def parsed(body: str) -> Any:
    """Return a body as JSON; a value that is made at run time becomes null. None if it is no JSON object."""
    for attempt in (body, re.sub(r"\$\{?\w+[^}\s,\"]*\}?", "null", body)):
        try:
            found = json.loads(attempt)
        except ValueError:
            continue
        return found if isinstance(found, dict) else None
    return None


def _split(url: str) -> tuple[str, str, dict[str, str]]:
    """Return host, path without its leading slash, and query; a base URL in a variable is a host."""
    full = url if "://" in url else "http://" + url
    try:
        split = urlsplit(full)
    except ValueError:
        return "", url, {}
    query = {name: values[-1] for name, values in parse_qs(split.query, keep_blank_values=True).items()}
    return split.netloc, unquote(split.path).strip("/"), query
