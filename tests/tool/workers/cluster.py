"""A Dask cluster of this machine: scheduler and workers are processes of their own, and end with this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from tvmigrate.engines.embedded import guard

ROOT = Path(__file__).parents[3]


class Cluster:
    """A scheduler, for `with`, and the workers that are added to it; `folder` takes what they log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._guards: list[subprocess.Popen[bytes]] = []
        self._file = folder / "scheduler.json"

    def __enter__(self) -> Self:
        self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(self._file)
        )
        wait_until(self._file.exists)
        return self

    def __exit__(self, *problem: object) -> None:
        self.stop(*self._guards)

    @property
    def address(self) -> str:
        """What `--executor` gets."""
        return "dask://" + json.loads(self._file.read_text("utf-8"))["address"].removeprefix("tcp://")

    def add_worker(self, *options: str, **environ: str) -> subprocess.Popen[bytes]:
        """Start a worker of one thread, unless `options` say otherwise, and return its guard."""
        threads = () if "--nthreads" in options else ("--nthreads", "1")
        name = f"worker{len(self._guards)}"
        started = self._start(
            "worker", "--scheduler-file", str(self._file), "--no-nanny", "--no-dashboard", "--name", name,
            "--local-directory", str(self.folder), *threads, *options, name=name, environ=environ,
        )  # fmt: skip
        wait_until(lambda: "Registered to" in (self.folder / f"{name}.log").read_text("utf-8"))
        return started

    def stop(self, *guards: subprocess.Popen[bytes]) -> None:
        """End workers, or all."""
        for one in guards:
            assert one.stdin is not None
            one.stdin.close()
        for one in guards:
            one.wait()

    def logs(self) -> str:
        """Return all that scheduler and workers have logged."""
        return "\n".join(path.read_text("utf-8") for path in sorted(self.folder.glob("*.log")))

    def _start(
        self, command: str, *options: str, name: str = "scheduler", environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        log = self.folder / f"{name}.log"
        log.touch()
        # As a user's worker is, which has the tool installed; parts of these tests it finds below the clone.
        path = os.pathsep.join(filter(None, [(environ or {}).get("PYTHONPATH"), str(ROOT)]))
        started = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, "--owner", str(os.getpid()), "--log", str(log), "--",
             sys.executable, "-m", "dask", command, *options],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=self.folder,
            env={**os.environ, **(environ or {}), "PYTHONPATH": path},
        )  # fmt: skip
        self._guards.append(started)
        return started


def wait_until(happened: Callable[[], bool]) -> None:
    """Look every now and then whether something has happened."""
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)
