"""What the clients write has the contract's form, byte for byte what the migration would have written."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from pathlib import Path

import pytest

from src.storage import records
from tvmigrate.contract import new, rules
from tvmigrate.contract.policy import Policy

ROOT = Path(__file__).parents[3]
AT = dt.datetime(2025, 11, 20, 13, 5, 0, 120_000, dt.timezone(dt.timedelta(hours=7)))
KEEP = Policy(keep_entities=True)
COMMENT = {
    "comment_id": "c/1",
    "program_id": "the_voice/lan",
    "text": "Tuyệt vời!",
    "username": "",
    "timestamp": AT,
    "sentiment": "positive",
    "sentiment_score": 0.1,
    "engagement_score": 50,
    "topics": ["show", "thí sinh", "show"],
}


@pytest.mark.parametrize(
    ("record", "fields"),
    [
        (records.EaosState, ("program_id", *new.EAOS_FIELDS)),
        (records.Event, new.EVENT_FIELDS),
        (records.EaosMetric, new.EAOS_METRICS.column_names),
        (records.Comment, new.RAW_COMMENTS.column_names),
        (records.Document, new.DOCUMENT_FIELDS),
        (records.FoundComment, (*new.DOCUMENT_FIELDS, "score")),
        (records.Aggregate, new.COMMENT_AGGREGATES.column_names),
        (records.Anomaly, new.ANOMALIES.column_names),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_record_has_the_contract_s_fields(record, fields):
    assert tuple(record.__annotations__) == fields


def test_the_application_may_import_nothing_of_the_tool_but_the_contract():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (contract,) = [one for one in config["contracts"] if one.get("source_modules") == ["src"]]
    parts = {
        path.stem for path in (ROOT / "tvmigrate").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert set(contract["forbidden_modules"]) == {
        f"tvmigrate.{name}" for name in parts - {"__init__", "contract", "errors"}
    }


async def test_an_eaos_hash(redis_v2, raw_redis):
    await redis_v2.set_current_eaos("the_voice/lan", 0.1, 120, 15, 40, 175, updated_at=AT)
    old = {"score": 0.1, "positive": 120, "negative": 15, "neutral": 40, "total": 175, "timestamp": AT.isoformat()}
    migrated = rules.redis_eaos(b"the_voice/lan", json.dumps(old), KEEP, 0).value
    assert raw_redis.keys() == [migrated.key.encode()] == [b"eaos:current:the_voice/lan"]
    assert {name.decode(): value.decode() for name, value in raw_redis.hgetall(migrated.key).items()} == migrated.fields
    assert tuple(migrated.fields) == new.EAOS_FIELDS


async def test_an_eaos_hash_is_rid_of_what_was_there(redis_v2, raw_redis):
    raw_redis.hset("eaos:current:p", mapping={"stray": "1", "score": "7"})
    raw_redis.expire("eaos:current:p", 1000)
    await redis_v2.set_current_eaos("p", 0.1, 1, 1, 1, 3)
    assert {name.decode() for name in raw_redis.hkeys("eaos:current:p")} == set(new.EAOS_FIELDS)
    assert raw_redis.ttl("eaos:current:p") == -1
    await redis_v2.set_current_eaos("p", 0.1, 1, 1, 1, 3, ttl_seconds=500)
    assert 490 < raw_redis.ttl("eaos:current:p") <= 500


async def test_a_trend(redis_v2, raw_redis):
    await redis_v2.add_trending_topic("1hour", "thí sinh", 0.1)
    assert raw_redis.keys() == [b"trends:top:1hour"]
    assert raw_redis.zrange("trends:top:1hour", 0, -1, withscores=True) == [("thí sinh".encode(), 0.1)]


async def test_an_event(redis_v2, raw_redis):
    await redis_v2.append_event(
        "the_voice/lan", "metric", timestamp=AT, metric="buzz", value=0.1, data={"nguồn": ["áp", 1, None], "x": 0.25}
    )
    old = {"entity": "the_voice/lan", "value": 0.1, "timestamp": AT.isoformat(), "nguồn": ["áp", 1, None], "x": 0.25}
    migrated = rules.redis_metric(b"buzz", 0, json.dumps(old), KEEP).value
    assert raw_redis.keys() == [migrated.key.encode()] == [b"events:the_voice/lan:2025-11-20"]
    assert raw_redis.lrange(migrated.key, 0, -1) == [migrated.body.encode()]


async def test_an_event_of_another_type_has_the_same_six_fields(redis_v2, raw_redis):
    await redis_v2.append_event("p", "alert", timestamp=AT)
    (item,) = raw_redis.lrange("events:p:2025-11-20", 0, -1)
    assert tuple(json.loads(item)) == new.EVENT_FIELDS
    assert item.decode() == (
        '{"type":"alert","metric":null,"program_id":"p","timestamp":"2025-11-20T06:05:00.12Z","value":null,"data":{}}'
    )


@pytest.mark.parametrize("bulk", [False, True], ids=["one", "bulk"])
async def test_a_document(elasticsearch_v2, raw_elasticsearch, bulk):
    if bulk:
        assert await elasticsearch_v2.bulk_index([{**COMMENT, "eaos_score": 0.3}], refresh=True) == 1
    else:
        assert await elasticsearch_v2.index_comment(**COMMENT) == "c/1"
    old = {**COMMENT, "entity": "the_voice/lan", "timestamp": AT.isoformat()}
    migrated = rules.elasticsearch_document("c/1", old, KEEP).value
    (hit,) = raw_elasticsearch.search(index=new.ALIAS)["hits"]["hits"]
    assert (hit["_index"], hit["_id"]) == (new.INDEX.name, migrated.id)
    assert list(hit["_source"].items()) == list(migrated.source.items())
    assert raw_elasticsearch.indices.get_mapping(index=new.ALIAS)[new.INDEX.name]["mappings"] == new.INDEX.mappings | {
        "dynamic": "strict"
    }


ROWS = {
    "eaos_metrics": {
        "program_id": "p",
        "timestamp": "2025-11-20 06:05:00.120",
        "score": 0.1,
        "positive_count": 1,
        "negative_count": 2,
        "neutral_count": 3,
        "total_comments": 6,
    },
    "comment_aggregates": {
        "program_id": "p",
        "timestamp": "2025-11-20 06:05:00",
        "topic": "show",
        "count": 3,
        "avg_sentiment": 0.1,
    },
    "anomalies": {
        "program_id": "p",
        "timestamp": "2025-11-20 06:05:00.120",
        "metric": "score",
        "value": 0.1,
        "expected": 0.2,
        "deviation": -0.1,
        "severity": "high",
    },
    "raw_comments": {
        **COMMENT,
        "timestamp": "2025-11-20 06:05:00.120",
        "eaos_score": 0.3,
    },
}


@pytest.mark.parametrize("table", new.TABLES, ids=lambda table: table.name)
def test_a_row(clickhouse_v2, raw_clickhouse, table):
    row = ROWS[table.name]
    write = {
        "eaos_metrics": clickhouse_v2.insert_eaos_metric,
        "comment_aggregates": lambda **one: clickhouse_v2.insert_aggregates([one]),
        "anomalies": clickhouse_v2.insert_anomaly,
        "raw_comments": clickhouse_v2.insert_comment,
    }[table.name]
    write(**{**row, "timestamp": AT})
    unquoted = {"output_format_json_quote_64bit_integers": 0}
    found = json.loads(
        raw_clickhouse.raw_query(f"SELECT * FROM {new.DATABASE}.{table.name}", fmt="JSONEachRow", settings=unquoted)
    )
    assert list(found.items()) == [(name, row[name]) for name in table.column_names]
