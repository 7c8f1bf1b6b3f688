"""Two datasets compared, and a capture that kills itself, in a process of its own."""

from __future__ import annotations

import importlib
import itertools
import json
import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tvmigrate.capture.run import capture
from tvmigrate.capture.work import Asked
from tvmigrate.dataset.model import SET, ZSET
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.endpoints import Endpoints

MOMENTS = {"created_at", "recorded_at"}


def keys(dataset: Dataset, shortest_ttl_ms: int = 0) -> dict[tuple[int, bytes], tuple[Any, ...]]:
    """Return type and value of each key, and whether it expires, but of those that were to expire so soon."""
    found: dict[tuple[int, bytes], tuple[Any, ...]] = {}
    for key in dataset.redis_keys():
        if key.ttl_ms is not None and key.ttl_ms < shortest_ttl_ms:
            continue
        value = key.value
        if key.type == SET:
            value = sorted(value)
        elif key.type == ZSET:
            # Of a whole score a small sorted set keeps no sign of zero (docs/contract.md, 7.16).
            value = sorted((member, score + 0.0) for member, score in value)
        found[key.db, key.key] = (key.type, value, key.ttl_ms is None)
    return found


def times_to_live(dataset: Dataset) -> dict[tuple[int, bytes], int]:
    return {(key.db, key.key): key.ttl_ms for key in dataset.redis_keys() if key.ttl_ms is not None}


def rows(dataset: Dataset, table: str) -> Counter[str]:
    lines = dataset.tables[table].rows.read_bytes().splitlines()
    return Counter(
        json.dumps(row(json.loads(line.decode("utf-8", "surrogateescape"))), sort_keys=True) for line in lines
    )


def row(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with its instants in one form."""
    return {name: _moment(value) if name in MOMENTS else value for name, value in values.items()}


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).replace(tzinfo=None).isoformat()


def documents(dataset: Dataset, index: str) -> dict[str, str]:
    return {document.id: document.source for document in dataset.documents(index)}


def _die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _run(where: str, folder: Path, endpoints: Endpoints, log: Path) -> None:
    sys.stderr = log.open("w", encoding="utf-8")  # an exception's traceback goes there
    path, _, nth = where.partition("#")
    module_name, _, function_name = path.rpartition(".")
    module = importlib.import_module(f"tvmigrate.capture.{module_name}")
    function, calls = getattr(module, function_name), itertools.count(1)

    def trapped(*arguments: Any, **named: Any) -> Any:
        if next(calls) == int(nth):
            _die()
        return function(*arguments, **named)

    setattr(module, function_name, trapped)
    capture(endpoints, folder, Asked(), "the_voice")


def killed(where: str, folder: Path, endpoints: Endpoints, log: Path) -> int | None:
    """Capture until `module.function` is called for the n-th time (`redis._keep#20`) and the process kills itself."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_run, args=(where, folder, endpoints, log))
    process.start()
    process.join()
    return process.exitcode
