"""An embedded Elasticsearch of several nodes: a master that holds data, and data nodes, started and ended as one."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.client import HTTPException

import urllib3

from tvmigrate.engines.embedded import elasticsearch
from tvmigrate.engines.embedded.nodes import died, end_all
from tvmigrate.engines.embedded.ports import free_ports, listens
from tvmigrate.engines.embedded.process import EngineProcess, indented
from tvmigrate.engines.embedded.redis_cluster import Place
from tvmigrate.engines.errors import DirectoryUnusable, EngineDied, EngineNotReady
from tvmigrate.errors import UsageError

MOST_NODES = 5
_LOOK_EVERY = 0.2  # seconds


def require_nodes(count: int) -> int:
    """Return how many nodes are asked for; raises UsageError where that are none, or very many."""
    if not 1 <= count <= MOST_NODES:
        raise UsageError(f"An Elasticsearch of {count} nodes is not made here: it has 1 to {MOST_NODES}.")
    return count


class ElasticsearchNodes:
    """The nodes of one cluster as one engine; the first is its only master and has its URL, the others hold data.

    It has what `EmbeddedEngines` asks of an `EngineProcess`: `running`, `stop`, `kill`, `died`.
    """

    name = elasticsearch.NAME

    def __init__(  # noqa: PLR0913, PLR0917 - what a node is made of
        self, count: int, port: int, place: Place, given_up: Callable[[float], bool], heap: str, jvm_options: list[str]
    ) -> None:
        """Say what is to run; nothing is started yet.

        Args:
            count: how many nodes.
            port: the first one's for HTTP.
            place: their data and logs; data of an earlier start are used again.
            given_up: waits so many seconds and tells whether the start was given up meanwhile.
            heap: of each node, as -Xmx takes it.
            jvm_options: more options of each node's JVM.
        """
        self.nodes: list[EngineProcess] = []
        chosen = free_ports(2 * count - 1)
        self.ports = [port, *chosen[: count - 1]]
        self._transport = chosen[count - 1 :]
        self._place = place
        self._given_up = given_up
        self._heap = heap
        self._jvm_options = jvm_options

    def start(self, timeout: float) -> None:
        """Start the nodes, and return when all of them are in the cluster.

        Raises:
            DirectoryUnusable: the directory holds as many nodes as another cluster has.
            EngineDied, EngineNotReady: a node ended, or they were not together within `timeout` seconds.
        """
        there = len(list(self._place.data.glob("*/data")))
        if there not in {0, len(self.ports)}:
            raise DirectoryUnusable(
                f"{self._place.data} holds an Elasticsearch of {there} nodes, and {len(self.ports)} are asked for. Ask "
                "for as many as are there, or give another directory."
            )
        try:
            self.nodes.extend(self._launched(number) for number in range(len(self.ports)))
            self._await(len(self.ports), timeout)
        except BaseException:
            self.kill()
            raise

    @property
    def url(self) -> str:
        """The URL of the first node."""
        return elasticsearch.url(self.ports[0])

    @property
    def running(self) -> bool:
        """Whether none of the nodes has ended."""
        return all(node.running for node in self.nodes)

    def kill(self) -> None:
        """End every node with SIGKILL and wait for their end."""
        end_all(EngineProcess.kill, self.nodes)

    def stop(self) -> None:
        """End every node in order."""
        end_all(EngineProcess.stop, self.nodes)

    def died(self, when: str) -> EngineDied:
        """Return the error that says of a node that has ended how it did."""
        return died(self.nodes, when)

    def restart_node(self, number: int, timeout: float = 180) -> None:
        """Start the node of that number (from 0 on) on its ports and data, and wait until it is in the cluster again.

        Raises:
            EngineDied, EngineNotReady: it ended, or was not back within `timeout` seconds.
        """
        self.nodes[number].stop()
        self.nodes[number] = self._launched(number)
        self._await(len(self.nodes), timeout)

    def _launched(self, number: int) -> EngineProcess:
        folder = self._place.data / str(number + 1)
        folder.mkdir(exist_ok=True)
        options = [f"--transport={port}" for port in self._transport]
        launch = elasticsearch.launch(
            folder, self.ports[number], self._heap, self._jvm_options, [f"--number={number}", *options]
        )
        log = self._place.logs / f"{elasticsearch.NAME}-{number + 1}.log"
        return EngineProcess(launch, log, lock=self._place.lock, remove=self._place.remove)

    def _await(self, count: int, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not (together(self.ports[0]) == count and listens(self.nodes[0].pid, self.ports[0])):
            if not self.running:
                raise self.died("ended while the nodes came together")
            if time.monotonic() > deadline:
                raise EngineNotReady(
                    f"{count} nodes of Elasticsearch were not together within {timeout:g} s. The last lines of the "
                    f"first one's log, {self.nodes[0].log}:\n{indented(self.nodes[0].tail())}"
                )
            if self._given_up(_LOOK_EVERY):
                raise EngineNotReady("Elasticsearch was stopped, since the start was given up.")


def together(port: int) -> int:
    """Return how many nodes are in the cluster of the node on `port`; 0 where it does not say."""
    try:
        answer = urllib3.request(
            "GET", f"{elasticsearch.url(port)}/_cluster/health", timeout=5, retries=False, preload_content=True
        )
        return int(answer.json()["number_of_nodes"]) if answer.status == 200 else 0
    except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError, KeyError):
        return 0
