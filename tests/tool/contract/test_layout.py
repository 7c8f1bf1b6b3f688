"""Names and types that the code writes down once, as the contract asks for them: copied from there by hand."""

from __future__ import annotations

import pytest

from tvmigrate.contract import cluster, exact_json, keys, new, old, sql, unicode, values
from tvmigrate.contract.layout import Column, Index, Table, literal, quoted
from tvmigrate.contract.outcome import (
    DERIVED_RULES,
    LEDGER_RULES,
    Fate,
    LedgerLine,
    Mapped,
    Quarantined,
    Reason,
    Rule,
    Store,
    Unmappable,
)
from tvmigrate.contract.policy import Policy

QUARANTINE = """\
CREATE TABLE `tv_analytics`.`migration_quarantine`
(
    run_id         String,
    store          LowCardinality(String),
    source         String,
    record_key     String,
    reason         LowCardinality(String),
    detail         String,
    record         String,
    quarantined_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(quarantined_at)
ORDER BY (store, source, record_key)"""
ARCHIVE = """\
CREATE TABLE `tv_analytics`.`migration_archive`
(
    run_id      String,
    store       LowCardinality(String),
    source      String,
    record_key  String,
    fields      String,
    archived_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(archived_at)
ORDER BY (store, source, record_key)"""


def test_the_migrations_own_tables_are_as_the_contract_has_them() -> None:
    assert [table.create(new.DATABASE) for table in new.OWN_TABLES] == [QUARANTINE, ARCHIVE]


def test_a_table_can_be_created_under_another_name_and_without_partitions() -> None:
    table = Table("t", (Column("a", "String"), Column("long_name", "UInt8")), ("a", "long_name"))
    assert table.create("d`b", "other\\") == (
        "CREATE TABLE `d\\`b`.`other\\\\`\n(\n    a         String,\n    long_name UInt8\n)\n"
        "ENGINE = MergeTree\nORDER BY (a, long_name)"
    )
    assert (quoted("a`\\"), literal("a'\\\0")) == ("`a\\`\\\\`", "'a\\'\\\\\\0'")


def test_an_index_states_nothing_unless_it_is_said() -> None:
    index = Index("i")
    assert (index.alias, dict(index.mappings), dict(index.settings)) == (None, {}, {})
    assert Index("tv_comments") == old.INDEX
    assert (new.INDEX.name, new.INDEX.alias, new.ALIAS) == ("tv_comments_v2", "tv_comments", "tv_comments")


def test_names_of_databases_keys_fields_and_copies() -> None:
    assert (old.DATABASE, new.DATABASE, old.REDIS_DB, new.REDIS_DB) == ("tv_analytics", "tv_analytics", 0, 0)
    assert (old.EAOS_PREFIX, old.TREND_PREFIX, old.TREND_SUFFIX, old.METRICS_PREFIX) == (
        b"eaos:", b"trend:", b"m", b"metrics:",
    )  # fmt: skip
    assert new.EAOS_FIELDS == ("score", "positive", "negative", "neutral", "total", "updated_at")
    assert (new.SCORE, new.POSITIVE, new.NEGATIVE, new.NEUTRAL, new.TOTAL, new.UPDATED_AT) == new.EAOS_FIELDS
    assert new.EVENT_FIELDS == ("type", "metric", "program_id", "timestamp", "value", "data")
    assert new.TREND_KEYS == ("trends:top:5min", "trends:top:15min", "trends:top:1hour")
    assert new.eaos_key("a/b") == "eaos:current:a/b"
    assert new.events_key("a/b", "2025-11-20") == "events:a/b:2025-11-20"
    assert new.kept_table("comments", "r1") == "comments_old_r1"
    assert new.kept_index("tv_comments", "r1") == "tv_comments_old_r1"
    assert new.DOCUMENT_FIELDS == (
        "comment_id", "program_id", "text", "username", "timestamp", "sentiment", "sentiment_score", "engagement_score",
        "topics",
    )  # fmt: skip
    assert tuple(new.INDEX.mappings["properties"]) == new.DOCUMENT_FIELDS
    assert (new.MAX_KEYWORD_BYTES, new.MAX_ID_BYTES, new.MAX_FLOAT) == (32_766, 512, 3.4028235e38)
    assert (exact_json.MAX_DEPTH, values.MAX_COUNT) == (200, 2**63 - 1)


