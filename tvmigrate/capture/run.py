"""A capture from its first look at the stores to the dataset that `rehearse` takes."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tvmigrate.capture import clickhouse, elasticsearch, redis
from tvmigrate.capture.errors import CaptureFailed, CaptureRefused
from tvmigrate.capture.notes import Notes
from tvmigrate.capture.work import Asked, Work
from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.contract.values import rfc3339
from tvmigrate.dataset.load import DRIVER_ERRORS
from tvmigrate.dataset.read import TOML, Dataset
from tvmigrate.dataset.write import write_toml
from tvmigrate.engines.clients import Clients, check_reachable
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.quoting import unquoted
from tvmigrate.engines.secrets import masked as without_password
from tvmigrate.events import Listener, ignore
from tvmigrate.migrate.system import identify
from tvmigrate.old_layout_document import document_of

UNFINISHED = ".capture"
_NOTES = "notes.sqlite"
_PRIVATE = 0o077


def capture(endpoints: Endpoints, folder: Path, asked: Asked, show: str | None, listener: Listener = ignore) -> Dataset:
    """Read the stores into the dataset `folder`, or go on where an interrupted capture into it stopped.

    Nothing is written to the stores. Until the dataset is whole it has no `dataset.toml`, and is none.

    Raises:
        CaptureRefused: the folder holds something else, or a capture that was asked for otherwise.
        CaptureFailed: a store failed; what is written whole is kept.
        EngineUnreachable, UnsupportedVersion: a store does not answer, or cannot be worked with.
    """
    _refuse_finished(folder)
    endpoints = endpoints.read_only()
    check_reachable(endpoints)
    with _private(), _notes(folder) as notes:
        _refuse_another(notes, folder, endpoints, asked)
        with Clients(endpoints) as clients:
            system = identify(clients)
            work = Work(clients, asked, folder, notes, listener)
            for store, part in (
                ("clickhouse", clickhouse.capture),
                ("elasticsearch", elasticsearch.capture),
                ("redis", redis.capture),
            ):
                try:
                    part(work)
                except DRIVER_ERRORS as error:
                    why = unquoted(" ".join(str(error).split()))[:1000] or type(error).__name__
                    raise CaptureFailed(
                        f"{store} failed while it was captured: {why.rstrip('.')}. Nothing was changed there; run the "
                        "same command again: it goes on where it stopped."
                    ) from error
        moment = rfc3339(notes.noted("redis.epoch_ms") * 10**6)
        write_toml(folder, folder.resolve().name, show, _note(work, moment), moment, system)
    shutil.rmtree(folder / UNFINISHED)
    return Dataset.open(folder)


def _note(work: Work, moment: str) -> str:
    """Return what the dataset says of itself: when it was read, and what of the old system it does not hold."""
    sample, mask = work.asked.sample, work.asked.mask
    parts = [f"Captured at {moment}."]
    if not sample.is_all:
        parts.append(f"A sample: {sample.share:g} of the programs.")
    if mask is not None:
        parts.append("Texts and user names are stand-ins.")
    parts += [f"Not captured: {what}: {why}." for what, why in work.notes.noted_below("left out.").items()]
    return " ".join(parts)


def _refuse_finished(folder: Path) -> None:
    if (folder / TOML).exists():
        raise CaptureRefused(f"{folder} is a dataset already. Name a directory that is empty, or not there yet.")
    if folder.is_dir() and not (folder / UNFINISHED).is_dir() and any(folder.iterdir()):
        raise CaptureRefused(
            f"{folder} holds files, and no capture that could go on. Name a directory that is empty, or not there yet."
        )


def _refuse_another(notes: Notes, folder: Path, endpoints: Endpoints, asked: Asked) -> None:
    """Note what was asked for; refuse to go on with what was asked for otherwise."""
    now: dict[str, Any] = {
        "stores": [without_password(url) for url in endpoints.environ().values()],
        "sample": asked.sample.share,
        "mask": None if asked.mask is None else asked.mask.fingerprint,
    }
    if asked.layout != CONTRACT:
        now["layout"] = document_of(asked.layout)
    before = notes.noted("asked")
    if before is not None and before != now:
        differs = ", ".join(name for name in dict.fromkeys((*now, *before)) if now.get(name) != before.get(name))
        raise CaptureRefused(
            f"The capture in {folder} was begun with another {differs}. Go on with what it was begun with, or name "
            "another directory."
        )
    notes.note("asked", now)


@contextmanager
def _private() -> Iterator[None]:
    """Let whatever is written be read by its owner alone."""
    before = os.umask(_PRIVATE)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _notes(folder: Path) -> Iterator[Notes]:
    place = folder / UNFINISHED
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = (place / "lock").open("w")
    except OSError as error:
        raise CaptureRefused(f"{folder} cannot hold a capture: {error.strerror}. Name a writable directory.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CaptureRefused(f"Another process captures into {folder}; wait until it has ended.") from None
        with Notes(place / _NOTES) as notes:
            yield notes
