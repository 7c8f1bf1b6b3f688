"""Running engines for a test, and what processes are left of them."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

import tvmigrate
from tvmigrate.engines.embedded import EmbeddedEngines
from tvmigrate.events import Event

ROOT = Path(tvmigrate.__file__).parent.parent


@dataclass
class Running:
    """Engines that run for all tests of this folder, what was said at their start, and in which thread each began."""

    engines: EmbeddedEngines
    events: list[Event] = field(default_factory=list)
    threads: dict[str, int] = field(default_factory=dict)


def python(*arguments: str) -> list[str]:
    return [sys.executable, "-P", *arguments]


def processes_in(directory: Path) -> list[str]:
    """Return the command lines of the processes that were given `directory` or work in it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            command = " ".join(process.cmdline())
            if str(directory) in command or process.cwd().startswith(str(directory)):
                found.append(f"{process.pid}: {command}")
        except psutil.Error:
            continue
    return found


def left_in(directory: Path, patience: float = 10) -> list[str]:
    """Return the processes of `directory` that are still there after up to `patience` seconds."""
    deadline = time.monotonic() + patience
    while (found := processes_in(directory)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def wait_for(text: str, path: Path, patience: float = 60) -> None:
    """Return when the file `path` holds `text`."""
    deadline = time.monotonic() + patience
    while not (path.exists() and text in path.read_text()):
        assert time.monotonic() < deadline, f"{path} never held {text!r}"
        time.sleep(0.02)
