"""A small old Redis with every kind of record, and its right new state made by hand from the contract's rules."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tvmigrate.contract import exact_json, new, rules
from tvmigrate.contract.keys import OldKey, WrongTypeKey, classify
from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.contract.outcome import Mapped, Quarantined, Rule
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.model import RedisKey
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients

POLICY = Policy(show="show")
HOUR = 3_600_000
# A hash whose fields expire and a stream with a consumer group, as DUMP wrote them (fixtures/standard).
_DUMPED = ("session:fields", "queue:comments")


def _eaos(**body: Any) -> str:
    return json.dumps({"score": 0.82, "positive": 12, "negative": 3, "neutral": 4, "total": 19} | body)


def _item(entity: str, minute: int, **more: Any) -> str:
    return json.dumps({"entity": entity, "value": 0.5, "timestamp": f"2025-11-20T13:{minute:02}:00+07:00"} | more)


KEYS: list[tuple[int, str, str, int | None, Any]] = [
    (0, "eaos:a", "string", None, _eaos(timestamp="2025-11-20T13:05:00+07:00")),
    (0, "eaos:hour", "string", HOUR, _eaos(timestamp=1763618700)),
    (0, "eaos:filled", "string", None, json.dumps({"score": 1, "positive": 1, "negative": 0, "neutral": 0})),
    (0, "eaos:archived", "string", None, _eaos(timestamp=1763618700, model={"name": "phobert", "v": 2})),
    (0, "eaos:bad", "string", HOUR, "{"),
    (0, "eaos:unread", "string", None, _eaos(timestamp="soon")),
    (0, "eaos:a_list", "list", None, ["x"]),
    (0, "eaos:gone_by_now", "string", 1, _eaos(timestamp=1763618700)),
    (0, "trend:5m", "zset", HOUR, [["up", "inf"], ["down", "-inf"], ["zero", -0.0], ["tenth", 0.1]]),
    (0, "trend:30m", "zset", None, [["show", 1.0], ["song", 2.0]]),
    (0, "metrics:buzz", "list", HOUR, [_item("a", 5), "0.7", _item("a", 1, unit="n"), _item("a", 9), _item("b", 3)]),
    (0, "metrics:views", "list", None, [_item("a", 5, value=12), _item("a", 7), _item("c\\d", 8, note='"x" \\ ọ')]),
    (0, "metrics:bare", "list", None, ["1", "2"]),
    (0, "eaos:current:show/finale", "hash", None, {"score": "0.5"}),
    (0, "settings", "hash", None, {"theme": "dark", "volume": "0.5"}),
    (0, "session", "string", HOUR, "x"),
    (3, "flags", "set", None, ["live", {"b64": "gIE="}]),
    (3, "eaos:a", "string", None, "not ours"),
    (3, "stream", "stream", None, [["1763618700000-0", {"user": "lan"}], ["1763618700000-1", {"user": "an"}]]),
]  # fmt: skip


def write_dataset(folder: Path, standard: Path) -> Path:
    """Write the old Redis as a dataset into `folder`; two keys come from the dataset `standard`."""
    names = ("db", "key", "type", "ttl_ms", "value")
    lines = [json.dumps(dict(zip(names, key, strict=True))) for key in KEYS]
    with (standard / "redis.ndjson").open() as file:
        lines += [line.strip() for line in file if json.loads(line)["key"] in _DUMPED]
    (folder / "dataset.toml").write_text('name = "small"\n')
    (folder / "redis.ndjson").write_text("\n".join(lines) + "\n")
    return folder


class _Migration:
    """The right migration of one loaded dataset, kept simple: nothing else reads or writes meanwhile."""

    def __init__(self, clients: Clients, began_ns: int) -> None:
        self._redis = clients.redis
        self._began_ns = began_ns
        self._lists: dict[str, list[rules.Event]] = defaultdict(list)
        self._lives: dict[str, list[int]] = defaultdict(list)
        self.quarantined: list[tuple[Rule, str, str, Any]] = []
        self.archived: list[tuple[Rule, str, str]] = []

    def take(self, key: RedisKey) -> None:
        kind, left = classify(key.db, key.key, key.type), self._redis.pttl(key.key)
        if isinstance(kind, WrongTypeKey):
            items = [item.decode() for item in key.value]
            self.quarantined.append((kind.rule, show_bytes(key.key), "wrong-type", items))
        elif isinstance(kind, OldKey) and left != -2:
            {Rule.REDIS_EAOS: self._eaos, Rule.REDIS_TREND: self._trend, Rule.REDIS_METRIC: self._metric}[kind.rule](
                key, kind, left
            )

    def _eaos(self, key: RedisKey, kind: OldKey, left: int) -> None:
        name = show_bytes(key.key)
        mapped = rules.redis_eaos(kind.name, key.value, POLICY, self._began_ns)
        if isinstance(mapped, Quarantined):
            self.quarantined.append((kind.rule, name, mapped.reason, key.value.decode()))
            return
        if mapped.archived:
            self.archived.append((kind.rule, name, exact_json.dump(dict(mapped.archived))))
        self._redis.hset(mapped.value.key, mapping=dict(mapped.value.fields))
        if left > 0:
            self._redis.pexpire(mapped.value.key, left)
        self._redis.delete(key.key)

    def _trend(self, key: RedisKey, kind: OldKey, left: int) -> None:
        mapped = rules.redis_trend(kind.name)
        if isinstance(mapped, Mapped):
            self._redis.rename(key.key, mapped.value)
            return
        name = show_bytes(key.key)
        self.quarantined += [
            (kind.rule, f"{name}#{show_bytes(member)}", mapped.reason, [member.decode(), score])
            for member, score in key.value
        ]

    def _metric(self, key: RedisKey, kind: OldKey, left: int) -> None:
        for position, raw in enumerate(key.value):
            mapped = rules.redis_metric(kind.name, position, raw, POLICY)
            if isinstance(mapped, Quarantined):
                name = f"{show_bytes(key.key)}#{position}"
                self.quarantined.append((kind.rule, name, mapped.reason, raw.decode()))
                continue
            self._lists[mapped.value.key].append(mapped.value)
            self._lives[mapped.value.key].append(left)
            self._redis.lrem(key.key, 1, raw)

    def write_lists(self) -> None:
        for name, events in self._lists.items():
            self._redis.rpush(name, *(event.body for event in sorted(events, key=lambda event: event.order)))
            if -1 not in self._lives[name]:
                self._redis.pexpire(name, max(self._lives[name]))


def migrate(dataset: Dataset, clients: Clients, began_ns: int) -> None:
    """Bring the loaded dataset into its right new state."""
    migration = _Migration(clients, began_ns)
    for key in dataset.redis_keys():
        migration.take(key)
    migration.write_lists()
    _set_aside(clients, migration.quarantined, migration.archived)


def drop_aside(clients: Clients) -> None:
    """Remove quarantine and archive."""
    clients.clickhouse.command(f"CREATE DATABASE IF NOT EXISTS {new.DATABASE}")
    for table in new.OWN_TABLES:
        clients.clickhouse.command(f"DROP TABLE IF EXISTS {new.DATABASE}.{table.name} SYNC")


def _set_aside(
    clients: Clients, quarantined: list[tuple[Rule, str, str, Any]], archived: list[tuple[Rule, str, str]]
) -> None:
    client, now = clients.clickhouse, datetime(2026, 1, 1, tzinfo=UTC)
    for table in new.OWN_TABLES:
        client.command(table.create(new.DATABASE))
    client.insert(
        f"{new.DATABASE}.{new.QUARANTINE.name}",
        [
            ("r1", "redis", CONTRACT.sources[rule], key, str(reason), "", json.dumps(record), now)
            for rule, key, reason, record in quarantined
        ],
    )
    client.insert(
        f"{new.DATABASE}.{new.ARCHIVE.name}",
        [("r1", "redis", CONTRACT.sources[rule], key, fields, now) for rule, key, fields in archived],
    )
