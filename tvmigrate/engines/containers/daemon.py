"""The Docker that is asked: whether one answers, and what it says when something is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
from docker.errors import APIError, DockerException

from tvmigrate.engines.errors import DockerUnavailable

DOCKER_HOST = "DOCKER_HOST"
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
    try:
        client = docker.from_env(timeout=timeout)
        client.ping()
    except (DockerException, OSError) as error:
        if client is not None:
            client.close()
        raise DockerUnavailable(
            f"No Docker answers at {os.environ.get(DOCKER_HOST) or 'its usual socket'}: {told(error)}. Start it, let "
            "this user talk to it (group docker), or name another with DOCKER_HOST; --engines embedded needs none."
        ) from error
    try:
        yield client
    finally:
        client.close()


def told(error: Exception) -> str:
    """Return what an error of Docker's says, in one line and without a full stop."""
    text = (error.explanation if isinstance(error, APIError) else None) or str(error)
    return " ".join(str(text).split()).rstrip(".")[:500]
