"""Where three running engines come from, behind one protocol: embedded, in containers, or named by the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from tvmigrate.engines.clients import check_reachable
from tvmigrate.engines.embedded import EmbeddedEngines
from tvmigrate.engines.embedded.redis_cluster import Shape
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.errors import DockerUnavailable
from tvmigrate.errors import UsageError
from tvmigrate.events import Listener, ignore

Kind = Literal["embedded", "containers", "live"]
KINDS: tuple[Kind, ...] = ("embedded", "containers", "live")
AUTO = "auto"
REHEARSAL = "rehearse"  # what containers are kept for between rehearsals


class EngineSource(Protocol):
    """Three running engines, as in `with open_engines(…) as source: source.endpoints`."""

    @property
    def endpoints(self) -> Endpoints:
        """Where the three answer."""

    def versions(self) -> dict[str, str]:
        """Return the versions by store."""

    def check(self) -> None:
        """Return if the engines still run, as far as the source can know; raises EngineError if not."""

    def save_logs(self, directory: Path) -> None:
        """Write the engines' logs to `directory`, a file for each store, where the source has them."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class LiveEngines:
    """The stores that `REDIS_URL`, `CLICKHOUSE_URL`, `ELASTICSEARCH_URL` name; leaving stops nothing."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        """Read the URLs; nothing is asked yet. Raises UsageError if one is not set."""
        self.endpoints = Endpoints.from_environ(environ)
        self._versions: dict[str, str] = {}

    def versions(self) -> dict[str, str]:
        """Return the versions by store, as they answered on entering."""
        return dict(self._versions)

    def check(self) -> None:
        """Ask each store again; raises EngineUnreachable or UnsupportedVersion."""
        self._versions = check_reachable(self.endpoints)

    def save_logs(self, directory: Path) -> None:
        """Do nothing: the servers' logs are where they run."""

    def __enter__(self) -> Self:
        self.check()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Settled:
    """The kind of engines that `auto` comes to, and the sentence that says so; None where nothing was to be chosen."""

    kind: Kind
    reason: str | None = None


def settle(kind: str) -> Settled:
    """Return the kind of engines asked for, of `auto` the one that this machine can run: containers if Docker answers.

    Raises:
        UsageError: there is no such kind.
    """
    for known in KINDS:
        if kind == known:
            return Settled(known)
    if kind != AUTO:
        raise UsageError(f"There are no engines {kind!r}: choose {', '.join(KINDS)} or {AUTO}.")
    # Imported here and below: who wants no containers need not wait for what talks to Docker.
    from tvmigrate.engines.containers.daemon import docker_version  # noqa: PLC0415

    try:
        version = docker_version()
    except DockerUnavailable as away:
        return Settled("embedded", f"Engines: embedded, chosen since no Docker can be used. {away}")
    return Settled("containers", f"Engines: containers, chosen since Docker {version} answers.")


def open_engines(  # noqa: PLR0913 - what is of one kind alone is by name
    kind: Kind,
    directory: Path | None = None,
    listener: Listener = ignore,
    *,
    quick_start: bool | None = None,
    keep: bool = False,
    logs: Path | None = None,
    redis_cluster: Shape | None = None,
    elasticsearch_nodes: int = 1,
) -> EngineSource:
    """Return the engines of `kind`, to be entered; `directory` keeps embedded engines' data.

    `quick_start` is for embedded engines that will see little data: see `EmbeddedEngines`. `keep` and `logs` are for
    containers: whether they run on for the next that asks so, and the directory of the logs of those that fail.
    `redis_cluster` is the shape of the embedded engines' Redis Cluster, if they are to have one, and
    `elasticsearch_nodes` how many nodes their Elasticsearch has.

    Raises:
        UsageError: another kind; a directory for other engines than embedded ones; `keep` for other ones than
            containers; a Redis Cluster or nodes of other engines than embedded ones; a URL is not set.
    """
    if redis_cluster is not None and kind != "embedded":
        raise UsageError(f"--redis-cluster is for embedded engines, and the engines are {kind}: leave it off.")
    if elasticsearch_nodes != 1 and kind != "embedded":
        raise UsageError(f"--elasticsearch-nodes is for embedded engines, and the engines are {kind}: leave it off.")
    if keep and kind != "containers":
        raise UsageError(f"--keep is for engines in containers, and the engines are {kind}: leave it off.")
    if directory is not None and kind != "embedded":
        raise UsageError("A directory is for embedded engines; the others have their data where they run.")
    if kind == "embedded":
        return EmbeddedEngines(
            directory,
            listener,
            quick_start=quick_start,
            redis_cluster=redis_cluster,
            elasticsearch_nodes=elasticsearch_nodes,
        )
    if kind == "containers":
        from tvmigrate.engines.containers import ContainerEngines  # noqa: PLC0415

        return ContainerEngines(listener, logs=logs, keep=REHEARSAL if keep else None)
    if kind == "live":
        return LiveEngines()
    raise UsageError(f"There are no engines {kind!r}: choose {', '.join(KINDS)}.")
