"""Three embedded engines in a process of their own: tests that start engines are given these, and each empties them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_CODE = """
import json, sys
from tvmigrate.engines.embedded import EmbeddedEngines
with EmbeddedEngines() as engines:
    print(json.dumps(engines.endpoints.environ()), flush=True)
    sys.stdin.read()
"""


@contextmanager
def engines() -> Iterator[dict[str, str]]:
    """Start three engines; yield the variables that name them. They are stopped at the end, or with this process."""
    process = subprocess.Popen([sys.executable, "-c", _CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()


def lend(environ: dict[str, str]) -> None:
    """Have `EmbeddedEngines()` give these engines, in this process and whatever is forked from it."""
    from tvmigrate.engines import embedded  # noqa: PLC0415 - the product is imported only where it is not mutated
    from tvmigrate.engines.endpoints import Endpoints  # noqa: PLC0415

    class Lent:
        endpoints = Endpoints(
            redis=environ["REDIS_URL"], clickhouse=environ["CLICKHOUSE_URL"], elasticsearch=environ["ELASTICSEARCH_URL"]
        )

        def __enter__(self) -> Lent:
            return self

        def __exit__(self, *of_an_error: object) -> None:
            pass

    embedded.EmbeddedEngines = Lent  # type: ignore[assignment, misc]