def test_the_spellings_of_a_field_are_those_that_were_found() -> None:
    assert {field: "|".join(spellings) for field, spellings in old.SPELLINGS.items()} == {
        "text": "text|content|comment_text",
        "program_id": "entity|program|program_id",
        "timestamp": "timestamp|created_at|ts",
        "sentiment": "sentiment|sentiment_label",
        "sentiment_score": "sentiment_score|score",
        "engagement_score": "engagement_score|engagement",
        "topics": "topics|tags",
        "username": "username|user|author",
    }
    assert old.DOCUMENT_ID_FIELD == "comment_id"


def test_the_rules_are_those_of_the_contract() -> None:
    assert " ".join(Rule) == (
        "value.program_id value.time_range value.sentiment value.timestamp value.count value.number redis.eaos"
        " redis.trend redis.metric redis.unrelated redis.ttl redis.schema clickhouse.comments clickhouse.aggregates"
        " clickhouse.eaos_metrics clickhouse.anomalies clickhouse.schema elasticsearch.comments elasticsearch.schema"
        " ledger.balance cross.ids cross.values cross.programs rollback.redis rollback.clickhouse"
        " rollback.elasticsearch"
    )
    assert " ".join(Store) == "redis clickhouse elasticsearch cross"
    assert {str(rule): str(store) for rule, store in LEDGER_RULES.items()} == {
        rule: rule.partition(".")[0]
        for rule in (
            "redis.eaos", "redis.trend", "redis.metric", "redis.unrelated", "clickhouse.comments",
            "clickhouse.eaos_metrics", "clickhouse.aggregates", "clickhouse.anomalies", "elasticsearch.comments",
        )
    }  # fmt: skip
    assert {str(rule) for rule in DERIVED_RULES} == {"clickhouse.aggregates", "clickhouse.anomalies"}


def test_the_reasons_and_fates_are_the_closed_lists_of_the_contract() -> None:
    assert " ".join(Reason) == (
        "bad-json wrong-type missing-field missing-counts missing-timestamp conflicting-fields bad-number not-finite"
        " bad-count bad-timestamp unknown-window unknown-sentiment empty-entity not-utf8 too-large"
    )
    assert " ".join(Fate) == "mapped filled quarantined untouched expired"


def test_an_outcome_says_its_fate() -> None:
    assert (Mapped(1).fate, Mapped(1, ("total",)).fate) == (Fate.MAPPED, Fate.FILLED)
    assert Quarantined(Reason.BAD_JSON, "why").fate is Fate.QUARANTINED
    assert (Mapped(1).filled, dict(Mapped(1).archived), Mapped(1).inconsistency) == ((), {}, "")
    why = Unmappable(Reason.BAD_JSON, "why")
    assert (str(why), why.reason, why.detail) == ("bad-json: why", Reason.BAD_JSON, "why")


def test_a_ledger_line_balances_if_each_old_record_has_a_fate() -> None:
    line = LedgerLine(Store.REDIS, Rule.REDIS_EAOS, 31, mapped=1, filled=2, quarantined=4, untouched=8, expired=16)
    assert (line.accounted, line.balanced) == (31, True)
    assert not LedgerLine(Store.REDIS, Rule.REDIS_EAOS, 1).balanced
    assert LedgerLine(Store.REDIS, Rule.REDIS_EAOS, 0).balanced
    derived = LedgerLine(Store.CLICKHOUSE, Rule.CLICKHOUSE_AGGREGATES, None, mapped=5)
    assert (derived.accounted, derived.balanced) == (5, True)


