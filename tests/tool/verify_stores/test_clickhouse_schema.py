"""Every way in which a new table can be another table is found by table and column; so is what is left of the old."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tvmigrate.contract import new, old
from tvmigrate.contract.layout import Table
from tvmigrate.verify.context import OldEndState

from .conftest import World
from .looking import facts, failed, found, only
from .test_clickhouse_rows import remade

RAW, METRICS = new.RAW_COMMENTS, new.EAOS_METRICS

BREAKAGES = {
    "type": (RAW, "sentiment_score  Float64", "sentiment_score  Float32", "sentiment_score", "Float64", "Float32"),
    "time zone": (
        METRICS, "DateTime64(3, 'UTC')", "DateTime64(3)", "timestamp", "DateTime64(3, 'UTC')", "DateTime64(3)",
    ),
    "precision": (
        RAW, "DateTime64(3, 'UTC')", "DateTime64(6, 'UTC')", "timestamp", "DateTime64(3, 'UTC')",
        "DateTime64(6, 'UTC')",
    ),
    "low cardinality": (
        METRICS, "LowCardinality(String)", "String", "program_id", "LowCardinality(String)", "String",
    ),
    "nullable": (RAW, "Nullable(Float64)", "Float64", "eaos_score", "Nullable(Float64)", "Float64"),
    "enum": (
        RAW, "'negative' = -1, 'neutral' = 0", "'neutral' = -1, 'negative' = 0", "sentiment",
        "Enum8('negative' = -1, 'neutral' = 0, 'positive' = 1)",
        "Enum8('neutral' = -1, 'negative' = 0, 'positive' = 1)",
    ),
    "default": (RAW, "username         String", "username String DEFAULT 'nobody'", "username default", "",
                "DEFAULT 'nobody'"),
    "codec": (RAW, "text             String", "text String CODEC(ZSTD(1))", "text codec", "", "CODEC(ZSTD(1))"),
    "sorting key": (METRICS, "ORDER BY (program_id, timestamp)", "ORDER BY (timestamp, program_id)", "order by",
                    "program_id, timestamp", "timestamp, program_id"),
    "primary key": (METRICS, "ORDER BY (program_id, timestamp)",
                    "PRIMARY KEY program_id ORDER BY (program_id, timestamp)", "primary key",
                    "program_id, timestamp", "program_id"),
    "partition key": (METRICS, "toYYYYMM(timestamp)", "toYear(timestamp)", "partition by", "toYYYYMM(timestamp)",
                      "toYear(timestamp)"),
    "no partitions": (METRICS, "PARTITION BY toYYYYMM(timestamp)", "", "partition by", "toYYYYMM(timestamp)", ""),
    "engine": (METRICS, "MergeTree", "ReplacingMergeTree", "engine", "MergeTree", "ReplacingMergeTree"),
    "ttl": (METRICS, "ORDER BY (program_id, timestamp)",
            "ORDER BY (program_id, timestamp) TTL toDateTime(timestamp) + INTERVAL 1000 YEAR", "ttl", "", "TTL"),
    "index": (METRICS, "total_comments UInt64", "total_comments UInt64, INDEX i score TYPE minmax", "index", "",
              "INDEX"),
}  # fmt: skip


Breakage = tuple[Table, str, str, str, str, str]


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_a_table_that_differs_is_named_with_its_column_or_clause(world: World, breakage: Breakage) -> None:
    table, right, wrong, field, expected, actual = breakage
    create = table.create(new.DATABASE).replace("total_comments  UInt64", "total_comments UInt64")
    assert right in create
    keep = "eaos_score IS NOT NULL" if field == "eaos_score" else "1"
    columns = "* REPLACE (toString(sentiment) AS sentiment)" if field == "sentiment" else "*"
    with remade(world, table, create=create.replace(right, wrong), columns=columns, where=keep):
        findings = found(world.judge("clickhouse.schema"), f"clickhouse.schema.{table.name}")
    assert ("schema", f"tv_analytics.{table.name}", field, expected, actual) in map(facts, findings)


def test_a_column_too_many_and_one_too_few_are_named(world: World) -> None:
    create = METRICS.create(new.DATABASE).replace("total_comments ", "comment_count ")
    with remade(world, METRICS, create=create):
        findings = found(world.judge("clickhouse.schema"), "clickhouse.schema.eaos_metrics")
    assert {facts(finding)[2:] for finding in findings} == {
        ("total_comments", "UInt64", None),
        ("comment_count", None, "UInt64"),
    }


def test_columns_in_another_order_are_found(world: World) -> None:
    create = METRICS.create(new.DATABASE)
    lines = create.splitlines()
    lines[4], lines[5] = lines[5], lines[4]
    with remade(world, METRICS, create="\n".join(lines), columns=", ".join(_swapped())):
        finding = only(world.judge("clickhouse.schema"), "clickhouse.schema.eaos_metrics")
    assert finding.field == "columns"
    assert finding.actual == _swapped()


def _swapped() -> list[str]:
    names = list(METRICS.column_names)
    names[2], names[3] = names[3], names[2]
    return names


def test_a_text_in_quotes_that_speaks_of_a_ttl_is_no_clause(world: World) -> None:
    create = METRICS.create(new.DATABASE) + " COMMENT 'no TTL and no INDEX'"
    with remade(world, METRICS, create=create):
        assert failed(world.judge("clickhouse.schema.eaos_metrics")) == set()


def test_quarantine_and_archive_are_tables_of_the_contract_too(world: World) -> None:
    create = new.QUARANTINE.create(new.DATABASE).replace("reason         LowCardinality(String)", "reason String")
    with remade(world, new.QUARANTINE, create=create):
        finding = only(world.judge("clickhouse.schema"), "clickhouse.schema.migration_quarantine")
    assert finding.field == "reason"


def test_an_old_table_left_under_its_name_is_found(world: World) -> None:
    world.state.sql("CREATE TABLE tv_analytics.comments AS tv_analytics.comments_old_r1")
    try:
        finding = only(world.judge("clickhouse.old-tables"), "clickhouse.old-tables")
    finally:
        world.state.sql("DROP TABLE tv_analytics.comments SYNC")
    assert (finding.direction, finding.old) == ("extra", "tv_analytics.comments")


def test_a_view_under_the_old_name_is_told_from_the_old_table(world: World) -> None:
    world.state.sql("CREATE VIEW tv_analytics.comments AS SELECT comment_id, text FROM tv_analytics.raw_comments")
    try:
        finding = only(world.judge("clickhouse.old-tables"), "clickhouse.old-tables")
    finally:
        world.state.sql("DROP VIEW tv_analytics.comments SYNC")
    assert facts(finding) == ("extra", "tv_analytics.comments", "engine", None, "View")
    assert finding.note == (
        "A View stands under the old name tv_analytics.comments, which was a MergeTree. Nothing is left there: a "
        "rollback needs the name, and who still reads it does not get the old columns and rows."
    )


def test_with_old_kept_the_old_table_has_to_be_there_whole(world: World) -> None:
    results = world.judge("clickhouse.old-tables", old_end_state=OldEndState.KEPT)
    assert only(results, "clickhouse.old-tables").direction == "missing"
    world.state.sql("CREATE TABLE tv_analytics.comments AS tv_analytics.comments_old_r1")
    try:
        insert = "INSERT INTO tv_analytics.comments SELECT * FROM tv_analytics.comments_old_r1"
        world.state.sql(f"{insert} WHERE comment_id != 'ch-topics'")
        short = world.judge("clickhouse.old-tables", old_end_state=OldEndState.KEPT)
        world.state.sql(f"{insert} WHERE comment_id = 'ch-topics'")
        whole = world.judge("clickhouse.old-tables", old_end_state=OldEndState.KEPT)
    finally:
        world.state.sql("DROP TABLE tv_analytics.comments SYNC")
    assert only(short, "clickhouse.old-tables").expected["comment_id"] == "ch-topics"
    assert failed(whole) == set()


def test_a_kept_copy_that_lost_a_row_or_changed_one_is_found(world: World) -> None:
    kept = f"tv_analytics.{new.kept_table(old.EAOS_METRICS.name, 'r2')}"
    world.state.sql(f"CREATE TABLE {kept} AS tv_analytics.eaos_metrics_old_r1")
    try:
        world.state.sql(
            f"INSERT INTO {kept} SELECT * REPLACE (if(entity = 'contestant_3' AND comment_count = 999, 998,"
            " comment_count) AS comment_count) FROM tv_analytics.eaos_metrics_old_r1 WHERE entity != 'q-score-nan'"
        )
        findings = found(world.judge("clickhouse.old-tables"), "clickhouse.old-tables")
    finally:
        world.state.sql(f"DROP TABLE {kept} SYNC")
    assert sorted(map(str, (finding.direction for finding in findings))) == ["changed", "missing"]
    (changed,) = [finding for finding in findings if finding.direction == "changed"]
    assert facts(changed)[2:] == ("comment_count", 999, 998)


def test_a_table_of_others_that_was_dropped_or_redefined_is_found(world: World) -> None:
    reference = world.context.reference
    others = {"tv_analytics.reports": {"create_table_query": "CREATE TABLE tv_analytics.reports (a String)"}}
    baseline = replace(reference.baseline, all_tables={**reference.baseline.all_tables, **others})
    changed = {"reference": replace(reference, baseline=baseline)}
    gone = only(world.judge("clickhouse.unrelated", **changed), "clickhouse.unrelated")
    world.state.sql("CREATE TABLE tv_analytics.reports (b String) ENGINE = MergeTree ORDER BY b")
    try:
        redefined = only(world.judge("clickhouse.unrelated", **changed), "clickhouse.unrelated")
    finally:
        world.state.sql("DROP TABLE tv_analytics.reports SYNC")
    assert (gone.direction, gone.old) == ("missing", "tv_analytics.reports")
    assert (redefined.direction, redefined.field) == ("schema", "create_table_query")
