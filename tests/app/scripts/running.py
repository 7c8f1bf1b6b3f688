"""How a script is run, and what the stores hold: shared by the tests of this folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvmigrate.contract import new
from tvmigrate.engines.clients import Clients

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Ended:
    """How a script ended and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


def command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, f"scripts/{name}.py", *arguments]


def everything(raw: Clients) -> dict[str, Any]:
    """Return all that the three stores hold: keys, tables with rows, indices with documents."""
    keys = {}
    for key in sorted(raw.redis.scan_iter()):
        read = {
            b"string": raw.redis.get,
            b"hash": raw.redis.hgetall,
            b"list": lambda name: raw.redis.lrange(name, 0, -1),
            b"zset": lambda name: raw.redis.zrange(name, 0, -1, withscores=True),
        }
        keys[key] = (read[raw.redis.type(key)](key), raw.redis.pexpiretime(key))
    tables = {
        name: (create, rows_of(raw, name))
        for name, create in raw.clickhouse.query(
            f"SELECT name, create_table_query FROM system.tables WHERE database = '{new.DATABASE}' ORDER BY name"
        ).result_rows
    }
    indices = raw.elasticsearch.indices
    indices.refresh(index="*")
    return {
        "redis": keys,
        "clickhouse": tables,
        "elasticsearch": {
            name: (body["aliases"], body["mappings"], documents_of(raw, name))
            for name, body in sorted(indices.get(index="*").body.items())
        },
    }


def rows_of(raw: Clients, table: str) -> list[Any]:
    """Return the rows of a table, in an order of their own."""
    lines = raw.clickhouse.raw_query(f"SELECT * FROM {new.DATABASE}.`{table}` FORMAT JSONEachRow").splitlines()
    return [json.loads(line) for line in sorted(lines)]


def documents_of(raw: Clients, index: str) -> dict[str, Any]:
    """Return the documents of an index by id; there are few."""
    answer = raw.elasticsearch.search(index=index, size=10_000, query={"match_all": {}})
    assert answer["hits"]["total"]["value"] < 10_000
    return {hit["_id"]: hit["_source"] for hit in sorted(answer["hits"]["hits"], key=lambda hit: hit["_id"])}
