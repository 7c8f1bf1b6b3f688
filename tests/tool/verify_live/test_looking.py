"""A looking goes on where it stopped, keeps its limits, writes nothing to the stores, and says what it did not see."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.tool.verify_live.conftest import differing, part
from tvmigrate.contract import new
from tvmigrate.contract.policy import Policy
from tvmigrate.errors import UsageError
from tvmigrate.events import Advanced
from tvmigrate.report.redact import Redactor
from tvmigrate.throttle import Throttle
from tvmigrate.verify_live import looking, run
from tvmigrate.verify_live.asked import Asked
from tvmigrate.verify_live.checkpoint import Checkpoint
from tvmigrate.verify_live.files import LISTED, write
from tvmigrate.verify_live.model import State
from tvmigrate.verify_live.sample import Sample, most_wrong
from tvmigrate.verify_live.source import of_dataset, of_run
from tvmigrate.verify_live.tell import lines

REDIS = frozenset({"live.redis.eaos", "live.redis.trend", "live.redis.old-keys"})
ROWS = frozenset({"live.clickhouse.comments", "live.clickhouse.comments.extra"})


class Broken(Exception):  # noqa: N818 - no error
    """A test ends a looking."""


def broken_off(migrated, task, checkpoint, only=REDIS | ROWS):
    def end(event):
        if isinstance(event, Advanced) and event.task == task:
            raise Broken

    with pytest.raises(Broken):
        migrated.verify(end, checkpoint, only=only)


@pytest.fixture
def checkpoint(tmp_path):
    return tmp_path / "verify.sqlite"


def test_the_same_command_goes_on_where_it_was_broken_off(migrated, checkpoint, monkeypatch):
    monkeypatch.setattr(looking, "_BATCH", 20)
    broken_off(migrated, "live.clickhouse.comments", checkpoint)
    with Checkpoint(checkpoint) as known:
        position, is_done = known.position("live.clickhouse.comments")
        assert (position, is_done) == (20, False)
    seen = []
    outcome = migrated.verify(seen.append, checkpoint, only=REDIS | ROWS)
    assert outcome.state == "pass"
    assert "live.redis.eaos" not in {event.task for event in seen if isinstance(event, Advanced)}
    first = next(event.done for event in seen if isinstance(event, Advanced))
    assert first == 40
    comments = part(outcome, "live.clickhouse.comments")
    assert comments.looked == comments.total == comments.seen[State.SAME]


def test_one_that_is_over_is_begun_anew(migrated, checkpoint):
    assert migrated.verify(checkpoint=checkpoint, only=REDIS).state == "pass"
    assert migrated.verify(checkpoint=checkpoint, only=REDIS, sample=Sample(0.5)).state == "pass"


def test_one_that_is_not_over_goes_on_only_as_it_was_begun(migrated, checkpoint):
    broken_off(migrated, "live.redis.eaos", checkpoint)
    with pytest.raises(UsageError) as refused:
        migrated.verify(checkpoint=checkpoint, only=REDIS | ROWS, sample=Sample(0.5), no_writers=True)
    assert str(refused.value) == (
        f"{checkpoint} is of a verification that is not over and was begun with another sample, no_writers. Go on as "
        "it was begun, or name another file with --checkpoint."
    )


def test_what_time_did_not_suffice_for_is_no_pass_and_goes_on_later(migrated, checkpoint):
    outcome = migrated.verify(checkpoint=checkpoint, only=REDIS, max_time=0.001)
    assert outcome.state == "error"
    assert outcome.exit_code == 3
    assert "Stopped: the 0.001 seconds of --max-time were over. The same command goes on where it stopped." in list(
        lines(outcome, str)
    )
    assert migrated.verify(checkpoint=checkpoint, only=REDIS).state == "pass"


def test_no_more_is_looked_for_where_so_many_differ(migrated, checkpoint, put_back):
    redis = migrated.stores.clients.redis
    for key in list(redis.scan_iter(f"{new.EAOS_PREFIX}*"))[:3]:
        before = redis.hget(key, new.NEUTRAL)
        redis.hset(key, new.NEUTRAL, "123456789")
        put_back(lambda key=key, before=before: redis.hset(key, new.NEUTRAL, before))
    outcome = migrated.verify(checkpoint=checkpoint, max_findings=2, only=REDIS | {"live.elasticsearch.comments"})
    assert outcome.stopped == "2 records differ, as many as --max-findings asks for"
    assert outcome.exit_code == 1
    assert len(part(outcome, "live.redis.eaos").different) == 3
    assert part(outcome, "live.elasticsearch.comments").looked == 0


def test_nobody_writing_every_difference_is_one(migrated, checkpoint, put_back):
    redis, trend = migrated.stores.clients.redis, new.TREND_KEYS[0]
    redis.zincrby(trend, 1, "a topic of nobody")
    put_back(lambda: redis.zrem(trend, "a topic of nobody"))
    quiet = migrated.verify(checkpoint=checkpoint, only=REDIS)
    assert quiet.state == "pass"
    assert part(quiet, "live.redis.trend").seen[State.UNCHECKED] == 1
    (why,) = part(quiet, "live.redis.trend").reasons
    assert why.startswith("its members were changed or added to since, and a trend has no time of its own")
    assert differing(migrated.verify(checkpoint=checkpoint, only=REDIS, no_writers=True)) == {
        "live.redis.trend": [trend]
    }


def test_a_topic_that_is_gone_from_a_trend_is_a_finding(migrated, checkpoint, put_back):
    """Assert that the application's own writes excuse nothing that it never does."""
    redis, trend = migrated.stores.clients.redis, new.TREND_KEYS[2]
    ((member, score),) = redis.zrange(trend, 0, 0, withscores=True)
    redis.zrem(trend, member)
    put_back(lambda: redis.zadd(trend, {member: score}))
    assert differing(migrated.verify(checkpoint=checkpoint, only=REDIS)) == {"live.redis.trend": [trend]}


