"""No false finding while the new application writes, and a fault in a record that it leaves alone is found by name."""

from __future__ import annotations

import os

import pytest

from tests import profiles
from tests.tool.verify_live.conftest import differing, part
from tests.tool.verify_live.writer import Writer
from tvmigrate.contract import new
from tvmigrate.events import Started
from tvmigrate.verify_live.model import State

LONG_SECONDS, LONG_RATE = 600, 500
SECONDS = "LIVE_SECONDS"  # the variable of a shorter long run
SHORT_RATE = 200


@pytest.fixture(scope="module")
def touched(migrated):
    """Return migrated programs and comments that the writer writes to, and those that it leaves alone."""
    redis = migrated.stores.clients.redis
    programs = sorted(key.decode().removeprefix(new.EAOS_PREFIX) for key in redis.scan_iter(f"{new.EAOS_PREFIX}*"))
    rows = migrated.stores.clients.clickhouse.query(
        f"SELECT comment_id FROM {new.DATABASE}.{new.RAW_COMMENTS.name} ORDER BY comment_id LIMIT 50"
    ).result_rows
    comments = [row[0] for row in rows]
    first = ["the_voice/contestant_1", *[name for name in programs if not name.endswith("/contestant_1")][:3]]
    return (first, comments[:5]), ([name for name in programs if name not in first], comments[5:])


def test_a_writer_causes_no_finding_and_a_fault_beside_it_is_found_by_name(migrated, touched, share, put_back):
    (programs, comments), (other_programs, other_comments) = touched
    is_long = profiles.is_nightly()
    long = float(os.environ.get(SECONDS, LONG_SECONDS))
    seconds, rate = (long, LONG_RATE) if is_long else (0.0, SHORT_RATE)
    looks = 0
    with Writer(migrated.stores.endpoints, rate, programs, comments) as writer:
        # What is read only is not refreshed by a look, and the index may not have refreshed itself since.
        migrated.stores.clients.elasticsearch.indices.refresh(index=new.ALIAS)
        while not looks or writer.seconds < seconds:
            outcome = migrated.verify()
            assert differing(outcome) == {}
            assert outcome.state == "pass", outcome
            looks += 1
        assert part(outcome, "live.redis.eaos").seen[State.MOVED_ON] == len(programs)
        assert part(outcome, "live.elasticsearch.comments").seen[State.MOVED_ON] == len(comments)
        assert part(outcome, "live.redis.metric").seen[State.SAME] == part(outcome, "live.redis.metric").looked
        assert part(outcome, "live.redis.extra").seen[State.MOVED_ON] >= 4
        assert part(outcome, "live.elasticsearch.comments.extra").seen[State.MOVED_ON] > 10
        assert part(outcome, "live.redis.trend").seen == {State.SAME: 1, State.UNCHECKED: 2}
        planted = plant(migrated.stores.clients, other_programs[0], other_comments[0], other_comments[1], put_back)
        found = migrated.verify()
    assert differing(found) == planted
    assert {one.rounds for told in found.parts for one in told.different} == {3}
    share(
        ("live-verify", "seconds in which V2 clients wrote while it looked"),
        "seconds",
        round(writer.seconds) if is_long else 1,
        LONG_SECONDS,
    )
    for minute, written in enumerate(writer.by_minute if is_long else [writer.written]):
        lasted = min(60.0, writer.seconds - 60 * minute)
        asked = round(LONG_RATE * lasted) if is_long else LONG_RATE * LONG_SECONDS
        run = ("live-verify-writes", "writes of V2 clients while it looked")
        share(run, f"minute {minute + 1}", written, asked, seconds=lasted)


def plant(clients, program, document, row, put_back) -> dict[str, list[str]]:
    """Break a record in each store; return what is to be found."""
    key = new.eaos_key(program)
    before = clients.redis.hget(key, new.POSITIVE)
    clients.redis.hset(key, new.POSITIVE, int(before) + 1)
    put_back(lambda: clients.redis.hset(key, new.POSITIVE, before))
    source = clients.elasticsearch.get(index=new.ALIAS, id=document)["_source"]
    clients.elasticsearch.index(index=new.ALIAS, id=document, document={**source, "sentiment": "neutral", "text": "x"})
    put_back(lambda: clients.elasticsearch.index(index=new.ALIAS, id=document, document=source, refresh=True))
    place = f"{new.DATABASE}.{new.RAW_COMMENTS.name}"
    where = f"WHERE comment_id = '{row}'"
    shown = "program_id, formatDateTime(timestamp, '%Y-%m-%dT%H:%i:%SZ', 'UTC'), username"
    (program_id, at, user) = clients.clickhouse.query(f"SELECT {shown} FROM {place} {where}").result_rows[0]

    def name_user(name):
        clients.clickhouse.command(
            f"ALTER TABLE {place} UPDATE username = '{name}' {where}", settings={"mutations_sync": 1}
        )

    name_user("somebody else")
    put_back(lambda: name_user(user))
    return {
        "live.redis.eaos": [key],
        "live.clickhouse.comments": [f"{new.RAW_COMMENTS.name} {program_id} {at} {row}"],
        "live.elasticsearch.comments": [document],
    }


def test_a_fault_planted_while_it_looks_is_found(migrated, touched, put_back):
    _, (other_programs, _) = touched
    redis, key = migrated.stores.clients.redis, new.eaos_key(other_programs[1])
    before = redis.hget(key, new.SCORE)
    put_back(lambda: redis.hset(key, new.SCORE, before))

    def meddle(event):
        if isinstance(event, Started) and event.task == "live.redis.eaos":
            redis.hset(key, new.SCORE, "0.123456")

    (programs, comments), _ = touched
    with Writer(migrated.stores.endpoints, SHORT_RATE, programs, comments):
        outcome = migrated.verify(meddle, only=frozenset({"live.redis.eaos"}))
    assert differing(outcome) == {"live.redis.eaos": [key]}
    (one,) = part(outcome, "live.redis.eaos").different
    assert one.age_seconds > 0
    assert one.findings[0].note == (
        f"The field score of {key} is '0.123456'; {one.findings[0].old} says {before.decode()}."
    )


def test_a_difference_that_passes_is_none(migrated, touched):
    """Assert that only what stays for all rounds is told: here a write is seen half way once."""
    _, (other_programs, _) = touched
    redis, key = migrated.stores.clients.redis, new.eaos_key(other_programs[2])
    before = redis.hget(key, new.SCORE)
    redis.hset(key, new.SCORE, "0.5000001")

    def mend(event):
        if getattr(event, "task", "") == "live.redis.trend":
            redis.hset(key, new.SCORE, before)

    outcome = migrated.verify(mend, only=frozenset({"live.redis.eaos", "live.redis.trend"}))
    assert differing(outcome) == {}
    assert part(outcome, "live.redis.eaos").unsettled == 0
