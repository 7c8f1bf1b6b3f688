"""What the engines answer when they refuse, to the byte, for what the embedded ones cannot be brought to say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import hiredis

Instead = Callable[[bytes], bytes]


def _redis(line: str) -> Instead:
    """Return what answers every command of a request with one error."""

    def answer(request: bytes) -> bytes:
        reader = hiredis.Reader(notEnoughData=None)
        reader.feed(request)
        commands = 0
        while reader.gets() is not None:
            commands += 1
        return f"-{line}\r\n".encode() * commands

    return answer


def _http(status: str, headers: dict[str, str], body: str) -> Instead:
    told = {**headers, "Content-Length": str(len(body.encode())), "Connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    answer = f"HTTP/1.1 {status}\r\n{lines}\r\n{body}".encode()
    return lambda request: answer


def _clickhouse(status: str, code: int, text: str) -> Instead:
    headers = {"X-ClickHouse-Exception-Code": str(code), "Content-Type": "text/plain; charset=UTF-8"}
    return _http(status, headers, f"Code: {code}. DB::Exception: {text} (version 25.8.30.16 (official build))\n")


_PRODUCT = {"X-elastic-product": "Elasticsearch", "content-type": "application/json"}


def _elasticsearch(status: int, kind: str, reason: str) -> Instead:
    cause = {"type": kind, "reason": reason}
    body = json.dumps({"error": {"root_cause": [cause], **cause}, "status": status})
    return _http(f"{status} Refused", _PRODUCT, body)


def _bulk_rejected(request: bytes) -> bytes:
    """Refuse every document of a bulk request, as a full queue does; say which if the request asks for that."""
    why = {
        "type": "es_rejected_execution_exception",
        "reason": "rejected execution of coordinating operation [coordinating_and_primary_bytes=0, "
        "replica_bytes=0, all_bytes=0, coordinating_operation_bytes=1048576, max_coordinating_bytes=1]",
    }
    ids = [json.loads(found) for found in re.findall(rb'\{"index":\{"_id":("(?:[^"\\]|\\.)*")\}\}', request)]
    items = [{"index": {"_id": one, "status": 429, "error": why}} for one in ids]
    asks_items = b"items" in request.partition(b"\r\n")[0]
    return _http("200 OK", _PRODUCT, json.dumps({"errors": True, **({"items": items} if asks_items else {})}))(request)


REFUSALS: dict[str, dict[str, Instead]] = {
    "redis": {
        "-LOADING": _redis("LOADING Redis is loading the dataset in memory"),
        "-MISCONF": _redis(
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands "
            "that may modify the data set are disabled, because this instance is configured to report errors during "
            "writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for "
            "details about the RDB error."
        ),
        "-OOM": _redis("OOM command not allowed when used memory > 'maxmemory'."),
        "-READONLY": _redis("READONLY You can't write against a read only replica."),
    },
    "clickhouse": {
        "241 MEMORY_LIMIT_EXCEEDED": _clickhouse(
            "500 Internal Server Error",
            241,
            "(total) memory limit exceeded: would use 3.50 GiB (attempt to allocate chunk of 4.00 MiB), maximum: 3.49 "
            "GiB. (MEMORY_LIMIT_EXCEEDED)",
        ),
        "252 TOO_MANY_PARTS": _clickhouse(
            "500 Internal Server Error",
            252,
            "Too many parts (3000 with average size of 1.00 KiB) in table. Merges are processing significantly slower "
            "than inserts. (TOO_MANY_PARTS)",
        ),
        "503 of a balancer": _http("503 Service Unavailable", {"Content-Type": "text/html"}, "<h1>503</h1>"),
    },
    "elasticsearch": {
        "429 circuit_breaking_exception": _elasticsearch(
            429,
            "circuit_breaking_exception",
            "[parent] Data too large, data for [<http_request>] would be [1073741848/1gb], which is larger than the "
            "limit of [1020054732/972.7mb]",
        ),
        "429 es_rejected_execution_exception": _elasticsearch(
            429, "es_rejected_execution_exception", "rejected execution of TimedRunnable on queue [search]"
        ),
        "503 unavailable_shards_exception": _elasticsearch(
            503, "unavailable_shards_exception", "[tv_comments][0] primary shard is not active Timeout: [1m]"
        ),
    },
}
BULK_REJECTED = _bulk_rejected
