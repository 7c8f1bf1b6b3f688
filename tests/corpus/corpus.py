"""Bad records kept as data, each with what the contract makes of it: read, and written as one dataset.

A line of `records/*.ndjson` says `why` it is there, the record, and what it `becomes`: mapped, filled, untouched, or
the reason that it is quarantined for; of a sorted set or a list one word for all its records, or a list of words. The
words are from docs/contract.md, by hand: no code may write them. `«x*300»` stands for 300 times x.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.tool.fixtures.test_fixtures import raw, spelled

RECORDS = Path(__file__).parent / "records"
CLEAN = Path(__file__).parents[2] / "fixtures" / "clean"
FATES = {"mapped", "filled", "untouched"}
_TIMES = re.compile(r"«(.+?)\*(\d+)»")
_ROW: Mapping[str, Mapping[str, Any]] = {
    "comments": {
        "comment_id": "c", "entity": "m", "text": "t", "username": "u", "created_at": "2025-11-20 06:05:00",
        "sentiment": "positive", "sentiment_score": 0.5, "engagement": 1, "topics": "a, b", "eaos_score": None,
    },
    "eaos_metrics": {
        "entity": "m", "eaos_score": 0.5, "sentiment_breakdown": "{}", "comment_count": 1,
        "recorded_at": "2025-11-20 06:05:00",
    },
}  # fmt: skip
# Elasticsearch keeps a document whose fields are not as its mapping has them only where it need not look at them.
INDEX: Mapping[str, Any] = {
    "settings": {"index": {"number_of_shards": "1", "number_of_replicas": "0", "mapping.total_fields.limit": "3000"}},
    "mappings": {
        "dynamic": "false",
        "properties": {"replies": {"type": "nested"}, **{f"f{n}": {"type": "long"} for n in range(2000)}},
    },
}


@dataclass
class Expected:
    """What is to become of records: who is quarantined and why, and how many of each rule have which fate."""

    quarantine: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    fates: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, store: str, rule: str, name: str, becomes: str) -> None:
        """Count one record."""
        if becomes in FATES:
            self.fates["redis.unrelated" if becomes == "untouched" else rule, becomes] += 1
        else:
            self.fates[rule, "quarantined"] += 1
            self.quarantine[store, name, becomes] += 1


def lines(name: str) -> Iterator[dict[str, Any]]:
    """Yield what `records/{name}.ndjson` holds."""
    for line in (RECORDS / f"{name}.ndjson").read_text("utf-8").splitlines():
        yield expanded(line)


def expanded(line: str) -> dict[str, Any]:
    """Return what a line holds; `«x*300»` in it stands for 300 times x."""
    body: dict[str, Any] = json.loads(_TIMES.sub(lambda match: match[1] * int(match[2]), line))
    return body


def write(folder: Path) -> Expected:
    """Write all records as a dataset, and return what is to become of them."""
    expected = Expected()
    (folder / "clickhouse").mkdir(parents=True)
    (folder / "elasticsearch").mkdir()
    (folder / "dataset.toml").write_text('name = "bad input"\n', "utf-8")
    _write(folder / "redis.ndjson", _keys(expected))
    for table in _ROW:
        create = (CLEAN / "clickhouse" / f"{table}.sql").read_text("utf-8")
        (folder / "clickhouse" / f"{table}.sql").write_text(create, "utf-8")
        _write(folder / "clickhouse" / f"{table}.ndjson", _rows(table, expected))
    (folder / "elasticsearch" / "tv_comments.json").write_text(json.dumps(INDEX), "utf-8")
    _write(folder / "elasticsearch" / "tv_comments.ndjson", _documents(expected))
    return expected


def _write(path: Path, content: Iterable[bytes]) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in content))


def _keys(expected: Expected) -> Iterator[bytes]:
    for line in lines("redis"):
        name, kind, value = spelled(raw(line["key"])), line["type"], line["value"]
        rule = {
            "trend": "redis.trend",
            "trends": "redis.trend",
            "metrics": "redis.metric",
            "events": "redis.metric",
        }.get(name.partition(":")[0], "redis.eaos")
        becomes = line["becomes"]
        if kind == "string" or becomes in ("wrong-type", "untouched"):
            names = [name]
        elif kind == "zset":
            names = [f"{name}#{spelled(raw(member))}" for member, _ in value]
        else:
            names = [f"{name}#{position}" for position in range(len(value))]
        for one, word in zip(names, [becomes] * len(names) if isinstance(becomes, str) else becomes, strict=True):
            expected.add("redis", rule, one, word)
        body = {"db": 0, "key": line["key"], "type": kind, "ttl_ms": line.get("ttl_ms"), "value": value}
        yield json.dumps(body).encode()


def _rows(table: str, expected: Expected) -> Iterator[bytes]:
    for number, line in enumerate(lines(table)):
        own = {"recorded_at": f"2025-11-20 {number // 60:02}:{number % 60:02}:00"} if table == "eaos_metrics" else {}
        row = {**_ROW[table], **own, **line["row"]}
        name = spelled(raw(row["comment_id" if table == "comments" else "entity"]))
        if table == "eaos_metrics":
            name += f"@{row['recorded_at'].replace(' ', 'T')}Z"
        expected.add("clickhouse", f"clickhouse.{table}", name, line["becomes"])
        yield b"{%b}" % b", ".join(b'"%b": %b' % (column.encode(), cell(value)) for column, value in row.items())


def cell(value: Any) -> bytes:
    """Return a value as JSONEachRow has it: bytes that are not UTF-8 as they are, which JSON has no form for."""
    if not isinstance(value, dict):
        return json.dumps(value).encode()
    text = json.dumps(raw(value).decode("utf-8", "surrogateescape"), ensure_ascii=False)
    return text.encode("utf-8", "surrogateescape")


def _documents(expected: Expected) -> Iterator[bytes]:
    for line in lines("documents"):
        expected.add("elasticsearch", "elasticsearch.comments", spelled(line["id"]), line["becomes"])
        yield f'{{"_id": {json.dumps(line["id"])}, "_source": {line["source"]}}}'.encode()
