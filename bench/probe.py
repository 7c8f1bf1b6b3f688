"""What processes use while something runs: the side's own, and each engine's, told apart."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

import psutil  # type: ignore[import-untyped]

from bench.model import Usage

EVERY_S = 0.1
# To ask what a process holds, the kernel looks at each of its pages: ten times a second that takes a core.
MEMORY_EVERY_S = 1.0
TOOL = "tool"
# The verifier's own ClickHouse is an engine, though the verifier starts it.
_CHDB = "tvmigrate.verify.reference_engine"
CHDB = "chdb"


@dataclass(slots=True)
class _Seen:
    """One process: whose it is, CPU seconds when it was first and last seen, bytes held when that was asked last."""

    group: str
    first: tuple[float, float]
    last: tuple[float, float]
    held: int = 0
    asked: float = -1e9


@dataclass(slots=True)
class _Sample:
    """Until `at`, by group: CPU seconds used since the beginning, and bytes held."""

    at: float
    used: dict[str, tuple[float, float]] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)


class Probe:
    """Watches a process and its children, and the engines, for the time of a `with` block.

    A process that lives shorter than a tenth of a second may go unseen, and a peak of memory shorter than a second.
    """

    def __init__(self, engines: Mapping[str, int], root: int | None = None) -> None:
        """Watch `engines` (name → process), and the process `root` unless `watch` names one later."""
        self._engines = dict(engines)
        self._root = root
        self._seen: dict[int, _Seen] = {}
        self._samples: list[_Sample] = []
        self._stop = Event()
        self._thread = Thread(target=self._run, name="probe", daemon=True)

    def watch(self, root: int) -> None:
        """Watch `root`, a process that was started within the block, from its beginning on."""
        self._root = root

    def __enter__(self) -> Self:
        self._sample(first=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()

    def usage(self, begin: float | None = None, end: float | None = None) -> dict[str, Usage]:
        """Return by group (`tool`, engines) what was used between two instants of `time.monotonic`, all unless said."""
        within = [s for s in self._samples if (begin is None or s.at >= begin) and (end is None or s.at <= end)]
        if not within:
            return {}
        before = [s for s in self._samples if begin is not None and s.at < begin]
        start = before[-1].used if before else {}
        used: dict[str, Usage] = {}
        for group, (user, system) in within[-1].used.items():
            was_user, was_system = start.get(group, (0.0, 0.0))
            peak = max(sample.held.get(group, 0) for sample in within)
            used[group] = Usage(user - was_user, system - was_system, peak)
        return used

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._sample()

    def _sample(self, *, first: bool = False) -> None:
        sample = _Sample(time.monotonic())
        # What runs already when the watch begins used its time before.
        for group, pid in self._processes():
            try:
                process = psutil.Process(pid)
                times = process.cpu_times()
                now = (times.user, times.system)
                seen = self._seen.setdefault(pid, _Seen(group, now if first else (0.0, 0.0), now))
                if sample.at - seen.asked >= MEMORY_EVERY_S:
                    seen.held, seen.asked = _held(process), sample.at
            except (psutil.Error, OSError):
                continue
            seen.last = now
            sample.held[group] = sample.held.get(group, 0) + seen.held
        for seen in self._seen.values():
            user, system = sample.used.get(seen.group, (0.0, 0.0))
            sample.used[seen.group] = (user + seen.last[0] - seen.first[0], system + seen.last[1] - seen.first[1])
        self._samples.append(sample)

    def _processes(self) -> list[tuple[str, int]]:
        found = list(self._engines.items())
        if self._root is None:
            return found
        known = set(self._engines.values())
        for pid in _family(self._root):
            if pid not in known:
                seen = self._seen.get(pid)
                found.append((seen.group if seen else _group(pid), pid))
        return found


def _held(process: psutil.Process) -> int:
    """Return what a process holds in bytes; of pages that it shares with others, its part."""
    with Path(f"/proc/{process.pid}/smaps_rollup").open(encoding="ascii") as rollup:
        for line in rollup:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return int(process.memory_info().rss)


def _family(root: int) -> list[int]:
    """Return a process and all below it, of the kernel's lists: to look through all takes a tenth of a core."""
    family = [root]
    for pid in family:
        with suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with suppress(OSError):
                    family += map(int, (thread / "children").read_text("ascii").split())
    return family


def _group(pid: int) -> str:
    try:
        return CHDB if _CHDB in psutil.Process(pid).cmdline() else TOOL
    except psutil.Error:
        return TOOL
