"""What is said of quarantine rows that are not those that are due: each case, whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify import expected_tables, quarantine
from tvmigrate.verify.expected_files import Line
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.redis_live import LiveKey
from tvmigrate.verify.redis_outcomes import ExpectedKey
from tvmigrate.verify.redis_records import ttl_finding
from tvmigrate.verify.spool import Spool

SCHEMA = """
    CREATE TABLE expected (key TEXT, reason TEXT, form TEXT, record TEXT, digest BLOB, optional INT);
    CREATE TABLE live (key TEXT, reason TEXT, record TEXT, digest BLOB)"""
OF = (Store.REDIS, Rule.REDIS_METRIC)
TABLE = "migration_quarantine"
MENDED = f"A record that cannot be mapped is set aside with its reason in {TABLE}, so that somebody can mend it."


def found(
    due: Sequence[tuple[str, str]], live: Sequence[tuple[str, str]], may: Sequence[tuple[str, str]] = ()
) -> list[Finding]:
    """Return what is found where rows of (key, reason) are `due`, others `may` be there, and `live` are."""
    with Spool(SCHEMA) as spool:
        for rows, optional in ((due, 0), (may, 1)):
            spool.add(
                "INSERT INTO expected VALUES (?, ?, '', '', x'', ?)", ((key, reason, optional) for key, reason in rows)
            )
        spool.add("INSERT INTO live VALUES (?, ?, '', x'')", live)
        return list(quarantine._quarantine_findings(spool, *OF))


def finding(direction: Direction, key: str, note: str, expected: Any, actual: Any) -> Finding:
    return Finding(*OF, direction, note, old=key, new=TABLE, field="reason", expected=expected, actual=actual)


A, B, OTHER = ("a", "bad-json"), ("b", "bad-number"), ("a", "wrong-type")


def test_what_is_due_is_there_and_what_may_be_may() -> None:
    assert found([A, B], [B, A]) == []
    assert found([A], [A], may=[A, B]) == found([A], [A, A, B], may=[A, B]) == []


def test_a_row_that_is_not_there() -> None:
    note = f"redis metrics record a does not map (bad-json) and has no quarantine row. {MENDED}"
    assert found([A, B], [B]) == [finding(Direction.MISSING, "a", note, "bad-json", None)]


def test_fewer_rows_than_records_of_one_key() -> None:
    note = f"redis metrics record a does not map (bad-json) and 3 such records have 2 quarantine rows. {MENDED}"
    wanted = [finding(Direction.MISSING, "a", note, "bad-json", 2)]
    assert found([A, A, A], [A, A]) == found([A, A, A], [A, A], may=[A, A]) == wanted


def test_more_rows_than_records_of_one_key() -> None:
    note = "redis metrics record a has 4 quarantine rows for bad-json, and 3 is right: one a record."
    assert found([A, A], [A, A, A, A], may=[A]) == [finding(Direction.EXTRA, "a", note, 3, 4)]


def test_a_row_of_a_record_that_maps() -> None:
    note = (
        "redis metrics record a is in quarantine as bad-json, but its rule maps it. A record that maps belongs in the"
        " new layout; quarantine is for what no rule can map."
    )
    assert found([B], [A, B]) == [finding(Direction.EXTRA, "a", note, None, "bad-json")]


def test_a_row_with_another_reason_is_told_once() -> None:
    note = "redis metrics record a is quarantined as wrong-type; the first thing wrong with it is bad-json."
    assert found([A, B], [OTHER, B]) == [finding(Direction.CHANGED, "a", note, "bad-json", "wrong-type")]


def test_a_table_that_is_not_there() -> None:
    note = (
        "There is no table tv_analytics.migration_quarantine, though 3 records do not map. The migration creates it and"
        " keeps such records there; a migration that keeps them elsewhere is judged with --quarantine none."
    )
    assert quarantine._no_table(*OF, TABLE, "3 records do not map") == Finding(
        *OF, Direction.SCHEMA, note, new="tv_analytics.migration_quarantine", expected=TABLE
    )


def test_a_source_has_the_name_that_the_old_system_had_for_it() -> None:
    assert {str(rule): source for rule, source in CONTRACT.sources.items()} == {
        "redis.eaos": "eaos", "redis.trend": "trend", "redis.metric": "metrics", "clickhouse.comments": "comments",
        "clickhouse.eaos_metrics": "eaos_metrics", "elasticsearch.comments": "tv_comments",
    }  # fmt: skip


def test_an_archived_field_that_is_not_what_it_was() -> None:
    where = {"old": "a", "new": "migration_archive"}
    found = list(quarantine._archived_differences(*OF, "a", '{"x": 1.50, "y": [1, 2]}', '{"x": 2, "y": [1, 3]}'))
    assert found == [
        Finding(
            *OF, direction, f"The archived field {path} of redis metrics record a is not what the old record held.",
            **where, field=path, expected=expected, actual=actual,
        )
        for path, direction, expected, actual in (
            ("x", Direction.CHANGED, "1.50", 2), ("y[1]", Direction.CHANGED, 2, 3),
        )
    ]  # fmt: skip
    (whole,) = quarantine._archived_differences(*OF, "a", '{"x": 1}', "[]")
    assert (whole.field, whole.expected, whole.actual) == ("fields", {"x": 1}, [])
    assert whole.note == "The archived field fields of redis metrics record a is not what the old record held."
    (unread,) = quarantine._archived_differences(*OF, "a", '{"x": 1}', "{")
    assert unread.note.startswith("The archived fields of redis metrics record a cannot be read: bad-json: not JSON at")
    assert (unread.direction, unread.field, unread.expected, unread.actual) == (
        Direction.CHANGED, "fields", '{"x": 1}', "{",
    )  # fmt: skip
    assert (unread.old, unread.new) == ("a", "migration_archive")


@pytest.mark.parametrize(
    ("due", "there", "direction", "words"),
    [
        (None, 5_000, Direction.EXTRA, "now expires, and the old key did not"),
        (5_000, None, Direction.MISSING, "does not expire any more; the old key did"),
        (5_000, 6_001, Direction.CHANGED, "expires 1.0 s later than the old key"),
        (9_500, 5_000, Direction.CHANGED, "expires 4.5 s earlier than the old key"),
        (5_000, 6_000, None, ""),
        (6_000, 5_000, None, ""),
        (None, None, None, ""),
    ],
)
def test_a_time_to_live_that_is_not_the_old_keys(
    due: int | None, there: int | None, direction: Direction | None, words: str
) -> None:
    expected = ExpectedKey(0, b"eaos:current:p", "hash", Rule.REDIS_EAOS, "eaos:x", None, due)
    found = ttl_finding(expected, LiveKey(0, b"eaos:current:p", "hash", {}, there), Rule.REDIS_TTL)
    if direction is None:
        assert found is None
        return
    note = f"{expected.name} {words} (eaos:x). A key's time to live comes along, to the second."
    assert found == Finding(
        Store.REDIS, Rule.REDIS_TTL, direction, note, old="eaos:x", new=expected.name, field="ttl", expected=due,
        actual=there,
    )  # fmt: skip


def test_columns_that_cannot_be_read_are_told_with_the_type_they_have() -> None:
    body = {
        "key": {"comment_id": "a"},
        "row": {"text": "x", "topics": ["a"]},
        "rule": "clickhouse.comments",
        "note": "why",
    }
    line = Line("raw_comments.ndjson:3", body)
    types = {"comment_id": "String", "topics": "UInt8"}
    findings = list(expected_tables.judge(cast("Any", None), "raw_comments", types, [line]))
    assert [(f.direction, f.rule, f.new, f.field, f.actual) for f in findings] == [
        (Direction.SCHEMA, Rule.CLICKHOUSE_COMMENTS, "raw_comments a", "text", None),
        (Direction.SCHEMA, Rule.CLICKHOUSE_COMMENTS, "raw_comments a", "topics", "UInt8"),
    ]
    (gone,) = expected_tables.judge(cast("Any", None), "raw_comments", None, [line])
    assert (gone.direction, gone.new) == (Direction.MISSING, "raw_comments a")
    assert gone.note == "There is no table raw_comments. It is expected by raw_comments.ndjson:3: why."
