"""File locks that end with the process that holds them, however it ends (flock)."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_LOOK_EVERY = 0.1  # seconds


def take(path: Path, wait: float, cancelled: Callable[[], bool] = lambda: False) -> int | None:
    """Lock the file `path`, made where absent, waiting up to `wait` seconds for another holder.

    Returns the open descriptor, whose closing (by every process that has it) ends the lock; None if it
    stayed taken.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline or cancelled():
                os.close(descriptor)
                return None
            time.sleep(_LOOK_EVERY)
        else:
            return descriptor


def release(descriptor: int) -> None:
    """End this process's part in the lock that `take` returned."""
    os.close(descriptor)


@contextmanager
def locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock on `path` for the body; `on_wait` is called once if another process has it."""
    descriptor = take(path, 0)
    if descriptor is None:
        on_wait()
        while (descriptor := take(path, 60)) is None:
            pass
    try:
        yield
    finally:
        release(descriptor)
