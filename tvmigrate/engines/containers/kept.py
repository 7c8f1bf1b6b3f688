"""Containers that outlive their run (`--keep`): found by their labels, used by one process at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from tvmigrate.engines.containers import owner
from tvmigrate.engines.containers.daemon import DOCKER_HOST
from tvmigrate.engines.embedded import locks
from tvmigrate.engines.embedded.jars import cache_directory
from tvmigrate.engines.errors import EnginesInUse

_RUNNING = "running"


@dataclass(frozen=True, slots=True)
class KeptSet:
    """Every container (Docker's objects) that this user keeps on this machine for one purpose."""

    containers: tuple[Any, ...]

    @classmethod
    def find(cls, client: Any, purpose: str) -> Self:
        """Return those on the Docker of `client`; raises DockerException."""
        filters = {"label": [f"{owner.KEPT}={purpose}", f"{owner.PLACE}={owner.place()}"]}
        return cls(tuple(client.containers.list(all=True, filters=filters, ignore_removed=True)))

    def by_store(self) -> dict[str, Any]:
        """Return the containers by the store that they hold."""
        return {one.labels.get(owner.STORE, ""): one for one in self.containers}

    def matches(self, forms: Mapping[str, str]) -> bool:
        """Tell whether there is one running container of each form, by store, and no other."""
        return len(self.containers) == len(forms) and forms == {
            name: one.labels.get(owner.FORM) for name, one in self.by_store().items() if one.status == _RUNNING
        }

    def remove(self) -> None:
        """Remove them all; raises APIError."""
        for one in self.containers:
            owner.remove(one)


@contextmanager
def locked(purpose: str) -> Iterator[None]:
    """Hold what is kept for `purpose` for the body.

    Raises:
        EnginesInUse: another process holds it.
    """
    place = hashlib.sha256(os.environ.get(DOCKER_HOST, "").encode()).hexdigest()[:8]
    directory = cache_directory()
    directory.mkdir(parents=True, exist_ok=True)
    lock = locks.take(directory / f"kept-{purpose}-{place}.lock", 0)
    if lock is None:
        raise EnginesInUse(
            "Another process uses the containers that are kept, and would lose its data. Wait for it, or run without "
            "--keep: the containers are then this run's own."
        )
    try:
        yield
    finally:
        locks.release(lock)
