"""The state before the migration passes every check of the rollback; whatever differs from it is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify import clickhouse_same, elasticsearch_same
from tvmigrate.verify.findings import Direction, State
from tvmigrate.verify.law import Law
from tvmigrate.verify.reference import ReferenceEngine

from .conftest import World

MISSING, EXTRA, CHANGED, SCHEMA = Direction.MISSING, Direction.EXTRA, Direction.CHANGED, Direction.SCHEMA
COMMENTS = "tv_analytics.comments"


STORES = (Store.REDIS, Store.CLICKHOUSE, Store.ELASTICSEARCH)


@pytest.mark.parametrize("loaded", STORES, indirect=True, ids=str)
def test_the_old_state_passes_every_check(loaded: World, request: pytest.FixtureRequest) -> None:
    results = loaded.judge(f"rollback.{request.node.callspec.params['loaded']}")
    assert {name: (r.findings, r.error) for name, r in results.items() if r.state is not State.PASS} == {}
    assert len(results) == 3


@pytest.mark.parametrize(
    "kind",
    ["DateTime('Europe/Berlin')", "DateTime64(3, 'Europe/Berlin')", "Nullable(DateTime('Europe/Berlin'))"],
)
def test_two_instants_that_a_clock_shows_alike_are_not_the_same(clean_tables: ReferenceEngine, kind: str) -> None:
    """Assert it of 2024-10-27 02:30, which clocks in Berlin showed twice."""
    instant = f"CAST(toDateTime(1729989000 + 3600 * number, 'UTC') AS {kind})"
    text = clickhouse_same._canonical("seen", kind)
    rows = clean_tables.query(f"SELECT {text} AS text FROM (SELECT {instant} AS seen FROM numbers(2))")
    assert [row["text"][:17] for row in rows] == ["=2024-10-27 00:30", "=2024-10-27 01:30"]


@dataclass(frozen=True)
class Breakage:
    do: Callable[[World], Any]
    check: str
    direction: Direction
    name: str
    field: str | None


def _es(do: Callable[[Any], Any]) -> Callable[[World], Any]:
    return lambda world: do(world.clients.elasticsearch)


def _old_index_is_an_alias(es: Any) -> None:
    es.indices.put_settings(index="tv_comments", settings={"index.blocks.write": True})
    es.indices.clone(index="tv_comments", target="tv_comments_v2", settings={"index.number_of_replicas": 0})
    es.indices.update_aliases(
        actions=[
            {"remove_index": {"index": "tv_comments"}},
            {"add": {"index": "tv_comments_v2", "alias": "tv_comments"}},
        ]
    )


BREAKAGES = {
    "a Redis key is not back": Breakage(
        lambda w: w.clients.redis.delete("trend:5m"), "rollback.redis", MISSING, "trend:5m", "key"),
    "a Redis value is not the old one": Breakage(
        lambda w: w.clients.redis.zadd("trend:5m", {"new": 1}), "rollback.redis", EXTRA, "trend:5m", "new"),
    "a Redis TTL is not back": Breakage(
        lambda w: w.clients.redis.pexpire("trend:5m", 90_000), "rollback.redis-ttl", CHANGED, "trend:5m", "ttl"),
    "a new Redis key is left": Breakage(
        lambda w: w.clients.redis.hset("eaos:current:x", "score", "1"), "rollback.redis-extra", EXTRA,
        "eaos:current:x", "key"),
    "a row is lost": Breakage(
        lambda w: w.sql(f"ALTER TABLE {COMMENTS} DELETE WHERE comment_id = 'k001'"), "rollback.clickhouse", MISSING,
        "k001", None),
    "a row is there twice": Breakage(
        lambda w: w.sql(f"INSERT INTO {COMMENTS} SELECT * FROM {COMMENTS} WHERE comment_id = 'k001'"),
        "rollback.clickhouse", EXTRA, "k001", None),
    "a value is changed": Breakage(
        lambda w: w.sql(f"ALTER TABLE {COMMENTS} UPDATE sentiment_score = 0.123 WHERE comment_id = 'k001'"),
        "rollback.clickhouse", CHANGED, "k001", "sentiment_score"),
    "a NULL is not NULL any more": Breakage(
        lambda w: w.sql(f"ALTER TABLE {COMMENTS} UPDATE eaos_score = 77 WHERE comment_id = 'k001'"),
        "rollback.clickhouse", CHANGED, "k001", "eaos_score"),
    "a table is not back": Breakage(
        lambda w: w.sql("RENAME TABLE tv_analytics.comments TO tv_analytics.comments_old_r1"),
        "rollback.clickhouse-schema", MISSING, COMMENTS, "table"),
    "the rows of a table that is not back are missing": Breakage(
        lambda w: w.sql(f"DROP TABLE {COMMENTS} SYNC"), "rollback.clickhouse", MISSING, COMMENTS, None),
    "a table is back without a row": Breakage(
        lambda w: w.sql(f"TRUNCATE TABLE {COMMENTS} SYNC"), "rollback.clickhouse", MISSING, COMMENTS, "rows"),
    "a new table is left": Breakage(
        lambda w: w.sql("CREATE TABLE tv_analytics.raw_comments (x String) ENGINE = MergeTree ORDER BY x"),
        "rollback.clickhouse-extra", EXTRA, "tv_analytics.raw_comments", "table"),
    "a staging database is left": Breakage(
        lambda w: w.sql("CREATE DATABASE staging_r1"), "rollback.clickhouse-extra", EXTRA, "staging_r1", "database"),
    "a column has another type": Breakage(
        lambda w: w.sql(f"ALTER TABLE {COMMENTS} MODIFY COLUMN engagement Float64"), "rollback.clickhouse-schema",
        SCHEMA, COMMENTS, "columns[7].type"),
    "a table has another sorting key": Breakage(
        lambda w: [
            w.sql("CREATE TABLE tv_analytics.c2 AS tv_analytics.comments ENGINE = MergeTree ORDER BY entity"),
            w.sql("INSERT INTO tv_analytics.c2 SELECT * FROM tv_analytics.comments"),
            w.sql("DROP TABLE tv_analytics.comments SYNC"),
            w.sql("RENAME TABLE tv_analytics.c2 TO tv_analytics.comments"),
        ],
        "rollback.clickhouse-schema", SCHEMA, COMMENTS, "sorting_key"),
    "a document is lost": Breakage(
        _es(lambda es: es.delete(index="tv_comments", id="k001")), "rollback.elasticsearch", MISSING, "k001", "_id"),
    "a document is new": Breakage(
        _es(lambda es: es.index(index="tv_comments", id="new", document={"text": "x"})), "rollback.elasticsearch",
        EXTRA, "tv_comments new", "_id"),
    "a document has a field more": Breakage(
        _es(lambda es: es.update(index="tv_comments", id="k001", doc={"likes": 3})), "rollback.elasticsearch",
        CHANGED, "k001", "likes"),
    "the write block is left": Breakage(
        _es(lambda es: es.indices.put_settings(index="tv_comments", settings={"index.blocks.write": True})),
        "rollback.elasticsearch-schema", SCHEMA, "tv_comments", "settings.index.blocks.write"),
    "the replicas are others": Breakage(
        _es(lambda es: es.indices.put_settings(index="tv_comments", settings={"index.number_of_replicas": 1})),
        "rollback.elasticsearch-schema", SCHEMA, "tv_comments", "settings.index.number_of_replicas"),
    "the mapping has a field more": Breakage(
        _es(lambda es: es.indices.put_mapping(index="tv_comments", properties={"extra": {"type": "keyword"}})),
        "rollback.elasticsearch-schema", SCHEMA, "tv_comments", "mappings.properties.extra"),
    "the index has an alias more": Breakage(
        _es(lambda es: es.indices.put_alias(index="tv_comments", name="other")), "rollback.elasticsearch-schema",
        SCHEMA, "tv_comments", "aliases.other"),
    "the new index is left": Breakage(
        _es(lambda es: es.indices.create(index="tv_comments_v2", settings={"number_of_replicas": 0})),
        "rollback.elasticsearch-extra", EXTRA, "tv_comments_v2", "index"),
    "the old name is an alias": Breakage(
        _es(_old_index_is_an_alias), "rollback.elasticsearch-schema", MISSING, "tv_comments", "index"),
}  # fmt: skip


def _store(breakage: Breakage) -> Store:
    return Store(breakage.check.removeprefix("rollback.").partition("-")[0])


@pytest.mark.parametrize(
    ("loaded", "name"),
    [(_store(breakage), name) for name, breakage in BREAKAGES.items()],
    indirect=["loaded"],
    ids=list(BREAKAGES),
)
def test_what_a_rollback_left_wrong_is_found(loaded: World, name: str) -> None:
    breakage = BREAKAGES[name]
    store = _store(breakage)
    breakage.do(loaded)
    result = loaded.judge(f"rollback.{store}")[breakage.check]
    found = [(f.direction, f.field) for f in result.findings if breakage.name in f"{f.old} {f.new}"]
    assert result.state is State.FAIL
    assert (breakage.direction, breakage.field) in found
    assert all(f.store is store and f.rule == f"rollback.{store}" for f in result.findings)


@pytest.mark.parametrize("loaded", [Store.ELASTICSEARCH], indirect=True)
def test_a_changed_document_is_told_with_what_it_held_and_holds(loaded: World) -> None:
    documents = loaded.context.reference.dataset.documents()
    before = next(json.loads(document.source) for document in documents if document.id == "k001")
    name = next(name for name, value in before.items() if isinstance(value, str))
    _es(lambda es: es.update(index="tv_comments", id="k001", doc={name: "other"}))(loaded)
    (finding,) = loaded.judge("rollback.elasticsearch")["rollback.elasticsearch"].findings
    assert (finding.old, finding.new, finding.field) == ("k001", "tv_comments k001", name)
    assert (finding.expected, finding.actual) == (before[name], "other")
    assert finding.note == f"{name} of the document k001 of tv_comments is not what it was."


def test_a_setting_that_is_null_is_none() -> None:
    """Assert that `"index.blocks.write": null`, which a clone keeps as it is told, is no block left behind."""
    before = {"aliases": {}, "mappings": {}, "settings": {}}
    cloned = {**before, "settings": {"index.blocks.write": None}}
    law = Law(Store.ELASTICSEARCH, Rule.ROLLBACK_ELASTICSEARCH, "It is as it was.")
    assert list(elasticsearch_same.definition_findings("one", before, {"one": cloned}, law)) == []
