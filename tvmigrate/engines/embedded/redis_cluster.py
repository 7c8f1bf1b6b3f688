"""An embedded Redis Cluster: so many masters with so many replicas each, started and ended as one engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tvmigrate.engines.embedded import redis
from tvmigrate.engines.embedded.nodes import died, end_all
from tvmigrate.engines.embedded.ports import HOST, free_ports, is_free, listens
from tvmigrate.engines.embedded.process import EngineProcess, Launch, indented
from tvmigrate.engines.embedded.redis_forming import form, is_served
from tvmigrate.engines.errors import DirectoryUnusable, EngineDied, EngineNotReady
from tvmigrate.errors import UsageError

NODE_TIMEOUT_MS = 5000  # a master that is away so long is replaced by its replica
_LOOK_EVERY = 0.05  # seconds
_PORT_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Shape:
    """How many masters share the slots, and how many replicas each of them has."""

    masters: int
    replicas: int

    @classmethod
    def parse(cls, text: str) -> Shape:
        """Read `3x1`: three masters with a replica each.

        Raises:
            UsageError: it is not of this form, or asks for fewer masters than can elect a new one, or for very many.
        """
        masters, _, replicas = text.partition("x")
        if not all(number.isascii() and number.isdigit() for number in (masters, replicas)):
            raise UsageError(f"A Redis Cluster is given as MASTERSxREPLICAS, such as 3x1, and not as {text!r}.")
        shape = cls(int(masters), int(replicas))
        if not (3 <= shape.masters <= 64 and shape.replicas <= 4):
            raise UsageError(
                f"A Redis Cluster of {text} is not made here: it takes 3 to 64 masters, a majority of which elects a "
                "new one, and up to 4 replicas of each."
            )
        return shape

    @property
    def nodes(self) -> int:
        """How many servers that are."""
        return self.masters * (1 + self.replicas)

    def __str__(self) -> str:
        return f"{self.masters}x{self.replicas}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the servers have their data and logs, and what ties them to their owner (see `EngineProcess`)."""

    data: Path
    logs: Path
    lock: int | None = None
    remove: Path | None = None


class RedisCluster:
    """The servers of a cluster as one engine; `nodes` are their processes, those first that began as masters.

    It has what `EmbeddedEngines` asks of an `EngineProcess`: `running`, `stop`, `kill`, `died`.
    """

    name = redis.NAME

    def __init__(
        self, shape: Shape, place: Place, given_up: Callable[[float], bool], node_timeout_ms: int = NODE_TIMEOUT_MS
    ) -> None:
        """Say what is to run; nothing is started yet.

        Args:
            shape: how many servers.
            place: their data and logs; data of an earlier start are used again.
            given_up: waits so many seconds and tells whether the start was given up meanwhile.
            node_timeout_ms: how long a master may be away before its replica takes its place.
        """
        self.shape = shape
        self.nodes: list[EngineProcess] = []
        self._place = place
        self._given_up = given_up
        self._node_timeout_ms = node_timeout_ms
        self._deadline = 0.0
        chosen = free_ports(2 * shape.nodes)
        self.ports, self._buses = chosen[: shape.nodes], chosen[shape.nodes :]

    def start(self, timeout: float) -> None:
        """Start the servers and form the cluster, or find it as its data say; return when every slot is served.

        Raises:
            DirectoryUnusable: the directory holds a cluster of another shape.
            EngineDied, EngineNotReady: a server ended, or the cluster was not formed within `timeout` seconds.
        """
        self._require_shape()
        self._deadline = time.monotonic() + timeout
        numbers = range(self.shape.nodes)
        try:
            self.nodes.extend(self._launched(number) for number in numbers)
            for number in numbers:
                self._await(number)
            form(self.ports, self._buses, self.shape.masters, self._until)
        except BaseException:
            self.kill()
            raise

    @property
    def url(self) -> str:
        """The URL that leads to the cluster: every server is named in it, since any may be gone."""
        return "redis+cluster://" + ",".join(f"{HOST}:{port}" for port in self.ports)

    @property
    def running(self) -> bool:
        """Whether none of the servers has ended."""
        return all(node.running for node in self.nodes)

    def kill(self) -> None:
        """End every server with SIGKILL and wait for their end."""
        end_all(EngineProcess.kill, self.nodes)

    def stop(self) -> None:
        """End every server in order."""
        end_all(EngineProcess.stop, self.nodes)

    def died(self, when: str) -> EngineDied:
        """Return the error that says of a server that has ended how it did."""
        return died(self.nodes, when)

    def restart_node(self, number: int, timeout: float = 60) -> None:
        """Start the server of that number (from 0 on) on its port and data; one that still runs is stopped first.

        Raises:
            EngineDied, EngineNotReady: it ended, or did not answer within `timeout` seconds.
        """
        self._deadline = time.monotonic() + timeout
        self.nodes[number].stop()
        self.nodes[number] = self._launched(number)
        self._await(number)

    def _launched(self, number: int) -> EngineProcess:
        folder = self._place.data / str(number + 1)
        folder.mkdir(exist_ok=True)
        settings: Mapping[str, str] = {
            "cluster-enabled": "yes",
            "cluster-port": str(self._buses[number]),  # else the port + 10000, which may be past the last one
            "cluster-announce-ip": HOST,
            "cluster-node-timeout": str(self._node_timeout_ms),
            "cluster-replica-validity-factor": "0",  # a replica takes over however long it was without its master
            "cluster-allow-replica-migration": "no",
            "repl-diskless-sync-delay": "0",
        }
        launch: Launch = redis.launch(folder, self.ports[number], f"{redis.NAME}-{number + 1}", settings)
        log = self._place.logs / f"{launch.name}.log"
        return EngineProcess(launch, log, lock=self._place.lock, remove=self._place.remove)

    def _await(self, number: int) -> None:
        """Return when a server answers; where a port was taken in between, start it on another one."""
        for attempt in range(_PORT_ATTEMPTS):
            node = self.nodes[number]
            while node.running:
                if redis.answer(self.ports[number]) is not None and listens(node.pid, self.ports[number]):
                    return
                self._look_again(node)
            lost = not (is_free(self.ports[number]) and is_free(self._buses[number]))
            if not lost or attempt == _PORT_ATTEMPTS - 1:
                raise node.died("ended while it was starting")
            self.ports[number], self._buses[number] = free_ports(2)
            self.nodes[number] = self._launched(number)

    def _until(self, so: Callable[[], bool], told: str) -> None:
        while not so():
            if not self.running:
                raise self.died("ended while the cluster was formed")
            self._look_again(self.nodes[0], f", and {told}")

    def _look_again(self, node: EngineProcess, told: str = "") -> None:
        if time.monotonic() > self._deadline:
            raise EngineNotReady(
                f"{node.name} runs but did not answer in time{told}. The last lines of its log, {node.log}:\n"
                f"{indented(node.tail())}"
            )
        if self._given_up(_LOOK_EVERY):
            raise EngineNotReady(f"{node.name} was stopped, since the start was given up.")

    def _require_shape(self) -> None:
        there = len(list(self._place.data.glob("*/nodes.conf")))
        if there not in {0, self.shape.nodes}:
            raise DirectoryUnusable(
                f"{self._place.data} holds a Redis Cluster of {there} servers, and {self.shape} has "
                f"{self.shape.nodes}. Ask for as many as are there, or give another directory."
            )


def answer(ports: list[int]) -> str | None:
    """Return the version of a cluster of which a server on `ports` says that every slot is served, else None."""
    return next((redis.answer(port) for port in ports if is_served(port)), None)
