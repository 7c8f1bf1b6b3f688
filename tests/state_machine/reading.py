"""What is where in the three stores, read by plain commands of the drivers and in the words of `records`."""

from __future__ import annotations

import json
from typing import Any

from tvmigrate.contract import new, old
from tvmigrate.engines.clients import Clients

from .records import Place, Places

_TABLES = {table.name: table for table in new.TABLES}


def new_places(clients: Clients) -> Places:
    """Return everything that the new layout holds, and whatever else is in Redis."""
    return redis_places(clients) | _rows(clients) | _quarantine(clients) | _documents(clients)


def redis_places(clients: Clients) -> Places:
    found: Places = {}
    for name in clients.redis.info("keyspace"):
        client = clients.redis_db(int(name.removeprefix("db")))
        for key in client.scan_iter(count=1000):
            kind = client.type(key).decode()
            place: Place = ("redis", name.removeprefix("db"), key.decode())
            found[place] = (kind, _value(client, key, kind), client.pttl(key) >= 0)
    return found


def _value(client: Any, key: bytes, kind: str) -> Any:
    if kind == "string":
        return client.get(key).decode()
    if kind == "hash":
        return {name.decode(): value.decode() for name, value in client.hgetall(key).items()}
    if kind == "zset":
        return {member.decode(): score for member, score in client.zrange(key, 0, -1, withscores=True)}
    items = [item.decode() for item in client.lrange(key, 0, -1)]
    if key.startswith(new.EVENTS_PREFIX.encode()):
        return [json.dumps(json.loads(item), sort_keys=True) for item in items]
    return items


def _there(clients: Clients, table: str) -> bool:
    where = f"database = '{new.DATABASE}' AND name = '{table}'"
    return bool(clients.clickhouse.query(f"SELECT 1 FROM system.tables WHERE {where}").result_rows)


def _json_rows(clients: Clients, query: str) -> list[dict[str, Any]]:
    answer = clients.clickhouse.raw_query(
        query, fmt="JSONEachRow", settings={"output_format_json_quote_64bit_integers": 0, "session_timezone": "UTC"}
    )
    return [json.loads(line) for line in answer.decode().splitlines()]


def _rows(clients: Clients) -> Places:
    found: Places = {}
    for table in _TABLES.values():
        names = {row[0] for row in clients.clickhouse.query(
            f"SELECT name FROM system.columns WHERE database = '{new.DATABASE}' AND table = '{table.name}'"
        ).result_rows}  # fmt: skip
        if names != set(table.column_names):
            continue  # `eaos_metrics` is an old name too
        for row in _json_rows(clients, f"SELECT * FROM {new.DATABASE}.{table.name}"):
            place = ("row", table.name, json.dumps(row, sort_keys=True, ensure_ascii=False))
            found[place] = found.get(place, 0) + 1
    return found


def _quarantine(clients: Clients) -> Places:
    if not _there(clients, new.QUARANTINE.name):
        return {}
    rows = _json_rows(clients, f"SELECT store, record_key, reason FROM {new.DATABASE}.{new.QUARANTINE.name}")
    return {("quarantine", row["store"], row["record_key"]): row["reason"] for row in rows}


def _documents(clients: Clients) -> Places:
    client = clients.elasticsearch
    if not client.indices.exists(index=new.INDEX.name):
        return {}
    return {("document", name): source for name, source in documents(clients, new.INDEX.name).items()}


def documents(clients: Clients, index: str) -> dict[str, Any]:
    client = clients.elasticsearch
    client.indices.refresh(index=index)
    return {hit["_id"]: hit["_source"] for hit in client.search(index=index, size=1000)["hits"]["hits"]}


def old_lines(clients: Clients) -> dict[str, list[str]]:
    """Return the old rows and documents that are there, under their old names or kept aside, as text by file."""
    found: dict[str, list[str]] = {}
    tables = clients.clickhouse.query(f"SELECT name FROM system.tables WHERE database = '{old.DATABASE}'").result_rows
    for table in old.TABLES:
        for (name,) in tables:
            if name == table.name or name.startswith((new.kept_table(table.name, ""), f"{table.name}_")):
                columns = {
                    row[0] for row in clients.clickhouse.query(
                        f"SELECT name FROM system.columns WHERE database = '{old.DATABASE}' AND table = '{name}'"
                    ).result_rows
                }  # fmt: skip
                if columns == set(table.column_names):
                    rows = _json_rows(clients, f"SELECT * FROM {old.DATABASE}.`{name}`")
                    found.setdefault(table.name, []).extend(json.dumps(row, sort_keys=True) for row in rows)
    for index in clients.elasticsearch.indices.get(index=f"{old.INDEX.name}*"):
        if index != new.INDEX.name:
            lines = found.setdefault(old.INDEX.name, [])
            lines.extend(json.dumps(one, sort_keys=True) for one in documents(clients, index).items())
    return found
