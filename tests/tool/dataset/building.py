"""Write small datasets for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TABLE = "CREATE TABLE tv_analytics.t (id UInt32, at DateTime) ENGINE = MergeTree ORDER BY id\n"
INDEX = json.dumps({"settings": {"number_of_replicas": 0}, "mappings": {"properties": {"n": {"type": "long"}}}})


def key(name: Any, kind: str, value: Any, ttl_ms: int | None = None, db: int = 0) -> str:
    return json.dumps({"db": db, "key": name, "type": kind, "ttl_ms": ttl_ms, "value": value})


def document(doc_id: str, source: Any) -> str:
    return json.dumps({"_id": doc_id, "_source": source})


def dataset(
    folder: Path,
    *,
    redis: list[str] | None = None,
    rows: list[str] | None = None,
    documents: list[str] | None = None,
    table: str = TABLE,
    index: str = INDEX,
) -> Path:
    """Write a dataset with one table `t` and one index `i`, each only if it was given lines."""
    folder.mkdir(exist_ok=True)
    (folder / "dataset.toml").write_text('name = "small"\n')
    if redis is not None:
        write_lines(folder / "redis.ndjson", redis)
    if rows is not None:
        write_lines(folder / "clickhouse" / "t.ndjson", rows)
        (folder / "clickhouse" / "t.sql").write_text(table)
    if documents is not None:
        write_lines(folder / "elasticsearch" / "i.ndjson", documents)
        (folder / "elasticsearch" / "i.json").write_text(index)
    return folder


def write_lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes("".join(line + "\n" for line in lines).encode())
