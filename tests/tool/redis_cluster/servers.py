"""Redis servers for these tests: a cluster whose slots move, and a master with its replica and three sentinels."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from tvmigrate.engines.embedded import redis as embedded
from tvmigrate.engines.embedded.ports import HOST, free_ports
from tvmigrate.engines.embedded.process import EngineProcess, Launch
from tvmigrate.engines.embedded.redis_cluster import Place, RedisCluster, Shape

SHAPE = Shape(3, 1)
NODE_TIMEOUT_MS = 3000
SERVICE = "tv main"


@contextmanager
def running_cluster(folder: Path, shape: Shape = SHAPE) -> Iterator[RedisCluster]:
    """Run a cluster without the other stores."""
    for name in ("redis", "logs"):
        (folder / name).mkdir()
    cluster = RedisCluster(shape, Place(folder / "redis", folder / "logs"), slept, NODE_TIMEOUT_MS)
    cluster.start(120)
    try:
        yield cluster
    finally:
        cluster.kill()


def slept(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def until(so: Callable[[], bool], patience: float = 90) -> None:
    """Return when it is so."""
    deadline = time.monotonic() + patience
    while not so():
        assert time.monotonic() < deadline, "it never came to be so"
        time.sleep(0.05)


class Nodes:
    """The servers of a cluster, asked one by one."""

    def __init__(self, cluster: RedisCluster) -> None:
        self._cluster = cluster
        self.clients = [redis.Redis(HOST, port, socket_timeout=30) for port in cluster.ports]

    def close(self) -> None:
        for client in self.clients:
            client.close()

    def ask(self, number: int, *words: Any) -> Any:
        return self.clients[number].execute_command(*words)

    def name(self, number: int) -> str:
        """Return the id of a server."""
        return str(self.ask(number, "CLUSTER", "MYID").decode())

    def is_master(self, number: int) -> bool:
        return bool(
            self._cluster.nodes[number].running and self.clients[number].info("replication")["role"] == "master"
        )

    def masters(self) -> list[int]:
        """Return the numbers of the servers that are masters now."""
        return [number for number in range(len(self.clients)) if self.is_master(number)]

    def owner(self, slot: int) -> int:
        """Return the number of the master that has a slot."""
        for first, last, master, *_ in self.ask(self.masters()[0], "CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return self._cluster.ports.index(master[1])
        raise AssertionError(f"nobody has slot {slot}")

    def replicas_of(self, master: int) -> list[int]:
        """Return the numbers of a master's replicas that run."""
        port = self._cluster.ports[master]
        told = [
            (number, client.info("replication"))
            for number, client in enumerate(self.clients)
            if self._cluster.nodes[number].running
        ]
        return [number for number, one in told if one["role"] == "slave" and one["master_port"] == port]

    def open(self, slot: int, target: int) -> int:
        """Let a slot be on its way to `target`; return the number of where it leaves."""
        source = self.owner(slot)
        self.ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", self.name(source))
        self.ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", self.name(target))
        return source

    def move_keys(self, slot: int, source: int, target: int, at_most: int | None = None) -> None:
        """Move keys of a slot that is on its way, all of them unless told how many."""
        while keys := self.ask(source, "CLUSTER", "GETKEYSINSLOT", slot, at_most or 100):
            self.ask(source, "MIGRATE", HOST, self._cluster.ports[target], "", 0, 5000, "KEYS", *keys)
            if at_most:
                return

    def close_slot(self, slot: int, target: int) -> None:
        """Let a slot have arrived."""
        name = self.name(target)
        for number in [target, *(one for one in self.masters() if one != target)]:
            self.ask(number, "CLUSTER", "SETSLOT", slot, "NODE", name)

    def move(self, slots: Iterable[int], target: int) -> None:
        """Move slots with all their keys."""
        for slot in slots:
            if self.owner(slot) != target:
                source = self.open(slot, target)
                self.move_keys(slot, source, target)
                self.close_slot(slot, target)

    def in_step(self) -> bool:
        """Return whether every slot is served and every replica that runs has its master's data."""
        running = [number for number in range(len(self.clients)) if self._cluster.nodes[number].running]
        if not all(b"cluster_state:ok" in self.ask(number, "CLUSTER", "INFO") for number in running):
            return False
        told = [self.clients[number].info("replication") for number in running]
        return all(one["role"] == "master" or one["master_link_status"] == "up" for one in told)


@contextmanager
def running_sentinels(folder: Path) -> Iterator[tuple[str, list[EngineProcess]]]:
    """Run a master, its replica and three sentinels; yield the URL that leads there, and the two servers."""
    (folder / "logs").mkdir()
    ports = free_ports(5)
    processes: list[EngineProcess] = []

    def start(launch: Launch) -> None:
        processes.append(EngineProcess(launch, folder / "logs" / f"{launch.name}.log"))

    try:
        for number in range(2):
            data = folder / str(number)
            data.mkdir()
            more = {"repl-diskless-sync-delay": "0"} | ({"replicaof": f"{HOST} {ports[0]}"} if number else {})
            start(embedded.launch(data, ports[number], f"server-{number}", more))
        for number in range(2, 5):
            data = folder / str(number)
            data.mkdir()
            conf = data / "sentinel.conf"
            conf.write_text(
                f"bind {HOST}\nport {ports[number]}\ndir {data}\n"
                f'sentinel monitor "{SERVICE}" {HOST} {ports[0]} 2\n'
                f'sentinel down-after-milliseconds "{SERVICE}" 2000\n'
                f'sentinel failover-timeout "{SERVICE}" 10000\n'
            )
            start(Launch(f"sentinel-{number}", [str(embedded.binary()), str(conf), "--sentinel"], data))
        clients = [redis.Redis(HOST, port) for port in ports]
        until(lambda: all(embedded.answer(port) is not None for port in ports[:2]))
        until(lambda: clients[1].info("replication").get("master_link_status") == "up")
        until(lambda: all(_knows_all(client) for client in clients[2:]))
        for client in clients:
            client.close()
        places = ",".join(f"{HOST}:{port}" for port in ports[2:])
        yield f"redis+sentinel://{places}/{SERVICE.replace(' ', '%20')}", processes[:2]
    finally:
        for process in processes:
            process.kill()


def _knows_all(sentinel: redis.Redis) -> bool:
    try:
        told = sentinel.sentinel_master(SERVICE)
    except redis.RedisError:
        return False
    return bool(told["num-slaves"] == 1 and told["num-other-sentinels"] == 2)
