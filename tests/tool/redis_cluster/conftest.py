"""A Redis Cluster that runs for the tests of this folder, emptied before each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from tests.tool.redis_cluster.servers import Nodes, running_cluster, until
from tvmigrate.engines.clients import open_redis
from tvmigrate.engines.embedded.redis_cluster import RedisCluster
from tvmigrate.engines.redis_client import ClusterClient


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def nodes(cluster: RedisCluster) -> Iterator[Nodes]:
    """The servers, all of which run and have no key."""
    found = Nodes(cluster)
    for number, node in enumerate(cluster.nodes):
        if not node.running:
            cluster.restart_node(number)
    until(found.in_step)
    for number in found.masters():
        found.clients[number].flushall()
    yield found
    found.close()


@pytest.fixture
def client(cluster: RedisCluster, nodes: Nodes) -> Iterator[ClusterClient]:
    with open_redis(cluster.url) as opened:
        yield cast(ClusterClient, opened)
