"""Partitions on a Dask cluster: the functions and values of processes of our own, on workers of the same version.

A worker that dies has its partition done again by another; that is Dask's doing. What a partition needs, credentials
too, goes to the scheduler and the workers, and nothing of it into their logs or the names of tasks.
"""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from inspect import isfunction
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tvmigrate.engines.clients import check_reachable
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import ExitCode, TvmigrateError, UsageError
from tvmigrate.workers import Lost, portable

if TYPE_CHECKING:
    from distributed import Client

_ANSWERS_S = 10  # a scheduler that is there answers in a fraction of it
_AGAIN = "Run the command again: it goes on where it stopped."
_LOOK_EVERY_S = 5.0  # between two looks whether there still are workers
_WITHOUT_WORKERS_S = 60.0


@dataclass(frozen=True, slots=True)
class Sealed:
    """A function's call, and the version it was written by; Dask may log it, and learns nothing."""

    version: str
    call: bytes = field(repr=False)


class DaskExecutor(Executor):
    """Runs what it is given on the workers of a scheduler, one at a time each; `size` is how many there are."""

    def __init__(self, address: str, endpoints: Endpoints) -> None:
        """Connect to the scheduler at `address`, such as `tcp://host:8786`, and see that every worker is fit to work.

        A worker is asked when it has ended what it does, so nothing of a command that was killed runs on.

        Raises:
            UsageError: the extra is not installed, the scheduler does not answer, it has no worker, or one has several
                threads, no tvmigrate, or another version of it.
            TvmigrateError: a worker does not reach the stores.
        """
        self._client = _connect(address)
        self._address = address
        self._waiting: set[Future[Any]] = set()
        self._interrupted = False  # something that was begun may still be at work
        self._closed = threading.Event()
        try:
            self._executor = self._client.get_executor(pure=False)
            self.size = self._require_fit_workers(endpoints)
        except BaseException:
            self._client.close()
            raise
        threading.Thread(target=self._watch, name="dask workers", daemon=True).start()

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Send a call to be done; its future fails with Lost where Dask cannot have it done."""
        # `function` may be a caller of the function that the partition is for, which comes first then.
        name = next((one.__name__ for one in arguments if isfunction(one)), function.__name__)
        return self._send(name, _seal(function, arguments, named))

    def _send_to(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self._send(
            function.__name__, _seal(function, arguments, {}), workers=[worker], allow_other_workers=False
        )

    def _send(self, name: str, sealed: Sealed, **where: Any) -> Future[Any]:
        outer: Future[Any] = Future()
        self._waiting.add(outer)
        inner = self._executor.submit(do, sealed, key=f"tvmigrate-{name}-{uuid4().hex}", **where)
        outer.add_done_callback(partial(self._let_go, inner))
        inner.add_done_callback(partial(self._pass_on, outer))
        return outer

    def _let_go(self, inner: Future[Any], outer: Future[Any]) -> None:
        self._waiting.discard(outer)
        if outer.cancelled():
            self._interrupted = True
            inner.cancel()

    def _pass_on(self, outer: Future[Any], inner: Future[Any]) -> None:
        if outer.done():
            return
        if inner.cancelled():
            _fail(outer, Lost(f"The Dask scheduler at {self._address} has left, and the partitions with it. {_AGAIN}"))
        elif (problem := inner.exception()) is not None:
            told = " ".join(str(problem).split()).rstrip(".")[:500]
            _fail(outer, Lost(f"The Dask cluster at {self._address} could not do a partition: {told}. {_AGAIN}"))
        else:
            error, value = inner.result()
            with suppress(InvalidStateError):  # cancelled meanwhile
                outer.set_exception(error) if error is not None else outer.set_result(value)

    def _require_fit_workers(self, endpoints: Endpoints) -> int:
        threads = self._client.nthreads()
        if not threads:
            raise UsageError(
                f"The Dask scheduler at {self._address} has no worker. Start some, each with one thread: "
                f"dask worker {self._address} --nthreads 1"
            )
        several = sorted(worker for worker, number in threads.items() if number != 1)
        if several:
            raise UsageError(
                f"Partitions are done one at a time in a process, and these Dask workers have several threads: "
                f"{', '.join(several)}. Start them with --nthreads 1, and as many of them as there are cores."
            )
        # Not by its name, as partitions are: one that a worker cannot import costs that worker its connection.
        told = self._client.run(
            lambda: __import__("importlib").import_module("tvmigrate.dask_executor").version(), on_error="return"
        )
        for worker, answer in told.items():
            if isinstance(answer, Exception):
                raise UsageError(
                    f"The Dask worker {worker} cannot run tvmigrate {version()}: {answer}. Install the same there."
                )
        asked = {worker: self._send_to(worker, check_reachable, endpoints) for worker in told}
        for worker, future in asked.items():
            try:
                self._wait_for(future, worker)
            except (TvmigrateError, Lost) as problem:
                error = TvmigrateError(f"The Dask worker {worker} cannot be used. {problem}")
                error.exit_code = getattr(problem, "exit_code", ExitCode.COULD_NOT_CHECK)
                raise error from problem
        return len(told)

    def _watch(self) -> None:
        """Fail what waits once there has been no worker for a while: Dask itself would wait for ever."""
        without = 0.0
        while not self._closed.wait(_LOOK_EVERY_S):
            try:
                without = 0.0 if self._client.nthreads() else without + _LOOK_EVERY_S
            except OSError:
                continue  # the scheduler is away, which fails what waits by itself
            if without >= _WITHOUT_WORKERS_S:
                for future in list(self._waiting):
                    _fail(
                        future, Lost(f"The Dask scheduler at {self._address} has had no worker for a minute. {_AGAIN}")
                    )

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let go of the cluster; where `wait` is said, after what its workers have begun for us."""
        if self._closed.is_set():
            return
        self._closed.set()
        for future in list(self._waiting) if cancel_futures else ():
            future.cancel()
        with suppress(Lost, OSError):  # who is gone does nothing
            if wait and self._interrupted:
                for worker in self._client.nthreads():
                    self._wait_for(self._send_to(worker, version), worker)
        self._client.close()

    def _wait_for(self, answer: Future[Any], worker: str) -> None:
        """Wait until a worker answers, which it does when it has ended what it does, whoever that is for.

        Raises:
            Lost: the worker, or the scheduler, has left.
            Whatever it was asked to do raises.
        """
        while True:
            try:
                answer.result(_LOOK_EVERY_S)
            except TimeoutError:
                if worker not in self._client.nthreads():
                    answer.cancel()
                    raise Lost(f"The Dask worker {worker} has left.") from None
            else:
                return


