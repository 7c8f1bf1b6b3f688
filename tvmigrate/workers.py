"""Where the partitions of a step run: in this process, in processes of its own, or on an executor that is given.

A partition is a picklable value, its function a module's, and doing one twice has the effect of doing it once: a run
that lost a worker is repeated, and an executor may do a partition anew by itself.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager
from itertools import chain, islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from tvmigrate.errors import TvmigrateError
from tvmigrate.heap import give_back
from tvmigrate.lean import import_lean
from tvmigrate.stopping import ASKING

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

P = TypeVar("P")
R = TypeVar("R")
PATIENCE_SECONDS = 1.0  # about what two processes take until they work
_AHEAD = 2  # partitions a worker has waiting, so that it never idles; the bound on what is in memory
_MOST = 8  # workers of our own unless more are asked for: by then the stores are what a run waits for
_NONE: Any = object()


_KILLED = (
    "A worker process ended before its part was done; was it killed, or short of memory? Run the command again: it "
    "goes on where it stopped. With --workers 1 there are none."
)


class WorkerLost(TvmigrateError):  # noqa: N818 - it says what happened
    """A worker process ended before its partition was done."""


class Lost(BrokenExecutor):
    """What an executor that is given raises when it cannot do a partition; a whole sentence."""


class PartFailed(Exception):  # noqa: N818 - as above
    """What a driver raised in a worker, in words, where the error itself cannot be sent to another process."""

    def __init__(self, text: str, told: str = "", passes: bool = False) -> None:
        """Say what happened, as the driver and as `engines.failing` have it: `told`, and whether it `passes`."""
        super().__init__(text, told, passes)
        self.told = told or text
        self.passes = passes

    def __str__(self) -> str:
        return str(self.args[0])


class Workers:
    """So many workers, for `with`; nothing is started before there is a second partition to be done.

    With `patience` partitions are done in this process first, until they have taken so long that starting others pays.

    `each` may be called from several threads, and again while an earlier call goes on.
    """

    def __init__(self, size: int = 1, executor: Executor | None = None, *, patience: float = 0) -> None:
        """Say how many work at once: 1 works in this process.

        An `executor` that is given does every partition, `size` of them at once, and is closed at the end.
        `patience` is in seconds, of all calls of `each` together.
        """
        self.size = size
        self._patience = patience
        self._given = executor
        self._pool: _Pool | None = None
        self._lock = threading.Lock()

    def each(self, function: Callable[[P], R], parts: Iterable[P]) -> Iterator[R]:
        """Do each part; yield the results in the parts' order. At most twice as many as workers are taken ahead.

        What is not asked for any more is not begun any more, as when an earlier part failed.

        Raises:
            WorkerLost: a worker ended, by the kernel's hand for lack of memory or by somebody's.
            PartFailed: `function` raised what cannot be sent to another process.
            Whatever else `function` raises.
        """
        if self._given is None:
            if self.size == 1:
                yield from map(function, parts)
                return
            parts = iter(parts)
            while self._pool is None and self._patience > 0:
                part = next(parts, _NONE)
                if part is _NONE:
                    return
                yield self._here(function, part)
            two = list(islice(parts, 2))
            if len(two) < 2:
                yield from map(function, two)
                return
            parts = chain(two, parts)
        yield from self._ahead(function, iter(parts))

    def _here(self, function: Callable[[P], R], part: P) -> R:
        began = time.monotonic()
        try:
            return function(part)
        finally:
            self._patience -= time.monotonic() - began

    def _ahead(self, function: Callable[[P], R], parts: Iterator[P]) -> Iterator[R]:
        executor = self._started()
        waiting: deque[Future[R]] = deque()
        try:
            for part in parts:
                with _no_interrupt():
                    waiting.append(executor.submit(_attempt, function, part))
                if len(waiting) >= _AHEAD * self.size:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except Exception as failure:
            if not isinstance(failure, BrokenExecutor):
                # Whoever does the parts again at once does not meet there what is still being done of them.
                wait([future for future in waiting if not future.cancel()])
                raise
            lost = failure
            self._end_pool(at_once=True)
            raise WorkerLost(str(lost) if isinstance(lost, Lost) else _KILLED) from lost
        finally:
            for future in waiting:
                future.cancel()

    def _started(self) -> Executor:
        if self._given is not None:
            return self._given
        with self._lock:
            if self._pool is None:
                self._pool = _Pool(self.size)
            return self._pool.executor

    def _end_pool(self, *, at_once: bool) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.end(at_once=at_once)

    def close(self, *, at_once: bool = False) -> None:
        """End the workers, after what they have begun, or in the middle of it; a second call does nothing."""
        self._end_pool(at_once=at_once)
        given, self._given = self._given, None
        if given is not None:
            given.shutdown(wait=not at_once, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Who is told to stop stops now. After an error what has been sent to a store is waited for, so that whoever
        # runs the command again at once does not meet it there.
        self.close(at_once=kind is not None and not issubclass(kind, Exception))


ALONE = Workers()  # works in the process that asks, and has nothing to close


def usual_size() -> int:
    """Return how many workers a command has unless told: one for each core it may use, and not more than eight."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(cores, _MOST)


class _Pool:
    """Processes of our own, which end when we let go of the leash, also when we are killed."""

    def __init__(self, size: int) -> None:
        # Imported here, so that what runs in one process needs none of it.
        import multiprocessing  # noqa: PLC0415
        from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

        # Not forked: the drivers' threads and chdb's engine do not survive a fork.
        context = multiprocessing.get_context("spawn")
        self._held, self._leash = context.Pipe(duplex=False)
        self.executor = ProcessPoolExecutor(size, context, _begin, (self._held,))

    def end(self, *, at_once: bool) -> None:
        """Wait for what the processes have begun, or end them in the middle of it."""
        if at_once:
            self._leash.close()
        self.executor.shutdown(wait=True, cancel_futures=True)
        self._leash.close()
        self._held.close()


def _begin(held: Connection) -> None:
    """End this process when the other end of the pipe is closed; let it import what it will need, and no more."""
    threading.Thread(target=_end_after, args=(held,), daemon=True).start()
    import_lean()
    give_back()


def _end_after(held: Connection) -> None:
    from multiprocessing.connection import wait  # noqa: PLC0415 - as above

    wait([held])
    os._exit(1)


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Start what is started so that who asks all of us to end asks us alone: processes keep the mask they begin with.

    A terminal's Ctrl-C and a service manager's SIGTERM go to every process. Workers end when we do.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ASKING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _attempt(function: Callable[[P], R], part: P) -> R:
    try:
        return function(part)
    except Exception as error:
        other = portable(error)
        if other is error:
            raise
        raise other from None


def portable(error: Exception) -> Exception:
    """Return an error that can be sent to another process: itself, or one that says the same where it cannot.

    That is a TvmigrateError with the exit code of a TvmigrateError, a PartFailed of any other.
    """
    try:
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - what was written the moment before
    except (TypeError, ValueError, AttributeError, pickle.PicklingError):
        copy = None
    if type(copy) is type(error) and str(copy) == str(error):
        return error
    if isinstance(error, TvmigrateError):
        told = TvmigrateError(str(error))
        told.exit_code = error.exit_code
        return told
    from tvmigrate.engines import failing  # noqa: PLC0415 - a part that does not fail needs no driver

    return PartFailed(str(error) or type(error).__name__, failing.told(error), failing.passes(error))
