"""A bare bulk load: request bodies that are ready, as files of a folder, sent as fast as they are taken."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import urllib3

from bench.peers.sharing import PROCESSES, share, told

_THREADS = 2  # requests on their way, of each process


def ready(part: tuple[str, list[Path]]) -> Callable[[], None]:
    """Read the bodies; return what sends them."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - in the worker alone

    index, paths = part
    bodies = [path.read_bytes() for path in paths]
    url = os.environ["ELASTICSEARCH_URL"]
    http = urllib3.PoolManager(maxsize=_THREADS)

    def send(body: bytes) -> None:
        answer = http.request(
            "POST",
            f"{url}/{index}/_bulk?filter_path=errors",
            body=body,
            headers={"Content-Type": "application/x-ndjson"},
            retries=False,
        )
        if answer.status != 200 or b'"errors":false' not in answer.data:
            raise SystemExit(f"the bulk load failed: {answer.status} {answer.data[:500]!r}")

    def go() -> None:
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(send, bodies))
        http.request("POST", f"{url}/{index}/_refresh")

    return go


if __name__ == "__main__":
    folder, name = Path(sys.argv[1]), sys.argv[2]
    files = sorted(folder.iterdir())
    told(share(ready, [(name, files[n::PROCESSES]) for n in range(PROCESSES)]))
