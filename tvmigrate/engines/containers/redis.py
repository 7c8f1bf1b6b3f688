"""Redis in a container, as in production, with every acknowledged write on disk."""

from __future__ import annotations

from tvmigrate.engines.containers.spec import MB, Spec
from tvmigrate.engines.embedded import redis as embedded

NAME = "redis"
PORT = 6379


def spec(image: str) -> Spec:
    """Return what the container of `image` is to be."""
    # Nothing is evicted: these keys are no cache, and a write beyond the limit is to fail.
    command = [
        "redis-server", "--save", "", "--appendonly", "yes", "--appendfsync", "always",
        "--maxmemory", "768mb", "--maxmemory-policy", "noeviction",
    ]  # fmt: skip
    return Spec(NAME, image, PORT, 1024 * MB, command=command)


def url(host: str, port: int) -> str:
    """Return the URL of the Redis that is reached at `host` and `port`."""
    return f"redis://{host}:{port}"


def answer(host: str, port: int) -> str | None:
    """Return the version if it is told and all data is loaded, else None."""
    return embedded.answer(port, host)
