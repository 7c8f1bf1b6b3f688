"""Progress as Prometheus metrics, served while a command runs, through the usual client library."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from tvmigrate.errors import UsageError
from tvmigrate.events import Advanced, Event, Finished, Said, Started
from tvmigrate.progress import Watch

HOST = "127.0.0.1"


class Metered:
    """A watch that counts what it hears, beside another one that shows it."""

    def __init__(self, shown: Watch, port: int) -> None:
        """Prepare the metrics; `__enter__` serves them on `port` of loopback.

        Raises:
            UsageError: the client library is not installed.
        """
        try:
            import prometheus_client as prometheus  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise UsageError("--metrics-port needs the Prometheus client: pip install 'tvmigrate[metrics]'.") from error
        self._shown, self._port, self._serve = shown, port, prometheus.start_http_server
        self._registry = registry = prometheus.CollectorRegistry()

        def gauge(name: str, what: str) -> Any:
            return prometheus.Gauge(f"tvmigrate_task_{name}", what, ("task",), registry=registry)

        self._done = gauge("done", "Units of a task that are done.")
        self._total = gauge("total", "Units of a task in all, where that is known.")
        self._running = gauge("running", "1 while a task is under way.")
        self._seconds = gauge("seconds", "How long a task that ended took.")
        self._said = prometheus.Counter(
            "tvmigrate_said", "Sentences for the person watching, by level.", ("level",), registry=registry
        )
        self._opened = ExitStack()

    def __call__(self, event: Event) -> None:
        """Count an event, and pass it on."""
        match event:
            case Started(task=task, total=total):
                self._running.labels(task).set(1)
                self._count(task, 0, total)
            case Advanced(task=task, done=done, total=total):
                self._count(task, done, total)
            case Finished(task=task, seconds=seconds):
                self._running.labels(task).set(0)
                self._seconds.labels(task).set(seconds)
            case Said(level=level):
                self._said.labels(level).inc()
            case _:
                pass
        self._shown(event)

    def _count(self, task: str, done: int, total: int | None) -> None:
        self._done.labels(task).set(done)
        if total is not None:
            self._total.labels(task).set(total)

    def __enter__(self) -> Self:
        """Serve the metrics.

        Raises:
            UsageError: the port is taken.
        """
        with ExitStack() as opened:
            try:
                server, thread = self._serve(self._port, HOST, self._registry)
            except OSError as error:
                raise UsageError(
                    f"--metrics-port is {self._port}, and {HOST}:{self._port} cannot be listened on: {error.strerror}."
                ) from error
            opened.callback(_end, server, thread)
            opened.enter_context(self._shown)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)


def _end(server: Any, thread: Any) -> None:
    server.shutdown()
    server.server_close()
    thread.join()
