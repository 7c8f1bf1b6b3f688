"""A right new state of `fixtures/standard`, made by hand on the live engines, and ways back to it after a breakage."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from elasticsearch.helpers import bulk

from tvmigrate.contract import exact_json, keys, new, old, rules, sql
from tvmigrate.contract.layout import Table
from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.contract.outcome import Mapped, Rule, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset import redis_form
from tvmigrate.dataset.model import RedisKey
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.migrate.clickhouse_rows import record_key_sql

RUN = "r1"
PRISTINE = "pristine"
FIXTURES = Path(__file__).parents[3] / "fixtures"
SETTINGS = {"max_partitions_per_insert_block": 0}


def lines(name: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of a file of `fixtures/expected`."""
    with (FIXTURES / "expected" / name).open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield json.loads(line)


class Migrated:
    """The new state; `begin` writes it once, `restore_…` bring one part of it back."""

    def __init__(self, clients: Clients, dataset: Dataset, policy: Policy, began_ns: int) -> None:
        self.clients = clients
        self.dataset = dataset
        self.policy = policy
        self.began_ns = began_ns

    def begin(self) -> None:
        self._clickhouse()
        self._elasticsearch()
        self.redis()

    def sql(self, statement: str) -> None:
        self.clients.clickhouse.command(statement, settings=SETTINGS)

    def _clickhouse(self) -> None:
        for table in old.TABLES:
            self.sql(f"RENAME TABLE tv_analytics.{table.name} TO tv_analytics.{new.kept_table(table.name, RUN)}")
        for table in (*new.TABLES, *new.OWN_TABLES):
            self.sql(table.create(new.DATABASE))
        for rule in (sql.comments(self.policy), sql.eaos_metrics(self.policy)):
            source = f"tv_analytics.{new.kept_table(rule.source.name, RUN)}"
            self.sql(f"INSERT INTO tv_analytics.{rule.target.name} {rule.query(source)}")
        comments = f"tv_analytics.{new.kept_table('comments', RUN)}"
        self.sql(f"INSERT INTO tv_analytics.comment_aggregates {sql.aggregates(self.policy, comments)}")
        records = self._records()
        source_of = {str(rule): source for rule, source in CONTRACT.sources.items()}
        now = "2026-01-01 00:00:00"
        self.clients.clickhouse.insert(
            "tv_analytics.migration_quarantine",
            [
                (
                    RUN,
                    line["store"],
                    source_of[line["rule"]],
                    line["record_key"],
                    line["reason"],
                    "",
                    (records.get((line["rule"], line["record_key"])) or [""]).pop(),
                    _when(now),
                )
                for line in lines("quarantine.ndjson")
            ],
        )
        self.clients.clickhouse.insert(
            "tv_analytics.migration_archive",
            [
                (RUN, store, source_of[rule], key, fields, _when(now))
                for (store, rule, key), fields in self._archived().items()
            ],
        )
        self._archive_columns()
        self.sql(f"DROP DATABASE IF EXISTS {PRISTINE} SYNC")
        self.sql(f"CREATE DATABASE {PRISTINE}")
        for table in (*new.TABLES, *new.OWN_TABLES):
            self.sql(table.create(PRISTINE))
            self.sql(f"INSERT INTO {PRISTINE}.{table.name} SELECT * FROM tv_analytics.{table.name}")

    def _archive_columns(self) -> None:
        """Keep the columns of eaos_metrics that have no place in the new layout."""
        rule = sql.eaos_metrics(self.policy)
        fields = "toJSONString(CAST(tuple(job, weight), 'Tuple(job String, weight Nullable(Float32))'))"
        self.sql(
            f"INSERT INTO tv_analytics.migration_archive SELECT '{RUN}', 'clickhouse', 'eaos_metrics',"
            f" {record_key_sql(rule.source)}, {fields}, '2026-01-01 00:00:00'"
            f" FROM tv_analytics.{new.kept_table('eaos_metrics', RUN)} WHERE {rule.mapped}"
        )

    def _records(self) -> dict[tuple[str, str], list[str]]:
        """Return by rule and name the old rows and documents as the files of the dataset have them."""
        found = defaultdict(list)
        for document in self.dataset.documents():
            found["elasticsearch.comments", document.id].append(document.source)
        for name in ("comments", "eaos_metrics"):
            for line in self.dataset.tables[name].rows.read_bytes().splitlines():
                row = json.loads(line)
                plain = {
                    field: redis_form.from_bytes(value.encode("utf-8", "surrogatepass"))
                    if isinstance(value, str)
                    else value
                    for field, value in row.items()
                }
                raw = row["comment_id" if name == "comments" else "entity"].encode("utf-8", "surrogatepass")
                when = "" if name == "comments" else f"@{row['recorded_at'].replace(' ', 'T')}Z"
                found[f"clickhouse.{name}", show_bytes(raw) + when].append(json.dumps(plain))
        return found

    def _archived(self) -> dict[tuple[str, str, str], str]:
        """Return the archived fields of documents by the rules, and over them those that were written by hand."""
        rule = "elasticsearch.comments"
        by_rules = {
            ("elasticsearch", rule, name): exact_json.dump(dict(outcome.archived))
            for name, outcome in self._outcomes()
            if isinstance(outcome, Mapped) and outcome.archived
        }
        by_hand = {
            (line["store"], line["rule"], line["record_key"]): json.dumps(line["fields"])
            for line in lines("archive.ndjson")
            if line["store"] != "clickhouse"
        }
        return by_rules | by_hand

    def table(self, table: Table, create: str | None = None, columns: str = "*", where: str = "1") -> None:
        """Make a new table again: by `create` if given, filled with `columns` of the right rows `where` …."""
        self.sql(f"DROP TABLE IF EXISTS tv_analytics.{table.name} SYNC")
        self.sql(create or table.create(new.DATABASE))
        self.sql(f"INSERT INTO tv_analytics.{table.name} SELECT {columns} FROM {PRISTINE}.{table.name} WHERE {where}")

    def _elasticsearch(self) -> None:
        es = self.clients.elasticsearch
        es.indices.put_settings(index=old.INDEX.name, settings={"index.blocks.write": True})
        es.indices.clone(
            index=old.INDEX.name,
            target=new.kept_index(old.INDEX.name, RUN),
            settings={"index.number_of_replicas": 0},
            wait_for_active_shards="1",
        )
        es.cluster.health(wait_for_status="yellow", wait_for_no_initializing_shards=True)
        self.index(new.INDEX.name)
        es.indices.update_aliases(
            actions=[
                {"remove_index": {"index": old.INDEX.name}},
                {"add": {"index": new.INDEX.name, "alias": new.ALIAS}},
            ]
        )

    def index(self, name: str, mappings: Any = None, settings: Any = None) -> None:
        """Create an index, with the contract's mapping unless said otherwise, and fill it with the right documents."""
        es = self.clients.elasticsearch
        es.indices.create(
            index=name,
            mappings=mappings or new.INDEX.mappings,
            settings={"index.number_of_replicas": 0, **(settings or {})},
        )
        actions = ({"_index": name, "_id": doc.id, "_source": doc.source} for doc in self.documents())
        bulk(es, actions, refresh=True, chunk_size=2000)

    def restore_alias(self, *, rebuild: bool = False) -> None:
        """Put the alias on the right index alone; `rebuild` makes that index again."""
        es = self.clients.elasticsearch
        if es.indices.exists_alias(name=new.ALIAS):
            es.indices.delete_alias(index="*", name=new.ALIAS)
        elif es.indices.exists(index=new.ALIAS):
            es.indices.delete(index=new.ALIAS)
        for other in es.indices.get(index="other*"):
            es.indices.delete(index=other)
        if rebuild:
            es.indices.delete(index=new.INDEX.name, ignore_unavailable=True)
            self.index(new.INDEX.name)
        es.indices.put_alias(index=new.INDEX.name, name=new.ALIAS)

    def documents(self) -> Iterator[rules.Document]:
        """Yield the right new documents."""
        for _, outcome in self._outcomes():
            if isinstance(outcome, Mapped):
                yield outcome.value

    def _outcomes(self) -> Iterator[tuple[str, Any]]:
        for document in self.dataset.documents():
            try:
                source = exact_json.parse(document.source)
            except Unmappable:
                continue
            yield document.id, rules.elasticsearch_document(document.id, source, self.policy)

    def redis(self) -> None:
        """Write the new keys, and remove the old ones that mapped."""
        events: dict[str, list[rules.Event]] = defaultdict(list)
        lives: dict[str, list[int]] = defaultdict(list)
        for key in self.dataset.redis_keys():
            kind = keys.classify(key.db, key.key, key.type)
            left = self.clients.redis_db(key.db).pttl(key.key)
            if not isinstance(kind, keys.OldKey) or left == -2:
                continue
            if kind.rule is Rule.REDIS_EAOS:
                self._eaos(key, kind.name, left)
            elif kind.rule is Rule.REDIS_TREND:
                trend = rules.redis_trend(kind.name)
                if isinstance(trend, Mapped):
                    self.clients.redis.rename(key.key, trend.value)
            else:
                for event in self._events(key, kind.name, left):
                    events[event.key].append(event)
                    lives[event.key].append(left)
        for name, listed in events.items():
            in_order = sorted(listed, key=lambda event: event.order)
            self._list(name, [event.body for event in in_order], max(lives[name]) if min(lives[name]) >= 0 else -1)

    def _eaos(self, key: RedisKey, entity: bytes, left: int) -> None:
        outcome = rules.redis_eaos(entity, key.value, self.policy, self.began_ns)
        if isinstance(outcome, Mapped):
            self.clients.redis.delete(outcome.value.key, key.key)
            self.clients.redis.hset(outcome.value.key, mapping=dict(outcome.value.fields))
            if left >= 0:
                self.clients.redis.pexpire(outcome.value.key, left)

    def _events(self, key: RedisKey, metric: bytes, left: int) -> list[rules.Event]:
        """Return the events of a metrics list, and leave in it the items that do not map."""
        outcomes = [
            (item, rules.redis_metric(metric, position, item, self.policy)) for position, item in enumerate(key.value)
        ]
        self._list(key.key, [item for item, outcome in outcomes if not isinstance(outcome, Mapped)], left)
        return [outcome.value for _, outcome in outcomes if isinstance(outcome, Mapped)]

    def _list(self, name: bytes | str, items: list[Any], left: int) -> None:
        self.clients.redis.delete(name)
        if items:
            self.clients.redis.rpush(name, *items)
            if left >= 0:
                self.clients.redis.pexpire(name, left)


def _when(text: str) -> Any:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