def test_an_old_key_that_is_written_again_is_found(migrated, checkpoint, put_back):
    redis = migrated.stores.clients.redis
    redis.set("eaos:contestant_1", "{}")
    put_back(lambda: redis.delete("eaos:contestant_1"))
    assert differing(migrated.verify(checkpoint=checkpoint, only=REDIS)) == {
        "live.redis.old-keys": ["eaos:contestant_1"]
    }


def test_a_row_of_before_that_no_old_row_maps_to_is_named(migrated, checkpoint, put_back):
    client, place = migrated.stores.clients.clickhouse, f"{new.DATABASE}.{new.RAW_COMMENTS.name}"
    copy = (
        f"INSERT INTO {place} SELECT * REPLACE ('made up' AS comment_id) FROM {place}"
        " WHERE timestamp < '2026-01-01' ORDER BY comment_id LIMIT 1"
    )
    client.command(copy)
    remove = f"ALTER TABLE {place} DELETE WHERE comment_id = 'made up'"
    put_back(lambda: client.command(remove, settings={"mutations_sync": 1}))
    outcome = migrated.verify(checkpoint=checkpoint, only=ROWS)
    (one,) = part(outcome, "live.clickhouse.comments.extra").different
    (finding,) = one.findings
    assert finding.note.endswith("made up comes from no old row.")


def test_a_sample_says_how_sure_it_makes(migrated, checkpoint):
    outcome = migrated.verify(checkpoint=checkpoint, sample=Sample(0.5), only=ROWS)
    comments = part(outcome, "live.clickhouse.comments")
    assert 0 < comments.looked < comments.total
    assert comments.at_most == most_wrong(comments.total, comments.looked, 0)
    assert any(
        f"of all at most {comments.at_most:,} are wrong, at 95% confidence" in line for line in lines(outcome, str)
    )