def do(sealed: Sealed) -> tuple[Exception | None, Any]:
    """Do a call, in a worker; return its error and its value, so that Dask has no failure to log with arguments."""
    if sealed.version != version():
        told = (
            f"A Dask worker has tvmigrate {version()}, and the partition is from {sealed.version}. Install the same "
            "there, and run the command again."
        )
        return UsageError(told), None
    try:
        function, arguments, named = pickle.loads(sealed.call)  # noqa: S301 - from the scheduler, which is trusted
        return None, function(*arguments, **named)
    except Exception as error:  # noqa: BLE001 - raised again by the future
        return portable(error), None


def _seal(function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Sealed:
    return Sealed(version(), pickle.dumps((function, arguments, named), pickle.HIGHEST_PROTOCOL))


def version() -> str:
    """Return the version of the tool in this process's environment."""
    return metadata.version("tvmigrate")


def _fail(future: Future[Any], error: Exception) -> None:
    with suppress(InvalidStateError):  # cancelled, or failed already
        future.set_exception(error)


def _connect(address: str) -> Client:
    try:
        import dask  # noqa: PLC0415 - an extra
        from distributed import Client  # noqa: PLC0415
    except ImportError as missing:
        raise UsageError(
            f"--executor needs Dask, which is not installed here ({missing}). Install it with: pip install "
            "'tvmigrate[dask]'"
        ) from missing
    # What its client logs comes to us as errors, and becomes sentences. A partition may well be larger than 10 MB.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"})
    try:
        return Client(address, timeout=_ANSWERS_S, set_as_default=False, name="tvmigrate")
    except (OSError, ValueError) as problem:
        told = " ".join(str(problem).split()).rstrip(".")[:300]
        raise UsageError(
            f"There is no Dask scheduler that answers at {address} within {_ANSWERS_S} s ({told}). Start one with: "
            "dask scheduler"
        ) from problem
