"""Each breakage of a right new Redis is found, and the finding names store, rule, key and field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tvmigrate.contract.outcome import Fate, Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.verify import redis_plain, redis_state
from tvmigrate.verify.context import OldEndState, QuarantineKind
from tvmigrate.verify.findings import Direction, State
from tvmigrate.verify.redis_events import compare_list
from tvmigrate.verify.redis_expected import ExpectedEvent, ExpectedKey
from tvmigrate.verify.redis_live import LiveKey
from tvmigrate.verify.redis_records import trend_findings

from .conftest import World

EVENTS_A = "events:show/a:2025-11-20"
QUARANTINE = "tv_analytics.migration_quarantine"
ARCHIVE = "tv_analytics.migration_archive"


def test_the_right_state_passes_every_check(migrated: World) -> None:
    results = migrated.judge("redis.")
    assert {name: (r.findings, r.error) for name, r in results.items() if r.state is not State.PASS} == {}
    assert len(results) == 10
    assert all(map(migrated.book.is_as_due, (EAOS, TREND, METRIC)))


def test_the_right_state_has_a_balanced_ledger(migrated: World) -> None:
    migrated.judge("redis.")
    told = {
        str(line.rule): (line.old, line.mapped, line.filled, line.quarantined, line.untouched, line.expired)
        for line in migrated.book.lines()
    }
    assert told == {
        "redis.eaos": (8, 3, 1, 3, 0, 1),
        "redis.trend": (6, 4, 0, 2, 0, 0),
        "redis.metric": (10, 7, 0, 3, 0, 0),
        "redis.unrelated": (8, 0, 0, 0, 8, 0),
    }


@pytest.mark.parametrize("loaded", [Store.REDIS], indirect=True)
def test_old_keys_that_are_all_there_are_not_looked_up_in_a_whole_part_each(
    loaded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Assert that the time it takes to judge a migration that does nothing does not grow with the keys' square."""
    unpacked: list[int] = []

    def counted(packed: redis_plain.Packed) -> list[redis_plain.PlainKey]:
        keys = plain_keys(packed)
        unpacked.append(len(keys))
        return keys

    plain_keys = redis_plain.plain_keys
    monkeypatch.setattr(redis_plain, "plain_keys", counted)
    results = loaded.judge("redis.")
    plain = max(unpacked)
    assert plain >= 10
    assert results["redis.old-keys"].findings_total >= plain
    assert len(unpacked) <= 3, unpacked


@dataclass(frozen=True)
class Breakage:
    """What is done to the right state, and what has to be found then."""

    do: Callable[[World], Any]
    check: str
    rule: Rule
    direction: Direction
    old: str | None
    new: str | None
    field: str | None


def _item(name: str, position: int, change: Callable[[dict[str, Any]], Any]) -> Callable[[World], None]:
    def do(world: World) -> None:
        event = json.loads(world.clients.redis.lindex(name, position) or b"")
        change(event)
        world.clients.redis.lset(name, position, json.dumps(event))

    return do


def _swap(world: World) -> None:
    redis = world.clients.redis
    first, second = redis.lrange(EVENTS_A, 0, 1)
    redis.lset(EVENTS_A, 0, second)
    redis.lset(EVENTS_A, 1, first)


def _rename_topic(world: World, topic: str, name: str) -> None:
    redis = world.clients.redis
    redis.zadd("trends:top:5min", {name: redis.zscore("trends:top:5min", topic) or 0.0})
    redis.zrem("trends:top:5min", topic)


def _to_string(world: World) -> None:
    world.clients.redis.delete("eaos:current:show/a")
    world.clients.redis.set("eaos:current:show/a", "0.82")


