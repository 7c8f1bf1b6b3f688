"""Commands to a cluster whose slots move and whose masters fail: each has its effect once, and no key is overlooked."""

from __future__ import annotations

import threading

import pytest
import redis

from tests.standstill import stopped
from tests.tool.redis_cluster.servers import Nodes, until
from tvmigrate.engines.embedded.redis_cluster import RedisCluster
from tvmigrate.engines.redis_client import ClusterClient, pages
from tvmigrate.engines.redis_slots import slots
from tvmigrate.engines.redis_units import Unit, send_each

KEYS = [f"key {number}".encode() for number in range(1500)]


def fill(client: ClusterClient, keys: list[bytes] = KEYS) -> None:
    with client.pipeline(transaction=True) as pipe:
        for key in keys:
            pipe.set(key, key)
        assert pipe.execute() == [True] * len(keys)


def values(client: ClusterClient, keys: list[bytes] = KEYS) -> list[bytes | None]:
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.get(key)
        found: list[bytes | None] = pipe.execute()
    return found


def test_keys_of_every_master_are_listed_once(client: ClusterClient, nodes: Nodes) -> None:
    fill(client)
    assert all(nodes.clients[number].dbsize() for number in nodes.masters())
    assert sorted(key for page in pages(client) for key in page) == sorted(KEYS)  # type: ignore[arg-type]


def test_commands_of_one_key_are_answered_together_in_order(client: ClusterClient) -> None:
    with client.pipeline(transaction=True) as pipe:
        pipe.time()
        pipe.rpush("a", "1", "2")
        pipe.lrange("a", 0, -1)
        pipe.time()
        pipe.zadd("b", {"m": 0.5})
        pipe.zrange("b", 0, -1, withscores=True)
        clock, pushed, items, _, added, scores = pipe.execute()
    assert (pushed, items, added) == (2, [b"1", b"2"], 1)
    assert [(member, float(score)) for member, score in scores] == [(b"m", 0.5)]
    assert clock[0] > 0


def test_keys_are_found_where_they_are_while_their_slot_is_on_its_way(client: ClusterClient, nodes: Nodes) -> None:
    slot = client.keyslot("{tag}")
    keys = [f"{{tag}}{number}".encode() for number in range(20)]
    fill(client, keys)
    target = next(number for number in nodes.masters() if number != nodes.owner(slot))
    source = nodes.open(slot, target)
    nodes.move_keys(slot, source, target, at_most=10)
    assert (nodes.clients[source].dbsize(), nodes.clients[target].dbsize()) == (10, 10)
    assert values(client, keys) == keys
    fill(client, [*keys, b"{tag}new"])
    assert {key for page in client.pages() for key in page} == {*keys, b"{tag}new"}
    nodes.move_keys(slot, source, target)
    nodes.close_slot(slot, target)
    assert values(client, keys) == keys


def test_no_key_is_overlooked_or_lost_while_slots_move_to_and_fro(client: ClusterClient, nodes: Nodes) -> None:
    fill(client)
    moving = sorted({client.keyslot(key) for key in KEYS[:60]})
    over = threading.Event()

    def move() -> None:
        masters = nodes.masters()
        try:
            for target in masters:
                nodes.move(moving, target)
        finally:
            over.set()

    mover = threading.Thread(target=move)
    mover.start()
    looks = 0
    try:
        while not over.is_set() or not looks:
            assert {key for page in client.pages() for key in page} == set(KEYS)
            assert values(client) == KEYS
            fill(client, KEYS[:60])
            looks += 1
    finally:
        mover.join()  # or it would move slots under the next test
    assert values(client) == KEYS


def test_keys_are_listed_once_a_slot_that_was_nobodys_has_a_master_again(client: ClusterClient, nodes: Nodes) -> None:
    """Drop a slot, as one is for a moment that is handed over between the answers of two masters."""
    slot = client.keyslot(KEYS[0])
    owner = nodes.owner(slot)
    fill(client)
    nodes.ask(owner, "CLUSTER", "DELSLOTS", slot)
    with pytest.raises(redis.exceptions.ClusterDownError) as raised:
        slots(client, patience=0.2)
    assert str(raised.value) == f"no master says that it has slot {slot}; 1 such slots in all"
    given_back = threading.Timer(0.3, nodes.ask, (owner, "CLUSTER", "ADDSLOTS", slot))
    given_back.start()
    try:
        assert slot in slots(client).owner
    finally:
        given_back.join()
    until(nodes.in_step)
    assert {key for page in client.pages() for key in page} == set(KEYS)


def test_what_was_acknowledged_survives_a_master_that_is_killed(
    client: ClusterClient, cluster: RedisCluster, nodes: Nodes
) -> None:
    before = KEYS[:500]
    fill(client, before)
    victim = nodes.masters()[0]
    killing = threading.Timer(0.05, cluster.nodes[victim].kill)
    killing.start()
    try:
        for start in range(500, 1500, 50):
            fill(client, KEYS[start : start + 50])
    finally:
        killing.join()
    assert victim not in nodes.masters()
    assert values(client) == KEYS
    assert {key for page in client.pages() for key in page} == set(KEYS)


def test_what_one_master_is_asked_is_asked_of_its_successor(
    client: ClusterClient, cluster: RedisCluster, nodes: Nodes
) -> None:
    fill(client, KEYS[:10])
    asked = client.masters()[0].connection_pool.connection_kwargs["port"]
    cluster.nodes[cluster.ports.index(asked)].kill()
    assert client.time()[0] > 0
    assert client.info("keyspace") == {"db0": {"keys": 10}}
    assert asked not in {cluster.ports[number] for number in nodes.masters()}


def test_a_write_that_no_replica_has_is_not_called_done(
    client: ClusterClient, cluster: RedisCluster, nodes: Nodes
) -> None:
    """Assert it, since a failover would lose the write, and nobody would know."""
    master = nodes.owner(client.keyslot("confirmed"))
    (replica,) = nodes.replicas_of(master)
    with stopped(cluster.nodes[replica].pid), pytest.raises(redis.TimeoutError) as raised:
        send_each(client, [Unit(b"confirmed", (("SET", b"confirmed", b"1"),), writes=True)], patience=0.1)
    assert str(raised.value) == "what was written had not reached 1 replicas within 5000 ms"
    until(nodes.in_step)
