"""What happens while a system is captured, and what of it no dataset can hold."""

from __future__ import annotations

import time

from tests.integrity.one_set import clear
from tests.tool.capture.captured import keys
from tvmigrate.capture import redis as capture_redis
from tvmigrate.capture import work
from tvmigrate.capture.mask import Mask
from tvmigrate.capture.run import capture
from tvmigrate.capture.work import Asked
from tvmigrate.contract.policy import Policy
from tvmigrate.dataset.load import load
from tvmigrate.events import Said, ignore
from tvmigrate.migrate import run as migrate
from tvmigrate.throttle import Throttle

MASK = Mask(b"a secret of sixteen bytes and more")


def test_keys_that_change_come_or_go_meanwhile_are_read_again(empty_engines, clients, tmp_path, monkeypatch):
    clients.redis.mset({f"key:{n}": "before" for n in range(100)})
    first_reading = capture_redis._first_reading

    def then_changed(*arguments):
        done = first_reading(*arguments)
        clients.redis.set("key:7", "after")
        clients.redis.set("key:new", "after")
        clients.redis.delete("key:8")
        clients.redis.expire("key:9", 1000)
        return done

    monkeypatch.setattr(capture_redis, "_first_reading", then_changed)
    said = []
    found = keys(capture(empty_engines, tmp_path / "dataset", Asked(), None, said.append))
    wanted = {(0, b"key:%d" % n): ("string", b"before", True) for n in range(100)}
    del wanted[0, b"key:8"]
    changed = {(0, b"key:7"): ("string", b"after", True), (0, b"key:new"): ("string", b"after", True)}
    assert found == wanted | changed | {(0, b"key:9"): ("string", b"before", False)}
    assert [event.note for event in said if getattr(event, "note", "").endswith("read again")] == [
        "4 keys changed, came or went, and were read again"
    ]


def test_a_key_that_never_rests_is_named(empty_engines, clients, tmp_path, monkeypatch):
    clients.redis.mset({"still": "x", "restless": "0"})
    compare = capture_redis._compare
    monkeypatch.setattr(
        capture_redis,
        "_compare",
        lambda *arguments: (compare(*arguments), clients.redis.incr("restless"))[0],
    )
    read = capture_redis._first_reading
    monkeypatch.setattr(capture_redis, "_first_reading", lambda *a: (read(*a), clients.redis.incr("restless"))[0])
    said = []
    dataset = capture(empty_engines, tmp_path / "dataset", Asked(), None, said.append)
    sentence = (
        "Not captured: one moment of 1 Redis keys: they changed each of the 5 times that they were read, and are as "
        "they were read last (restless)."
    )
    assert [event.text for event in said if isinstance(event, Said)] == [sentence]
    assert dataset.note.endswith(sentence)


def test_what_a_dataset_cannot_hold_is_named(empty_engines, clients, tmp_path):
    clients.redis.set("a", "b")
    clients.clickhouse.command("CREATE DATABASE tv_analytics")
    clients.clickhouse.command("CREATE TABLE tv_analytics.t (n UInt8) ENGINE = MergeTree ORDER BY n")
    clients.clickhouse.command("CREATE VIEW tv_analytics.v AS SELECT * FROM tv_analytics.t")
    clients.elasticsearch.indices.create(index="closed")
    clients.elasticsearch.indices.close(index="closed")
    dataset = capture(empty_engines, tmp_path / "dataset", Asked(), None)
    assert list(dataset.tables) == ["t"]
    assert not dataset.indices
    assert dataset.note.partition("Z. ")[2] == (
        "Not captured: ClickHouse table tv_analytics.v: its engine is View, and a dataset has tables with rows of "
        "their own, of the MergeTree family. Not captured: Elasticsearch index closed: it is closed, and a closed "
        "index gives no documents."
    )


def test_no_more_records_are_read_in_a_second_than_was_said(empty_engines, clients, tmp_path, monkeypatch):
    clients.redis.mset({f"key:{n}": "x" for n in range(300)})
    rates = []
    monkeypatch.setattr(work, "Throttle", lambda rate: rates.append(rate) or Throttle(rate))
    capture(empty_engines, tmp_path / "dataset", Asked(max_rate=60_000), None)
    assert set(rates) == {60_000}


def test_a_masked_capture_migrates_as_the_old_system_does(standard, empty_engines, clients, tmp_path):
    """Assert that counts by rule and fate, reasons and archived fields are the same, as `plan` tells them."""
    load(standard, empty_engines)
    time.sleep(2)  # the shortest-lived keys are gone then
    before = migrate.plan(empty_engines, Policy(show="the_voice"), "keep", tmp_path / "before", ignore)
    hidden = capture(empty_engines, tmp_path / "masked", Asked(mask=MASK), None)
    clear(clients)
    load(hidden, empty_engines)
    after = migrate.plan(empty_engines, Policy(show="the_voice"), "keep", tmp_path / "after", ignore)
    for found in (before, after):
        found.remarks[:] = [said for said in found.remarks if not said.startswith("The backup will take")]  # stand-ins
    assert after == before
    assert max(line.old or 0 for line in after.ledger) == 3156
