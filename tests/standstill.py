"""A process that stands still, as an engine that hangs: it keeps its port and its connections, and answers nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PATIENCE = 30.0  # seconds


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process, and let it go on in the end; it stands still before the body begins.

    Raises:
        TimeoutError: it did not come to a stand.
    """
    os.kill(pid, signal.SIGSTOP)
    try:
        _await_standstill(pid)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _await_standstill(pid: int) -> None:
    """Wait for each thread: the signal reaches them one by one, and until then one of them may still answer."""
    end = time.monotonic() + _PATIENCE
    while running := [thread for thread, state in _threads(pid) if state != "T"]:
        if time.monotonic() > end:
            raise TimeoutError(f"Threads {running} of process {pid} did not stop within {_PATIENCE:g} s.")
        time.sleep(0.001)


def _threads(pid: int) -> Iterator[tuple[str, str]]:
    """Yield the id and the state of each thread, as proc_pid_stat(5) has them; one that ends meanwhile is left out."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            stat = (thread / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        yield thread.name, stat.rpartition(")")[2].split()[0]
