"""Where the partitions of a step run: in this process, in processes of its own, or on any executor that is given.

A partition is a picklable value, its function a module's, and doing one twice has the effect of doing it once: a worker
that dies has its partition done anew by another.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from multiprocessing.connection import wait
from types import TracebackType
from typing import Self, TypeVar

from tvmigrate.errors import TvmigrateError

P = TypeVar("P")
R = TypeVar("R")
_AHEAD = 2  # partitions a worker has waiting, so that it never idles; the bound on what is in memory


class WorkerLost(TvmigrateError):  # noqa: N818 - it says what happened
    """A worker process ended before its partition was done."""


class Workers:
    """So many workers, for `with`; nothing is started before there is a second partition to be done."""

    def __init__(self, size: int = 1, executor: Callable[[], Executor] | None = None) -> None:
        """Say how many: 1 works in this process, unless an `executor` is given, which is closed at the end."""
        self.size = size
        self._open = executor
        self._executor: Executor | None = None

    def each(self, function: Callable[[P], R], parts: Iterable[P]) -> Iterator[R]:
        """Do each part; yield the results in the parts' order. At most twice as many as workers are taken ahead.

        Raises:
            WorkerLost: a process of ours ended, by the kernel's hand for lack of memory or by somebody's.
            Whatever `function` raises.
        """
        if self.size == 1 and self._open is None:
            yield from map(function, parts)
            return
        parts = iter(parts)
        first = next(parts, _Nothing)
        second = next(parts, _Nothing)
        if second is _Nothing and self._executor is None and self._open is None:
            if first is not _Nothing:
                yield function(first)  # type: ignore[arg-type]
            return
        yield from self._ahead(function, _again(first, second, parts))

    def _ahead(self, function: Callable[[P], R], parts: Iterator[P]) -> Iterator[R]:
        executor = self._started()
        waiting: deque[Future[R]] = deque()
        try:
            for part in parts:
                waiting.append(executor.submit(function, part))
                if len(waiting) >= _AHEAD * self.size:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenExecutor as lost:
            self._executor = None
            raise WorkerLost(
                "A worker process ended before its part was done; was it killed, or short of memory? Run the command "
                "again: it goes on where it stopped. With --workers 1 there are none."
            ) from lost
        finally:
            for future in waiting:
                future.cancel()

    def _started(self) -> Executor:
        if self._executor is None:
            self._executor = self._open() if self._open is not None else _processes(self.size)
        return self._executor

    def close(self) -> None:
        """End the workers; a second call does nothing."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Nothing:
    """No part."""


def _again(first: object, second: object, rest: Iterator[P]) -> Iterator[P]:
    yield from (part for part in (first, second) if part is not _Nothing)  # type: ignore[misc]
    yield from rest


def _processes(size: int) -> Executor:
    # Not forked: the drivers' threads and chdb's engine do not survive a fork.
    return ProcessPoolExecutor(size, mp_context=multiprocessing.get_context("spawn"), initializer=_follow_the_parent)


def _follow_the_parent() -> None:
    """Leave signals to the parent, and end when it ends, however it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
