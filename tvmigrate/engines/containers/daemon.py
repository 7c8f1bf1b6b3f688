"""The Docker that is asked: whether one answers, and what it says when something is wrong."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from docker.errors import APIError, DockerException
from testcontainers.core.docker_client import DockerClient, get_docker_host

from tvmigrate.engines.errors import DockerUnavailable

DOCKER_HOST = "DOCKER_HOST"
_UNIX = "unix://"
_USUAL = f"{_UNIX}/var/run/docker.sock"
_SECONDS = 10  # for an answer to a question that costs Docker nothing
_LONG_SECONDS = 300  # for any other


def docker_version() -> str:
    """Return the version of the Docker that `DOCKER_HOST` names, else of the machine's own.

    Raises:
        DockerUnavailable: none answers.
    """
    with opened(timeout=_SECONDS) as client:
        return str(client.version()["Version"])


@contextmanager
def opened(timeout: int = _LONG_SECONDS) -> Iterator[Any]:
    """Give a client of Docker's for the body.

    Raises:
        DockerUnavailable: none answers, when the body first asks at the latest.
    """
    client = None
    where = get_docker_host() or _USUAL
    try:
        _require_socket(where)
        client = DockerClient(timeout=timeout).client
        client.ping()
    except (DockerException, OSError) as error:
        if client is not None:
            client.close()
        raise DockerUnavailable(
            f"No Docker answers at {where}: {told(error)}. Start it, let this user talk to it (group docker), or name "
            f"another with {DOCKER_HOST}; --engines embedded needs none."
        ) from error
    try:
        yield client
    finally:
        client.close()


def _require_socket(where: str) -> None:
    """Raise OSError if nobody listens at `where`, a `unix://` URL: docker's own client would leave a socket open."""
    if where.startswith(_UNIX):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_SECONDS)
            probe.connect(where.removeprefix(_UNIX))


def told(error: Exception) -> str:
    """Return what an error of Docker's says, in one line and without a full stop."""
    text = (error.explanation if isinstance(error, APIError) else None) or str(error)
    return " ".join(str(text).split()).rstrip(".")[:500]
