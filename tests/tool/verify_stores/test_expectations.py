"""The hand-written lines judge by themselves: each difference is told with the line that expects otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from tvmigrate.contract import new
from tvmigrate.contract.policy import Policy
from tvmigrate.events import Said
from tvmigrate.verify.context import OldEndState, QuarantineKind

from .conftest import World
from .looking import facts, failed, found, only
from .test_clickhouse_rows import remade, replacing
from .test_elasticsearch import document

EAOS = "eaos:current:the_voice/contestant_1"
EVENTS = "events:the_voice/contestant_1:2025-11-20"


@contextmanager
def key_changed(world: World, key: str, *command: Any) -> Iterator[None]:
    """Have one Redis command run, and the key as it was in the end."""
    redis = world.state.clients.redis
    dump, ttl = redis.dump(key), redis.pttl(key)
    try:
        redis.execute_command(*command)  # type: ignore[no-untyped-call]
        yield
    finally:
        redis.delete(key)
        if dump is not None:
            redis.restore(key, max(ttl, 0), dump)


@pytest.mark.parametrize(
    ("key", "command", "field"),
    [
        (EAOS, ("HSET", EAOS, "score", "0.83"), "score"),
        (EAOS, ("HSET", EAOS, "score", "0.82x"), "score"),
        (EAOS, ("HDEL", EAOS, "total"), "total"),
        (EAOS, ("HSET", EAOS, "model", "x"), "model"),
        (EAOS, ("HSET", EAOS, "updated_at", "2025-11-20T13:05:00Z"), "updated_at"),
        (EAOS, ("PEXPIRE", EAOS, "1000000"), "ttl"),
        ("eaos:current:the_voice/contestant_2", ("PERSIST", "eaos:current:the_voice/contestant_2"), "ttl"),
        ("eaos:current:the_voice/contestant_2", ("PEXPIRE", "eaos:current:the_voice/contestant_2", "99999999"), "ttl"),
        ("eaos:current:the_voice/contestant_2", ("PEXPIRE", "eaos:current:the_voice/contestant_2", "99999"), "ttl"),
        ("eaos:current:the_voice/contestant_8",
         ("HSET", "eaos:current:the_voice/contestant_8", "updated_at", "2025-11-20T06:05:00Z"), "updated_at"),
        ("trends:top:5min", ("ZADD", "trends:top:5min", "12.500000000000002", "giọng hát"), "giọng hát"),
        ("trends:top:5min", ("ZREM", "trends:top:5min", "🔥"), "🔥"),
        (EVENTS, ("RPOP", EVENTS), "length"),
        (EVENTS, ("LSET", EVENTS, "0", "{"), "[0]"),
        ("metrics:all_bare", ("LSET", "metrics:all_bare", "1", "0.20"), "[1]"),
        ("session:lan", ("SET", "session:lan", "x", "KEEPTTL"), "value"),
        ("stream:audit", ("XADD", "stream:audit", "*", "a", "b"), "entries"),
    ],
)  # fmt: skip
def test_a_redis_key_that_differs_is_told_with_field_and_line(
    world: World, key: str, command: tuple[str, ...], field: str
) -> None:
    with key_changed(world, key, *command):
        findings = found(world.judge("expected.redis"), "expected.redis")
    assert {(finding.new, finding.field) for finding in findings} == {(key, field)}
    assert "expected/redis.ndjson:" in findings[0].note


def test_a_key_of_another_database_is_named_as_other_checks_name_it(world: World) -> None:
    client = world.state.clients.redis_db(3)
    client.rpush("metrics:buzz", "0.7")
    try:
        assert only(world.judge("expected.redis"), "expected.redis").new == "3:metrics:buzz"
    finally:
        client.rpop("metrics:buzz")


def test_events_out_of_order_are_found(world: World) -> None:
    with key_changed(world, EVENTS, "LMOVE", EVENTS, EVENTS, "LEFT", "RIGHT"):
        findings = found(world.judge("expected.redis"), "expected.redis")
    assert {"[0].timestamp", "[0].value"} <= {finding.field for finding in findings}


def test_a_key_that_is_gone_of_another_type_or_left_behind_is_found(world: World) -> None:
    with key_changed(world, EAOS, "DEL", EAOS):
        gone = only(world.judge("expected.redis"), "expected.redis")
    assert (gone.direction, gone.expected) == ("missing", "hash")
    assert gone.note.startswith(f"Key {EAOS} is ")
    with key_changed(world, EAOS, "SET", EAOS, "{}"):
        other = only(world.judge("expected.redis"), "expected.redis")
    assert (other.field, other.expected, other.actual) == ("type", "hash", "string")
    assert other.note.startswith(f"Key {EAOS} is a string, and should be a hash. It is expected by ")
    with key_changed(world, "eaos:contestant_1", "SET", "eaos:contestant_1", "{}"):
        finding = only(world.judge("expected.redis"), "expected.redis")
    assert facts(finding)[:2] == ("extra", "eaos:contestant_1")
    assert finding.old == "eaos:contestant_1"


def test_a_time_to_live_that_is_lost_or_was_not_there_says_which(world: World) -> None:
    expiring = "eaos:current:the_voice/contestant_2"
    with key_changed(world, expiring, "PERSIST", expiring):
        lost = only(world.judge("expected.redis"), "expected.redis")
    assert (lost.field, lost.direction, lost.actual) == ("ttl", "missing", -1)
    with key_changed(world, EAOS, "PEXPIRE", EAOS, "60000000"):
        (given,) = [f for f in found(world.judge("expected.redis"), "expected.redis") if f.field == "ttl"]
    assert (given.direction, given.expected) == ("extra", "none")


def test_with_old_kept_lines_about_old_names_say_nothing(world: World) -> None:
    with key_changed(world, "eaos:contestant_1", "SET", "eaos:contestant_1", "{}"):
        assert failed(world.judge("expected.redis", old_end_state=OldEndState.KEPT)) == set()


@pytest.mark.parametrize(
    ("table", "column", "value", "where"),
    [
        (new.RAW_COMMENTS, "topics", "arrayDistinct(topics)", "comment_id = 'ch-topics'"),
        (new.RAW_COMMENTS, "sentiment", "'neutral'", "comment_id = 'ch-label-nfd'"),
        (new.RAW_COMMENTS, "sentiment_score", "0.1", "comment_id = 'ch-float32'"),
        (new.RAW_COMMENTS, "eaos_score", "0.", "comment_id = 'ch-float32-limits'"),
        (new.RAW_COMMENTS, "timestamp", "timestamp + 1", "comment_id = 'ch-time-first'"),
        (new.EAOS_METRICS, "positive_count", "10", "program_id = 'the_voice/contestant_2' AND total_comments = 18"),
        (new.COMMENT_AGGREGATES, "count", "3", "topic = 'trang phục' AND timestamp = '2025-11-20 13:05:00'"),
        (new.COMMENT_AGGREGATES, "avg_sentiment", "0.3333333333333333",
         "topic = 'show' AND timestamp = '2025-11-20 13:00:00'"),
    ],
)  # fmt: skip
def test_a_row_that_differs_is_told_with_column_and_line(
    world: World, table: Any, column: str, value: str, where: str
) -> None:
    with remade(world, table, columns=replacing(column, value, where)):
        finding = only(world.judge("expected.clickhouse"), "expected.clickhouse")
    assert (finding.direction, finding.field) == ("changed", column)
    assert f"expected/clickhouse/{table.name}.ndjson:" in finding.note


def test_rows_too_many_or_too_few_are_found(world: World) -> None:
    with remade(world, new.RAW_COMMENTS, where="1 LIMIT 1 BY comment_id"):
        finding = only(world.judge("expected.clickhouse"), "expected.clickhouse")
    assert (facts(finding)[1], finding.expected, finding.actual) == ("raw_comments agg-4", 2, 1)
    with remade(world, new.RAW_COMMENTS, columns=replacing("comment_id", "''", "comment_id = 'c000001'")):
        finding = only(world.judge("expected.clickhouse"), "expected.clickhouse")
    assert finding.direction == "extra"


def test_a_column_that_is_not_there_is_named_and_no_error(world: World) -> None:
    create = new.RAW_COMMENTS.create(new.DATABASE).replace("    username         String,\n", "")
    with remade(world, new.RAW_COMMENTS, create=create, columns="* EXCEPT username"):
        findings = found(world.judge("expected.clickhouse"), "expected.clickhouse")
    assert {(str(finding.direction), finding.field) for finding in findings} == {("schema", "username")}


def test_a_document_that_differs_is_missing_or_extra_is_told_with_its_line(world: World) -> None:
    with document(world, "es-tags", None, topics=["show"]):
        findings = found(world.judge("expected.elasticsearch"), "expected.elasticsearch")
    assert {finding.new for finding in findings} == {"es-tags"}
    assert findings[0].field == "topics[1]"
    assert "expected/elasticsearch.ndjson:" in findings[0].note
    with document(world, "es-tags", None):
        assert only(world.judge("expected.elasticsearch"), "expected.elasticsearch").direction == "missing"
    with document(world, "esq-two-users", {"comment_id": "esq-two-users"}):
        assert only(world.judge("expected.elasticsearch"), "expected.elasticsearch").direction == "extra"


def test_a_quarantine_row_missing_or_too_many_is_found(world: World) -> None:
    with remade(world, new.QUARANTINE, where="record_key != 'eaos:bad_list'"):
        finding = only(world.judge("expected.quarantine"), "expected.quarantine")
    assert (finding.direction, finding.store, finding.old) == ("missing", "redis", "eaos:bad_list")
    with remade(world, new.QUARANTINE, columns="* REPLACE ('elasticsearch' AS store)"):
        results = world.judge("expected.quarantine")
    assert results["expected.quarantine"].findings_total > 200
    with remade(world, new.QUARANTINE, where="1 LIMIT 1 BY store, record_key"):
        finding = only(world.judge("expected.quarantine"), "expected.quarantine")
    assert (finding.direction, finding.old) == ("missing", "")


def test_an_archived_field_that_differs_is_found(world: World) -> None:
    how = replacing("fields", "replace(fields, '12', '13')", "record_key = 'es-extra'")
    with remade(world, new.ARCHIVE, columns=how):
        finding = only(world.judge("expected.archive"), "expected.archive")
    assert (finding.old, finding.field, finding.expected, finding.actual) == ("es-extra", "likes", 12, 13)


@pytest.mark.parametrize(
    "policy",
    [
        Policy(keep_entities=True),
        Policy(show="rap_viet"),
        Policy(show="the_voice", timezone="Asia/Ho_Chi_Minh"),
        Policy(show="the_voice", zero_missing_counts=True),
        Policy(show="the_voice", entity_map={"contestant_1": "x/y"}),
    ],
    ids=["keep-entities", "show", "timezone", "missing-counts", "entity-map"],
)
def test_under_another_policy_the_lines_are_no_part_of_the_verdict_and_that_is_said(
    world: World, policy: Policy
) -> None:
    world.events.clear()
    assert world.judge("expected", policy=policy) == {}
    said = [event.text for event in world.events if isinstance(event, Said)]
    assert len(said) == 5
    assert all("hold only with" in text for text in said)


def test_for_another_dataset_the_lines_are_no_part_of_the_verdict(world: World) -> None:
    reference = world.context.reference
    clean = replace(reference.dataset, path=reference.dataset.path.parent / "clean", name="clean")
    world.events.clear()
    assert world.judge("expected", reference=replace(reference, dataset=clean)) == {}
    assert "are of another dataset, standard" in " ".join(e.text for e in world.events if isinstance(e, Said))


def test_with_quarantine_none_only_the_new_data_is_judged(world: World) -> None:
    results = world.judge("expected", quarantine=QuarantineKind.NONE)
    assert set(results) == {"expected.redis", "expected.clickhouse", "expected.elasticsearch"}
