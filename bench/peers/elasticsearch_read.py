"""A bare read of whole indices: a sliced point in time, two processes, orjson; nothing is looked at."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import orjson
import urllib3

from bench.peers.sharing import PROCESSES, share, told

_PAGE = 5000
_HTTP = urllib3.PoolManager()


def _ask(method: str, path: str, body: Any = None) -> Any:
    answer = _HTTP.request(
        method,
        os.environ["ELASTICSEARCH_URL"] + path,
        body=None if body is None else orjson.dumps(body),
        headers={"Content-Type": "application/json"},
        retries=False,
    )
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status} {answer.data[:500]!r}")
    try:
        return orjson.loads(answer.data)
    except orjson.JSONDecodeError:  # half a surrogate pair, which old documents may hold and orjson refuses
        return json.loads(answer.data)


def ready(part: tuple[int, list[str]]) -> Callable[[], None]:
    """Return what reads one slice of each index."""
    number, points = part

    def go() -> None:
        for point in points:
            after: list[Any] | None = None
            while True:
                body: dict[str, Any] = {
                    "size": _PAGE,
                    "pit": {"id": point, "keep_alive": "5m"},
                    "slice": {"id": number, "max": PROCESSES},
                    "sort": [{"_shard_doc": "asc"}],
                    "track_total_hits": False,
                }
                if after:
                    body["search_after"] = after
                hits = _ask("POST", "/_search?filter_path=hits.hits._id,hits.hits._source,hits.hits.sort", body)
                found = hits.get("hits", {}).get("hits", [])
                if not found:
                    break
                after = found[-1]["sort"]

    return go


if __name__ == "__main__":
    opened = [_ask("POST", f"/{index}/_pit?keep_alive=5m")["id"] for index in sys.argv[1:]]
    told(share(ready, [(n, opened) for n in range(PROCESSES)]))
