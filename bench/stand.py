"""The three engines that all benchmarks use, one after the other: emptied, filled, and watched."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, Any

import orjson

from bench.model import BenchError, Turn, Usage
from bench.probe import TOOL, Probe
from tvmigrate.dataset.generate import Recipe, generate_into_engines
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.embedded import EmbeddedEngines
from tvmigrate.engines.endpoints import Endpoints

ROOT = Path(__file__).parents[1]
SHOW = "the_voice"
_OWN_DATABASES = ("system", "default", "INFORMATION_SCHEMA", "information_schema")


class Stand:
    """Three embedded engines, and a folder for what benchmarks write."""

    def __init__(self, engines: EmbeddedEngines, folder: Path, *, once: bool = False) -> None:
        """Take running engines and a folder; `once`: nothing is warmed up or repeated at other sizes."""
        self.once = once
        self.applied: Run | None = None
        self.endpoints: Endpoints = engines.endpoints
        self.processes: Mapping[str, int] = engines.processes
        self.folder = folder

    def folder_of(self, name: str) -> Path:
        """Return a new folder below the stand's."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))

    def empty(self) -> None:
        """Remove every key, table and index."""
        with Clients(self.endpoints) as clients:
            clients.redis.flushall()
            for (name,) in clients.clickhouse.query("SELECT name FROM system.databases").result_rows:
                if name not in _OWN_DATABASES:
                    clients.clickhouse.command(f"DROP DATABASE `{name}` SYNC")
            names = list(clients.elasticsearch.indices.get(index="*"))
            if names:
                clients.elasticsearch.indices.put_settings(index=names, settings={"index.blocks.write": None})
                clients.elasticsearch.indices.delete(index=names)

    def fill(self, recipe: Recipe) -> None:
        """Empty the engines, and generate the data of `recipe` into them."""
        self.empty()
        generate_into_engines(self.endpoints, recipe)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of what works on these engines."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TVMIGRATE_")}
        return kept | self.endpoints.environ() | {"PYTHONPATH": str(ROOT)}

    def run(self, words: Sequence[str], records: int, cwd: Path | None = None) -> Run:
        """Run a program to its end, watched; raises BenchError where it fails."""
        with Probe(self.processes) as probe:
            began = time.monotonic()
            process = subprocess.Popen(
                words,
                cwd=cwd or self.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            probe.watch(process.pid)
            out, err = _Lines(process.stdout), _Lines(process.stderr)
            code = process.wait()
            wall = time.monotonic() - began
            out.join()
            err.join()
        if code:
            tail = " | ".join(line for _, line in (*out.lines, *err.lines)[-8:])
            raise BenchError(f"{' '.join(words)[:300]} ended with exit code {code}: {tail[-1500:]}")
        return Run(probe, wall, records, tuple(out.lines), tuple(err.lines))

    def peer(self, module: str, *arguments: str, records: int) -> Turn:
        """Run a program of `bench.peers`; what it says on its last line is how long its work took."""
        run = self.run([sys.executable, "-m", f"bench.peers.{module}", *arguments], records)
        at, line = run.out[-1]
        return run.turn(orjson.loads(line)["seconds"], at)

    def tvmigrate(self, *arguments: str, records: int, cwd: Path | None = None) -> Run:
        """Run a command of the tool."""
        return self.run([sys.executable, "-m", "tvmigrate", *arguments], records, cwd)


class Run:
    """A program that ran to its end: what it said, line by line with the instant, and what it used."""

    def __init__(
        self,
        probe: Probe,
        wall: float,
        records: int,
        out: Sequence[tuple[float, str]],
        err: Sequence[tuple[float, str]],
    ) -> None:
        self.wall = wall
        self.out = out
        self.err = err
        self._probe = probe
        self._records = records

    def turn(
        self, seconds: float | None = None, end: float | None = None, beside: Mapping[str, float] | None = None
    ) -> Turn:
        """Return it as a turn: of the whole, or of the `seconds` that ended at the instant `end`."""
        part = (None, None) if seconds is None or end is None else (end - seconds, end)
        used = self._probe.usage(*part)
        return turn_of(self._probe, used, self.wall if seconds is None else seconds, self.wall, self._records, beside)


def turn_of(
    probe: Probe,
    used: Mapping[str, Usage],
    seconds: float,
    wall: float,
    records: int,
    beside: Mapping[str, float] | None = None,
) -> Turn:
    """Return a turn of what `probe` saw."""
    whole = probe.usage()
    engines = {name: usage for name, usage in used.items() if name != TOOL}
    return Turn(
        seconds, wall, records, used.get(TOOL, Usage()), engines, whole.get(TOOL, Usage()).peak, dict(beside or {})
    )


class _Lines:
    """Reads a stream in a thread of its own; each line with the instant it came."""

    def __init__(self, stream: IO[str] | None) -> None:
        self.lines: list[tuple[float, str]] = []
        self._stream: Any = stream
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._stream:
            self.lines.append((time.monotonic(), line.rstrip("\n")))

    def join(self) -> None:
        self._thread.join()
        self._stream.close()


@contextmanager
def stand(*, once: bool = False) -> Iterator[Stand]:
    """Start the engines; they and the folder are gone at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, EmbeddedEngines() as engines:
        yield Stand(engines, Path(folder), once=once)
