"""What V2 wrote after the switch: archived by a rollback, carried back into the old layout, brought forward again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tool.migrate.stores import Stores, different
from tvmigrate.contract import new, old
from tvmigrate.events import Event, Started
from tvmigrate.migrate import run
from tvmigrate.migrate.errors import MigrationError

ROW = {
    "comment_id": "v2", "program_id": "the_voice/contestant_1", "text": "mới", "username": "lan",
    "timestamp": "2025-11-20 06:40:30.000", "sentiment": "neutral", "sentiment_score": 0.5, "engagement_score": 2,
    "topics": ["show", "v2"], "eaos_score": None,
}  # fmt: skip
DOCUMENT = {
    "comment_id": "v2", "program_id": "the_voice/contestant_1", "text": "mới", "username": "lan",
    "timestamp": "2025-11-20T06:40:30Z", "sentiment": "neutral", "sentiment_score": 0.5, "engagement_score": 2,
    "topics": ["show", "v2"],
}  # fmt: skip
METRIC = {
    "program_id": "the_voice/v2", "timestamp": "2025-11-20 06:40:30.000", "score": 0.5, "positive_count": 1,
    "negative_count": 2, "neutral_count": 3, "total_comments": 7,
}  # fmt: skip
HASH = {"score": "0.5", "positive": 1, "negative": 2, "neutral": 3, "total": 6, "updated_at": "2026-01-01T00:00:00Z"}
EVENTS = "events:the_voice/v2:2026-01-01"
PROGRAM = "eaos:current:the_voice/"


def event(value: float, kind: str = "metric") -> str:
    body = {
        "type": kind, "metric": "v2", "program_id": "the_voice/v2", "timestamp": "2026-01-01T00:00:00Z",
        "value": value, "data": {"mark": value},
    }  # fmt: skip
    return json.dumps(body, separators=(",", ":"))


def insert(stores: Stores, table: str, row: dict[str, Any]) -> None:
    stores.clients.clickhouse.raw_insert(f"{new.DATABASE}.{table}", insert_block=json.dumps(row), fmt="JSONEachRow")


def write_reversible(stores: Stores) -> None:
    """Write through V2 what the old layout can hold: new, changed and deleted keys, rows and documents."""
    redis, documents = stores.clients.redis, stores.clients.elasticsearch
    redis.hset(f"{PROGRAM}contestant_1", mapping=HASH)
    redis.hset(f"{PROGRAM}v2", mapping=HASH)
    redis.pexpire(f"{PROGRAM}v2", 3_600_000)
    redis.delete(f"{PROGRAM}contestant_4")
    redis.zadd("trends:top:5min", {"v2": 7.5})
    redis.rpush(EVENTS, event(1), event(2))
    insert(stores, "raw_comments", ROW)
    insert(stores, "raw_comments", ROW)  # the same twice: it stays there twice
    insert(stores, "eaos_metrics", METRIC)
    for change in ("UPDATE text = 'again' WHERE comment_id = 'k001'", "DELETE WHERE comment_id = 'k002'"):
        stores.clients.clickhouse.command(
            f"ALTER TABLE {new.DATABASE}.raw_comments {change}", settings={"mutations_sync": 2}
        )
    documents.index(index=new.ALIAS, id="v2", document=DOCUMENT)
    changed = documents.get(index=new.ALIAS, id="k001")["_source"] | {"text": "again"}
    documents.index(index=new.ALIAS, id="k001", document=changed)
    documents.delete(index=new.ALIAS, id="k002")


def write_more(stores: Stores) -> None:
    """Write through V2 what the old layout cannot hold, or not wholly."""
    redis = stores.clients.redis
    redis.hset(f"{PROGRAM}contestant_2", "score", "0.50")  # as no rule writes it
    redis.hset(f"{PROGRAM}contestant_3", "note", "of V2")
    redis.zadd("trends:top:1day", {"v2": 1})
    redis.rpush(EVENTS, event(3, "alert"))
    lists = sorted(key for key in redis.scan_iter("events:*") if redis.llen(key) > 1 and key != EVENTS.encode())
    redis.ltrim(lists[0], 1, -1)
    insert(stores, "raw_comments", ROW | {"comment_id": "fine", "sentiment_score": 0.1,
                                          "timestamp": "2025-11-20 06:40:30.123"})  # fmt: skip
    insert(stores, "raw_comments", ROW | {"comment_id": "stranger", "program_id": "of no show"})
    insert(stores, "anomalies", {"program_id": "p", "timestamp": "2026-01-01 00:00:00.000", "metric": "m", "value": 1})
    insert(
        stores, "comment_aggregates", {"program_id": "p", "timestamp": "2026-01-01 00:00:00", "topic": "v2", "count": 3}
    )
    stores.clients.elasticsearch.index(index=new.ALIAS, id="bare", document={"comment_id": "bare"})


def new_state(stores: Stores) -> dict[str, Any]:
    """Return what is in the new layout, by what it means; aggregates are worked out anew by each migration."""
    found: dict[str, Any] = {}
    for name, value in stores.picture().items():
        if name.startswith("redis 0"):
            found[name] = value
        elif name.startswith("elasticsearch tv_comments_v2 "):
            found[name] = json.loads(value)
    for table in ("raw_comments", "eaos_metrics", "anomalies"):
        found[table] = sorted(map(repr, stores._rows(f"SELECT * FROM {new.DATABASE}.{table}")))
    return found


def carry_back(stores: Stores) -> run.Done:
    return run.rollback(stores.endpoints, stores.state, stores.hear, carry_back=True)


def reapply(stores: Stores) -> run.Done:
    return run.apply(stores.endpoints, None, None, stores.state, stores.hear, forward=True)


def first_folder(stores: Stores) -> Any:
    return min((stores.state / "runs").iterdir())


def test_what_the_old_layout_can_hold_comes_back_with_it_and_forward_by_the_rules_alone(stores: Stores) -> None:
    """Assert the property, with a way back that is stopped again and again and carries everything once."""
    stores.apply()
    write_reversible(stores)
    wanted = new_state(stores)
    stores.said.clear()
    for step in ("restore.redis", "carry.redis", "carry.clickhouse", "carry.elasticsearch", "clean.clickhouse"):

        def stop(event: Event, step: str = step) -> None:
            stores.hear(event)
            if event == Started(step):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run.rollback(stores.endpoints, stores.state, stop, carry_back=True)
    done = stores.rollback()
    assert "and V2 carried them on. What V2 wrote after the switch is archived in " in done.text
    folder = first_folder(stores) / "after_switch"
    counted = {
        store: sorted(text.partition(": ")[2].partition("; archived")[0].split(", "))
        for store in ("redis", "clickhouse", "elasticsearch")
        for text in stores.said
        if text.startswith(f"Written to {store} after the switch: ")
    }
    assert counted == {
        "redis": ["1 deleted", "2 changed", "2 new"],
        "clickhouse": ["2 deleted", "4 new"],
        "elasticsearch": ["1 changed", "1 deleted", "1 new"],
    }
    redis = stores.clients.redis
    assert json.loads(redis.get("eaos:v2") or b"")["metadata"]["total"] == 6
    assert redis.pttl("eaos:v2") > 0
    assert redis.exists("eaos:contestant_4", f"{PROGRAM}v2", EVENTS) == 0
    assert redis.zscore("trend:5m", "v2") == 7.5
    rows = stores._rows(
        f"SELECT comment_id, entity, text FROM {old.DATABASE}.comments WHERE comment_id IN ('v2', 'k001', 'k002')"
    )
    assert sorted(rows) == [("k001", "contestant_1", "again"), *[("v2", "contestant_1", "mới")] * 2]
    told = json.loads((folder / "carried.json").read_text())["carried"]
    assert {one["what"] for one in told} == {"carried back"}
    assert {one["rule"]: one["records"] for one in told} == {
        "redis.eaos": 3, "redis.trend": 1, "redis.metric": 2, "clickhouse.comments": 5, "clickhouse.eaos_metrics": 1,
        "elasticsearch.comments": 3,
    }  # fmt: skip
    stores.apply()
    assert different(wanted, new_state(stores)) == {}


def test_reapply_brings_forward_what_the_old_layout_cannot_hold_too(stores: Stores) -> None:
    stores.apply()
    write_reversible(stores)
    write_more(stores)
    wanted = new_state(stores)
    carry_back(stores)
    carried = stores.picture()
    told = json.loads((first_folder(stores) / "after_switch" / "carried.json").read_text())["carried"]
    kept = {(one["rule"], one["why"]) for one in told if one["what"] != "carried back"}
    assert kept == {
        ("redis.eaos", "the spelling of score"),
        ("redis.eaos", "it has the fields negative, neutral, note, positive, score, total, updated_at"),
        ("redis.trend", "no window becomes it"),
        ("redis.metric", "it is no event of a metric"),
        ("redis.metric", "that it was taken off its list"),
        ("clickhouse.comments", "digits of timestamp, sentiment_score"),
        ("clickhouse.comments", "no entity becomes the program id 'of no show'"),
        ("clickhouse.aggregates", "all: they are worked out anew from the comments"),
        ("clickhouse.anomalies", "all: the old layout has no anomalies"),
        (
            "elasticsearch.comments",
            "the next migration would set it aside: none of text, content, comment_text",
        ),
    }
    assert stores.clients.redis.hexists(f"{PROGRAM}contestant_3", "note") is False
    reapply(stores)
    assert different(wanted, new_state(stores)) == {}
    own = f"SELECT count FROM {new.DATABASE}.comment_aggregates WHERE topic = 'v2' AND program_id = 'p'"
    assert stores._rows(own) == [(3,)]
    assert [text for text in stores.said if text.startswith("Not brought forward")] == []
    stores.rollback()  # V2's own keys that no rule carries back stay where they are
    assert set(different(carried, stores.picture())) == {"redis 0 b'trends:top:1day'"}


def test_after_a_plain_rollback_reapply_brings_forward_what_nobody_wrote_to_since(stores: Stores) -> None:
    before = stores.picture()
    stores.apply()
    write_reversible(stores)
    wanted = new_state(stores)
    done = stores.rollback()
    assert "`tvmigrate reapply` migrates again and brings it forward." in done.text
    left = {f"redis 0 b'{PROGRAM}v2'", f"redis 0 b'{EVENTS}'"}  # V2's own keys stay where they are
    assert set(different(before, stores.picture())) == left
    stores.clients.redis.set("eaos:contestant_1", '{"score": 0.25, "positive": 9}')
    stores.clients.elasticsearch.index(
        index=old.INDEX.name, id="k001", refresh=True,
        document={"text": "old app", "entity": "contestant_1", "ts": 1, "sentiment": "neutral", "score": 1},
    )  # fmt: skip
    reapply(stores)
    found = new_state(stores)
    apart = different(wanted, found)
    assert set(apart) == {f"redis 0 b'{PROGRAM}contestant_1'", "elasticsearch tv_comments_v2 k001"}
    assert stores.clients.redis.hget(f"{PROGRAM}contestant_1", "score") == b"0.25"
    since = "since old data were written there after the rollback: 1, such as"
    assert [text.partition(" All")[0] for text in stores.said if text.startswith("Not brought forward")] == [
        f"Not brought forward in redis, {since} {PROGRAM}contestant_1.",
        f"Not brought forward in elasticsearch, {since} k001.",
    ]


def test_carrying_back_is_refused_when_it_is_too_late_and_reapply_when_nothing_was_rolled_back(stores: Stores) -> None:
    with pytest.raises(MigrationError) as refused:
        reapply(stores)
    assert str(refused.value) == (
        f"{stores.state} knows of no run on these stores that was rolled back; `tvmigrate reapply` is for what V2 had "
        "written before a rollback. Migrate with `tvmigrate apply`."
    )
    stores.killed("apply", "redis_parts.carry_out#1")
    stores.rollback()  # keys that were begun and never written are none that V2 deleted
    assert [text for text in stores.said if text.startswith("Written to ")] == []
    stores.apply()
    stores.killed("rollback", "clean.clickhouse")
    with pytest.raises(MigrationError, match=r"begun without --carry-back and has come too far for it\. End it with"):
        carry_back(stores)
    stores.rollback()
