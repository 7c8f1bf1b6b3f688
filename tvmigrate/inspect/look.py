"""What there is in three live stores: names, types, counts, and samples of bounded size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import redis

from tvmigrate.contract import exact_json
from tvmigrate.contract.layout import quoted
from tvmigrate.contract.outcome import Unmappable
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.model import LIST, STRING
from tvmigrate.engines.clients import Clients
from tvmigrate.migrate.redis_keys import kinds, scan

VALUES = 50  # records that are looked into, of each kind
_ITEMS = 5  # of a list
_SYSTEM = ("system", "information_schema", "INFORMATION_SCHEMA")


@dataclass(slots=True)
class Keys:
    """Redis keys of one database, beginning and type: how many are in the sample, some names, some records as JSON.

    `fields` are those of objects among the records: name → values.
    """

    db: int
    prefix: str
    kind: str
    count: int = 0
    names: list[bytes] = field(default_factory=list)
    fields: dict[str, list[Any]] = field(default_factory=dict)
    inner: dict[str, dict[str, list[Any]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Columns:
    """A table or an index: its columns or fields with their types, and what some records have in each."""

    database: str
    name: str
    count: int
    types: Mapping[str, str]
    values: Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen. `sampled` keys of `keys_in_all` were looked at."""

    keys: list[Keys]
    sampled: int
    keys_in_all: int
    tables: list[Columns]
    indices: list[Columns]


def look(clients: Clients, most_keys: int) -> Seen:
    """Look at the stores: of Redis at about `most_keys` keys; raises what the clients raise."""
    groups: dict[tuple[int, str, str], Keys] = {}
    sampled = in_all = 0
    for number in sorted(int(name.removeprefix("db")) for name in clients.redis.info("keyspace")):
        client = clients.redis_db(number)
        in_all += int(client.dbsize())
        for page in scan(client):
            _take(client, number, page, groups)
            sampled += len(page)
            if sampled >= most_keys:
                break
    found = sorted(groups.values(), key=lambda one: (one.db, one.prefix, one.kind))
    return Seen(found, sampled, in_all, _tables(clients), _indices(clients))


def _take(client: redis.Redis, number: int, page: list[bytes], groups: dict[tuple[int, str, str], Keys]) -> None:
    for name, kind in zip(page, kinds(client, page), strict=True):
        head, colon, _ = name.partition(b":")
        prefix = show_bytes(head + colon) if colon else ""
        group = groups.setdefault((number, prefix, kind), Keys(number, prefix, kind))
        group.count += 1
        if len(group.names) < VALUES:
            group.names.append(name)
            if kind == STRING:
                _look_into(group, client.get(name))
            elif kind == LIST:
                for item in client.lrange(name, 0, _ITEMS - 1):
                    _look_into(group, item)


def _look_into(group: Keys, raw: Any) -> None:
    try:
        body = None if raw is None else exact_json.parse(raw)
    except Unmappable:
        return
    for name, value in body.items() if isinstance(body, dict) else ():
        group.fields.setdefault(name, []).append(value)
        for inner, its in value.items() if isinstance(value, dict) else ():
            group.inner.setdefault(name, {}).setdefault(inner, []).append(its)


def _tables(clients: Clients) -> list[Columns]:
    client = clients.clickhouse
    outside = ", ".join(f"'{name}'" for name in _SYSTEM)
    found = client.query(
        f"SELECT database, name, engine FROM system.tables WHERE database NOT IN ({outside}) AND NOT is_temporary"
        " AND endsWith(engine, 'MergeTree') ORDER BY database, name"
    ).result_rows
    tables = []
    for database, name, _ in found:
        place = f"{quoted(database)}.{quoted(name)}"
        types = {str(row[0]): str(row[1]) for row in client.query(f"DESCRIBE TABLE {place}").result_rows}
        count = int(client.query(f"SELECT count() FROM {place}").result_rows[0][0])
        rows = client.query(f"SELECT * FROM {place} LIMIT {VALUES}", query_formats={"String": "bytes"})
        values = {column: [_text(row[n]) for row in rows.result_rows] for n, column in enumerate(rows.column_names)}
        tables.append(Columns(str(database), str(name), count, types, values))
    return tables


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _indices(clients: Clients) -> list[Columns]:
    client, found = clients.elasticsearch, []
    for name, body in sorted(client.indices.get(index="*").body.items()):
        if name.startswith("."):
            continue
        answer = client.search(index=name, size=VALUES, sort=["_doc"], track_total_hits=True)
        values: dict[str, list[Any]] = {}
        for hit in answer["hits"]["hits"]:
            for one, value in (hit.get("_source") or {}).items():
                values.setdefault(one, []).append(value)
        properties = body.get("mappings", {}).get("properties", {})
        types = {one: str(told.get("type", "object")) for one, told in properties.items()}
        types |= {one: "unmapped" for one in values if one not in types}
        found.append(Columns("", name, int(answer["hits"]["total"]["value"]), types, values))
    return found


def usual_type(group: Keys) -> str:
    """Return what kind of values a group's records are, in a word."""
    kinds_of = Counter(type(value).__name__ for values in group.fields.values() for value in values)
    return ", ".join(sorted(kinds_of)) or "no JSON objects"
