"""Where three running engines come from, behind one protocol: embedded, or named by the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from tvmigrate.engines.clients import check_reachable
from tvmigrate.engines.embedded import EmbeddedEngines
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import UsageError
from tvmigrate.events import Listener, ignore

Kind = Literal["embedded", "live"]


class EngineSource(Protocol):
    """Three running engines, as in `with open_engines(…) as source: source.endpoints`."""

    @property
    def endpoints(self) -> Endpoints:
        """Where the three answer."""

    def versions(self) -> dict[str, str]:
        """Return the versions by store."""

    def check(self) -> None:
        """Return if the engines still run, as far as the source can know; raises EngineError if not."""

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

    def __enter__(self) -> Self:
        self.check()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def open_engines(
    kind: Kind, directory: Path | None = None, listener: Listener = ignore, *, quick_start: bool | None = None
) -> EngineSource:
    """Return the engines of `kind`, to be entered; `directory` keeps embedded engines' data.

    `quick_start` is for embedded engines that will see little data: see `EmbeddedEngines`.

    Raises:
        UsageError: another kind; a directory for live engines; a URL is not set.
    """
    if kind == "embedded":
        return EmbeddedEngines(directory, listener, quick_start=quick_start)
    if kind == "live":
        if directory is not None:
            raise UsageError("A directory is for embedded engines; live ones have their data where they run.")
        return LiveEngines()
    raise UsageError(f"There are no engines {kind!r}: choose embedded or live.")
