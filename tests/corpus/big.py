"""Records that are bad by their size: made by recipe, since no repository should hold them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.corpus.corpus import CLEAN, INDEX

MB = 1 << 20
COUNTS = '"score":0.5,"positive":1,"negative":2,"neutral":3,"total":6,"timestamp":1763618700'
WORDS = "giọng hát hay quá "
_TABLES = ("comments", "eaos_metrics")


@dataclass(frozen=True)
class Big:
    """A dataset of one big record, the size of its largest value in bytes, and its records by (rule, fate).

    `objects` is how many bytes its items may take, which are held as objects of Python while they are mapped.
    """

    largest: int
    fates: Mapping[tuple[str, str], int]
    redis: Iterable[str] = ()
    rows: Iterable[str] = ()
    documents: Iterable[str] = ()
    reasons: Counter[str] = field(default_factory=Counter)
    objects: int = 0

    def write(self, folder: Path) -> None:
        """Write it as a dataset."""
        (folder / "clickhouse").mkdir(parents=True)
        (folder / "elasticsearch").mkdir()
        (folder / "dataset.toml").write_text('name = "big input"\n', "utf-8")
        _write(folder / "redis.ndjson", self.redis)
        for table, rows in zip(_TABLES, (self.rows, ()), strict=True):
            create = (CLEAN / "clickhouse" / f"{table}.sql").read_text("utf-8")
            (folder / "clickhouse" / f"{table}.sql").write_text(create, "utf-8")
            _write(folder / "clickhouse" / f"{table}.ndjson", rows)
        (folder / "elasticsearch" / "tv_comments.json").write_text(json.dumps(INDEX), "utf-8")
        _write(folder / "elasticsearch" / "tv_comments.ndjson", self.documents)


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def _key(name: str, kind: str, value: object) -> str:
    return json.dumps({"db": 0, "key": name, "type": kind, "ttl_ms": None, "value": value})


def mapped_value(part: int) -> Big:
    """Return an eaos value of 64 MB, most of which goes to the archive."""
    size = 64 * MB // part
    value = f'{{{COUNTS},"x":"{"x" * size}"}}'
    return Big(size, {("redis.eaos", "mapped"): 1}, redis=[_key("eaos:big", "string", value)])


def broken_value(part: int) -> Big:
    """Return an eaos value of 64 MB that was cut off."""
    size = 64 * MB // part
    value = f'{{{COUNTS},"x":"{"x" * size}'
    return Big(
        size, {("redis.eaos", "quarantined"): 1}, redis=[_key("eaos:big", "string", value)],
        reasons=Counter({"bad-json": 1}),
    )  # fmt: skip


def million_names(part: int) -> Big:
    """Return an eaos object of a million names."""
    names = ",".join(f'"n{number}":{number}' for number in range(10**6 // part))
    value = f"{{{COUNTS},{names}}}"
    return Big(len(value), {("redis.eaos", "mapped"): 1}, redis=[_key("eaos:wide", "string", value)])


def million_members(part: int) -> Big:
    """Return a trend of a million topics."""
    members = [[f"topic {number}", number] for number in range(10**6 // part)]
    return Big(
        20 * len(members),
        {("redis.trend", "mapped"): len(members)},
        redis=[_key("trend:5m", "zset", members)],
        objects=500 * len(members),
    )


def long_list(part: int) -> Big:
    """Return a list of 300,000 items, every third of which is a bare number and stays."""
    good = '{"entity":"m","value":1,"timestamp":1763618700}'
    items = ["5" if number % 3 == 0 else good for number in range(300_000 // part)]
    bad = items.count("5")
    return Big(
        50 * len(items), {("redis.metric", "mapped"): len(items) - bad, ("redis.metric", "quarantined"): bad},
        redis=[_key("metrics:long", "list", items)], reasons=Counter({"missing-timestamp": bad}),
        objects=3000 * len(items),
    )  # fmt: skip


def long_comment(part: int) -> Big:
    """Return a comment of 16 MB of text, in both stores, and one that is refused.

    Elasticsearch counts four times as much against a tenth of its heap, which is a gigabyte here: 20 MB are too many.
    """
    text = WORDS * (16 * MB // part // len(WORDS.encode()))
    row = {
        "comment_id": "big", "entity": "m", "text": text, "username": "u", "created_at": "2025-11-20 06:05:00",
        "sentiment": "positive", "sentiment_score": 0.5, "engagement": 1, "topics": "a", "eaos_score": None,
    }  # fmt: skip
    source = {
        "text": text, "entity": "m", "timestamp": "2025-11-20T06:05:00Z", "sentiment": "positive",
        "sentiment_score": 0.5, "engagement": 1, "topics": ["a"], "username": "u",
    }  # fmt: skip
    bad = {"comment_id": "bad", "sentiment": "?"}
    return Big(
        len(text.encode()),
        {
            ("clickhouse.comments", "mapped"): 1, ("clickhouse.comments", "quarantined"): 1,
            ("elasticsearch.comments", "mapped"): 1, ("elasticsearch.comments", "quarantined"): 1,
        },
        rows=[json.dumps(row), json.dumps(row | bad)],
        documents=[
            json.dumps({"_id": name, "_source": source | more}, ensure_ascii=False)  # escaped it would be twice as long
            for name, more in (("big", {}), ("bad", {"sentiment": "?"}))
        ],
        reasons=Counter({"unknown-sentiment": 2}),
    )  # fmt: skip


RECIPES: Mapping[str, Callable[[int], Big]] = {
    recipe.__name__: recipe
    for recipe in (mapped_value, broken_value, million_names, million_members, long_list, long_comment)
}
