"""Containers that `tvmigrate engines up` starts: until a signal, or kept until `engines down`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from tvmigrate.engines.containers import owner
from tvmigrate.engines.containers.daemon import opened
from tvmigrate.engines.containers.engines import NAMES, ContainerEngines
from tvmigrate.engines.containers.kept import KeptSet, locked
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.events import Listener

PURPOSE = "up"
_LOOK_EVERY = 0.5  # seconds


def start(listener: Listener, ports: Mapping[str, int], heap: str | None) -> Endpoints:
    """Start containers that run on, or take those that do, and return where they answer; see `ContainerEngines`."""
    engines = ContainerEngines(listener, keep=PURPOSE, ports=ports, heap=heap, emptied=False)
    with engines:
        return engines.endpoints


def stay(listener: Listener, ports: Mapping[str, int], heap: str | None, tell: Callable[[Endpoints], Any]) -> None:
    """Run containers until a signal's exception, or EngineDied if one ends; `tell` is called when all answer."""
    with ContainerEngines(listener, ports=ports, heap=heap) as engines:
        tell(engines.endpoints)
        while True:
            engines.check()
            threading.Event().wait(_LOOK_EVERY)


def status() -> tuple[list[str], bool]:
    """Return a line for each store about what `start` keeps, and whether all three run; raises DockerUnavailable."""
    with opened() as client:
        kept = KeptSet.find(client, PURPOSE).by_store()
        lines = [_line(name, kept.get(name)) for name in NAMES]
        return lines, all(name in kept and kept[name].status == "running" for name in NAMES)


def _line(name: str, one: Any | None) -> str:
    if one is None:
        return f"{name}: not running"
    image = one.image.tags[0] if one.image.tags else one.image.short_id
    return f"{name}: {one.status}, {image} (container {one.short_id})"


def stop() -> list[str]:
    """Remove every container of this user that is kept, for whatever purpose; return the stores that they held.

    Raises:
        DockerUnavailable: no Docker answers.
        EnginesInUse: a run uses some of them.
    """
    removed = []
    with opened() as client:
        filters = {"label": [owner.KEPT, f"{owner.PLACE}={owner.place()}"]}
        found = client.containers.list(all=True, filters=filters, ignore_removed=True)
        for purpose in sorted({one.labels[owner.KEPT] for one in found}):
            with locked(purpose):
                kept = KeptSet.find(client, purpose)
                removed += [f"{store} ({purpose})" for store in sorted(kept.by_store())]
                kept.remove()
    return removed


def ports_of_ours() -> set[int]:
    """Return the ports of this machine that lead to running containers of this user; raises DockerUnavailable."""
    with opened() as client:
        ours = client.containers.list(filters={"label": f"{owner.PLACE}={owner.place()}"}, ignore_removed=True)
        published = [binding for one in ours for bindings in one.ports.values() for binding in bindings or ()]
    return {int(binding["HostPort"]) for binding in published}
