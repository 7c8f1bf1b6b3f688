"""Three containers of one's own, started side by side, on free ports of 127.0.0.1, removed when their owner is done."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from docker.errors import DockerException
from testcontainers.core.docker_client import DockerClient

from tvmigrate.engines.containers import clickhouse, container, elasticsearch, owner, redis
from tvmigrate.engines.containers.daemon import opened, told
from tvmigrate.engines.containers.empty import empty
from tvmigrate.engines.containers.images import chosen_images
from tvmigrate.engines.containers.kept import KeptSet, locked
from tvmigrate.engines.containers.spec import Spec
from tvmigrate.engines.embedded.elasticsearch import heap_size
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.errors import EngineDied, EngineError
from tvmigrate.events import Event, Finished, Listener, Said, Started, ignore

NAMES = (redis.NAME, clickhouse.NAME, elasticsearch.NAME)
_URLS: Mapping[str, Callable[[str, int], str]] = MappingProxyType(
    {redis.NAME: redis.url, clickhouse.NAME: clickhouse.url, elasticsearch.NAME: elasticsearch.url}
)
_ANSWERS: Mapping[str, Callable[[str, int], str | None]] = MappingProxyType(
    {redis.NAME: redis.answer, clickhouse.NAME: clickhouse.answer, elasticsearch.NAME: elasticsearch.answer}
)


@dataclass(frozen=True, slots=True)
class _Running:
    spec: Spec
    container: Any  # docker's
    url: str
    version: str


class ContainerEngines:
    """Redis, ClickHouse and Elasticsearch in containers, for `with`, or `start` and `stop`.

    `listener` is called by one thread at a time, but by several threads.
    """

    def __init__(  # noqa: PLR0913 - all but one are by name
        self,
        listener: Listener = ignore,
        *,
        logs: Path | None = None,
        keep: str | None = None,
        ports: Mapping[str, int] = MappingProxyType({}),
        heap: str | None = None,
        timeout: float = 300,
        emptied: bool = True,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """Say what is to run; nothing is started yet.

        Args:
            listener: is told about pulls and starts.
            logs: directory that takes the containers' logs if they do not start, or `with` is left by an error.
            keep: what the containers are kept for, such as `rehearse`. They then run on when they are stopped, and are
                used again by the next start that says the same. None: removed at the end.
            ports: by store, the ports on this machine where a free one will not do.
            heap: Elasticsearch's, such as `1g`; else `TVMIGRATE_ES_HEAP`, else 1g.
            timeout: seconds that one container may take until it answers, pulls not counted.
            emptied: whether kept containers are emptied before they are used again.
            environ: names the images; see `images.chosen_images`.

        Raises:
            UsageError: `heap` is no size.
        """
        images = chosen_images(environ)
        self._specs = (
            redis.spec(images[redis.NAME]),
            clickhouse.spec(images[clickhouse.NAME]),
            elasticsearch.spec(images[elasticsearch.NAME], heap_size(heap)),
        )
        self._logs = logs
        self._keep = keep
        self._ports = dict(ports)
        self._timeout = timeout
        self._emptied = emptied
        self._running: dict[str, _Running] = {}
        self._run = uuid.uuid4().hex
        self._cancelled = threading.Event()
        self._opened = ExitStack()
        self._client: Any = None
        telling = threading.Lock()

        def tell(event: Event) -> None:
            with telling:
                listener(event)

        self._tell = tell

    @property
    def endpoints(self) -> Endpoints:
        """Where the three answer; raises EngineError if they have not been started."""
        if len(self._running) < len(NAMES):
            raise EngineError("The containers have not been started.")
        return Endpoints(**{name: self._running[name].url for name in NAMES})

    @property
    def containers(self) -> dict[str, str]:
        """The containers' ids by store."""
        return {name: str(running.container.id) for name, running in self._running.items()}

    def versions(self) -> dict[str, str]:
        """Return the versions by store, as the servers gave them when they became ready."""
        return {name: running.version for name, running in self._running.items()}

    def start(self) -> Endpoints:
        """Start all three side by side, and return when each has answered a real request.

        What runs that were killed have left is removed first.

        Raises:
            DockerUnavailable: no Docker answers.
            ImageUnavailable: an image is not there and cannot be pulled.
            ContainerNotStarted: Docker refuses to start one.
            EnginesInUse: another process uses the kept containers.
            EngineDied, EngineNotReady: a container ended, or did not answer in time.
        """
        if self._running:
            return self.endpoints
        self._cancelled.clear()
        began = time.monotonic()
        self._tell(Started("engines", len(NAMES), "engines"))
        try:
            with ExitStack() as opening:
                self._client = opening.enter_context(opened())
                if self._keep:
                    opening.enter_context(locked(self._keep))
                self._opened = opening.pop_all()
            owner.remove_left(self._client, self._tell)
            if not (self._keep and self._use_kept(self._keep)):
                self._start_all()
        except BaseException as error:
            self._give_up()
            if isinstance(error, DockerException):
                raise EngineError(f"Docker failed at what was asked of it: {told(error)}.") from error
            raise
        self._tell(Finished("engines", time.monotonic() - began, "all three answer"))
        return self.endpoints

    def stop(self) -> None:
        """Remove all containers, or leave them running if they are kept. A second call does nothing."""
        self._cancelled.set()
        if self._client is None:
            return
        try:
            if not self._keep:
                self._remove()
        except (DockerException, OSError) as error:
            raise EngineError(
                f"Docker did not remove the containers: {told(error)}. The next run will, if it finds it."
            ) from error
        finally:
            self._close()

    def check(self) -> None:
        """Return if all containers run; raises EngineDied, with the last lines of its log, if not."""
        for one in self._running.values():
            container.require_running(one.spec, one.container, "ended unasked")

    def save_logs(self, directory: Path) -> None:
        """Write the containers' logs to `directory`, one file a store, and say so."""
        self._save([one.container for one in self._running.values()], directory)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                self._note_dead(error)
                if self._logs is not None:
                    self.save_logs(self._logs)
        finally:
            self.stop()

    def _note_dead(self, error: BaseException) -> None:
        """Add to an error what a refused connection does not tell: that the server ended, and of what."""
        for one in self._running.values():
            try:
                container.require_running(one.spec, one.container, "had ended by then")
            except EngineDied as died:
                if not isinstance(error, EngineDied):
                    error.add_note(str(died))

    def _start_all(self) -> None:
        with container.without_ryuk(), ThreadPoolExecutor(len(NAMES)) as pool:
            tasks = {pool.submit(self._bring_up, spec): spec.name for spec in self._specs}
            try:
                for task in as_completed(tasks):
                    self._running[tasks[task]] = task.result()
            except BaseException:
                self._cancelled.set()  # the others' threads see it and return; what they started is removed
                raise

    def _bring_up(self, spec: Spec) -> _Running:
        form = spec.form(container.image_id(self._client, spec, self._tell))
        if self._cancelled.is_set():
            raise EngineError(f"{spec.name} was not started, since the start was given up.")
        began = time.monotonic()
        self._tell(Started(spec.name))
        labels = owner.labels_of(self._run, spec.name, form, self._keep)
        made = container.create(spec, labels, self._ports.get(spec.name))
        try:
            container.start(made, spec)
            own = self._client.containers.get(made.get_container_id())
            container.require_running(spec, own, "ended while it was starting")
            running = self._await(spec, own, made.get_docker_client())
        finally:
            made.get_docker_client().client.close()
        self._tell(Finished(spec.name, time.monotonic() - began, f"{running.version} at {running.url}, {spec.image}"))
        return running

    def _await(self, spec: Spec, own: Any, client: DockerClient) -> _Running:
        host, port = container.address(client, own.id, spec)

        def ask() -> str | None:
            return _ANSWERS[spec.name](host, port)

        version = container.await_answer(spec, own, ask, self._cancelled.wait, self._timeout)
        return _Running(spec, own, _URLS[spec.name](host, port), version)

    def _use_kept(self, purpose: str) -> bool:
        """Take the kept containers and empty them; return False where there are none, or other ones."""
        kept = KeptSet.find(self._client, purpose)
        forms = {spec.name: spec.form(container.image_id(self._client, spec, self._tell)) for spec in self._specs}
        if not kept.matches(forms):
            kept.remove()
            return False
        containers = kept.by_store()
        client = DockerClient()
        with closing(client.client):
            for spec in self._specs:
                self._running[spec.name] = self._await(spec, containers[spec.name], client)
        if self._emptied:
            empty(self.endpoints)
        how = "emptied, " if self._emptied else ""
        self._tell(Said(f"The containers that an earlier run had kept are used again, {how}in place of new ones."))
        return True

    def _mine(self) -> list[Any]:
        if self._client is None:
            return []
        filters = {"label": f"{owner.RUN}={self._run}"}
        return list(self._client.containers.list(all=True, filters=filters, ignore_removed=True))

    def _remove(self) -> None:
        """Remove every container of this start, whether or not its thread has told of it; raises DockerException."""
        containers = self._mine()
        if containers:
            with ThreadPoolExecutor(len(containers)) as pool:
                list(pool.map(owner.remove, containers))

    def _give_up(self) -> None:
        """After a start that failed: keep the logs, and leave nothing."""
        try:
            if self._logs is not None:
                self._save(self._mine(), self._logs)
        except (DockerException, OSError) as error:
            self._tell(Said(f"The engines' logs could not be kept: {told(error)}.", "warning"))
        try:
            self._remove()
        except (DockerException, OSError) as error:
            self._tell(Said(f"Docker did not remove the containers: {told(error)}. The next run will.", "warning"))
        finally:
            self._close()

    def _save(self, containers: list[Any], directory: Path) -> None:
        saved = []
        directory.mkdir(parents=True, exist_ok=True)
        for one in containers:
            path = directory / f"{one.labels.get(owner.STORE, one.short_id)}.log"
            if container.save_log(one, path):
                saved.append(str(path))
        if saved:
            self._tell(Said(f"The engines' logs are kept: {', '.join(sorted(saved))}"))

    def _close(self) -> None:
        self._running = {}
        self._client = None
        self._opened.close()
