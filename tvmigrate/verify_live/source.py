"""What the live stores are compared with: the backup of the run that migrated them, or a dataset captured before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvmigrate.contract import values
from tvmigrate.contract.outcome import Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.errors import UsageError
from tvmigrate.migrate.journal import Journal
from tvmigrate.migrate.journal import State as RunState
from tvmigrate.migrate.system import JOURNAL, identify
from tvmigrate.old_layout_document import document_of

_SWITCHED = "switch.redis"  # the last of the three
_UTC = Policy(keep_entities=True)


@dataclass(frozen=True, slots=True)
class Source:
    """The old data, the policy they were migrated by, and when.

    Times to live count from `epoch_ms`. The migration ran from `began_ns` to `ended_ns`; what is later is the
    application's. `is_complete` says whether it has all that was in Redis, and not what is migrated alone.
    """

    dataset: Dataset
    policy: Policy
    epoch_ms: int
    began_ns: int
    ended_ns: int
    is_complete: bool
    name: str

    def as_json(self) -> Mapping[str, Any]:
        """Return what tells it from others."""
        policy = self.policy
        return {
            "reference": self.name,
            "migrated until": values.rfc3339(self.ended_ns),
            "policy": [policy.show, policy.keep_entities, sorted(policy.entity_map.items()), policy.timezone,
                       policy.zero_missing_counts, document_of(policy.layout)],
        }  # fmt: skip


def of_run(clients: Clients, state: Path) -> Source:
    """Return the backup of the run that migrated these stores, as the journal in `state` has it.

    Raises:
        UsageError: the journal knows of none that is applied.
    """
    if not (state / JOURNAL).is_file():
        raise UsageError(
            f"{state} has no journal of a migration. Name the directory that `tvmigrate apply` kept with --state DIR, "
            "or give what was captured before the migration with --dataset DIR."
        )
    with Journal(state) as journal:
        run = journal.latest(identify(clients))
        if run is None or run.state not in {RunState.APPLIED, RunState.FINISHED}:
            found = "no run on these stores" if run is None else f"the run {run.id}, which is {run.state}"
            raise UsageError(f"{state} knows of {found}; verified is a migration that is applied.")
        epoch, ended = journal.noted(run.id, "redis.epoch_ms"), journal.done_at_ns(run.id, _SWITCHED)
    if epoch is None or ended is None:
        raise UsageError(
            f"The journal in {state} does not say when the run {run.id} switched. It is of another version."
        )
    backup = Dataset.open(state / "runs" / run.id / "backup")
    return Source(backup, run.policy, epoch, run.started_ns, ended, False, f"the backup of the run {run.id}")


def of_dataset(folder: Path, policy: Policy, since: str | None) -> Source:
    """Return a dataset that was captured before the migration; `since` is when that was over, RFC 3339.

    Raises:
        DatasetError: the folder holds no dataset.
        UsageError: it does not say when it was captured and `since` is not given; `since` is no instant.
    """
    dataset = Dataset.open(folder)
    if dataset.captured_at is None:
        raise UsageError(
            f"{folder} does not say when it was captured, so that times to live cannot be compared. Give a dataset "
            "that `tvmigrate capture` wrote."
        )
    captured = _instant(dataset.captured_at, "captured_at")
    ended = captured if since is None else _instant(since, "--since")
    name = f"the dataset {dataset.name}, captured at {dataset.captured_at}"
    return Source(dataset, policy, captured // values.NS_PER_MS, captured, ended, True, name)


def _instant(text: str, what: str) -> int:
    try:
        return values.instant(text, _UTC)
    except Unmappable as why:
        raise UsageError(f"{what} is {text!r}, and no instant ({why.detail}): 2025-11-20T06:05:00Z is one.") from why
