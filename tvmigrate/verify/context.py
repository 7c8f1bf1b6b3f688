"""What a check is given: the live stores, the reference, and what the run was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from tvmigrate.contract.policy import Policy
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.events import Listener


class OldEndState(StrEnum):
    """What is left of mapped old data after the migration: nothing under its old name, or all of it."""

    REMOVED = "removed"
    KEPT = "kept"


class QuarantineKind(StrEnum):
    """Where the migration keeps quarantined records: the contract's table, or a place of its own."""

    TABLE = "table"
    NONE = "none"


class ReferenceTables(Protocol):
    """The verifier's own ClickHouse (chdb in process), which the migration cannot reach, with the old rows in it."""

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Run `sql`; return its rows as dicts, one JSONEachRow object each."""
        ...


@dataclass(frozen=True, slots=True)
class Baseline:
    """The live old system, read after loading and before the migration began, for what no dataset holds.

    `tables` maps a ClickHouse table of the old database to its row of `system.tables` and `system.columns` facts,
    `indices` an Elasticsearch index to its settings, mappings and aliases.
    """

    tables: Mapping[str, Mapping[str, Any]]
    indices: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Reference:
    """The old data as it was before the migration began, out of the migration's reach.

    `redis_epoch_ms` is the instant (ms since the epoch) that every `ttl_ms` of the dataset counts from.
    """

    dataset: Dataset
    redis_epoch_ms: int
    tables: ReferenceTables
    baseline: Baseline


@dataclass(frozen=True, slots=True)
class Context:
    """All that a check may look at.

    `began_ns` and `ended_ns` (nanoseconds since the epoch) bound the run of the command that was judged last.
    """

    clients: Clients
    reference: Reference
    policy: Policy
    began_ns: int
    ended_ns: int
    listener: Listener
    old_end_state: OldEndState = OldEndState.REMOVED
    quarantine: QuarantineKind = QuarantineKind.TABLE