def test_labels_and_windows_are_those_of_the_contract() -> None:
    assert {label: str(meaning) for label, meaning in values.SENTIMENTS.items()} == {
        "tích cực": "positive", "tiêu cực": "negative", "trung lập": "neutral",
        "positive": "positive", "negative": "negative", "neutral": "neutral",
    }  # fmt: skip
    assert " ".join(values.Sentiment) == "positive negative neutral"
    assert values.TIME_RANGES == {"5": "5min", "15": "15min", "60": "1hour"}
    assert {ord(char) for char in unicode.WHITE_SPACE} == {
        *range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000,
    }  # fmt: skip
    assert len(values.MISDECODED_SENTIMENTS) == 3


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("eaos:x", "string", keys.OldKey(Rule.REDIS_EAOS, b"x")),
        ("eaos:x", "hash", keys.WrongTypeKey(Rule.REDIS_EAOS, "string")),
        ("eaos:current:x", "hash", keys.NewKey(Rule.REDIS_EAOS)),
        ("eaos:current:x", "string", keys.OldKey(Rule.REDIS_EAOS, b"current:x")),
        ("eaos:current:x", "list", keys.WrongTypeKey(Rule.REDIS_EAOS, "string")),
        ("trend:5m", "zset", keys.OldKey(Rule.REDIS_TREND, b"5m")),
        ("trend:5m", "set", keys.WrongTypeKey(Rule.REDIS_TREND, "zset")),
        ("metrics:m", "list", keys.OldKey(Rule.REDIS_METRIC, b"m")),
        ("metrics:m", "string", keys.WrongTypeKey(Rule.REDIS_METRIC, "list")),
        ("trends:top:5min", "zset", keys.NewKey(Rule.REDIS_TREND)),
        ("trends:top:5min", "list", keys.WrongTypeKey(Rule.REDIS_TREND, "zset")),
        ("events:p:2025-11-20", "list", keys.NewKey(Rule.REDIS_METRIC)),
        ("events:p:2025-11-20", "stream", keys.WrongTypeKey(Rule.REDIS_METRIC, "list")),
        ("trends:5min", "zset", keys.UnrelatedKey(Rule.REDIS_UNRELATED)),
        ("cache:x", "string", keys.UnrelatedKey(Rule.REDIS_UNRELATED)),
    ],
)
def test_name_and_type_together_decide_what_a_key_is(name: str, kind: str, expected: keys.KeyKind) -> None:
    assert keys.classify(0, name.encode(), kind) == expected
    assert keys.classify(1, name.encode(), kind) == keys.UnrelatedKey()


def test_a_table_rule_can_be_narrowed_for_what_maps_and_what_does_not() -> None:
    table = Table("t", (Column("a", "String"),), ("a",))
    rule = sql.TableRule(table, table, "m", {"x": "y"}, ("d",))
    assert rule.query("s", "w OR v") == ("SELECT\n    y AS `x`\nFROM (SELECT `a`, `d` FROM s WHERE (m) AND (w OR v))")
    assert rule.query("s") == "SELECT\n    y AS `x`\nFROM (SELECT `a`, `d` FROM s WHERE (m))"
    assert rule.unmapped("s", "w OR v") == "SELECT * FROM s WHERE NOT (m) AND (w OR v)"
    assert rule.unmapped("s") == "SELECT * FROM s WHERE NOT (m)"


def test_aggregates_can_be_narrowed_like_the_comments_they_are_of() -> None:
    policy = Policy(keep_entities=True)
    for where in ("", "w OR v"):
        assert f"FROM ({sql.comments(policy).query('s', where)}))" in sql.aggregates(policy, "s", where)
    assert sql.aggregates(policy, "s") == sql.aggregates(policy, "s", "")


def test_a_table_on_a_cluster_is_replicated_by_the_macros_of_its_servers() -> None:
    found = {cluster.replicated(table) for table in (*new.TABLES, *new.OWN_TABLES)}
    assert found == {"ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')"}
    replacing = Table("t", (Column("a", "String"),), ("a",), engine="ReplacingMergeTree")
    assert cluster.replicated(replacing) == (
        "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')"
    )
    assert cluster.LOCAL_SUFFIX == "_local"
    assert cluster.SHARDED_BY == {
        "eaos_metrics": "cityHash64(program_id)",
        "raw_comments": "cityHash64(program_id)",
        "comment_aggregates": "cityHash64(program_id)",
        "anomalies": "cityHash64(program_id)",
        "migration_quarantine": "cityHash64(record_key)",
        "migration_archive": "cityHash64(record_key)",
    }
