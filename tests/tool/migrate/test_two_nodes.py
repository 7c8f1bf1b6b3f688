"""Elasticsearch of two nodes: shards on both, and one of the nodes lost and back in the middle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tool.migrate.stores import FIXTURES, Stores, different
from tvmigrate.contract import new, old
from tvmigrate.dataset.load import load
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.embedded import EmbeddedEngines
from tvmigrate.engines.embedded.elasticsearch_nodes import ElasticsearchNodes
from tvmigrate.migrate.errors import MigrationError

SHARDS = {"number_of_shards": "3", "number_of_replicas": "1"}
DATA_NODE = 1


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[EmbeddedEngines]:
    with EmbeddedEngines(timeout=600, elasticsearch_nodes=2) as engines:
        yield engines


@pytest.fixture
def nodes(two_nodes: EmbeddedEngines) -> Iterator[ElasticsearchNodes]:
    """The two nodes; both are there again when the test is over."""
    yield two_nodes.elasticsearch_nodes
    if not two_nodes.elasticsearch_nodes.running:
        two_nodes.elasticsearch_nodes.restart_node(DATA_NODE)


@pytest.fixture
def spread(two_nodes: EmbeddedEngines, tmp_path: Path) -> Iterator[Stores]:
    """The clean dataset, its index of three shards with a replica each."""
    dataset = tmp_path / "spread"
    shutil.copytree(FIXTURES / "clean", dataset)
    index = dataset / "elasticsearch" / f"{old.INDEX.name}.json"
    about = json.loads(index.read_text("utf-8"))
    index.write_text(json.dumps({**about, "settings": {"index": SHARDS}}), "utf-8")
    with Clients(two_nodes.endpoints) as clients:
        stores = Stores(two_nodes.endpoints, clients, tmp_path / "state")
        stores.fill("clean")
        clients.elasticsearch.indices.delete(index=old.INDEX.name)
        clients.redis.flushall()
        clients.clickhouse.command(f"DROP DATABASE {old.DATABASE} SYNC")
        load(Dataset.open(dataset), two_nodes.endpoints)
        clients.elasticsearch.cluster.health(wait_for_status="green", timeout="60s")
        yield stores


def test_an_index_of_several_shards_and_replicas_goes_there_and_back(spread: Stores) -> None:
    client = spread.clients.elasticsearch
    before = spread.picture()
    spread.apply()
    for index in (new.INDEX.name, new.kept_index(old.INDEX.name, spread.folder().name)):
        settings = client.indices.get_settings(index=index)[index]["settings"]["index"]
        assert {name: settings[name] for name in SHARDS} == SHARDS
    assert client.count(index=new.ALIAS)["count"] == 60
    assert len({shard["node"] for shard in client.cat.shards(index=new.INDEX.name, format="json")}) == 2
    spread.rollback()
    assert different(before, spread.picture()) == {}


def test_a_data_node_lost_in_the_middle_loses_nothing(spread: Stores, nodes: ElasticsearchNodes) -> None:
    before = spread.picture()
    try:
        done = spread.apply_with("build.elasticsearch", nodes.nodes[DATA_NODE].kill)
    except MigrationError:
        done = None
    nodes.restart_node(DATA_NODE)
    done = done or spread.apply(None)
    assert all(line.balanced for line in done.ledger)
    spread.clients.elasticsearch.cluster.health(wait_for_status="green", timeout="60s")
    assert spread.clients.elasticsearch.count(index=new.ALIAS)["count"] == 60
    spread.rollback()
    spread.clients.elasticsearch.cluster.health(wait_for_status="green", timeout="60s")
    assert different(before, spread.picture()) == {}
