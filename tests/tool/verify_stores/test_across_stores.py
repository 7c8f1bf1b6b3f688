"""Stores that contradict each other are found where the old ones agreed, and told where they did not."""

from __future__ import annotations

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Rule

from .conftest import World
from .looking import facts, failed, found, only
from .test_clickhouse_rows import remade, replacing
from .test_elasticsearch import document


def test_a_comment_that_one_store_lost_is_found_on_both_sides(world: World) -> None:
    with document(world, "es-tags", None):
        finding = only(world.judge("cross.ids"), "cross.ids")
    assert (finding.new, "in clickhouse and not in elasticsearch" in finding.note) == ("es-tags", True)
    with remade(world, new.RAW_COMMENTS, where="comment_id != 'es-tags'"):
        finding = only(world.judge("cross.ids"), "cross.ids")
    assert (finding.new, "in elasticsearch and not in clickhouse" in finding.note) == ("es-tags", True)


def test_a_comment_that_both_stores_lost_is_no_contradiction(world: World) -> None:
    with document(world, "es-tags", None), remade(world, new.RAW_COMMENTS, where="comment_id != 'es-tags'"):
        assert failed(world.judge("cross.ids")) == set()


def test_what_the_old_stores_did_not_share_is_told_and_no_finding(world: World) -> None:
    assert failed(world.judge("cross")) == set()
    told = {entry["kind"]: entry for entry in world.book.inconsistencies}
    notes = " ".join(example["note"] for entry in told.values() for example in entry["examples"])
    assert {"only-in-clickhouse", "only-in-elasticsearch", "unknown-to-clickhouse"} <= set(told)
    assert told["only-in-clickhouse"]["count"] > 40
    assert "sentiment_score-differs" in told
    assert "quarantined there" in notes


def test_a_score_is_compared_as_float32_and_a_time_to_the_second(world: World) -> None:
    with document(world, "es-tags", None, sentiment_score=0.5 + 1e-12, timestamp="2025-11-20T06:05:00.9Z"):
        assert failed(world.judge("cross")) == set()


def test_values_that_contradict_each_other_are_found_by_comment_and_field(world: World) -> None:
    with document(world, "es-tags", None, sentiment_score=0.25, timestamp="2025-11-20T06:05:01Z"):
        findings = found(world.judge("cross.values"), "cross.values")
    assert {facts(finding) for finding in findings} == {
        ("changed", "es-tags", "sentiment_score", 0.5, 0.25),
        ("changed", "es-tags", "timestamp", "2025-11-20T06:05:00Z", "2025-11-20T06:05:01Z"),
    }


def test_programs_and_sentiments_that_contradict_each_other_are_found(world: World) -> None:
    with remade(world, new.RAW_COMMENTS, columns=replacing("program_id", "'x'", "comment_id = 'es-tags'")):
        finding = only(world.judge("cross.values"), "cross.values")
    assert facts(finding)[1:] == ("es-tags", "program_id", "x", "the_voice/contestant_1")
    with remade(world, new.RAW_COMMENTS, columns=replacing("sentiment", "'neutral'", "comment_id = 'es-tags'")):
        finding = only(world.judge("cross.values"), "cross.values")
    assert finding.field == "sentiment"


def test_a_store_that_is_not_as_due_contradicts_one_that_is_and_is_not_read_again(world: World) -> None:
    checks = ("clickhouse.comments", "elasticsearch.comments", "cross.values")
    with document(world, "es-tags", None, sentiment_score=0.25):
        finding = only(world.judge(*checks), "cross.values")
    assert facts(finding) == ("changed", "es-tags", "sentiment_score", 0.5, 0.25)
    assert _as_due(world) == {Rule.CLICKHOUSE_COMMENTS}
    with remade(world, new.RAW_COMMENTS, columns=replacing("program_id", "'x'", "comment_id = 'es-tags'")):
        finding = only(world.judge(*checks), "cross.values")
    assert facts(finding)[1:] == ("es-tags", "program_id", "x", "the_voice/contestant_1")
    assert _as_due(world) == {Rule.ELASTICSEARCH_COMMENTS}
    assert failed(world.judge(*checks)) == set()
    assert _as_due(world) == {Rule.CLICKHOUSE_COMMENTS, Rule.ELASTICSEARCH_COMMENTS}


def _as_due(world: World) -> set[Rule]:
    return {rule for rule in Rule if world.book.is_as_due(rule)}


def test_a_program_of_redis_that_clickhouse_does_not_know_is_found(world: World) -> None:
    redis = world.state.clients.redis
    redis.hset("eaos:current:contestant_1", "score", "1")
    redis.rpush("events:contestant_1:part:2025-11-20", "{}")
    try:
        findings = found(world.judge("cross.programs"), "cross.programs")
    finally:
        redis.delete("eaos:current:contestant_1", "events:contestant_1:part:2025-11-20")
    assert {finding.new for finding in findings} == {"contestant_1", "contestant_1:part"}


def test_a_program_that_clickhouse_lost_is_found_where_redis_was_found_right_and_is_not_read_again(
    world: World,
) -> None:
    right = (Rule.REDIS_EAOS, Rule.REDIS_METRIC)
    redis, extra = world.state.clients.redis, "eaos:current:contestant_1"
    redis.hset(extra, "score", "1")  # the look that found Redis right would have found it
    try:
        results = world.judge("cross.programs", as_due=right)
        assert failed(results) == set()
        seen = results["cross.programs"].examined
    finally:
        redis.delete(extra)
    assert world.judge("cross.programs")["cross.programs"].examined == seen
    gone = "program_id != 'the_voice/contestant_1'"
    with remade(world, new.RAW_COMMENTS, where=gone), remade(world, new.EAOS_METRICS, where=gone):
        finding = only(world.judge("cross.programs", as_due=right), "cross.programs")
    assert finding.new == "the_voice/contestant_1"


def test_without_the_new_table_each_shared_comment_is_missing(world: World) -> None:
    world.state.sql("DROP TABLE tv_analytics.raw_comments SYNC")
    try:
        results = world.judge("cross.ids")
    finally:
        world.state.table(new.RAW_COMMENTS)
    assert results["cross.ids"].findings_total > 3000
    assert failed(results) == {"cross.ids", "cross.values"}
