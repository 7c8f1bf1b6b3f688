"""Every way in which rows of the new tables can be wrong is found by rule, key and field."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tvmigrate.contract import new
from tvmigrate.contract.layout import Table
from tvmigrate.contract.outcome import Rule
from tvmigrate.verify import clickhouse_compare
from tvmigrate.verify.context import QuarantineKind
from tvmigrate.verify.findings import State

from .conftest import World
from .looking import facts, failed, found, only
from .migrated import PRISTINE

RAW, METRICS, AGGREGATES = new.RAW_COMMENTS, new.EAOS_METRICS, new.COMMENT_AGGREGATES
ONE_TOPIC = "program_id = 'the_voice/segment_intro' AND topic = '🔥'"


@contextmanager
def remade(world: World, table: Table, **how: str) -> Iterator[None]:
    """Have a new table made otherwise, and made right again in the end."""
    try:
        world.state.table(table, **how)
        yield
    finally:
        world.state.table(table)


def replacing(column: str, value: str, where: str) -> str:
    return f"* REPLACE (if({where}, {value}, {column}) AS {column})"


def test_a_dropped_row_is_missing_and_has_no_fate(world: World) -> None:
    with remade(world, RAW, where="comment_id != 'ch-topics'"):
        finding = only(world.judge("clickhouse.comments"), "clickhouse.comments")
    assert (finding.rule, finding.old) == (Rule.CLICKHOUSE_COMMENTS, "comments ch-topics")
    assert facts(finding)[:2] == ("missing", "raw_comments ch-topics")
    assert finding.expected["topics"] == ["show", "performance", "show", "giọng hát"]
    (line,) = [line for line in world.book.lines() if line.rule is Rule.CLICKHOUSE_COMMENTS]
    assert line.old is not None
    assert line.accounted == line.old - 1
    assert [lost.old for lost in world.book.lost(Rule.CLICKHOUSE_COMMENTS)] == ["comments ch-topics"]


def test_of_a_row_that_stood_twice_one_is_not_enough(world: World) -> None:
    with remade(world, RAW, where="1 LIMIT 1 BY comment_id"):
        finding = only(world.judge("clickhouse.comments"), "clickhouse.comments")
    assert facts(finding) == ("missing", "raw_comments agg-4", "copies", 2, 1)
    assert finding.note == (
        "raw_comments agg-4 is there once, and should be twice: the old rows are equal, and each of them is a record."
    )
    assert [lost.old for lost in world.book.lost(Rule.CLICKHOUSE_COMMENTS)] == ["comments agg-4"]


def test_of_a_row_that_stood_twice_none_is_missing_as_a_whole(world: World) -> None:
    with remade(world, RAW, where="comment_id != 'agg-4'"):
        findings = found(world.judge("clickhouse.comments"), "clickhouse.comments")
    assert [facts(finding)[:3] for finding in findings] == [("missing", "raw_comments agg-4", None)] * 2


def test_a_doubled_row_is_told_with_how_often_it_is_there(world: World) -> None:
    with remade(world, RAW):
        world.state.sql(
            "INSERT INTO tv_analytics.raw_comments SELECT * FROM pristine.raw_comments WHERE comment_id = 'ch-topics'"
        )
        finding = only(world.judge("clickhouse.comments"), "clickhouse.comments")
    assert facts(finding) == ("extra", "raw_comments ch-topics", "copies", 1, 2)
    assert finding.note == (
        "raw_comments ch-topics is there twice, and should be once: an INSERT that is sent again writes its rows again."
    )


def test_a_row_added_twice_is_extra_twice_though_an_xor_would_not_see_it(world: World) -> None:
    with remade(world, RAW):
        world.state.sql(
            f"INSERT INTO tv_analytics.raw_comments SELECT {', '.join(RAW.column_names)}"
            " FROM pristine.raw_comments ARRAY JOIN [1, 2] AS copy WHERE comment_id = 'ch-topics'"
        )
        findings = found(world.judge("clickhouse.comments"), "clickhouse.comments")
    assert [facts(finding) for finding in findings] == [("extra", "raw_comments ch-topics", "copies", 1, 3)] * 2


def test_a_quarantined_row_that_was_written_all_the_same_is_extra(world: World) -> None:
    with remade(world, RAW, columns="* REPLACE (if(comment_id = 'ch-topics', 'agg-6', comment_id) AS comment_id)"):
        finding = only(world.judge("clickhouse.comments"), "clickhouse.comments")
    assert facts(finding) == ("changed", "raw_comments agg-6", "comment_id", "ch-topics", "agg-6")


@pytest.mark.parametrize(
    ("column", "value", "expected", "actual"),
    [
        ("text", "concat(text, ' ')", "Hay quá, nghe nổi da gà 🔥", "Hay quá, nghe nổi da gà 🔥 "),
        ("program_id", "'contestant_1'", "the_voice/contestant_1", "contestant_1"),
        ("username", "lower(upper(username))", None, None),
        ("timestamp", "timestamp + INTERVAL 7 HOUR", "2025-11-20T06:05:00Z", "2025-11-20T13:05:00Z"),
        ("timestamp", "addMilliseconds(timestamp, 1)", "2025-11-20T06:05:00Z", "2025-11-20T06:05:00.001Z"),
        ("sentiment", "'neutral'", "positive", "neutral"),
        ("sentiment_score", "nextafter", 0.5, math.nextafter(0.5, 1)),
        ("engagement_score", "-0.0", 1.5, -0.0),
        ("topics", "['']", [], [""]),
        ("eaos_score", "0", None, 0.0),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else None,
)
def test_one_changed_value_in_a_row_with_a_null_is_found_by_key_and_field(
    world: World, column: str, value: str, expected: object, actual: object
) -> None:
    value = value.replace("nextafter", repr(math.nextafter(0.5, 1)))
    with remade(world, RAW, columns=replacing(column, value, "comment_id = 'ch-null-eaos'")):
        results = world.judge("clickhouse.comments")
    if expected is None and actual is None:
        assert failed(results) == set()
        return
    finding = only(results, "clickhouse.comments")
    assert facts(finding) == ("changed", "raw_comments ch-null-eaos", column, expected, actual)
    assert finding.old == "comments ch-null-eaos"


def test_several_wrong_fields_of_one_row_are_a_finding_each(world: World) -> None:
    both = "* REPLACE ('' AS username, 'x' AS text)"
    with remade(world, RAW, columns=both):
        results = world.judge("clickhouse.comments")
    result = results["clickhouse.comments"]
    rows = result.examined
    assert result.findings_total > rows  # a few users were empty before
    assert {finding.field for finding in result.findings} == {"username", "text"}


def test_float32_printed_and_read_again_is_found_in_each_row(world: World) -> None:
    with remade(world, RAW, columns="* REPLACE (toFloat64(toString(toFloat32(sentiment_score))) AS sentiment_score)"):
        result = world.judge("clickhouse.comments")["clickhouse.comments"]
    assert result.findings_total > 2000
    assert {finding.field for finding in result.findings} == {"sentiment_score"}


def test_doubled_topics_that_were_collapsed_are_found(world: World) -> None:
    with remade(world, RAW, columns="* REPLACE (arrayDistinct(topics) AS topics)"):
        findings = found(world.judge("clickhouse.comments"), "clickhouse.comments")
    names = {finding.new: (finding.field, finding.actual) for finding in findings}
    assert names["raw_comments ch-topics"] == ("topics", ["show", "performance", "giọng hát"])


def test_everything_changed_is_counted_to_the_row_also_beyond_the_buckets_a_query_names(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse_compare, "MAX_CHOSEN", 0)
    monkeypatch.setattr(clickhouse_compare, "ROWS_A_BUCKET", 10)
    with remade(world, RAW, columns="* REPLACE (concat(text, '!') AS text)"):
        result = world.judge("clickhouse.comments")["clickhouse.comments"]
    assert result.findings_total == result.examined > 3000
    assert {finding.field for finding in result.findings} == {"text"}


def test_many_rows_of_one_key_are_extra_each(world: World) -> None:
    with remade(world, RAW):
        world.state.sql(
            "INSERT INTO tv_analytics.raw_comments SELECT * REPLACE ('same' AS comment_id) FROM pristine.raw_comments"
        )
        result = world.judge("clickhouse.comments")["clickhouse.comments"]
    assert result.findings_total == result.examined / 2
    assert {finding.new for finding in result.findings} == {"raw_comments same"}


def test_a_missing_column_is_named_and_the_others_are_compared_all_the_same(world: World) -> None:
    create = RAW.create(new.DATABASE).replace("    username         String,\n", "")
    assert "username" not in create
    with remade(world, RAW, create=create, columns="* EXCEPT username REPLACE ('x' AS text)"):
        result = world.judge("clickhouse.comments")["clickhouse.comments"]
    assert (result.state, result.error) == (State.FAIL, None)
    assert facts(result.findings[0])[:3] == ("schema", "tv_analytics.raw_comments", "username")
    assert {finding.field for finding in result.findings[1:]} == {"text"}


def test_a_missing_key_column_does_not_keep_the_rest_from_being_compared(world: World) -> None:
    create = RAW.create(new.DATABASE).replace("    comment_id       String,\n", "").replace(", comment_id)", ")")
    with remade(world, RAW, create=create, columns="* EXCEPT comment_id", where="comment_id != 'ch-topics'"):
        result = world.judge("clickhouse.comments")["clickhouse.comments"]
    assert [finding.direction for finding in result.findings] == ["schema", "missing"]
    assert result.findings[0].field == "comment_id"


def test_a_column_of_an_unreadable_type_is_named(world: World) -> None:
    create = RAW.create(new.DATABASE).replace("Array(LowCardinality(String))", "String")
    with remade(world, RAW, create=create, columns="* REPLACE (toString(topics) AS topics)"):
        finding = only(world.judge("clickhouse.comments"), "clickhouse.comments")
    assert facts(finding) == (
        "schema",
        "tv_analytics.raw_comments",
        "topics",
        "Array(LowCardinality(String))",
        "String",
    )


def test_a_column_of_another_type_with_the_same_values_is_the_schema_checks_alone(world: World) -> None:
    create = RAW.create(new.DATABASE).replace("Enum8('negative' = -1, 'neutral' = 0, 'positive' = 1)", "String")
    with remade(world, RAW, create=create):
        results = world.judge("clickhouse")
    assert failed(results) == {"clickhouse.schema.raw_comments"}


def test_a_table_that_is_not_there_is_missing_with_all_its_rows(world: World) -> None:
    world.state.sql("DROP TABLE tv_analytics.raw_comments SYNC")
    try:
        results = world.judge("clickhouse")
    finally:
        world.state.table(RAW)
    assert facts(only(results, "clickhouse.comments"))[:2] == ("missing", "tv_analytics.raw_comments")
    assert facts(only(results, "clickhouse.schema.raw_comments"))[:2] == ("missing", "tv_analytics.raw_comments")
    (line,) = [line for line in world.book.lines() if line.rule is Rule.CLICKHOUSE_COMMENTS]
    assert not line.balanced


@pytest.mark.parametrize("column", ["score", "positive_count", "negative_count", "neutral_count", "total_comments"])
def test_a_changed_value_of_eaos_metrics_is_found(world: World, column: str) -> None:
    where = "program_id = 'the_voice/contestant_3' AND timestamp = '2025-11-20 06:05:00'"
    with remade(world, METRICS, columns=replacing(column, f"{column} + 1", where)):
        finding = only(world.judge("clickhouse.eaos_metrics"), "clickhouse.eaos_metrics")
    assert facts(finding)[:3] == ("changed", "eaos_metrics the_voice/contestant_3 2025-11-20T06:05:00Z", column)
    assert finding.actual == finding.expected + 1


def test_a_row_moved_in_time_is_one_finding_about_its_time(world: World) -> None:
    where = "program_id = 'the_voice/contestant_3' AND timestamp = '2025-11-20 06:05:00'"
    with remade(world, METRICS, columns=replacing("timestamp", "timestamp + INTERVAL 7 HOUR", where)):
        finding = only(world.judge("clickhouse.eaos_metrics"), "clickhouse.eaos_metrics")
    assert facts(finding)[2:] == ("timestamp", "2025-11-20T06:05:00Z", "2025-11-20T13:05:00Z")


def test_an_aggregate_in_the_next_bucket_is_one_finding_about_its_time(world: World) -> None:
    with remade(world, AGGREGATES, columns=replacing("timestamp", "timestamp + 300", ONE_TOPIC)):
        finding = only(world.judge("clickhouse.aggregates"), "clickhouse.aggregates")
    assert facts(finding)[2:] == ("timestamp", "2025-11-20T12:55:00Z", "2025-11-20T13:00:00Z")


def test_an_aggregate_that_counts_one_too_many_is_found(world: World) -> None:
    with remade(world, AGGREGATES, columns=replacing("count", "count + 1", ONE_TOPIC)):
        finding = only(world.judge("clickhouse.aggregates"), "clickhouse.aggregates")
    assert facts(finding)[2:] == ("count", 1, 2)
    assert finding.new == "comment_aggregates the_voice/segment_intro 2025-11-20T12:55:00Z 🔥"


def test_an_aggregate_that_should_not_be_there_is_extra(world: World) -> None:
    with remade(world, AGGREGATES):
        world.state.sql("INSERT INTO tv_analytics.comment_aggregates VALUES ('p', '2025-11-20 06:00:00', '', 1, 0.5)")
        finding = only(world.judge("clickhouse.aggregates"), "clickhouse.aggregates")
    assert facts(finding)[:2] == ("extra", "comment_aggregates p 2025-11-20T06:00:00Z ")


def test_a_mean_may_differ_by_a_relative_1e_12_and_not_by_more(world: World) -> None:
    with remade(world, AGGREGATES, columns="* REPLACE (avg_sentiment * (1 + 5e-13) AS avg_sentiment)"):
        assert failed(world.judge("clickhouse.aggregates")) == set()
    with remade(world, AGGREGATES, columns=replacing("avg_sentiment", "avg_sentiment * (1 + 4e-12)", ONE_TOPIC)):
        finding = only(world.judge("clickhouse.aggregates"), "clickhouse.aggregates")
    assert finding.field == "avg_sentiment"


def test_a_mean_of_float32_precision_is_found(world: World) -> None:
    with remade(world, AGGREGATES, columns="* REPLACE (toFloat32(avg_sentiment) AS avg_sentiment)"):
        findings = found(world.judge("clickhouse.aggregates"), "clickhouse.aggregates")
    assert {finding.field for finding in findings} == {"avg_sentiment"}


def test_rows_in_anomalies_are_extra(world: World) -> None:
    with remade(world, new.ANOMALIES):
        world.state.sql(
            "INSERT INTO tv_analytics.anomalies VALUES ('p', '2025-11-20 06:00:00', 'score', 1, 0.5, 0.5, 'high')"
        )
        finding = only(world.judge("clickhouse.anomalies"), "clickhouse.anomalies")
    assert facts(finding) == ("extra", "tv_analytics.anomalies", None, 0, 1)


def test_a_quarantined_row_with_another_reason_is_found(world: World) -> None:
    how = replacing("reason", "'bad-json'", "record_key = 'chq-score-nan'")
    with remade(world, new.QUARANTINE, columns=how):
        results = world.judge("clickhouse.quarantine", "expected.quarantine")
    for check in ("clickhouse.quarantine.comments", "expected.quarantine"):
        finding = only(results, check)
        assert (finding.direction, finding.old, finding.field) == ("changed", "chq-score-nan", "reason")
        assert (finding.expected, finding.actual) == ("not-finite", "bad-json")


def test_a_row_that_is_neither_mapped_nor_quarantined_has_no_fate(world: World) -> None:
    with remade(world, new.QUARANTINE, where="record_key != 'q-score-nan@2025-11-20T06:05:00Z'"):
        results = world.judge("clickhouse")
    finding = only(results, "clickhouse.quarantine.eaos_metrics")
    assert (finding.direction, finding.old) == ("missing", "q-score-nan@2025-11-20T06:05:00Z")
    assert [lost.old for lost in world.book.lost(Rule.CLICKHOUSE_EAOS_METRICS)] == ["q-score-nan@2025-11-20T06:05:00Z"]


def test_of_two_quarantined_rows_of_one_name_the_changed_one_is_found(world: World) -> None:
    latest = "record_key = '' AND source = 'comments' AND record = (SELECT max(record) FROM {} WHERE record_key = '')"
    where = latest.format(f"{PRISTINE}.{new.QUARANTINE.name}")
    renamed = r"""replaceOne(record, '"username"', '"user"')"""
    with remade(world, new.QUARANTINE, columns=replacing("record", renamed, where)):
        findings = world.judge("clickhouse.quarantine")["clickhouse.quarantine.comments"].findings
    assert {(f.direction, f.old, f.field) for f in findings} == {
        ("changed", "", "record.username"), ("changed", "", "record.user"),
    }  # fmt: skip


def test_with_quarantine_none_the_tables_of_the_migration_are_not_judged(world: World) -> None:
    world.state.sql("DROP TABLE tv_analytics.migration_quarantine SYNC")
    try:
        results = world.judge("clickhouse", quarantine=QuarantineKind.NONE)
    finally:
        world.state.table(new.QUARANTINE)
    assert failed(results) == set()
    assert not [name for name in results if "quarantine" in name or "archive" in name]
    (line,) = [line for line in world.book.lines() if line.rule is Rule.CLICKHOUSE_COMMENTS]
    assert line.balanced


def test_every_row_has_a_fate_and_totals_that_were_no_sums_are_told(world: World) -> None:
    world.judge("clickhouse")
    lines = {line.rule: line for line in world.book.lines()}
    assert lines[Rule.CLICKHOUSE_COMMENTS].old == 3156
    assert all(line.balanced for line in lines.values())
    assert lines[Rule.CLICKHOUSE_AGGREGATES].mapped > 1000
    assert world.book.lines()[0].old != 0
    told = {entry["kind"]: entry for entry in world.book.inconsistencies}
    examples = [example["old"] for example in told["total-is-not-the-sum"]["examples"]]
    assert "the_voice/contestant_3@2025-11-20T06:05:00Z" in examples
