"""Elasticsearch in a container: one node, without security, with a heap of `TVMIGRATE_ES_HEAP`."""

from __future__ import annotations

from tvmigrate.engines.containers.spec import MB, Spec
from tvmigrate.engines.embedded import elasticsearch as embedded

NAME = "elasticsearch"
PORT = 9200
_BESIDE_HEAP = 1024 * MB  # what a node takes for its threads, its code and Lucene's files
_UNITS = {"m": MB, "g": 1024 * MB}


def spec(image: str, heap: str) -> Spec:
    """Return what the container of `image` is to be; `heap` is a whole number and m or g."""
    environ = {
        "discovery.type": "single-node",
        "xpack.security.enabled": "false",
        "ES_JAVA_OPTS": f"-Xms{heap} -Xmx{heap}",
        # It would fetch databases from the internet, and keep them in an index.
        "ingest.geoip.downloader.enabled": "false",
        # A nearly full disk of a workstation is no reason to make the operator's indices read-only.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }
    return Spec(NAME, image, PORT, int(heap[:-1]) * _UNITS[heap[-1].lower()] + _BESIDE_HEAP, environ)


def url(host: str, port: int) -> str:
    """Return the URL of the Elasticsearch that is reached at `host` and `port`."""
    return f"http://{host}:{port}"


def answer(host: str, port: int) -> str | None:
    """Return the version if the cluster's health is yellow or green, else None."""
    return embedded.answer(port, host)
