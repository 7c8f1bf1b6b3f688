"""A process that is told from a later one of the same number."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tvmigrate.engines.errors import EngineError


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One process, told from a later one of the same number by when it began."""

    pid: int
    began: str

    @classmethod
    def of(cls, pid: int) -> ProcessRecord:
        """Return the record of the process `pid`; raises EngineError if it has ended."""
        began = _began(pid)
        if began is None:
            raise EngineError(f"Process {pid} ended before it could be written down. Start the engines again.")
        return cls(pid, began)

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return _began(self.pid) == self.began

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this process if it still runs."""
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def _began(pid: int) -> str | None:
    """Return boot id and start in ticks since boot, which no later process repeats; None if it does not run.

    psutil's start time is a date, which moves when the clock is set; the ticks do not (man 5 proc_pid_stat,
    field 22).
    """
    if sys.platform != "linux":
        try:
            return str(psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if after_name[0] in {"Z", "X"}:  # ended, and only not yet collected by its parent
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{after_name[19]}"
