"""What is to be rehearsed, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tvmigrate.contract.policy import Policy
from tvmigrate.engines.clients import ANSWER_SECONDS
from tvmigrate.engines.embedded.redis_cluster import Shape
from tvmigrate.engines.live import Kind
from tvmigrate.verify.context import OldEndState, QuarantineKind

MIGRATION_COMMAND = "tvmigrate apply --yes"
ROLLBACK_COMMAND = "tvmigrate rollback --yes"
DEFAULT_MAX_FINDINGS = 50


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be rehearsed.

    `migration` and `rollback` are shell commands that get the engines and the policy by contract §5; `entity_map` is
    the file that `policy.entity_map` was read from, `old_layout` that of `policy.layout`. `directory` keeps the
    commands' logs and what they leave in their working directory; None: nothing is kept. `only` limits the report
    to these check ids (and those of second looks).
    `second_round` also rolls back twice, migrates again and rolls back again. `timeout` is how long the verification
    waits for an answer of a store, in seconds. `keep` is for engines in containers: they run on for the next rehearsal.
    `redis_cluster` is the shape of the embedded engines' Redis Cluster; None: one server.
    `elasticsearch_nodes` is how many nodes their Elasticsearch has.
    `workers` is how many processes share out what the verification reads, and the commands' work if they are ours;
    None: as many as is usual. `executor` is the address of a cluster that does it instead. `logs` is the directory that
    takes the engines' logs where something failed; None: they are not kept.
    """

    dataset: Path
    policy: Policy
    entity_map: Path | None = None
    old_layout: Path | None = None
    migration: str = MIGRATION_COMMAND
    rollback: str = ROLLBACK_COMMAND
    engines: Kind = "embedded"
    directory: Path | None = None
    old_end_state: OldEndState = OldEndState.REMOVED
    quarantine: QuarantineKind = QuarantineKind.TABLE
    max_findings: int = DEFAULT_MAX_FINDINGS
    only: frozenset[str] | None = None
    second_round: bool = True
    timeout: float = ANSWER_SECONDS
    keep: bool = False
    redis_cluster: Shape | None = None
    elasticsearch_nodes: int = 1
    logs: Path | None = None
    workers: int | None = None
    executor: str | None = None
