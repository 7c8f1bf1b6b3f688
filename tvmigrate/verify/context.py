"""What a check is given: the live stores, the reference, and what the run was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from tvmigrate.contract.policy import Policy
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.events import Listener
from tvmigrate.verify.kept import Kept
from tvmigrate.verify.ledger import Book
from tvmigrate.verify.redis_state import DumpedStates
from tvmigrate.workers import ALONE, Workers


class OldEndState(StrEnum):
    """What is left of mapped old data after the migration: nothing under its old name, or all of it."""

    REMOVED = "removed"
    KEPT = "kept"


class QuarantineKind(StrEnum):
    """Where the migration keeps quarantined records: the contract's table, or a place of its own."""

    TABLE = "table"
    NONE = "none"


class ReferenceTables(Protocol):
    """The verifier's own ClickHouse (chdb), which the migration cannot reach, with the old tables and rows in it."""

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Run `sql`; return its rows as dicts, one JSONEachRow object each.

        Instants are UTC text, 64-bit integers are ints, infinities and NaN are text. Bytes that are not UTF-8 stand as
        lone surrogates: `text.encode("utf-8", "surrogateescape")` gives them back.
        """
        ...

    def count(self, database: str, table: str) -> int:
        """Return how many rows an old table holds; raises ReferenceFailed if they are not as many as were loaded."""
        ...

    def rows(self, sql: str) -> Iterator[dict[str, Any]]:
        """Run `sql`; yield its rows as `query` returns them, in bounded memory. Exhaust it before the next question."""
        ...

    def command(self, sql: str) -> None:
        """Run a statement that has no rows, on tables of the verifier's own making."""
        ...


@dataclass(frozen=True, slots=True)
class Baseline:
    """The live old system, read after loading and before the migration began, for what no dataset holds.

    `all_tables` maps the name of each table, `database.name`, to its facts (`reference.live_tables` says which);
    `indices` maps every Elasticsearch index to its settings,
    mappings and aliases (`reference.live_indices`). `redis_dumps` has the states of keys the dataset holds as a DUMP.
    """

    indices: Mapping[str, Mapping[str, Any]]
    all_tables: Mapping[str, Mapping[str, Any]]
    databases: frozenset[str]
    redis_dumps: DumpedStates


@dataclass(frozen=True, slots=True)
class Reference:
    """The old data as it was before the migration began, out of the migration's reach.

    `redis_epoch_ms` is the instant (ms since the epoch) that every `ttl_ms` of the dataset counts from. `kept` takes
    what is worked out of it, since every look at the stores needs the same.
    """

    dataset: Dataset
    redis_epoch_ms: int
    tables: ReferenceTables
    baseline: Baseline
    kept: Kept


@dataclass(frozen=True, slots=True)
class Context:
    """All that a check may look at.

    `began_ns` and `ended_ns` (nanoseconds since the epoch) bound the run of the command that was judged last. `book`
    takes the fates of old records and the contradictions of the old data: each store's examination writes into it.
    `workers` do the partitions of what is read.
    """

    clients: Clients
    reference: Reference
    policy: Policy
    began_ns: int
    ended_ns: int
    listener: Listener
    old_end_state: OldEndState = OldEndState.REMOVED
    quarantine: QuarantineKind = QuarantineKind.TABLE
    book: Book = field(default_factory=Book)
    workers: Workers = ALONE
