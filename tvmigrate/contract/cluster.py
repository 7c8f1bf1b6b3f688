"""How the new tables stand on a ClickHouse cluster: replicated within a shard, spread over shards by a key."""

from __future__ import annotations

from collections.abc import Mapping

from tvmigrate.contract import new
from tvmigrate.contract.layout import Table, literal

# Macros of each server (https://clickhouse.com/docs/operations/server-configuration-parameters/settings#macros).
SHARD, REPLICA = "shard", "replica"
# Where replicas find each other. {uuid} is the table's own, one for all servers of an ON CLUSTER statement, so that a
# table that is dropped and made anew, or renamed, never meets what another one left in Keeper.
KEEPER_PATH = "/clickhouse/tables/{uuid}/{" + SHARD + "}"

# The local table of each shard where there are several; the contract's name then is a Distributed table over them.
LOCAL_SUFFIX = "_local"
# Rows of one program, and so of one aggregate, are in one shard.
SHARDED_BY: Mapping[str, str] = {
    **{table.name: "cityHash64(program_id)" for table in new.TABLES},
    **{table.name: "cityHash64(record_key)" for table in new.OWN_TABLES},
}


def replicated(table: Table) -> str:
    """Return the engine of a new table within a shard, with its arguments."""
    return f"Replicated{table.engine}({literal(KEEPER_PATH)}, {literal('{' + REPLICA + '}')})"
