"""That the way back ends where it began, from everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tool.migrate.stores import Stores, different
from tvmigrate.contract import new
from tvmigrate.migrate import run
from tvmigrate.migrate.errors import MigrationError, RolledBackNoMore
from tvmigrate.migrate.journal import Journal


def test_rollback_before_any_apply_says_that_there_is_nothing(stores: Stores) -> None:
    before = stores.picture()
    assert stores.rollback().text == f"There is nothing to roll back: {stores.state} knows of no run on these stores."
    assert different(before, stores.picture()) == {}


def test_a_second_rollback_does_nothing_and_a_second_apply_is_a_new_run(stores: Stores) -> None:
    before = stores.picture()
    first = stores.apply()
    assert first.run is not None
    assert stores.status() == (
        f"Applied: the run {first.run.id}. `tvmigrate rollback` goes back, `tvmigrate finish` drops what is "
        "kept for that."
    )
    assert stores.rollback().text == f"The run {first.run.id} is rolled back: the old data are as its backup has them."
    assert different(before, stores.picture()) == {}
    assert stores.status() == f"Rolled back: the run {first.run.id}. `tvmigrate apply` begins anew."
    again = stores.rollback()
    assert again.text == f"The run {first.run.id} is rolled back already; nothing was changed."
    assert not again.changed
    assert different(before, stores.picture()) == {}
    assert [path for path in stores.folder().rglob("*") if "after_switch" in path.parts and path.is_file()] == []
    second = stores.apply()
    assert second.run is not None
    assert second.run.id > first.run.id
    assert second.ledger == first.ledger
    stores.rollback()
    assert different(before, stores.picture()) == {}


def test_what_changed_since_the_switch_is_saved_before_it_goes(stores: Stores) -> None:
    redis = stores.clients.redis
    redis.set("eaos:brief", '{"score": 1, "positive": 1}', px=60_000)
    before = stores.picture()
    stores.apply()
    key = "eaos:current:the_voice/contestant_1"
    redis.hset(key, "score", "0.5")
    redis.set("eaos:contestant_2", "an old writer was here")
    redis.set("eaos:current:the_voice/of_v2", "not written by the run")
    stores.clients.clickhouse.command(
        f"INSERT INTO {new.DATABASE}.raw_comments (comment_id, program_id, sentiment) VALUES ('late', 'p', 'neutral')"
    )
    stores.clients.elasticsearch.index(index=new.ALIAS, id="late", document={"comment_id": "late"})
    stores.rollback()
    assert redis.getdel("eaos:current:the_voice/of_v2") == b"not written by the run"
    assert different(before, stores.picture()) == {}
    folder = stores.folder() / "after_switch"
    saved = {line["key"]: line["value"] for line in _lines(folder / "redis.ndjson")}
    assert set(saved) == {key, "eaos:contestant_2"}
    assert saved[key]["score"] == "0.5"
    assert saved["eaos:contestant_2"] == "an old writer was here"
    sentence = (
        f"Redis keys changed since the switch: 2; they were saved in {folder / 'redis.ndjson'} before the rollback."
    )
    assert sentence in stores.said
    sentence = (
        f"tv_comments_v2 was written to after the switch; 1 documents were saved in {folder} before the index goes."
    )
    assert sentence in stores.said
    rows = _lines(folder / "clickhouse" / "raw_comments.ndjson")
    assert [(row["comment_id"], row["copies"]) for row in rows] == [("late", 1)]
    assert [line["_id"] for line in _lines(folder / "elasticsearch" / "tv_comments_v2.ndjson")] == ["late"]


def test_a_key_that_expired_meanwhile_stays_gone(stores: Stores) -> None:
    redis = stores.clients.redis
    redis.set("eaos:brief", '{"score": 1, "positive": 1}', px=600_000)
    done = stores.apply()
    assert done.run is not None
    redis.pexpire("eaos:current:the_voice/brief", 1)
    with Journal(stores.state) as journal:  # ten minutes ago is when the backup was made
        journal.note(done.run.id, "redis.epoch_ms", journal.noted(done.run.id, "redis.epoch_ms") - 600_000)
    stores.rollback()
    assert redis.exists("eaos:brief") == 0


def test_a_backup_that_is_not_what_was_written_is_refused_before_anything_changes(stores: Stores) -> None:
    before = stores.picture()
    stores.apply()
    migrated = stores.picture()
    file = stores.folder() / "backup" / "redis.ndjson"
    whole = file.read_bytes()
    file.write_bytes(b"")
    for accepted in (False, True):
        with pytest.raises(MigrationError, match=r"redis\.ndjson"):
            run.rollback(stores.endpoints, stores.state, stores.hear, accept_damaged=accepted)
    assert different(migrated, stores.picture()) == {}
    file.write_bytes(whole)
    stores.rollback()
    assert different(before, stores.picture()) == {}


def test_a_replaced_target_comes_back_with_its_ttl(stores: Stores) -> None:
    redis = stores.clients.redis
    redis.hset("eaos:current:the_voice/contestant_1", "score", "other")
    redis.pexpire("eaos:current:the_voice/contestant_1", 3_600_000)
    before = stores.picture()
    stores.apply(existing="replace")
    assert redis.hlen("eaos:current:the_voice/contestant_1") == 6
    assert redis.pttl("eaos:current:the_voice/contestant_1") == -1
    stores.rollback()
    assert different(before, stores.picture()) == {}


def test_a_kept_target_is_never_touched(stores: Stores) -> None:
    redis = stores.clients.redis
    redis.hset("eaos:current:the_voice/contestant_1", "score", "9")
    before = stores.picture()
    stores.apply(existing="keep")
    assert redis.hgetall("eaos:current:the_voice/contestant_1") == {b"score": b"9"}
    assert redis.exists("eaos:contestant_1") == 0
    stores.rollback()
    assert different(before, stores.picture()) == {}


def test_empty_new_tables_that_were_there_before_are_there_again(stores: Stores) -> None:
    for table in (new.RAW_COMMENTS, new.ANOMALIES):
        stores.clients.clickhouse.command(table.create(new.DATABASE))
    before = stores.picture()
    stores.apply()
    stores.rollback()
    assert different(before, stores.picture()) == {}


def test_finish_drops_the_kept_copies_and_refuses_a_rollback_after_that(stores: Stores) -> None:
    applied = stores.apply()
    assert applied.run is not None
    run_id = applied.run.id
    done = stores.finish()
    assert done.text == f"The run {run_id} is finished for good: the kept copies are gone, the backup stays."
    assert [name for name in stores.picture() if run_id in name] == []
    with pytest.raises(RolledBackNoMore) as refused:
        stores.rollback()
    assert str(refused.value) == (
        f"The run {run_id} was finished: `tvmigrate finish` dropped the kept copies, and there is no way back without "
        f"them. The old data are in the backup {stores.state / 'runs' / run_id / 'backup'}; `tvmigrate load` fills "
        "empty stores from it."
    )
    assert stores.finish().text == f"The run {run_id} is finished already; nothing was changed."
    assert stores.apply().text == f"The run {run_id} is applied and finished for good; nothing was changed."
    assert stores.status() == f"Finished for good: the run {run_id}; what was kept for a rollback is gone."


def test_finish_does_not_mind_a_kept_copy_that_is_gone_already(stores: Stores) -> None:
    applied = stores.apply()
    assert applied.run is not None
    stores.clients.elasticsearch.indices.delete(index=new.kept_index("tv_comments", applied.run.id))
    stores.clients.clickhouse.command(f"DROP TABLE {new.DATABASE}.{new.kept_table('comments', applied.run.id)} SYNC")
    assert stores.finish().text.endswith("is finished for good: the kept copies are gone, the backup stays.")


def test_a_rollback_that_was_killed_saves_what_changed_into_a_file_of_its_own(stores: Stores) -> None:
    stores.apply()
    key = "eaos:current:the_voice/contestant_1"
    stores.clients.redis.hset(key, "score", "0.5")
    stores.killed("rollback", "redis_parts.carry_out#1")
    stores.clients.redis.hset(key, "score", "0.25")
    stores.rollback()
    folder = stores.folder() / "after_switch"
    saved = [_lines(folder / name) for name in ("redis.ndjson", "redis-1.ndjson")]
    assert [[(line["key"], line["value"]["score"]) for line in lines] for lines in saved] == [
        [(key, "0.5")], [(key, "0.25")],
    ]  # fmt: skip


def test_finish_before_an_apply_says_what_is_missing(stores: Stores) -> None:
    with pytest.raises(MigrationError) as refused:
        stores.finish()
    assert str(refused.value) == (
        f"{stores.state} knows of no run on these stores; `tvmigrate finish` is for a run that is applied."
    )


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
