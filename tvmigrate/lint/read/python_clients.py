"""The methods of the drivers, and what each sends: redis-py, elasticsearch-py, clickhouse-connect, requests."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tvmigrate.lint.read import http
from tvmigrate.lint.read.python_values import Values
from tvmigrate.lint.read.redis import COMMANDS
from tvmigrate.lint.read.text import Text
from tvmigrate.lint.statement import Http, Place, Statement, Store

HTTP_METHODS = frozenset({"get", "post", "put", "delete", "head", "patch", "request"})
SQL_METHODS = frozenset(
    {"command", "query", "execute", "raw_query", "query_df", "query_np", "raw_stream", "execute_iter"}
)
ONLY_REDIS = frozenset({"flushdb", "flushall", "renamenx", "swapdb", "scan_iter", "bgsave", "config_set", "slaveof"})

_RENAMED = {
    "delete": ["DEL"],
    "scan_iter": ["SCAN"],
    "config_set": ["CONFIG", "SET"],
    "config_rewrite": ["CONFIG", "REWRITE"],
    "debug_segfault": ["DEBUG", "SEGFAULT"],
}
_FLAGS = {"replace": "REPLACE", "keepttl": "KEEPTTL", "nosave": "NOSAVE", "save": "SAVE", "nx": "NX"}
_VALUED = {"match": "MATCH", "ex": "EX", "px": "PX", "exat": "EXAT", "pxat": "PXAT", "_type": "TYPE"}


def store_made_by(maker: str) -> Store | None:
    """Say whose client a call makes: `redis.Redis.from_url`, `clickhouse_connect.get_client`, `Elasticsearch`."""
    lowered = maker.lower()
    if "elasticsearch" in lowered:
        return "elasticsearch"
    if "clickhouse" in lowered:
        return "clickhouse"
    return "redis" if "redis" in lowered else None


def store_of_name(receiver: str) -> Store | None:
    """Say whose client a variable is, by its name."""
    name = receiver.lower().removesuffix(".indices").rpartition(".")[2]
    if re.fullmatch(r"r|rd|rdb|\w*redis\w*", name):
        return "redis"
    if re.fullmatch(r"es|\w*elastic\w*", name):
        return "elasticsearch"
    return "clickhouse" if re.fullmatch(r"ch|\w*click_?house\w*", name) else None


def settings_of(node: ast.Call) -> frozenset[str]:
    """Return the names in `settings={…}`."""
    given = next((one.value for one in node.keywords if one.arg == "settings"), None)
    keys = given.keys if isinstance(given, ast.Dict) else []
    return frozenset(str(key.value) for key in keys if isinstance(key, ast.Constant))


def redis_words(method: str, node: ast.Call, values: Values) -> list[str]:
    """Return the command that a redis-py call sends; empty if it sends none."""
    args = [values.text(arg) or "$" + re.sub(r"\W+", "_", ast.unparse(arg)) for arg in node.args]
    named = {one.arg: one.value for one in node.keywords if one.arg}
    if method == "execute_command":
        return " ".join(args[:1]).split() + args[1:]
    words = _RENAMED.get(method, [method.upper()])
    if words[0] not in COMMANDS:
        return []
    if "pattern" in named:
        args.append(values.text(named["pattern"]) or "")
    elif method in {"scan", "scan_iter"} and args and method == "scan_iter":
        args = ["MATCH", *args]
    for name, word in _VALUED.items():
        if name in named:
            args += [word, values.text(named[name]) or ""]
    for name, word in _FLAGS.items():
        flag = named.get(name)
        if flag is not None and not (isinstance(flag, ast.Constant) and not flag.value):
            args.append(word)
    args += [values.text(named[name]) or "" for name in ("name", "src", "dst") if name in named]
    return [*words, *args]


def _path(*parts: str) -> Callable[[Mapping[str, Any]], str]:
    """Return a maker of paths from arguments: `_path("index", "/_clone/", "target")`."""

    def make(named: Mapping[str, Any]) -> str:
        return "".join(part if part.startswith(("/", "_")) else _joined(named.get(part)) for part in parts).strip("/")

    return make


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(one) for one in value)
    return "" if value is None else str(value)


_Made = tuple[str, Callable[[Mapping[str, Any]], str], tuple[str, ...]]
# Method → HTTP method, path, and the names of its positional arguments.
_INDICES: Mapping[str, _Made] = {
    "delete": ("DELETE", _path("index"), ("index",)),
    "create": ("PUT", _path("index"), ("index",)),
    "clone": ("POST", _path("index", "/_clone/", "target"), ("index", "target")),
    "put_settings": ("PUT", _path("index", "/_settings"), ("settings", "index")),
    "add_block": ("PUT", _path("index", "/_block/", "block"), ("index", "block")),
    "remove_block": ("DELETE", _path("index", "/_block/", "block"), ("index", "block")),
    "put_mapping": ("PUT", _path("index", "/_mapping"), ("index",)),
    "update_aliases": ("POST", _path("_aliases"), ("actions",)),
    "put_alias": ("PUT", _path("index", "/_alias/", "name"), ("index", "name")),
    "delete_alias": ("DELETE", _path("index", "/_alias/", "name"), ("index", "name")),
    "refresh": ("POST", _path("index", "/_refresh"), ("index",)),
    "exists": ("HEAD", _path("index"), ("index",)),
    "stats": ("GET", _path("index", "/_stats"), ("index",)),
}
_CLIENT: Mapping[str, _Made] = {
    "reindex": ("POST", _path("_reindex"), ("source", "dest")),
    "count": ("GET", _path("index", "/_count"), ("index",)),
    "search": ("GET", _path("index", "/_search"), ("index",)),
    "open_point_in_time": ("POST", _path("index", "/_pit"), ("index",)),
    "delete_by_query": ("POST", _path("index", "/_delete_by_query"), ("index",)),
    "update_by_query": ("POST", _path("index", "/_update_by_query"), ("index",)),
    "bulk": ("POST", _path("index", "/_bulk"), ()),
    "delete": ("DELETE", _path("index", "/_doc/", "id"), ("index", "id")),
    "index": ("POST", _path("index", "/_doc"), ("index",)),
    "mget": ("GET", _path("index", "/_mget"), ("index",)),
}
_HELPERS: Mapping[str, _Made] = {
    **dict.fromkeys(("bulk", "streaming_bulk", "parallel_bulk"), ("POST", _path("_bulk"), ("client", "actions"))),
    "scan": ("GET", _path("index", "/_search"), ("client",)),
}
_QUERY = frozenset(
    {"wait_for_completion", "refresh", "slices", "scroll", "wait_for_status", "raise_on_error", "stats_only"}
)


def elasticsearch(place: Place, owner: str, method: str, node: ast.Call, values: Values) -> Iterator[Statement]:
    """Yield the request that a call of elasticsearch-py sends; nothing for one that is not known here."""
    if method == "perform_request" and len(node.args) > 1:
        yield from http.request(
            place, values.text(node.args[0]) or "", _any_host(values.text(node.args[1])), None, "python"
        )
        return
    known = _INDICES if owner.endswith("indices") else _HELPERS if owner == "helpers" else _CLIENT
    made = known.get(method)
    if made is None:
        return
    verb, path, positional = made
    named: dict[str, Any] = dict(zip(positional, (values.plain(arg) for arg in node.args), strict=False))
    named |= {one.arg: values.plain(one.value) for one in node.keywords if one.arg}
    query = {name: str(value).lower() for name, value in named.items() if name in _QUERY}
    body = {name: value for name, value in named.items() if name not in {*_QUERY, "index", "target", "name", "body"}}
    if isinstance(named.get("body"), dict):
        body |= named["body"]
    if owner == "helpers":
        query |= {"scroll": "5m"} if method == "scan" else {}
    yield Http(place, verb, path(named), query, body, "python")


def _any_host(path: str | None) -> str:
    return "http://elasticsearch/" + (path or "").lstrip("/")


def requested(place: Place, method: str, node: ast.Call, values: Values, inside: Text) -> Iterator[Statement]:
    """Yield what `requests.post(url, …)` sends to a store."""
    args = list(node.args)
    verb = (values.text(args.pop(0)) or "") if method == "request" and args else method
    named = {one.arg: one.value for one in node.keywords if one.arg}
    target = args[0] if args else named.get("url")
    url = None if target is None else values.text(target)
    if url is None:
        return
    sent = named.get("data", named.get("content", args[1] if len(args) > 1 else None))
    body: Text | None = None
    if "json" in named:
        plain = values.plain(named["json"])
        yield from _as_json(place, verb, url, plain)
        return
    if sent is not None:
        origin = values.origin(sent)
        body = Text(values.text(sent) or "", inside.line + origin.lineno - 1, origin.col_offset + 1, inside.around)
    yield from http.request(place, verb, url, body, "python")


def _as_json(place: Place, verb: str, url: str, body: Any) -> Iterator[Statement]:
    for one in http.request(place, verb, url, None, "python"):
        if isinstance(one, Http):
            kept = body if isinstance(body, dict) else None
            yield Http(one.place, one.method, one.path, one.query, kept, "python", one.host)
