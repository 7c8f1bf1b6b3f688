"""Three stores that hold the new layout and not one record, whatever was in them before."""

from __future__ import annotations

from tvmigrate.contract import new
from tvmigrate.engines.clients import Clients


def empty(raw: Clients) -> None:
    """Take away all that the three stores hold, and create the new layout."""
    empty_redis(raw)
    empty_clickhouse(raw)
    empty_elasticsearch(raw)


def empty_redis(raw: Clients) -> None:
    raw.redis.flushall()


def empty_clickhouse(raw: Clients) -> None:
    raw.clickhouse.command(f"DROP DATABASE IF EXISTS {new.DATABASE} SYNC")
    raw.clickhouse.command(f"CREATE DATABASE {new.DATABASE}")
    for table in new.TABLES:
        raw.clickhouse.command(table.create(new.DATABASE))


def empty_elasticsearch(raw: Clients) -> None:
    indices = raw.elasticsearch.indices
    if names := list(indices.get(index="*")):
        indices.put_settings(index=names, settings={"index.blocks.write": None})
        indices.delete(index=names)
    indices.create(
        index=new.INDEX.name,
        mappings=dict(new.INDEX.mappings),
        aliases={new.ALIAS: {}},
        # So that refresh="wait_for" waits for 50 ms and not for a second.
        settings={"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "50ms"},
    )