EAOS, TREND, METRIC, UNRELATED = Rule.REDIS_EAOS, Rule.REDIS_TREND, Rule.REDIS_METRIC, Rule.REDIS_UNRELATED
MISSING, EXTRA, CHANGED, SCHEMA = Direction.MISSING, Direction.EXTRA, Direction.CHANGED, Direction.SCHEMA
A, NEW_A = "eaos:a", "eaos:current:show/a"
BREAKAGES = {
    "a count is wrong": Breakage(
        lambda w: w.clients.redis.hset(NEW_A, "positive", "13"), "redis.eaos", EAOS, CHANGED, A, NEW_A, "positive"),
    "a score is rounded": Breakage(
        lambda w: w.clients.redis.hset(NEW_A, "score", "0.8"), "redis.eaos", EAOS, CHANGED, A, NEW_A, "score"),
    "an instant is a second off": Breakage(
        lambda w: w.clients.redis.hset(NEW_A, "updated_at", "2025-11-20T06:05:01Z"),
        "redis.eaos", EAOS, CHANGED, A, NEW_A, "updated_at"),
    "an instant keeps its offset": Breakage(
        lambda w: w.clients.redis.hset(NEW_A, "updated_at", "2025-11-20T13:05:00+07:00"),
        "redis.schema", Rule.REDIS_SCHEMA, SCHEMA, None, NEW_A, "updated_at"),
    "a count has a decimal point": Breakage(
        lambda w: w.clients.redis.hset(NEW_A, "negative", f"{w.clients.redis.hget(NEW_A, 'negative').decode()}.0"),
        "redis.schema", Rule.REDIS_SCHEMA, SCHEMA, None, NEW_A, "negative"),
    "a count stands in quotes": Breakage(
        lambda w: w.clients.redis.hset(NEW_A, "neutral", f'"{w.clients.redis.hget(NEW_A, "neutral").decode()}"'),
        "redis.schema", Rule.REDIS_SCHEMA, SCHEMA, None, NEW_A, "neutral"),
    "a score stands in quotes": Breakage(
        lambda w: w.clients.redis.hset(NEW_A, "score", f'"{w.clients.redis.hget(NEW_A, "score").decode()}"'),
        "redis.schema", Rule.REDIS_SCHEMA, SCHEMA, None, NEW_A, "score"),
    "a field is missing": Breakage(
        lambda w: w.clients.redis.hdel(NEW_A, "total"), "redis.eaos", EAOS, MISSING, A, NEW_A, "total"),
    "a field too many": Breakage(
        lambda w: w.clients.redis.hset(NEW_A, "model", "x"), "redis.schema", Rule.REDIS_SCHEMA, SCHEMA, None, NEW_A,
        "model"),
    "a filled instant is outside the run": Breakage(
        lambda w: w.clients.redis.hset("eaos:current:show/filled", "updated_at", "2025-11-20T06:05:00Z"),
        "redis.eaos", EAOS, CHANGED, "eaos:filled", "eaos:current:show/filled", "updated_at"),
    "a key is dropped": Breakage(
        lambda w: w.clients.redis.delete(NEW_A), "redis.eaos", EAOS, MISSING, A, NEW_A, "key"),
    "a key has the wrong type": Breakage(
        _to_string, "redis.schema", Rule.REDIS_SCHEMA, SCHEMA, None, NEW_A, "type"),
    "a record under the wrong type is no record": Breakage(
        _to_string, "redis.eaos", EAOS, CHANGED, A, NEW_A, "type"),
    "a TTL is lost": Breakage(
        lambda w: w.clients.redis.persist("eaos:current:show/hour"),
        "redis.ttl", Rule.REDIS_TTL, MISSING, "eaos:hour", "eaos:current:show/hour", "ttl"),
    "a TTL begins anew": Breakage(
        lambda w: w.clients.redis.pexpire("trends:top:5min", 3_700_000),
        "redis.ttl", Rule.REDIS_TTL, CHANGED, "trend:5m", "trends:top:5min", "ttl"),
    "a TTL appears": Breakage(
        lambda w: w.clients.redis.pexpire(NEW_A, 60_000), "redis.ttl", Rule.REDIS_TTL, EXTRA, A, NEW_A, "ttl"),
    "a merged list takes the TTL of one source, and another had none": Breakage(
        lambda w: w.clients.redis.pexpire(EVENTS_A, 3_600_000),
        "redis.ttl", Rule.REDIS_TTL, EXTRA, "metrics:buzz", EVENTS_A, "ttl"),
    "a trend's score is rounded": Breakage(
        lambda w: w.clients.redis.zadd("trends:top:5min", {"tenth": 0.10000000000000002}),
        "redis.trend", TREND, CHANGED, "trend:5m#tenth", "trends:top:5min", "score"),
    "an infinite score is made finite": Breakage(
        lambda w: w.clients.redis.zadd("trends:top:5min", {"up": 1.7976931348623157e308}),
        "redis.trend", TREND, CHANGED, "trend:5m#up", "trends:top:5min", "score"),
    "a trend's member is dropped": Breakage(
        lambda w: w.clients.redis.zrem("trends:top:5min", "down"),
        "redis.trend", TREND, MISSING, "trend:5m#down", "trends:top:5min", "member"),
    "a trend has a member too many": Breakage(
        lambda w: w.clients.redis.zadd("trends:top:5min", {"new": 1}),
        "redis.trend", TREND, EXTRA, None, "trends:top:5min", "member"),
    "a topic is written in another case": Breakage(
        lambda w: _rename_topic(w, "up", "Up"), "redis.trend", TREND, CHANGED, "trend:5m#up", "trends:top:5min",
        "member"),
    "a topic is renamed as an entity": Breakage(
        lambda w: _rename_topic(w, "up", "show/up"), "redis.trend", TREND, CHANGED, "trend:5m#up", "trends:top:5min",
        "member"),
    "two events are swapped": Breakage(
        _swap, "redis.metric", METRIC, CHANGED, "metrics:buzz#0", EVENTS_A, "order"),
    "an event is dropped": Breakage(
        lambda w: w.clients.redis.lpop(EVENTS_A), "redis.metric", METRIC, MISSING, "metrics:buzz#2", EVENTS_A, "item"),
    "an event is written twice": Breakage(
        lambda w: w.clients.redis.rpush(EVENTS_A, w.clients.redis.lindex(EVENTS_A, -1) or b""),
        "redis.metric", METRIC, EXTRA, None, f"{EVENTS_A}#5", "item"),
    "a field in data is lost": Breakage(
        _item(EVENTS_A, 0, lambda event: event["data"].pop("unit")),
        "redis.metric", METRIC, MISSING, "metrics:buzz#2", EVENTS_A, "data.unit"),
    "an event's data keeps what has a place of its own": Breakage(
        _item(EVENTS_A, 0, lambda event: event["data"].update(entity="a")),
        "redis.metric", METRIC, EXTRA, "metrics:buzz#2", EVENTS_A, "data.entity"),
    "a value is text": Breakage(
        _item(EVENTS_A, 2, lambda event: event.update(value="12")),
        "redis.metric", METRIC, CHANGED, "metrics:views#0", EVENTS_A, "value"),
    "an event's instant is wrong": Breakage(
        _item(EVENTS_A, 0, lambda event: event.update(timestamp="2025-11-20T13:01:00Z")),
        "redis.metric", METRIC, CHANGED, "metrics:buzz#2", EVENTS_A, "timestamp"),
    "an event lacks a member": Breakage(
        _item(EVENTS_A, 0, lambda event: event.pop("type")),
        "redis.schema", Rule.REDIS_SCHEMA, SCHEMA, None, f"{EVENTS_A}#0", "item"),
    "a list is under another date": Breakage(
        lambda w: w.clients.redis.rename(EVENTS_A, "events:show/a:2025-11-21"),
        "redis.extra", Rule.REDIS_SCHEMA, EXTRA, None, "events:show/a:2025-11-21", "key"),
    "an old key is left": Breakage(
        lambda w: w.clients.redis.set(A, "{}"), "redis.old-keys", EAOS, EXTRA, A, A, "key"),
    "a quarantined key is removed": Breakage(
        lambda w: w.clients.redis.delete("eaos:bad"), "redis.old-keys", EAOS, MISSING, "eaos:bad", "eaos:bad", "key"),
    "a quarantined key loses its TTL": Breakage(
        lambda w: w.clients.redis.persist("eaos:bad"), "redis.ttl", Rule.REDIS_TTL, MISSING, "eaos:bad", "eaos:bad",
        "ttl"),
    "a quarantined item is dropped": Breakage(
        lambda w: w.clients.redis.lpop("metrics:bare"), "redis.old-keys", METRIC, CHANGED, "metrics:bare",
        "metrics:bare", "[0]"),
    "a mapped item is left in its old list": Breakage(
        lambda w: w.clients.redis.rpush("metrics:buzz", "{}"), "redis.old-keys", METRIC, EXTRA, "metrics:buzz",
        "metrics:buzz", "[1]"),
    "a staging key is left": Breakage(
        lambda w: w.clients.redis.set("tvmigrate:run", "1"), "redis.extra", Rule.REDIS_SCHEMA, EXTRA, None,
        "tvmigrate:run", "key"),
    "a backup is left in another database": Breakage(
        lambda w: w.clients.redis_db(7).set("backup", "1"), "redis.extra", Rule.REDIS_SCHEMA, EXTRA, None, "7:backup",
        "key"),
    "an unrelated key in database 3 is changed": Breakage(
        lambda w: w.clients.redis_db(3).sadd("flags", "new"), "redis.unrelated", UNRELATED, EXTRA, "3:flags", "3:flags",
        "new"),
    "an unrelated key that looks like an old one is migrated": Breakage(
        lambda w: w.clients.redis_db(3).delete("eaos:a"), "redis.unrelated", UNRELATED, MISSING, "3:eaos:a", "3:eaos:a",
        "key"),
    "an unrelated key gets a TTL": Breakage(
        lambda w: w.clients.redis.pexpire("settings", 60_000), "redis.unrelated", UNRELATED, EXTRA, "settings",
        "settings", "ttl"),
    "a stream has an entry more": Breakage(
        lambda w: w.clients.redis_db(3).xadd("stream", {"user": "x"}, id="1763618700000-2"),
        "redis.unrelated", UNRELATED, EXTRA, "3:stream", "3:stream", "entries.1763618700000-2"),
    "a stream had an entry for a while": Breakage(
        lambda w: w.clients.redis_db(3).xdel("stream", w.clients.redis_db(3).xadd("stream", {"user": "x"})),
        "redis.unrelated", UNRELATED, CHANGED, "3:stream", "3:stream", "last-generated-id"),
    "a consumer group is lost": Breakage(
        lambda w: [w.clients.redis.xgroup_destroy("queue:comments", group["name"])
                   for group in w.clients.redis.xinfo_groups("queue:comments")],
        "redis.unrelated", UNRELATED, MISSING, "queue:comments", "queue:comments", "groups[0]"),
    "a hash field does not expire any more": Breakage(
        lambda w: w.clients.redis.hpersist("session:fields", *w.clients.redis.hkeys("session:fields")),
        "redis.unrelated", UNRELATED, MISSING, "session:fields", "session:fields", "\\expires"),
    "new data that no old key maps to is changed": Breakage(
        lambda w: w.clients.redis.hset("eaos:current:show/finale", "score", "0.6"),
        "redis.unrelated", UNRELATED, CHANGED, "eaos:current:show/finale", "eaos:current:show/finale", "score"),
    "a quarantine reason is wrong": Breakage(
        lambda w: w.sql(f"ALTER TABLE {QUARANTINE} UPDATE reason = 'bad-number' WHERE record_key = 'eaos:unread'"),
        "redis.quarantine", EAOS, CHANGED, "eaos:unread", "migration_quarantine", "reason"),
    "a quarantine row is missing": Breakage(
        lambda w: w.sql(f"ALTER TABLE {QUARANTINE} DELETE WHERE record_key = 'metrics:buzz#1'"),
        "redis.quarantine", METRIC, MISSING, "metrics:buzz#1", "migration_quarantine", "reason"),
    "a good record is in quarantine": Breakage(
        lambda w: w.sql(
            f"INSERT INTO {QUARANTINE} SELECT * REPLACE ('eaos:a' AS record_key)"
            f" FROM (SELECT * FROM {QUARANTINE} WHERE record_key = 'eaos:bad')"),
        "redis.quarantine", EAOS, EXTRA, "eaos:a", "migration_quarantine", "reason"),
    "a record is quarantined twice": Breakage(
        lambda w: w.sql(f"INSERT INTO {QUARANTINE} SELECT * FROM {QUARANTINE} WHERE record_key = 'trend:30m#song'"),
        "redis.quarantine", TREND, EXTRA, "trend:30m#song", "migration_quarantine", "reason"),
    "a quarantined record is emptied": Breakage(
        lambda w: w.sql(f"ALTER TABLE {QUARANTINE} UPDATE record = '' WHERE record_key = 'metrics:buzz#1'"),
        "redis.quarantine", METRIC, MISSING, "metrics:buzz#1", "migration_quarantine", "record"),
    "a quarantined member has another score": Breakage(
        lambda w: w.sql(
            f"ALTER TABLE {QUARANTINE} UPDATE record = '[\"song\",2.5]' WHERE record_key = 'trend:30m#song'"),
        "redis.quarantine", TREND, CHANGED, "trend:30m#song", "migration_quarantine", "record[1]"),
    "a quarantined value is cut short": Breakage(
        lambda w: w.sql(
            f"ALTER TABLE {QUARANTINE} UPDATE record = substring(record, 1, 20) WHERE record_key = 'eaos:unread'"),
        "redis.quarantine", EAOS, CHANGED, "eaos:unread", "migration_quarantine", "record"),
    "there is no quarantine": Breakage(
        lambda w: w.sql(f"DROP TABLE {QUARANTINE} SYNC"), "redis.quarantine", EAOS, SCHEMA, None,
        "tv_analytics.migration_quarantine", None),
    "archived fields are lost": Breakage(
        lambda w: w.sql(f"TRUNCATE TABLE {ARCHIVE}"), "redis.archive", EAOS, MISSING, "eaos:archived",
        "migration_archive", None),
    "an archived value is changed": Breakage(
        lambda w: w.sql(
            f"ALTER TABLE {ARCHIVE} UPDATE fields = replaceOne(fields, ':2', ':3') WHERE record_key = 'eaos:archived'"),
        "redis.archive", EAOS, CHANGED, "eaos:archived", "migration_archive", "model.v"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_breakage_is_found_by_store_rule_key_and_field(migrated: World, name: str) -> None:
    breakage = BREAKAGES[name]
    breakage.do(migrated)
    result = migrated.judge("redis.")[breakage.check]
    of_new_keys = breakage.check in {f"redis.{name}" for name in ("eaos", "trend", "metric", "schema", "extra")}
    assert not (of_new_keys and migrated.book.is_as_due(EAOS))
    wanted = (Store.REDIS, breakage.rule, breakage.direction, breakage.old, breakage.new, breakage.field)
    found = [(f.store, f.rule, f.direction, f.old, f.new, f.field) for f in result.findings]
    assert result.state is State.FAIL
    assert wanted in found
    assert all(f.note.endswith((".", "…", "}", "]")) for f in result.findings)


def test_a_renamed_topic_is_one_finding(migrated: World) -> None:
    _rename_topic(migrated, "tenth", "TENTH")
    (finding,) = migrated.judge("redis.")["redis.trend"].findings
    assert (finding.expected, finding.actual) == ("tenth", "TENTH")
    assert finding.note == (
        "The topic 'tenth' of trend:5m stands as 'TENTH' in trends:top:5min. A topic is kept as it is written, and "
        "never renamed."
    )


def test_a_list_of_the_wrong_type_is_one_finding_and_the_ledger_names_its_events(migrated: World) -> None:
    migrated.clients.redis.delete(EVENTS_A)
    migrated.clients.redis.set(EVENTS_A, "[]")
    result = migrated.judge("redis.")["redis.metric"]
    assert [(f.new, f.field, f.expected, f.actual) for f in result.findings] == [(EVENTS_A, "type", "list", "string")]
    assert migrated.book.lost_total(METRIC) == 5


def test_a_topic_with_another_score_is_another_topic(migrated: World) -> None:
    migrated.clients.redis.zrem("trends:top:5min", "tenth")
    migrated.clients.redis.zadd("trends:top:5min", {"TENTH": 0.2})
    findings = migrated.judge("redis.")["redis.trend"].findings
    assert {finding.direction for finding in findings} == {MISSING, EXTRA}


def test_a_trend_of_another_window_is_one_finding(migrated: World) -> None:
    (other,) = (key for key in migrated.context.reference.dataset.redis_keys() if key.key == b"trend:30m")
    trend = ExpectedKey(0, b"trends:top:1hour", "zset", TREND, "trend:60m", redis_state.of_dataset(other), None)
    hour = LiveKey(0, b"trends:top:5min", "zset", trend.state, None)
    five = replace(trend, key=b"trends:top:5min", old="trend:5m", state={"value": {"up": "1.0"}})
    (finding,) = trend_findings(five, hour, [five, trend])
    assert (finding.direction, finding.field, finding.expected, finding.actual) == (
        CHANGED, "window", "trend:5m", "trend:60m",
    )  # fmt: skip
    assert finding.note == (
        "trends:top:5min holds what trend:60m becomes, and trend:5m should stand there. The window of trend:60m is "
        "trends:top:1hour."
    )


def test_keys_that_are_kept_are_looked_for_with_old_kept(migrated: World) -> None:
    result = migrated.judge("redis.", old_end_state=OldEndState.KEPT)["redis.old-keys"]
    assert {(f.old, f.field, f.direction) for f in result.findings if f.rule == EAOS} == {
        (name, "key", MISSING) for name in (A, "eaos:hour", "eaos:filled", "eaos:archived")
    }


def test_kept_old_keys_are_right_with_old_kept(migrated: World) -> None:
    migrated.clients.redis.set("eaos:bad2", "{")
    migrated.clients.redis.rename("eaos:bad2", A)
    kept = migrated.judge("redis.", old_end_state=OldEndState.KEPT)["redis.old-keys"]
    assert (A, "value", CHANGED) in {(f.old, f.field, f.direction) for f in kept.findings}


def test_a_quarantine_kept_elsewhere_is_not_judged_and_the_new_data_is(migrated: World) -> None:
    migrated.sql(f"DROP TABLE {QUARANTINE} SYNC")
    migrated.sql(f"DROP TABLE {ARCHIVE} SYNC")
    results = migrated.judge("redis.", quarantine=QuarantineKind.NONE)
    states = {name: result.state for name, result in results.items()}
    assert states.pop("redis.quarantine") is State.EMPTY
    assert states.pop("redis.archive") is State.EMPTY
    assert set(states.values()) == {State.PASS}
    assert all(line.balanced for line in migrated.book.lines())


def test_an_event_of_an_expired_source_may_be_there_or_not() -> None:
    expected = [
        ExpectedEvent(f"metrics:x#{n}", f'{{"metric":"x","timestamp":"2025-11-20T06:0{n}:00Z"}}', deadline, Fate.MAPPED)
        for n, deadline in enumerate((None, 1000))
    ]
    items = [event.text for event in expected]
    assert compare_list("events:x", expected, items, 2000).findings == []
    assert compare_list("events:x", expected, items[:1], 2000).findings == []
    assert [f.old for f in compare_list("events:x", expected, items[:1], 500).findings] == ["metrics:x#1"]


def test_an_event_written_in_another_way_is_the_same_event(migrated: World) -> None:
    other = _item(EVENTS_A, 0, lambda event: event.update(timestamp="2025-11-20T06:01:00.000Z", value=5e-1))
    other(migrated)
    assert migrated.judge("redis.")["redis.metric"].state is State.PASS


def test_an_event_with_escapes_is_read_as_json(migrated: World) -> None:
    name = "events:show/c\\d:2025-11-20"
    _item(name, 0, lambda event: None)(migrated)  # json.dumps writes what is not ASCII as escapes
    results = migrated.judge("redis.")
    assert [results[check].findings for check in ("redis.metric", "redis.schema")] == [(), ()]
    _item(name, 0, lambda event: event["data"].update(note='"x" ọ'))(migrated)
    (finding,) = migrated.judge("redis.")["redis.metric"].findings
    assert (finding.old, finding.field, finding.expected) == ("metrics:views#2", "data.note", '"x" \\ ọ')


def test_an_item_that_is_not_utf8_is_no_event(migrated: World) -> None:
    migrated.clients.redis.lset(EVENTS_A, 0, b'{"type": "\xff"}')
    results = migrated.judge("redis.")
    assert f"{EVENTS_A}#0" in [f.new for f in results["redis.schema"].findings]
    assert "metrics:buzz#2" in [f.old for f in results["redis.metric"].findings]


def test_two_keys_with_one_target_are_both_named(migrated: World) -> None:
    same = Policy(show="show", entity_map={"a": "show/one", "hour": "show/one"})
    findings = migrated.judge("redis.", policy=same)["redis.eaos"].findings
    assert ("eaos:hour", "eaos:current:show/one", "eaos:a") in [(f.old, f.new, f.expected) for f in findings]


def test_where_there_is_no_quarantine_it_is_told_how_many_records_should_be_in_it(migrated: World) -> None:
    migrated.sql(f"DROP TABLE {QUARANTINE} SYNC")
    findings = migrated.judge("redis.quarantine")["redis.quarantine"].findings
    told = {
        f.rule: re.findall(r"^There is no table (\S+), though (\d+) records of (\S+) do not map\. ", f.note)
        for f in findings
    }
    assert set(told) == {Rule.REDIS_EAOS, Rule.REDIS_TREND, Rule.REDIS_METRIC}
    assert all(rule == name and table == QUARANTINE and int(n) > 0 for rule, ((table, n, name),) in told.items())