@pytest.mark.parametrize(
    ("total", "looked", "found", "at_most"),
    [
        (1_000_000, 1000, 0, 2989),  # the rule of three
        (1000, 1000, 0, 0),
        (1000, 1000, 7, 7),
        (1000, 0, 0, 1000),
        (20, 10, 0, 3),
    ],
)
def test_how_many_are_wrong_at_most(total, looked, found, at_most):
    assert most_wrong(total, looked, found) == at_most


def test_what_moved_on_and_what_is_unchecked_is_listed_by_name(migrated, checkpoint, tmp_path, put_back):
    redis, trend = migrated.stores.clients.redis, new.TREND_KEYS[0]
    redis.zincrby(trend, 1, "a topic of nobody")
    put_back(lambda: redis.zrem(trend, "a topic of nobody"))
    outcome = migrated.verify(checkpoint=checkpoint, only=REDIS)
    *_, listed = write(outcome, checkpoint, tmp_path / "report", str, Redactor())
    assert listed.name == LISTED
    names = {(line["part"], line["name"], line["state"]) for line in map(json.loads, listed.read_text().splitlines())}
    assert ("live.redis.trend", trend, "unchecked") in names


def test_it_reads_no_faster_than_was_said(migrated, checkpoint, monkeypatch):
    rates = []
    monkeypatch.setattr(looking, "Throttle", lambda rate: rates.append(rate) or Throttle(rate))
    migrated.verify(checkpoint=checkpoint, only=REDIS, max_rate=5000)
    assert set(rates) == {5000}


def test_a_part_that_is_not_there_is_refused(migrated, checkpoint):
    with pytest.raises(UsageError) as refused:
        migrated.verify(checkpoint=checkpoint, only=frozenset({"live.redis.eoas"}))
    assert str(refused.value).startswith("There is no part live.redis.eoas here; the parts are live.redis.eaos, live.")


def test_a_directory_without_a_journal_is_refused(migrated, tmp_path):
    with pytest.raises(UsageError) as refused:
        of_run(migrated.stores.clients, tmp_path)
    assert str(refused.value) == (
        f"{tmp_path} has no journal of a migration. Name the directory that `tvmigrate apply` kept with --state DIR, "
        "or give what was captured before the migration with --dataset DIR."
    )


def test_what_was_captured_before_the_migration_is_a_reference_too(migrated, checkpoint, put_back):
    redis, hashed = migrated.stores.clients.redis, f"{new.EAOS_PREFIX}the_voice/contestant_1"
    captured = of_dataset(migrated.captured, Policy(show="the_voice"), datetime.now(UTC).isoformat())

    def look():
        return run.verify(migrated.stores.endpoints, lambda clients: captured, Asked(recheck=0.2), checkpoint)

    outcome = look()
    assert outcome.state == "pass"
    backup = migrated.verify()
    assert {one.about.id: one.looked for one in outcome.parts if "unrelated" not in one.about.id} == {
        one.about.id: one.looked for one in backup.parts if "unrelated" not in one.about.id
    }
    assert part(outcome, "live.redis.unrelated").looked > part(backup, "live.redis.unrelated").looked == 0
    before = redis.hget(hashed, new.POSITIVE)
    redis.hincrby(hashed, new.POSITIVE, 1)
    put_back(lambda: redis.hset(hashed, new.POSITIVE, before))
    assert differing(look()) == {"live.redis.eaos": [hashed]}


def test_a_dataset_that_was_not_captured_is_refused(migrated):
    folder = migrated.stores.folder() / "backup"
    with pytest.raises(UsageError) as refused:
        of_dataset(folder, Policy(show="the_voice"), None)
    assert str(refused.value) == (
        f"{folder} does not say when it was captured, so that times to live cannot be compared. Give a dataset that "
        "`tvmigrate capture` wrote."
    )
