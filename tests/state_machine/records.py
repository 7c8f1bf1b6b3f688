"""Old records small enough to be written by hand, and where each is after a migration with `--show s`.

Nothing here is worked out by the rules: the model must not be wrong where the code is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tvmigrate.contract import old

Place = tuple[str, ...]
Places = dict[Place, Any]
ANY = "any instant of the run"
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Record:
    """One old record: its line in the dataset's files, and the places it has in the new layout.

    `stays` are the places that it has in both layouts, as the new one has them.
    """

    name: str
    file: str
    line: dict[str, Any]
    new: Places = field(default_factory=dict)


def _key(key: str, kind: str, value: Any, ttl_ms: int | None = None, db: int = 0) -> dict[str, Any]:
    return {"db": db, "key": key, "type": kind, "ttl_ms": ttl_ms, "value": value}


def redis(key: str, kind: str, value: Any, *, expires: bool = False, db: int = 0) -> Places:
    """Return the place of a Redis key: what it holds, and whether it expires."""
    return {("redis", str(db), key): (kind, value, expires)}


def quarantined(store: str, key: str, reason: str) -> Places:
    return {("quarantine", store, key): reason}


def _hash(score: str, *counts: int, updated_at: str = ANY) -> dict[str, str]:
    names = ("positive", "negative", "neutral", "total")
    return {"score": score, **dict(zip(names, map(str, counts), strict=True)), "updated_at": updated_at}


def row(table: str, **columns: Any) -> Places:
    """Return the place of a ClickHouse row: its table and its columns as text; there is one such row."""
    return {("row", table, json.dumps(columns, sort_keys=True, ensure_ascii=False)): 1}


def document(name: str, **fields: Any) -> Places:
    return {("document", name): {"comment_id": name, **fields}}


def event(metric: str, program: str, at: str, value: float, **data: Any) -> str:
    body = {"type": "metric", "metric": metric, "program_id": program, "timestamp": at, "value": value, "data": data}
    return json.dumps(body, sort_keys=True)


def _comment(name: str, entity: str, label: str, topics: str, minute: int) -> tuple[dict[str, Any], dict[str, Any]]:
    at = f"2025-11-20 06:{minute:02}:30"
    old_row = {
        "comment_id": name, "entity": entity, "text": f"bình luận {name}", "username": "lan", "created_at": at,
        "sentiment": label, "sentiment_score": 0.5, "engagement": 2, "topics": topics, "eaos_score": None,
    }  # fmt: skip
    source = {
        "content": f"bình luận {name}", "program": entity, "ts": at.replace(" ", "T") + "Z", "sentiment_label": label,
        "score": 0.5, "engagement": "2", "tags": topics, "author": "lan",
    }  # fmt: skip
    return old_row, {"_id": name, "_source": source}


def raw_comment(name: str, program: str, label: str, topics: list[str], minute: int) -> Places:
    return row(
        "raw_comments", comment_id=name, program_id=program, text=f"bình luận {name}", username="lan",
        timestamp=f"2025-11-20 06:{minute:02}:30.000", sentiment=label, sentiment_score=0.5, engagement_score=2,
        topics=topics, eaos_score=None,
    )  # fmt: skip


def new_document(name: str, program: str, label: str, topics: list[str], minute: int) -> Places:
    return document(
        name, program_id=program, text=f"bình luận {name}", username="lan",
        timestamp=f"2025-11-20T06:{minute:02}:30Z", sentiment=label, sentiment_score=0.5, engagement_score=2,
        topics=topics,
    )  # fmt: skip


def aggregate(program: str, minute: int, topic: str) -> Places:
    at = f"2025-11-20 06:{minute // 5 * 5:02}:00"
    return row("comment_aggregates", program_id=program, timestamp=at, topic=topic, count=1, avg_sentiment=0.5)


REDIS, COMMENTS, METRICS, DOCUMENTS = "redis", old.COMMENTS.name, old.EAOS_METRICS.name, old.INDEX.name
_AT = "2025-11-20T06:05:00Z"
_ITEM = {"entity": "a", "value": 0.25, "timestamp": 1763618700, "source": "app"}
_C1, _D1 = _comment("c1", "a", "Tích cực", "show, giọng hát", 1)
_C2, _D2 = _comment("c2", "b", "tiêu cực", "show", 11)
_C3, _D3 = _comment("c3", "a", "hả?", "show", 21)
_C4, _ = _comment("c4", "a", "trung lập", "", 31)

RECORDS = {
    record.name: record
    for record in (
        Record(
            "score", REDIS,
            _key("eaos:a", "string", json.dumps(
                {"score": 0.5, "metadata": {"positive": 1, "negative": 2, "neutral": 3, "updated_at": _AT}})),
            redis("eaos:current:s/a", "hash", _hash("0.5", 1, 2, 3, 6, updated_at=_AT)),
        ),
        Record(
            "score that expires", REDIS,
            _key("eaos:b", "string", '{"score": 1, "positive": 4, "timestamp": 1763618700}', HOUR_MS),
            redis("eaos:current:s/b", "hash", _hash("1", 4, 0, 0, 4, updated_at=_AT), expires=True),
        ),
        Record(
            "score without an instant", REDIS, _key("eaos:c/d", "string", '{"score": -0.25, "neutral": 7, "total": 9}'),
            redis("eaos:current:c/d", "hash", _hash("-0.25", 0, 0, 7, 9)),
        ),
        Record(
            "score that is no JSON", REDIS, _key("eaos:broken", "string", "{"),
            redis("eaos:broken", "string", "{") | quarantined("redis", "eaos:broken", "bad-json"),
        ),
        Record(
            "trend", REDIS, _key("trend:5m", "zset", [["show", 1.5], ["âm nhạc", 2.0]]),
            redis("trends:top:5min", "zset", {"show": 1.5, "âm nhạc": 2.0}),
        ),
        Record(
            "trend that expires", REDIS, _key("trend:60m", "zset", [["show", 0.1]], HOUR_MS),
            redis("trends:top:1hour", "zset", {"show": 0.1}, expires=True),
        ),
        Record(
            "trend of no window", REDIS, _key("trend:30m", "zset", [["show", 3.0]]),
            redis("trend:30m", "zset", {"show": 3.0}) | quarantined("redis", "trend:30m#show", "unknown-window"),
        ),
        Record(
            "metrics", REDIS, _key("metrics:buzz", "list", [json.dumps(_ITEM), "0.5"]),
            redis("events:s/a:2025-11-20", "list", [event("buzz", "s/a", _AT, 0.25, source="app")])
            | redis("metrics:buzz", "list", ["0.5"])
            | quarantined("redis", "metrics:buzz#1", "missing-timestamp"),
        ),
        Record(
            "unrelated key", REDIS, _key("session:1", "string", "x"), redis("session:1", "string", "x"),
        ),
        Record(
            "unrelated key of another database", REDIS, _key("eaos:a", "string", "x", db=3),
            redis("eaos:a", "string", "x", db=3),
        ),
        Record(
            "row 1", COMMENTS, _C1,
            raw_comment("c1", "s/a", "positive", ["show", "giọng hát"], 1)
            | aggregate("s/a", 1, "show") | aggregate("s/a", 1, "giọng hát"),
        ),
        Record("row 2", COMMENTS, _C2,
            raw_comment("c2", "s/b", "negative", ["show"], 11) | aggregate("s/b", 11, "show")),
        Record("row of no label", COMMENTS, _C3, quarantined("clickhouse", "c3", "unknown-sentiment")),
        Record("row 4", COMMENTS, _C4, raw_comment("c4", "s/a", "neutral", [], 31)),
        Record(
            "metrics row", METRICS,
            {"entity": "a", "eaos_score": 0.5, "sentiment_breakdown": '{"tích cực": 2, "positive": 1}',
             "comment_count": 3, "recorded_at": "2025-11-20 06:05:00"},
            row("eaos_metrics", program_id="s/a", timestamp="2025-11-20 06:05:00.000", score=0.5, positive_count=3,
                negative_count=0, neutral_count=0, total_comments=3),
        ),
        Record("document 1", DOCUMENTS, _D1, new_document("c1", "s/a", "positive", ["show", "giọng hát"], 1)),
        Record("document 2", DOCUMENTS, _D2, new_document("c2", "s/b", "negative", ["show"], 11)),
        Record("document of no label", DOCUMENTS, _D3, quarantined("elasticsearch", "c3", "unknown-sentiment")),
    )
}  # fmt: skip


def write(folder: Path, names: Iterable[str]) -> Path:
    """Write the records `names` as a dataset into `folder`; return it."""
    chosen = [RECORDS[name] for name in RECORDS if name in set(names)]
    (folder / "clickhouse").mkdir(parents=True)
    (folder / "elasticsearch").mkdir()
    (folder / "dataset.toml").write_text('name = "small"\n')
    for table in old.TABLES:
        (folder / "clickhouse" / f"{table.name}.sql").write_text(table.create(old.DATABASE) + "\n")
    index = {"settings": {"index": {"number_of_shards": "1", "number_of_replicas": "0"}}, "mappings": {}}
    (folder / "elasticsearch" / f"{DOCUMENTS}.json").write_text(json.dumps(index))
    places = {
        REDIS: folder / "redis.ndjson",
        COMMENTS: folder / "clickhouse" / f"{COMMENTS}.ndjson",
        METRICS: folder / "clickhouse" / f"{METRICS}.ndjson",
        DOCUMENTS: folder / "elasticsearch" / f"{DOCUMENTS}.ndjson",
    }
    for file, path in places.items():
        lines = [json.dumps(record.line, ensure_ascii=False) + "\n" for record in chosen if record.file == file]
        path.write_text("".join(lines), encoding="utf-8")
    return folder
