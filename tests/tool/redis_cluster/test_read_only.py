"""A cluster that is opened to be read only: each of its servers is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from tests.tool.redis_cluster.servers import Nodes
from tvmigrate.engines.clients import open_redis
from tvmigrate.engines.embedded.redis_cluster import RedisCluster
from tvmigrate.engines.endpoints import READ_ONLY
from tvmigrate.engines.errors import WriteRefused
from tvmigrate.engines.redis_client import ClusterClient, pages
from tvmigrate.engines.redis_wire import ask, pack

KEYS = [f"key:{number}".encode() for number in range(30)]
WRITES: dict[str, Callable[[redis.Redis], Any]] = {
    "a command": lambda client: [client.set(key, "b") for key in KEYS],
    "a pipeline": lambda client: [client.pipeline().get(key).set(key, "b").execute() for key in KEYS],
    "packed": lambda client: [ask(client, pack(b"GET", key) + pack(b"DEL", key), 2) for key in KEYS],
}


@pytest.mark.parametrize("how", WRITES)
def test_no_server_of_the_cluster_is_sent_a_write(
    how: str, cluster: RedisCluster, nodes: Nodes, client: ClusterClient
) -> None:
    for key in KEYS:
        client.set(key, "a")
    with open_redis(cluster.url + READ_ONLY) as only_read:
        with pytest.raises(WriteRefused):
            WRITES[how](only_read)
        assert sorted(key for page in pages(only_read) for key in page) == sorted(KEYS)
        assert [only_read.get(key) for key in KEYS] == [b"a"] * len(KEYS)
