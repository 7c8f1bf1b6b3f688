"""The embedded Elasticsearch: a node of the published jars, in the process of `elasticsearch_node`."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tvmigrate.engines.embedded.class_archive import ensure_archive
from tvmigrate.engines.embedded.jars import ensure_jars
from tvmigrate.engines.embedded.libzstd import find_libzstd
from tvmigrate.engines.embedded.ports import HOST
from tvmigrate.engines.embedded.process import Launch, python_environ, python_module
from tvmigrate.errors import UsageError
from tvmigrate.events import Listener, Said

NAME = "elasticsearch"
HEAP_VARIABLE = "TVMIGRATE_ES_HEAP"
# With half of it, two bulk writers meet the circuit breaker (429).
DEFAULT_HEAP = "1g"
# Without the second compiler a node is up, and a few thousand documents are in, for half of the processor time; where
# there are some hundred thousand it is the slower way.
QUICK_START = ("-XX:TieredStopAtLevel=1",)
_NO_LIBZSTD = (
    "libzstd is not on this system: Elasticsearch indices with `index.codec: best_compression` will fail, "
    "all others work. Install it with the system's packages (Debian, Ubuntu: libzstd1; Fedora: libzstd)."
)
_NODE = "tvmigrate.engines.embedded.elasticsearch_node"


def heap_size(chosen: str | None = None) -> str:
    """Return the JVM's heap: `chosen`, else `TVMIGRATE_ES_HEAP`, else 1g.

    Raises:
        UsageError: it is not a number with `m` or `g`.
    """
    heap = chosen or os.environ.get(HEAP_VARIABLE) or DEFAULT_HEAP
    if not re.fullmatch(r"[1-9][0-9]*[mMgG]", heap):
        raise UsageError(f"{heap!r} is no heap size for Elasticsearch: write a whole number and m or g, such as 1g.")
    return heap


def prepare(heap: str, listener: Listener, cancelled: threading.Event) -> list[str]:
    """Bring the jars and the class cache into place, and return the JVM options that follow from them.

    Raises:
        JarCorrupt, JarsUnavailable: see `jars.ensure_jars`.
    """
    if find_libzstd() is None:
        listener(Said(_NO_LIBZSTD, "warning"))
    ensure_jars(listener, cancelled)
    return [] if cancelled.is_set() else ensure_archive(heap, listener, cancelled)


def launch(
    data: Path,
    port: int,
    heap: str = DEFAULT_HEAP,
    jvm_options: list[str] | None = None,
    place: Sequence[str] = (),
) -> Launch:
    """Return how to start Elasticsearch on `port` with its home, and so its data, in `data`.

    `place` are the options of `elasticsearch_node` that give it a place in a cluster of several.
    """
    options = [f"--jvm-option={option}" for option in jvm_options or []]
    command = python_module(_NODE, "--home", str(data), "--port", str(port), "--heap", heap, *options, *place)
    return Launch(NAME, command, data, python_environ())


def url(port: int) -> str:
    """Return the URL of an Elasticsearch on `port`."""
    return f"http://{HOST}:{port}"


def answer(port: int, host: str = HOST) -> str | None:
    """Return the version if the cluster's health is yellow or green and `GET /` is answered, else None."""
    connection = HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=2s")
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            return None
        connection.request("GET", "/")
        return str(json.load(connection.getresponse())["version"]["number"])
    except (OSError, HTTPException, ValueError, KeyError):
        return None
    finally:
        connection.close()
