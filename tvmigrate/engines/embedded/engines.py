"""Three engines of one's own, started side by side on free ports of 127.0.0.1, gone when their owner is."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self
from urllib.parse import urlsplit

from tvmigrate.engines.embedded import clickhouse, elasticsearch, locks, redis, redis_cluster
from tvmigrate.engines.embedded.elasticsearch_nodes import ElasticsearchNodes, require_nodes
from tvmigrate.engines.embedded.ports import free_ports, is_free, listens, require_free
from tvmigrate.engines.embedded.process import EngineProcess, Launch, indented
from tvmigrate.engines.embedded.redis_cluster import Place, RedisCluster, Shape
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.errors import (
    DirectoryInUse,
    DirectoryUnusable,
    EngineDied,
    EngineError,
    EngineNotReady,
    UnknownEngine,
)
from tvmigrate.errors import UsageError
from tvmigrate.events import Event, Finished, Listener, Said, Started, ignore

NAMES = (redis.NAME, clickhouse.NAME, elasticsearch.NAME)
LOCK_FILE = ".lock"
_URLS: Mapping[str, Callable[[int], str]] = MappingProxyType(
    {redis.NAME: redis.url, clickhouse.NAME: clickhouse.url, elasticsearch.NAME: elasticsearch.url}
)
_ANSWERS: Mapping[str, Callable[[int], str | None]] = MappingProxyType(
    {redis.NAME: redis.answer, clickhouse.NAME: clickhouse.answer, elasticsearch.NAME: elasticsearch.answer}
)
_SPACE_NEEDED = 512 * 1024 * 1024  # bytes: what the three write before any data comes
_ASK_EVERY = 0.05  # seconds
_PORT_ATTEMPTS = 3
_LOCK_WAIT = 15  # seconds: as long as a killed owner's engines may take to go


@dataclass(slots=True)
class _Running:
    process: EngineProcess | RedisCluster | ElasticsearchNodes
    port: int
    version: str

    @property
    def processes(self) -> list[EngineProcess]:
        return [self.process] if isinstance(self.process, EngineProcess) else self.process.nodes


class EmbeddedEngines:
    """Redis, ClickHouse and Elasticsearch as processes of their own, for `with`, or `start` and `stop`.

    `listener` is called by one thread at a time, but by several threads.
    """

    def __init__(  # noqa: PLR0913 - all but two are by name
        self,
        directory: Path | None = None,
        listener: Listener = ignore,
        *,
        ports: Mapping[str, int] = MappingProxyType({}),
        heap: str | None = None,
        timeout: float = 180,
        quick_start: bool | None = None,
        redis_cluster: Shape | None = None,
        elasticsearch_nodes: int = 1,
    ) -> None:
        """Say what is to run; nothing is started yet.

        Args:
            directory: where data and logs lie; kept when the engines stop, and used again by the next
                start. None: a temporary one that goes with the engines.
            listener: is told about downloads and starts.
            ports: by engine name, where a free port will not do.
            heap: Elasticsearch's, such as `1g`; else `TVMIGRATE_ES_HEAP`, else 1g.
            timeout: seconds that one engine may take until it answers, downloads not counted.
            quick_start: whether Elasticsearch is to start fast and not to run fast; None: where nothing is kept.
            redis_cluster: the Redis Cluster in place of the one server; its servers are `redis-1` and so on.
            elasticsearch_nodes: how many nodes Elasticsearch has; of several, the first one's URL is told.

        Raises:
            UsageError: `heap` is no size; a port of Redis for a cluster; no number of nodes.
            UnknownEngine: `ports` names something else than the three engines.
        """
        for name in ports:
            _require_known(name)
        self._wanted = None if directory is None else directory.expanduser().absolute()
        self._ports = dict(ports)
        self._cluster = redis_cluster
        self._nodes = require_nodes(elasticsearch_nodes)
        if redis_cluster is not None and redis.NAME in ports:
            raise UsageError("A Redis Cluster takes free ports, many of them: leave Redis's port off.")
        self._heap = elasticsearch.heap_size(heap)
        self._timeout = timeout
        self._quick_start = directory is None if quick_start is None else quick_start
        self._running: dict[str, _Running] = {}
        self._jvm_options: list[str] = []
        self._cancelled = threading.Event()
        self._lock: int | None = None
        self._directory: Path | None = None
        telling = threading.Lock()

        def tell(event: Event) -> None:
            with telling:
                listener(event)

        self._tell = tell

    @property
    def directory(self) -> Path:
        """Where data and logs lie; raises EngineError before `start`."""
        if self._directory is None:
            raise EngineError("The embedded engines have not been started.")
        return self._directory

    @property
    def endpoints(self) -> Endpoints:
        """Where the three answer; raises EngineError if they have not been started."""
        if len(self._running) < len(NAMES):
            raise EngineError("The embedded engines have not been started.")
        return Endpoints(**{name: self._url(name) for name in NAMES})

    def _url(self, name: str) -> str:
        process = self._running[name].process
        return _URLS[name](self._running[name].port) if isinstance(process, EngineProcess) else process.url

    @property
    def redis_cluster(self) -> RedisCluster:
        """The Redis Cluster, to end servers of it and start them again; raises EngineError where there is none."""
        process = self._one(redis.NAME).process
        if not isinstance(process, RedisCluster):
            raise EngineError("The embedded Redis is one server: a cluster was not asked for.")
        return process

    @property
    def elasticsearch_nodes(self) -> ElasticsearchNodes:
        """Elasticsearch's nodes, to end one and start it again; raises EngineError where it is one alone."""
        process = self._one(elasticsearch.NAME).process
        if not isinstance(process, ElasticsearchNodes):
            raise EngineError("The embedded Elasticsearch is one node: several were not asked for.")
        return process

    @property
    def processes(self) -> dict[str, int]:
        """The engines' process ids by name; a cluster's servers are `redis-1` and so on."""
        return {process.name: process.pid for running in self._running.values() for process in running.processes}

    @property
    def guards(self) -> dict[str, int]:
        """The process ids of the engines' guards by the same names."""
        return {process.name: process.guard_pid for running in self._running.values() for process in running.processes}

    def versions(self) -> dict[str, str]:
        """Return the versions by engine name, as the engines gave them when they became ready."""
        return {name: running.version for name, running in self._running.items()}

    def start(self) -> Endpoints:
        """Start all three side by side, and return when each has answered a real request.

        Raises:
            DirectoryInUse, DirectoryUnusable: the directory cannot be used.
            PortTaken: a port that was asked for is in use.
            JarCorrupt, JarsUnavailable: Elasticsearch's jars; see `jars.ensure_jars`.
            EngineDied, EngineNotReady: an engine ended, or did not answer in time.
        """
        if self._running:
            return self.endpoints
        self._cancelled.clear()
        self._open_directory()
        began = time.monotonic()
        self._tell(Started("engines", len(NAMES), "engines"))
        try:
            chosen = dict(zip(NAMES, free_ports(len(NAMES)), strict=True)) | self._ports
            for name, port in self._ports.items():
                require_free(name, port)
            with ThreadPoolExecutor(len(NAMES)) as pool:
                tasks = {pool.submit(self._bring_up, name, chosen[name]): name for name in NAMES}
                try:
                    for task in as_completed(tasks):
                        self._running[tasks[task]] = task.result()
                except BaseException:
                    self._cancelled.set()  # the others' threads see it, end their engines and return
                    raise
        except BaseException:
            self.stop()
            raise
        self._tell(Finished("engines", time.monotonic() - began, "all three answer"))
        return self.endpoints

    def stop(self) -> None:
        """End all engines, and a temporary directory with them. A second call does nothing."""
        self._cancelled.set()
        running, self._running = self._running, {}
        if running:
            # Nobody will read a temporary directory, so its engines need not put anything in order.
            end = EngineProcess.kill if self._wanted is None else EngineProcess.stop
            ends = [process for one in running.values() for process in one.processes]
            with ThreadPoolExecutor(len(ends)) as pool:
                list(pool.map(end, ends))
        if self._lock is not None:
            locks.release(self._lock)
            self._lock = None
        if self._wanted is None and self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
        self._directory = None

    def check(self) -> None:
        """Return if all engines run; raises EngineDied, with the last lines of its log, if not."""
        for one in self._running.values():
            if not one.process.running:
                raise one.process.died("ended unasked")

    def save_logs(self, directory: Path) -> None:
        """Copy the engines' logs to `directory`, one file a process, and say so."""
        directory.mkdir(parents=True, exist_ok=True)
        saved = [
            str(shutil.copyfile(process.log, directory / f"{process.name}.log"))
            for one in self._running.values()
            for process in one.processes
        ]
        if saved:
            self._tell(Said(f"The engines' logs are kept: {', '.join(sorted(saved))}"))

    def kill(self, name: str) -> None:
        """End the engine `name` with SIGKILL; `restart` brings it back. Raises UnknownEngine."""
        self._one(name).process.kill()

    def restart(self, name: str) -> None:
        """Stop the engine `name` if it still runs, and start it on the same port and data.

        Raises:
            UnknownEngine: there is no such engine.
            EngineDied, EngineNotReady, PortTaken: as `start`.
        """
        before = self._one(name)
        before.process.stop()
        if not isinstance(before.process, RedisCluster):
            require_free(name, before.port)
        self._cancelled.clear()
        self._running[name] = self._start_one(name, before.port)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            # A refused connection says little; that the engine died, and of what, says it all.
            for one in self._running.values():
                if not one.process.running and not isinstance(error, EngineDied):
                    error.add_note(str(one.process.died("had ended by then")))
        self.stop()

    def _one(self, name: str) -> _Running:
        _require_known(name)
        if name not in self._running:
            raise EngineError(f"{name} has not been started.")
        return self._running[name]

    def _open_directory(self) -> None:
        """Make the directories, lock them against a second owner, and see that there is space."""
        try:
            if self._wanted is None:
                self._directory = Path(tempfile.mkdtemp(prefix="tvmigrate-"))
            else:
                self._wanted.mkdir(parents=True, exist_ok=True)
                self._directory = self._wanted
            for name in (*NAMES, "logs"):
                (self._directory / name).mkdir(exist_ok=True)
            self._lock = locks.take(self._directory / LOCK_FILE, _LOCK_WAIT, self._cancelled.is_set)
        except OSError as error:
            place = error.filename or self._wanted or tempfile.gettempdir()
            self.stop()
            raise DirectoryUnusable(
                f"{place} cannot hold the engines' data: {error.strerror}. Give a writable directory."
            ) from error
        if self._lock is None:
            raise DirectoryInUse(
                f"{self._directory} is in use: other engines run there. Stop them with: "
                f"tvmigrate engines down --dir '{self._directory}', or give another directory."
            )
        free = shutil.disk_usage(self._directory).free
        if free < _SPACE_NEEDED:
            place = self._directory
            self.stop()
            raise DirectoryUnusable(
                f"{place} has {free // 2**20} MB left; the engines need {_SPACE_NEEDED // 2**20} MB at "
                "first. Free some space, or give another directory."
            )

    def _bring_up(self, name: str, port: int) -> _Running:
        """Start one engine; where a port that we chose was taken in between, on another one."""
        if name == elasticsearch.NAME:
            self._jvm_options = elasticsearch.prepare(self._heap, self._tell, self._cancelled)
        for attempt in range(_PORT_ATTEMPTS):
            try:
                return self._start_one(name, port)
            except EngineDied:
                lost_port = name not in self._ports and not is_free(port)  # a cluster sees to its ports itself
                if not lost_port or attempt == _PORT_ATTEMPTS - 1:
                    raise
                port = free_ports(1)[0]
        raise AssertionError("the last attempt returns or raises")

    def _start_one(self, name: str, port: int) -> _Running:
        if self._cancelled.is_set():
            raise EngineNotReady(f"{name} was not started, since the start was given up.")
        began = time.monotonic()
        self._tell(Started(name))
        temporary = self.directory if self._wanted is None else None
        if name == redis.NAME and self._cluster is not None:
            return self._start_cluster(self._cluster, temporary, began)
        if name == elasticsearch.NAME and self._nodes > 1:
            return self._start_nodes(port, temporary, began)
        log = self.directory / "logs" / f"{name}.log"
        process = EngineProcess(self._launch(name, port), log, lock=self._lock, remove=temporary)
        try:
            version = self._await_answer(process, port)
        except BaseException:
            process.kill()
            raise
        self._tell(Finished(name, time.monotonic() - began, f"{version} at {_URLS[name](port)}"))
        return _Running(process, port, version)

    def _start_cluster(self, shape: Shape, temporary: Path | None, began: float) -> _Running:
        place = Place(self.directory / redis.NAME, self.directory / "logs", self._lock, temporary)
        cluster = RedisCluster(shape, place, self._cancelled.wait)
        cluster.start(self._timeout)
        version = redis_cluster.answer(cluster.ports)
        if version is None:
            cluster.kill()
            raise EngineNotReady("The Redis Cluster was formed and does not answer any more: see its servers' logs.")
        note = f"{version}, a cluster of {shape} at {cluster.url}"
        self._tell(Finished(redis.NAME, time.monotonic() - began, note))
        return _Running(cluster, cluster.ports[0], version)

    def _start_nodes(self, port: int, temporary: Path | None, began: float) -> _Running:
        name = elasticsearch.NAME
        place = Place(self.directory / name, self.directory / "logs", self._lock, temporary)
        nodes = ElasticsearchNodes(self._nodes, port, place, self._cancelled.wait, self._heap, self._options())
        nodes.start(self._timeout)
        version = elasticsearch.answer(port)
        if version is None:
            nodes.kill()
            raise EngineNotReady("Elasticsearch's nodes came together and do not answer any more: see their logs.")
        self._tell(Finished(name, time.monotonic() - began, f"{version}, {self._nodes} nodes at {nodes.url}"))
        return _Running(nodes, port, version)

    def _options(self) -> list[str]:
        return [*self._jvm_options, *(elasticsearch.QUICK_START if self._quick_start else ())]

    def _launch(self, name: str, port: int) -> Launch:
        data = self.directory / name
        if name == redis.NAME:
            return redis.launch(data, port)
        if name == clickhouse.NAME:
            return clickhouse.launch(data, port)
        return elasticsearch.launch(data, port, self._heap, self._options())

    def _await_answer(self, process: EngineProcess, port: int) -> str:
        deadline = time.monotonic() + self._timeout
        while process.running:
            version = _ANSWERS[process.name](port)
            # Whoever has taken the port before the engine could may answer as well.
            if version is not None and listens(process.pid, port):
                return version
            if time.monotonic() > deadline:
                raise EngineNotReady(
                    f"{process.name} runs but did not answer within {self._timeout:g} s. "
                    f"The last lines of its log, {process.log}:\n{indented(process.tail())}"
                )
            if self._cancelled.wait(_ASK_EVERY):
                raise EngineNotReady(f"{process.name} was stopped, since the start was given up.")
        raise process.died("ended while it was starting")


def answer(name: str, url: str) -> str | None:
    """Return the version that the embedded engine `name` at `url` answers a real request with, or None."""
    if "+cluster" in url:
        return redis_cluster.answer([int(place.rpartition(":")[2]) for place in urlsplit(url).netloc.split(",")])
    return _ANSWERS[name](urlsplit(url).port or 0)


def _require_known(name: str) -> None:
    if name not in NAMES:
        raise UnknownEngine(f"There is no engine {name!r}: the embedded ones are {', '.join(NAMES)}.")
