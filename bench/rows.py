"""Which side is compared with which, and what is to be reached; and every group of sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bench.groups import Group, clickhouse, elasticsearch, growth, redis, verify, whole
from tvmigrate.dataset.generate import Size

# rate: ours is so many times the other's records a second; time: ours takes so many times the other's seconds;
# memory: ours holds so many times the other's bytes.
Measure = Literal["rate", "time", "memory"]

MOST_BYTES = 300_000_000
_WITH_CHDB = {"generate"}  # an engine in the command's own process: the bound in bytes is not for it


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: `ours` and `theirs` are sides of `group`; `target` is reached from above for a rate.

    `most_bytes` bounds the memory of ours too. `work` and `peer` are its words.
    """

    name: str
    group: str
    ours: str
    theirs: str
    measure: Measure
    target: float
    work: str
    peer: str
    most_bytes: int | None = None

    def met(self, ratio: float, most_held: int = 0) -> bool:
        """Tell whether a ratio, and the most bytes that were held, reach the target."""
        if self.most_bytes is not None and most_held >= self.most_bytes:
            return False
        return ratio >= self.target if self.measure == "rate" else ratio <= self.target


def _of(size: Callable[[float], Size]) -> Callable[[float], str]:
    def what(scale: float) -> str:
        said = size(scale)
        parts = ((said.entities, "eaos keys"), (said.rows, "rows"), (said.documents, "documents"))
        return ", ".join(f"{count:,} {unit}" for count, unit in parts if count)

    return what


GROUPS = (
    Group("redis.migrate", redis.migrate, _of(lambda scale: redis.recipe(scale).size), 2),
    Group("elasticsearch.migrate", elasticsearch.migrate, _of(lambda scale: elasticsearch.recipe(scale).size), 2),
    Group("clickhouse.migrate", clickhouse.migrate, _of(lambda scale: clickhouse.recipe(scale).size), 3),
    Group("verify", verify.verify, _of(lambda scale: verify.recipe(scale).size), 6),
    Group("rehearse", whole.rehearse, lambda scale: "fixtures/clean", 2),
    Group("suite", whole.suite, lambda scale: "fixtures/standard", 4),
    Group("growth", growth.growth, _of(lambda scale: growth.recipe(scale, 10).size), 4),
)

_READ = "a bare read of the same {}, two processes"
ROWS = (
    Row("redis.verify", "verify", "look redis", "read redis", "rate", 0.6,
        "Redis: verify, every type, both directions, TTLs", _READ.format("keys by the same driver")),
    Row("redis.migrate", "redis.migrate", "apply", "naive", "rate", 1.5,
        "Redis: migrate (JSON → hash)", "the naive loop: MGET, `json.loads`, pipelined HSET, two processes"),
    Row("elasticsearch.migrate/elasticdump", "elasticsearch.migrate", "apply", "elasticdump", "rate", 1.4,
        "Elasticsearch: migrate with quarantine",
        "`elasticdump --limit=5000 --concurrency=4 --noRefresh --transform`, whole process"),
    Row("elasticsearch.migrate/bulk", "elasticsearch.migrate", "apply", "bulk", "rate", 0.75,
        "Elasticsearch: migrate with quarantine", "a bare `_bulk` of ready bodies, two processes"),
    Row("elasticsearch.verify", "verify", "look elasticsearch", "read elasticsearch", "rate", 0.6,
        "Elasticsearch: verify every field of every document",
        _READ.format("documents, sliced point in time, orjson")),
    Row("clickhouse.migrate", "clickhouse.migrate", "apply", "insert", "rate", 0.8,
        "ClickHouse: migrate", "bare `INSERT … SELECT` of the same columns by the same engine"),
    Row("clickhouse.verify/digest", "verify", "look clickhouse", "digest", "rate", 0.5,
        "ClickHouse: verify every column of every row, aggregates too",
        "the engine's order-free digest of both tables"),
    Row("clickhouse.verify/reladiff", "verify", "look clickhouse", "reladiff", "rate", 8,
        "ClickHouse: verify every column of every row, aggregates too",
        "`reladiff` on DuckDB, raw_comments and a copy"),
    Row("clickhouse.find", "verify", "look clickhouse, 3 wrong", "look clickhouse", "time", 1.3,
        "finding 3 wrong rows, named by field", "a look with none wrong"),
    Row("verify", "verify", "look", "read all", "time", 2,
        "verify everything", "bare reads of both sides, all three stores"),
    Row("rehearse", "rehearse", "rehearse", "engines", "time", 2,
        "`tvmigrate rehearse` on `fixtures/clean`, warm", "starting the three engines alone"),
    Row("suite", "suite", "pytest", "engines", "time", 6,
        "`pytest tests/schema tests/integrity tests/rollback` on `fixtures/standard`",
        "starting the three engines alone"),
    Row("suite/laws", "suite", "laws alone", "engines", "time", 6,
        "the same, the laws alone: not the proofs that they see what is wrong, nor the application's tests",
        "starting the three engines alone"),
    *(Row(f"growth.time/{command}", "growth", growth.side(command, 10), growth.side(command, 1), "time", 11,
          f"time of `tvmigrate {command}` at 10N", "itself at N") for command in growth.COMMANDS),
    *(Row(f"growth.memory/{command}", "growth", growth.side(command, 10), growth.side(command, 1), "memory", 1.1,
          f"memory of `tvmigrate {command}` at 10N", "itself at N", None if command in _WITH_CHDB else MOST_BYTES)
      for command in growth.COMMANDS),
)  # fmt: skip
