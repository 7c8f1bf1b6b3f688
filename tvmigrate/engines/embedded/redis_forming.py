"""Servers in cluster mode become a Redis Cluster: they meet, share out the slots, take replicas; without redis-cli."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from tvmigrate.engines.embedded.ports import HOST

SLOTS = 16384
# Waits until what is asked is so, and says what was not if that takes too long.
Until = Callable[[Callable[[], bool], str], None]


def is_served(port: int) -> bool:
    """Return whether the server on `port` says that every slot is served."""
    try:
        with _client(port) as client:
            return _info(client)["cluster_state"] == "ok"
    except (RedisError, OSError):
        return False


def slots_of(master: int, masters: int) -> tuple[int, int]:
    """Return the first and the last slot of a master, by its number from 0 on, of so many."""
    return master * SLOTS // masters, (master + 1) * SLOTS // masters - 1


def form(ports: Sequence[int], buses: Sequence[int], masters: int, until: Until) -> None:
    """Let the servers meet, share out the slots that nobody has, make replicas of servers without any.

    The first `masters` of them are to be masters. A cluster that they already are stays as it is.
    """
    with ExitStack() as opened:
        clients = [opened.enter_context(_client(port)) for port in ports]
        for number, client in enumerate(clients):
            if int(_info(client)["cluster_known_nodes"]) == 1 and _info(client)["cluster_current_epoch"] == "0":
                _ask(client, "SET-CONFIG-EPOCH", number + 1)
        # Each with each: who knows the other of an earlier start, at another port, follows it there by this alone.
        for client in clients:
            for port, bus in zip(ports, buses, strict=True):
                _ask(client, "MEET", HOST, port, bus)
        until(lambda: all(_connected(client) == len(ports) for client in clients), "its servers have not met")
        owned = {slot for client in clients for slot in _own_slots(client)}
        for number in range(masters):
            first, last = slots_of(number, masters)
            if owned.isdisjoint(range(first, last + 1)):
                _ask(clients[number], "ADDSLOTSRANGE", first, last)
        for number in range(masters, len(ports)):
            master = clients[number % masters]
            _replicate(clients[number], master, until)
        until(lambda: all(_info(client)["cluster_state"] == "ok" for client in clients), "not every slot is served")
        until(lambda: all(_in_step(client) for client in clients), "its replicas are not in step")


def _replicate(client: Redis, master: Redis, until: Until) -> None:
    if client.info("replication")["role"] != "master" or _own_slots(client):
        return
    name = _ask(master, "MYID")

    def done() -> bool:
        try:
            _ask(client, "REPLICATE", name)
        except ResponseError as refused:
            if "Unknown node" in str(refused):  # it has not heard of it yet
                return False
            raise
        return True

    until(done, "a replica does not know its master")


def _client(port: int) -> Redis:
    return Redis(HOST, port, socket_timeout=5, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0))


def _info(client: Redis) -> dict[str, str]:
    return dict(line.split(":", 1) for line in _text(client, "INFO").splitlines() if ":" in line)


def _nodes(client: Redis) -> list[list[str]]:
    return [line.split() for line in _text(client, "NODES").splitlines()]


def _text(client: Redis, *words: str) -> str:
    return _ask(client, *words).decode()


def _ask(client: Redis, *words: str | int | bytes) -> bytes:
    answer: bytes = client.execute_command("CLUSTER", *words)  # type: ignore[no-untyped-call]
    return answer


def _connected(client: Redis) -> int:
    """Return how many servers this one has a link to, itself among them, none in a handshake."""
    nodes = _nodes(client)
    if any("handshake" in fields[2] for fields in nodes):
        return 0
    return sum("myself" in fields[2] or fields[7] == "connected" for fields in nodes)


def _own_slots(client: Redis) -> set[int]:
    """Return the slots of this server, without those that are on their way."""
    slots: set[int] = set()
    for fields in _nodes(client):
        if "myself" in fields[2]:
            for span in fields[8:]:
                if not span.startswith("["):
                    first, _, last = span.partition("-")
                    slots |= set(range(int(first), int(last or first) + 1))
    return slots


def _in_step(client: Redis) -> bool:
    told: dict[str, Any] = client.info("replication")
    return bool(told["role"] == "master" or told["master_link_status"] == "up")
