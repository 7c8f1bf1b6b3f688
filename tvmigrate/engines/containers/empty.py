"""Kept containers are emptied before a run gets them: they are ours, and nobody else's data is in them."""

from __future__ import annotations

from tvmigrate.contract.layout import quoted
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints

_OF_THE_SERVER = {"system", "information_schema", "INFORMATION_SCHEMA"}
_DEFAULT = "default"


def empty(endpoints: Endpoints) -> None:
    """Remove every key, every database and every index; raises what the drivers raise."""
    with Clients(endpoints) as clients:
        clients.redis.flushall()
        for (name,) in clients.clickhouse.query("SELECT name FROM system.databases").result_rows:
            if name not in _OF_THE_SERVER | {_DEFAULT}:
                clients.clickhouse.command(f"DROP DATABASE {quoted(name)} SYNC")
        tables = f"SELECT name FROM system.tables WHERE database = '{_DEFAULT}'"
        for (name,) in clients.clickhouse.query(tables).result_rows:
            clients.clickhouse.command(f"DROP TABLE {_DEFAULT}.{quoted(name)} SYNC")
        names = list(clients.elasticsearch.indices.get(index="*", expand_wildcards="all"))
        if own := [name for name in names if not name.startswith(".")]:
            clients.elasticsearch.indices.put_settings(index=own, settings={"index.blocks.write": None})
            clients.elasticsearch.indices.delete(index=own)
