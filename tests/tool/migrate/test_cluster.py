"""A ClickHouse cluster: which are seen, what stands in the way, and statements that the engine reads and, as far as
one server goes, runs. No cluster is started: the server is one that its configuration calls a cluster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.tool.clickhouse_http.serving import start, stop
from tests.tool.migrate.stores import POLICY, Stores
from tvmigrate.contract import new, old
from tvmigrate.contract.layout import literal
from tvmigrate.errors import UsageError
from tvmigrate.migrate import clickhouse_cluster, run
from tvmigrate.migrate.clickhouse_cluster import Cluster, Site
from tvmigrate.migrate.errors import Blocked

CONFIG = """
<clickhouse>
  <tcp_port>9000</tcp_port>
  <remote_servers>
    <alone><shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard></alone>
    <wide>
      <shard><replica><host>127.0.0.1</host><port>9000</port></replica>
             <replica><host>db2.example</host><port>9000</port></replica></shard>
      <shard><replica><host>db3.example</host><port>9000</port></replica></shard>
    </wide>
    <elsewhere><shard><replica><host>db4.example</host><port>9000</port></replica></shard></elsewhere>
  </remote_servers>
  <macros><replica>first</replica></macros>
</clickhouse>
"""
REPLICATED = Cluster("alone", (2,))
SHARDED = Cluster("alone", (1, 1))
DB = old.DATABASE


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "config.xml").write_text(CONFIG)
    server = start(folder / "data", "--config", str(folder / "config.xml"))
    connected = server.connect()
    connected.command(f"CREATE DATABASE {DB}")
    for table in old.TABLES:
        connected.command(table.create(DB))
    rows = "concat('c', toString(number)), concat('e', toString(number % 3)), 'hay', 'lan', toDateTime(number * 86400)"
    connected.command(
        f"INSERT INTO {DB}.comments SELECT {rows}, 'neutral', number / 7, 1, 'a, b', NULL FROM numbers(90)"
    )
    connected.command(f"INSERT INTO {DB}.eaos_metrics SELECT 'e', 0.5, '{{\"neutral\": 3}}', 3, 0 FROM numbers(2)")
    yield connected
    connected.close()
    stop(server)


def test_clusters_are_those_that_the_server_belongs_to(client: Any) -> None:
    assert clickhouse_cluster.clusters(client) == [Cluster("alone", (1,)), Cluster("wide", (2, 1))]


def test_a_cluster_of_one_server_is_not_worth_a_remark(client: Any) -> None:
    (sentence,) = clickhouse_cluster.seen(client)
    assert sentence == (
        "ClickHouse belongs to the cluster wide (2 shards, 3 replicas): tables are made on the one server that was "
        "asked, unless --clickhouse-cluster wide is said."
    )


def test_macros_and_engines_that_a_cluster_needs_are_blockers(client: Any) -> None:
    (host,) = client.query("SELECT hostName()").result_rows[0]
    unreplicated = (
        "tv_analytics.{} is a MergeTree, of which each server of the cluster alone has rows of its own; expected is a "
        "ReplicatedMergeTree. Copy its rows into one of that name first, or migrate without --clickhouse-cluster."
    )
    macro, *tables = clickhouse_cluster.in_the_way(client, "alone")
    assert macro == (
        f"The server {host} of the ClickHouse cluster alone has no macro shard, by which replicated tables find each "
        "other. Add it to the server's configuration."
    )
    assert tables == [unreplicated.format(table.name) for table in old.TABLES]


def test_shards_are_left_to_a_person(client: Any) -> None:
    (sentence,) = clickhouse_cluster.in_the_way(client, "wide")
    assert sentence == (
        "The ClickHouse cluster wide (2 shards, 3 replicas) has several shards, over which `tvmigrate apply` does not "
        "spread rows. `tvmigrate plan` prints the statements; run them by hand."
    )


def test_a_cluster_that_the_server_is_not_in_blocks_and_nothing_is_written(stores: Stores) -> None:
    before = stores.picture()
    with pytest.raises(Blocked) as blocked:
        run.apply(stores.endpoints, POLICY, None, stores.state, lambda event: None, cluster="nowhere")
    assert "ClickHouse is in no cluster 'nowhere'; it knows none. Name one of them with --clickhouse-cluster." in str(
        blocked.value
    )
    assert stores.picture() == before


@pytest.mark.parametrize("cluster", [REPLICATED, SHARDED], ids=["replicated", "sharded"])
def test_every_statement_for_a_cluster_is_read_by_the_engine(client: Any, cluster: Cluster) -> None:
    for statement in clickhouse_cluster.statements(POLICY, cluster, "r"):
        assert client.raw_query(f"EXPLAIN AST {statement}"), statement


@pytest.mark.parametrize("cluster", [REPLICATED, SHARDED], ids=["replicated", "sharded"])
def test_on_one_server_the_statements_for_a_cluster_do_what_apply_does(client: Any, cluster: Cluster) -> None:
    """ON CLUSTER, Replicated… and SYSTEM SYNC REPLICA are taken out: they need Keeper, and it cannot be had here."""
    before = {table.name: client.query(f"SELECT * FROM {DB}.{table.name}").result_rows for table in old.TABLES}
    for statement in clickhouse_cluster.statements(POLICY, cluster, "r"):
        if not statement.startswith("SYSTEM SYNC"):
            plain = statement.replace(" ON CLUSTER `alone`", "")
            client.command(re.sub(r"Replicated(\w+)\('[^']*', '[^']*'\)", r"\1", plain))

    def count(table: str) -> int:
        return int(client.query(f"SELECT count() FROM {DB}.{table}").result_rows[0][0])

    assert {table.name: count(table.name) for table in new.TABLES} == {
        "eaos_metrics": 2, "comment_aggregates": 180, "anomalies": 0, "raw_comments": 90,
    }  # fmt: skip
    kept = {table.name: new.kept_table(table.name, "r") for table in old.TABLES}
    assert {name: client.query(f"SELECT * FROM {DB}.{kept[name]}").result_rows for name in before} == before
    engines = dict(client.query(f"SELECT name, engine FROM system.tables WHERE database = {literal(DB)}").result_rows)
    assert {engines[table.name] for table in new.TABLES} == {"Distributed" if cluster.is_sharded else "MergeTree"}
    for name in engines:
        if name not in kept.values():
            client.command(f"DROP TABLE {DB}.{name} SYNC")
    for name, aside in kept.items():
        client.command(f"RENAME TABLE {DB}.{aside} TO {DB}.{name}")


def test_what_a_run_changes_on_a_cluster_is_said_on_each_server_of_it(client: Any) -> None:
    site = Site("alone")
    statements = [
        site.create(new.RAW_COMMENTS, "built"),
        site.drop("built"),
        site.rename("built", "raw_comments"),
        site.exchange("built", "eaos_metrics"),
        site.synced("built"),
    ]
    for statement in statements:
        assert " ON CLUSTER `alone`" in statement
        assert client.raw_query(f"EXPLAIN AST {statement}")
    assert "ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')" in statements[0]


def test_an_insert_on_a_cluster_has_a_name_of_its_own_and_one_thread() -> None:
    name = "raw_comments__staging_r 202501-202502"
    settings = Site("alone").insert_settings(name)
    assert settings["insert_deduplication_token"] == name
    assert settings["max_insert_threads"] == 1
    assert "insert_deduplication_token" not in Site().insert_settings("x")


def test_without_a_cluster_statements_are_what_they_were() -> None:
    assert Site().create(new.ANOMALIES, "a") == new.ANOMALIES.create(DB, "a")
    assert Site().drop("a") == "DROP TABLE IF EXISTS `tv_analytics`.`a` SYNC"
    assert Site().rename("a", "b") == "RENAME TABLE `tv_analytics`.`a` TO `tv_analytics`.`b`"
    assert Site().exchange("a", "b") == "EXCHANGE TABLES `tv_analytics`.`a` AND `tv_analytics`.`b`"


def test_an_interrupted_run_goes_on_where_it_was_begun(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "STAGES", ())
    monkeypatch.setattr(run.Journal, "set_state", lambda *found: None)
    run.apply(stores.endpoints, POLICY, None, stores.state, lambda event: None)
    with pytest.raises(UsageError) as refused:
        run.apply(stores.endpoints, POLICY, None, stores.state, lambda event: None, cluster="alone")
    assert re.fullmatch(
        r"The interrupted run \w+ was begun without --clickhouse-cluster, and now it is with --clickhouse-cluster "
        r"alone\. Go on with the same options, or run `tvmigrate rollback` first\.",
        str(refused.value),
    )
