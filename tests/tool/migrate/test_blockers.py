"""Each thing that stands in the way of a migration: named whole, with what to do, and nothing written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.tool.migrate.stores import POLICY, Stores, different
from tvmigrate.contract import new, old
from tvmigrate.contract.policy import Policy
from tvmigrate.migrate.errors import Blocked

DB = old.DATABASE
EAOS = '{"score": 1, "positive": 1}'


@dataclass(frozen=True)
class Case:
    """What is done to the clean dataset, and the blocker that it makes."""

    meddle: Callable[[Stores], object]
    sentence: str
    policy: Policy = POLICY


def command(*statements: str) -> Callable[[Stores], object]:
    return lambda stores: [stores.clients.clickhouse.command(statement) for statement in statements]


CASES = {
    "missing_table": Case(
        command(f"DROP TABLE {DB}.comments SYNC"),
        "The ClickHouse table tv_analytics.comments is missing; expected is the old table with the columns comment_id, "
        "entity, text, username, created_at, sentiment, sentiment_score, engagement, topics, eaos_score. Create it, "
        "empty if there is nothing to migrate.",
    ),
    "missing_database": Case(
        command(f"DROP DATABASE {DB} SYNC"),
        "ClickHouse has no database tv_analytics; point CLICKHOUSE_URL at the server that holds the old tables.",
    ),
    "missing_column": Case(
        command(f"ALTER TABLE {DB}.comments DROP COLUMN engagement"),
        "The ClickHouse table tv_analytics.comments has no column engagement; expected is engagement Float32. Add it "
        "with ALTER TABLE tv_analytics.comments ADD COLUMN.",
    ),
    "retyped_column": Case(
        command(f"ALTER TABLE {DB}.comments MODIFY COLUMN engagement Float64"),
        "The column engagement of the ClickHouse table tv_analytics.comments is Float64; expected is Float32. Change "
        "it with ALTER TABLE tv_analytics.comments MODIFY COLUMN.",
    ),
    "new_columns_already": Case(
        lambda stores: [
            stores.clients.clickhouse.command(statement)
            for statement in (f"DROP TABLE {DB}.eaos_metrics SYNC", new.EAOS_METRICS.create(DB))
        ],
        "The ClickHouse table tv_analytics.eaos_metrics already has the new columns. Move it away and bring the old "
        "table back, or migrate the other stores by hand.",
    ),
    "other_table_engine": Case(
        command(
            f"CREATE TABLE {DB}.c2 AS {DB}.comments ENGINE = ReplacingMergeTree ORDER BY (entity, created_at)",
            f"DROP TABLE {DB}.comments SYNC",
            f"RENAME TABLE {DB}.c2 TO {DB}.comments",
        ),
        "tv_analytics.comments in ClickHouse is a ReplacingMergeTree; expected is a MergeTree, whose rows are read as "
        "they are. Copy its rows into a MergeTree table of that name first.",
    ),
    "view": Case(
        command(f"CREATE VIEW {DB}.recent AS SELECT entity FROM {DB}.comments WHERE created_at > now() - 60"),
        "The View tv_analytics.recent reads or writes the ClickHouse table tv_analytics.comments, which moves. Drop "
        "it, and create it anew on the new tables after the migration.",
    ),
    "materialized_view": Case(
        command(
            f"CREATE MATERIALIZED VIEW {DB}.by_entity ENGINE = SummingMergeTree ORDER BY entity AS"
            f" SELECT entity, count() AS n FROM {DB}.eaos_metrics GROUP BY entity"
        ),
        "The MaterializedView tv_analytics.by_entity reads or writes the ClickHouse table tv_analytics.eaos_metrics, "
        "which moves. Drop it, and create it anew on the new tables after the migration.",
    ),
    "new_table_with_rows": Case(
        command(
            new.RAW_COMMENTS.create(DB),
            f"INSERT INTO {DB}.raw_comments (comment_id, sentiment) VALUES ('x', 'neutral')",
        ),
        "The ClickHouse table tv_analytics.raw_comments is there already and is in the way; the migration makes it "
        "anew. Finish or roll back the run that made it, or rename or drop it.",
    ),
    "new_table_of_another_shape": Case(
        command(f"CREATE TABLE {DB}.anomalies (x UInt8) ENGINE = MergeTree ORDER BY x"),
        "The ClickHouse table tv_analytics.anomalies is there already and is in the way; the migration makes it anew. "
        "Finish or roll back the run that made it, or rename or drop it.",
    ),
    "quarantine_of_another_run": Case(
        command(
            new.QUARANTINE.create(DB),
            f"INSERT INTO {DB}.migration_quarantine (run_id, quarantined_at) VALUES ('other', now())",
        ),
        "The ClickHouse table tv_analytics.migration_quarantine is there already and holds the records that another "
        "run set aside; the migration makes it anew. Finish or roll back the run that made it, or rename or drop it.",
    ),
    "missing_index": Case(
        lambda stores: stores.clients.elasticsearch.indices.delete(index="tv_comments"),
        "Elasticsearch has no index tv_comments; point ELASTICSEARCH_URL at the cluster that holds it, or create it "
        "empty if there is nothing to migrate.",
    ),
    "alias_where_the_index_should_be": Case(
        lambda stores: [
            stores.clients.elasticsearch.indices.delete(index="tv_comments"),
            stores.clients.elasticsearch.indices.create(index="comments_1", aliases={"tv_comments": {}}),
        ],
        "tv_comments in Elasticsearch is an alias of comments_1; expected is an index of that name. Is it migrated "
        "already? If not, clone the index behind the alias to that name.",
    ),
    "new_index_already": Case(
        lambda stores: stores.clients.elasticsearch.indices.create(index="tv_comments_v2"),
        "The Elasticsearch index tv_comments_v2 is there already; the migration makes it anew. Finish or roll back the "
        "run that made it, or delete it.",
    ),
    "alias_on_the_old_index": Case(
        lambda stores: stores.clients.elasticsearch.indices.put_alias(index="tv_comments", name="comments"),
        "The Elasticsearch index tv_comments has the alias comments, which would go with it. Remove the alias, and "
        "point it at the new index after the migration.",
    ),
    "routed_documents": Case(
        lambda stores: stores.clients.elasticsearch.index(
            index="tv_comments", id="k001", routing="elsewhere", document={"text": "x"}, refresh=True
        ),
        "The Elasticsearch index tv_comments holds documents with a routing of their own (1), which the new layout has "
        "not. Index them again without it.",
    ),
    "two_keys_with_one_target": Case(
        lambda stores: stores.clients.redis.set("eaos:the_voice/contestant_1", EAOS),
        "The Redis keys {0} and {1} both become eaos:current:the_voice/contestant_1. Rename one of them, or give its "
        "entity a program id of its own with --entity-map FILE.",
    ),
    "a_target_that_is_an_old_key": Case(
        lambda stores: stores.clients.redis.set("eaos:current:contestant_1", EAOS),
        "The Redis key eaos:contestant_1 becomes eaos:current:contestant_1, which is itself a live old key. Rename one "
        "of them, or give its entity a program id of its own with --entity-map FILE.",
        Policy(keep_entities=True),
    ),
    "a_target_of_a_wrong_type": Case(
        lambda stores: stores.clients.redis.rpush("eaos:current:the_voice/contestant_1", "x"),
        "The Redis key eaos:contestant_1 becomes eaos:current:the_voice/contestant_1, which is there with a type of "
        "neither layout. Rename one of them, or give its entity a program id of its own with --entity-map FILE.",
    ),
    "a_different_target": Case(
        lambda stores: stores.clients.redis.hset("eaos:current:the_voice/contestant_1", "score", "9"),
        "The Redis key eaos:current:the_voice/contestant_1 is there already, and is not what eaos:contestant_1 "
        "becomes. Say --existing keep or --existing replace, or remove it.",
    ),
    "a_different_trend": Case(
        lambda stores: stores.clients.redis.zadd("trends:top:5min", {"x": 1}),
        "The Redis key trends:top:5min is there already, and is not what trend:5m becomes. Say --existing keep or "
        "--existing replace, or remove it.",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_stands_in_the_way_is_named_and_nothing_is_written(stores: Stores, case: Case) -> None:
    case.meddle(stores)
    found = stores.blockers(case.policy)
    pair = ("eaos:contestant_1", "eaos:the_voice/contestant_1")
    assert found in ([case.sentence.format(*pair)], [case.sentence.format(*reversed(pair))])


def test_apply_refuses_for_the_reasons_that_the_plan_gives(stores: Stores) -> None:
    stores.clients.redis.hset("eaos:current:the_voice/contestant_1", "score", "9")
    stores.clients.elasticsearch.indices.create(index="tv_comments_v2")
    blockers = stores.blockers()
    before = stores.picture()
    with pytest.raises(Blocked) as refused:
        stores.apply()
    assert list(refused.value.blockers) == blockers
    assert str(refused.value) == (
        f"The migration cannot begin, 2 blockers, and nothing was written:\n  - {blockers[0]}\n  - {blockers[1]}"
    )
    assert refused.value.exit_code == 1
    assert different(before, stores.picture()) == {}
    assert stores.status().startswith("Not begun: ")


def test_a_datetime_with_a_zone_is_no_other_type(stores: Stores) -> None:
    client = stores.clients.clickhouse
    client.command(f"ALTER TABLE {DB}.eaos_metrics MODIFY COLUMN sentiment_breakdown String COMMENT 'counts'")
    client.command(f"DROP TABLE {DB}.comments SYNC")
    client.command(old.COMMENTS.create(DB).replace("DateTime", "DateTime('Asia/Ho_Chi_Minh')"))
    assert stores.blockers() == []


def test_a_view_of_other_tables_is_nobodys_business(stores: Stores) -> None:
    command(
        f"CREATE TABLE {DB}.comments_archive (x UInt8) ENGINE = MergeTree ORDER BY x",
        f"CREATE VIEW {DB}.other AS SELECT x AS comments FROM {DB}.comments_archive",
    )(stores)
    assert stores.blockers() == []


def test_entities_that_share_a_program_id_are_listed(stores: Stores) -> None:
    stores.clients.clickhouse.command(
        f"INSERT INTO {DB}.comments (comment_id, entity, sentiment) VALUES ('x', 'the_voice/contestant_1', 'neutral')"
    )
    assert stores.plan().shared == [("the_voice/contestant_1", ["contestant_1", "the_voice/contestant_1"])]


def test_a_database_in_which_tables_cannot_change_places_stands_in_the_way(stores: Stores) -> None:
    stores.clients.clickhouse.command(f"DROP DATABASE {DB} SYNC")
    stores.clients.clickhouse.command(f"CREATE DATABASE {DB} ENGINE = Memory")
    assert stores.plan().blockers[0] == (
        "The ClickHouse database tv_analytics has the engine Memory, in which tables cannot change places in one step; "
        "expected is Atomic. Move its tables into a database of that engine first."
    )


@pytest.mark.parametrize("existing", ["keep", "replace"])
def test_what_is_said_of_existing_targets_clears_the_way_for_a_plan(stores: Stores, existing: str) -> None:
    CASES["a_different_target"].meddle(stores)
    assert stores.blockers(existing=existing) == []
