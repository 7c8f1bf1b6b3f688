"""Work shared out to two processes; timed is the work, from when all are ready to when the last is done."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from typing import Any

PROCESSES = 2

# Given a part, gets ready and returns what does it.
Setup = Callable[[Any], Callable[[], None]]


def share(setup: Setup, parts: Sequence[Any]) -> float:
    """Do each of `parts`, which can be pickled, in a process of its own; return the seconds that took."""
    context = get_context("spawn")
    barrier = context.Barrier(len(parts) + 1)
    workers: list[BaseProcess] = [context.Process(target=_work, args=(setup, part, barrier)) for part in parts]
    for worker in workers:
        worker.start()
    barrier.wait(300)
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - began
    if failed := [worker.exitcode for worker in workers if worker.exitcode]:
        sys.exit(f"a worker ended with exit code {failed[0]}")
    return seconds


def _work(setup: Setup, part: Any, barrier: Barrier) -> None:
    go = setup(part)
    barrier.wait(300)
    go()


def told(seconds: float) -> None:
    """Say on stdout how long the work took."""
    sys.stdout.write(json.dumps({"seconds": seconds}) + "\n")
    sys.stdout.flush()
