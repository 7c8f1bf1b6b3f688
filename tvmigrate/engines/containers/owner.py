"""Whose a container is, written on it as labels, so that the next run removes what a killed one left, and only that."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound

from tvmigrate.engines.process_record import ProcessRecord
from tvmigrate.events import Listener, Said

OWNER = "tvmigrate.owner"  # process id and when it began
PLACE = "tvmigrate.place"  # where that process id means this process
RUN = "tvmigrate.run"  # one start of three containers
STORE = "tvmigrate.store"
KEPT = "tvmigrate.kept"  # what it is kept for, on containers that outlive their run
FORM = "tvmigrate.form"  # see `Spec.form`
_CONFLICT = 409


def place() -> str:
    """Return where we run: user, machine, and the namespace that our process ids are of.

    Another's containers, on a Docker that several machines or containers share, are never taken for ours: there our
    /proc does not tell whether their owner lives. Nor are those of another user, whose processes may be hidden.
    """
    machine = ""
    with suppress(OSError):
        machine = Path("/etc/machine-id").read_text().strip()
    return f"{os.getuid()}@{machine or socket.gethostname()}/{Path('/proc/self/ns/pid').readlink()}"


def labels_of(run: str, store: str, form: str, kept: str | None) -> dict[str, str]:
    """Return the labels of a container that this process starts."""
    owner = ProcessRecord.of(os.getpid())
    labels = {OWNER: f"{owner.pid}:{owner.began}", PLACE: place(), RUN: run, STORE: store, FORM: form}
    return labels | ({KEPT: kept} if kept else {})


def is_left(labels: Mapping[str, str]) -> bool:
    """Tell from a container's labels whether it is of a run of ours that has ended without removing it."""
    if labels.get(PLACE) != place() or KEPT in labels:
        return False
    pid, _, began = labels.get(OWNER, "").partition(":")
    return pid.isdigit() and not ProcessRecord(int(pid), began).alive()


def remove_left(client: Any, listener: Listener) -> None:
    """Remove what runs that were killed have left on the Docker of `client`; raises APIError."""
    left = [one for one in client.containers.list(all=True, filters={"label": OWNER}, ignore_removed=True)
            if is_left(one.labels)]  # fmt: skip
    for container in left:
        remove(container)
    if left:
        names = ", ".join(sorted(one.labels.get(STORE, one.short_id) for one in left))
        listener(Said(f"Removed containers that a run which was killed had left: {names}."))


def remove(container: Any) -> None:
    """Remove a container and its volumes, whether or not it runs, or is being removed by another already."""
    try:
        container.remove(force=True, v=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != _CONFLICT:
            raise
