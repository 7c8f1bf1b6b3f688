"""What `apply` leaves behind, and that it is done once."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

from tests.tool.migrate.stores import FIXTURES, MONTHS, Applied, Standard, different
from tvmigrate.contract import new, old
from tvmigrate.contract.outcome import Rule
from tvmigrate.dataset.read import Dataset

OLD_PREFIXES = (old.EAOS_PREFIX, old.TREND_PREFIX, old.METRICS_PREFIX)
ODD_ITEMS = 5 + 2 + 1 + 1 + 4 + 2500


def expected(name: str) -> list[Any]:
    return [json.loads(line) for line in (FIXTURES / "expected" / name).read_text("utf-8").splitlines()]


def test_every_record_has_one_fate(applied: Applied) -> None:
    keys = list(Dataset.open(FIXTURES / "clean").redis_keys())
    items = sum(len(key.value) for key in keys if key.key.startswith(old.METRICS_PREFIX))
    members = sum(len(key.value) for key in keys if key.key.startswith(old.TREND_PREFIX))
    ledger = {
        line.rule: (line.old, line.mapped, line.filled, line.quarantined, line.untouched, line.expired)
        for line in applied.done.ledger
    }
    aggregates = ledger.pop(Rule.CLICKHOUSE_AGGREGATES)
    assert aggregates[0] is None
    assert aggregates[1] > MONTHS
    assert ledger == {
        Rule.REDIS_EAOS: (12, 12, 0, 0, 0, 0),
        Rule.REDIS_METRIC: (items + ODD_ITEMS, items + ODD_ITEMS - 3, 0, 3, 0, 0),
        Rule.REDIS_TREND: (members, members, 0, 0, 0, 0),
        Rule.REDIS_UNRELATED: (6, 0, 0, 0, 6, 0),
        Rule.ELASTICSEARCH_COMMENTS: (60, 60, 0, 0, 0, 0),
        Rule.CLICKHOUSE_ANOMALIES: (None, 0, 0, 0, 0, 0),
        Rule.CLICKHOUSE_COMMENTS: (60 + MONTHS, 60 + MONTHS, 0, 0, 0, 0),
        Rule.CLICKHOUSE_EAOS_METRICS: (10, 10, 0, 0, 0, 0),
    }


def test_the_ledger_is_kept_as_json_with_the_run(applied: Applied) -> None:
    kept = json.loads((applied.stores.folder() / "ledger.json").read_text())
    assert [(line["rule"], line["old"]) for line in kept["ledger"]] == [
        (line.rule, line.old) for line in applied.done.ledger
    ]


def test_the_plan_foretells_the_fates(applied: Applied) -> None:
    foretold = {line.rule: line for line in applied.plan.ledger}
    assert foretold == {line.rule: line for line in applied.done.ledger if line.rule in foretold}
    assert len(foretold) == len(applied.done.ledger) - 2


def test_nothing_is_left_under_an_old_name(applied: Applied) -> None:
    assert applied.done.run is not None
    run_id = applied.done.run.id
    names = set(applied.stores.picture())
    left = [key for key in applied.stores.clients.redis.scan_iter() if key.startswith(OLD_PREFIXES)]
    assert [key for key in left if not key.startswith(new.EAOS_PREFIX.encode())] == [b"metrics:mixed"]
    assert "clickhouse comments" not in names
    assert f"clickhouse {new.kept_table('comments', run_id)}" in names
    assert f"clickhouse {new.kept_table('eaos_metrics', run_id)}" in names
    assert "elasticsearch tv_comments" not in names
    assert f"elasticsearch {new.kept_index('tv_comments', run_id)}" in names
    assert sorted(name for name in names if "staging" in name or "tvmigrate:" in name) == []


def test_the_alias_leads_to_the_new_index_and_the_kept_copy_takes_no_writes(applied: Applied) -> None:
    assert applied.done.run is not None
    indices = applied.stores.clients.elasticsearch.indices
    assert list(indices.get_alias(name=new.ALIAS)) == [new.INDEX.name]
    kept = new.kept_index(old.INDEX.name, applied.done.run.id)
    settings = indices.get_settings(index=kept, flat_settings=True)[kept]["settings"]
    assert settings["index.blocks.write"] == "true"
    assert settings["index.number_of_replicas"] == "0"


def test_a_second_apply_changes_nothing_and_says_so(applied: Applied) -> None:
    assert applied.done.changed
    assert applied.done.run is not None
    before = applied.stores.picture()
    second = applied.stores.apply()
    assert second.text == f"The run {applied.done.run.id} is applied already; nothing was changed."
    assert not second.changed
    assert second.ledger == applied.done.ledger
    assert different(before, applied.stores.picture()) == {}


def test_a_plan_after_an_apply_says_that_it_is_done(applied: Applied) -> None:
    assert applied.done.run is not None
    assert applied.stores.plan().blockers[0] == (
        f"The run {applied.done.run.id} is applied, says the journal in {applied.stores.state}. Go on with `tvmigrate "
        "apply`, or go back with `tvmigrate rollback`, before another run begins."
    )


def test_a_list_keeps_its_quarantined_items_in_their_order_and_its_ttl(applied: Applied) -> None:
    redis = applied.stores.clients.redis
    assert redis.lrange("metrics:mixed", 0, -1) == [b"z", b"0.5", b"a"]
    assert abs(redis.pexpiretime("metrics:mixed") - applied.expiries["mixed"]) <= 1000
    assert redis.llen("events:the_voice/mixed:1970-01-01") == 2


def test_merged_lists_live_as_long_as_the_longest_and_forever_if_one_does(applied: Applied) -> None:
    redis = applied.stores.clients.redis
    assert abs(redis.pexpiretime("events:the_voice/merged:2025-01-02") - applied.expiries["longer"]) <= 1000
    assert redis.pexpiretime("events:the_voice/merged:2025-01-03") == -1


def test_events_are_in_the_order_of_instant_metric_and_position(applied: Applied) -> None:
    raw = applied.stores.clients.redis.lrange("events:the_voice/order:1970-01-01", 0, -1)
    events = [json.loads(event) for event in raw]
    assert [(event["metric"], event["value"]) for event in events] == [("b", 1), ("a", 2), ("a", 3), ("b", 0)]


def test_a_list_longer_than_one_command_comes_whole_in_order_and_with_its_ttl(applied: Applied) -> None:
    redis, name = applied.stores.clients.redis, "events:the_voice/long:1970-01-01"
    assert [json.loads(event)["value"] for event in redis.lrange(name, 0, -1)] == list(range(2500))
    assert abs(redis.pexpiretime(name) - applied.expiries["long"]) <= 1000


def test_a_key_that_expired_before_it_was_read_leaves_nothing_behind(applied: Applied) -> None:
    assert applied.stores.clients.redis.exists("eaos:current:the_voice/brief", "eaos:brief") == 0


def test_extra_columns_go_to_the_archive(applied: Applied) -> None:
    assert [extra for extra in applied.plan.extras if extra[0] == "clickhouse"] == [
        ("clickhouse", "eaos_metrics", "lang", 10),
        ("clickhouse", "eaos_metrics", "likes", 10),
    ]
    found = {key: fields for (store, key), fields in applied.stores.archive().items() if store == "clickhouse"}
    assert len(found) == 10
    assert all(fields == {"likes": 7, "lang": "vi"} for fields in found.values())
    assert "contestant_1@2025-11-10T00:00:00Z" in found


def test_rows_in_more_months_than_one_insert_takes_all_arrive(applied: Applied) -> None:
    client = applied.stores.clients.clickhouse
    found = client.query(
        f"SELECT count() FROM {new.DATABASE}.raw_comments WHERE startsWith(comment_id, 'm')"
    ).result_rows
    counted = client.query(f"SELECT sum(count) FROM {new.DATABASE}.comment_aggregates WHERE topic = 'many'").result_rows
    assert (found, counted) == ([(MONTHS,)], [(MONTHS,)])


def test_the_backup_is_a_dataset_that_holds_every_old_record(applied: Applied) -> None:
    backup = Dataset.open(applied.stores.folder() / "backup")
    original = Dataset.open(FIXTURES / "clean")
    saved = {key.key: key for key in backup.redis_keys()}
    for key in original.redis_keys():
        if key.key.startswith(OLD_PREFIXES):
            assert sorted(saved[key.key].value) == sorted(key.value)
    assert b"metrics:mixed" in saved
    texts = {document.id: json.loads(document.source) for document in original.documents()}
    assert {document.id: json.loads(document.source) for document in backup.documents()} == texts


def test_the_manifest_has_the_digest_of_each_file_of_the_backup(applied: Applied) -> None:
    folder = applied.stores.folder()
    manifest = json.loads((folder / "manifest.json").read_text())
    for part in manifest["parts"]:
        raw = (folder / "backup" / part["file"]).read_bytes()
        assert (part["bytes"], part["sha256"]) == (len(raw), hashlib.sha256(raw).hexdigest())
    assert {part["file"]: part["records"] for part in manifest["parts"]} == {
        "clickhouse/comments.ndjson": 60 + MONTHS,
        "clickhouse/comments.sql": 0,
        "clickhouse/eaos_metrics.ndjson": 10,
        "clickhouse/eaos_metrics.sql": 0,
        "dataset.toml": 0,
        "elasticsearch/tv_comments.json": 0,
        "elasticsearch/tv_comments.ndjson": 60,
        "redis.ndjson": 18 + 7,
    }


def test_every_quarantined_record_of_the_standard_dataset_has_its_reason(standard: Standard) -> None:
    wanted = Counter((row["store"], row["record_key"], row["reason"]) for row in expected("quarantine.ndjson"))
    assert Counter(standard.quarantine) == wanted


def test_a_quarantined_row_is_kept_with_every_value(standard: Standard) -> None:
    # Not splitlines: a text may hold another line break.
    lines = (FIXTURES / "standard" / "clickhouse" / "comments.ndjson").read_text("utf-8").rstrip("\n").split("\n")
    rows = {row["comment_id"]: row for row in map(json.loads, lines)}
    texts = {key for _, key, reason in standard.quarantine if reason != "not-utf8"}
    kept = {key: row for key, row in standard.quarantined_comments.items() if key in texts and key}
    assert len(kept) > 12
    assert kept == {key: rows[key] | {"created_at": f"{rows[key]['created_at'].replace(' ', 'T')}Z"} for key in kept}


def test_fields_without_a_place_are_in_the_archive(standard: Standard) -> None:
    wanted = {(row["store"], row["record_key"]): row["fields"] for row in expected("archive.ndjson")}
    assert {name: standard.archive[name] for name in wanted} == wanted


def test_an_equal_target_is_kept_as_it_is(standard: Standard) -> None:
    key = "redis 0 b'eaos:current:the_voice/contestant_4'"
    assert standard.migrated[key] == standard.before[key]
    assert "redis 0 b'eaos:contestant_4'" in standard.before
    assert "redis 0 b'eaos:contestant_4'" not in standard.migrated


def test_unrelated_and_quarantined_keys_stay_bit_for_bit(standard: Standard) -> None:
    lines = [json.loads(line) for line in (FIXTURES / "standard" / "redis.ndjson").read_text("utf-8").splitlines()]
    whole = {key for store, key, _ in standard.quarantine if store == "redis" and "#" not in key}
    stay = [
        f"redis {line['db']} {line['key'].encode()!r}"
        for line in lines
        if isinstance(line["key"], str)
        and (
            line["db"] != 0
            or line["key"] in whole
            or not line["key"].encode().startswith((*OLD_PREFIXES, b"trends:", b"events:"))
        )
    ]
    found = [name for name in stay if name in standard.before]
    assert len(found) > 60
    assert {name: standard.migrated.get(name) for name in found} == {name: standard.before[name] for name in found}


def test_rollback_of_the_standard_dataset_ends_bit_for_bit_where_it_began(standard: Standard) -> None:
    assert different(standard.before, standard.migrated) != {}
    assert different(standard.before, standard.after) == {}
