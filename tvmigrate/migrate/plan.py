"""The migration as data: its steps in order, and those of the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tvmigrate.contract.outcome import Store
from tvmigrate.migrate import (
    backup,
    backup_pack,
    clickhouse,
    clickhouse_changes,
    elasticsearch,
    elasticsearch_changes,
    ledger,
    quarantine,
    redis,
    redis_changes,
    source,
)
from tvmigrate.migrate.work import Work


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the journal. Each may be run again when it was interrupted, and comes to the same."""

    name: str
    run: Callable[[Work], None]

    @property
    def store(self) -> Store | None:
        """The store that it is of, which its name ends with; None if it is of all."""
        last = self.name.rpartition(".")[2]
        return Store(last) if last in _STORES else None


_STORES = frozenset({Store.REDIS, Store.CLICKHOUSE, Store.ELASTICSEARCH})
# Steps of one stage have nothing to do with each other, and may be taken side by side.
Stages = tuple[tuple[Step, ...], ...]
# Expand, verify, switch, contract: nothing old is touched before every store's new data were compared. The switch is
# one store after the other, so that its step says which have switched.
STAGES: Stages = (
    (
        Step("backup.redis", redis.backup),
        Step("backup.clickhouse", clickhouse.backup),
        Step("backup.elasticsearch", elasticsearch.backup),
    ),
    (Step("backup.verify", backup.verify),),
    (
        Step("build.redis", redis.build),
        Step("build.clickhouse", clickhouse.build),
        Step("build.elasticsearch", elasticsearch.build),
    ),
    (Step("build.quarantine", quarantine.build),),
    (Step("compare.quarantine", quarantine.compare),),
    (
        Step("compare.redis", redis.compare),
        Step("compare.elasticsearch", elasticsearch.compare),
        Step("compare.clickhouse", clickhouse.compare),
    ),
    (Step(source.STEP, source.compare),),
    (Step("switch.clickhouse", clickhouse.switch),),
    (Step("switch.elasticsearch", elasticsearch.switch),),
    (Step("switch.redis", redis.switch),),
    (
        Step("remove.clickhouse", clickhouse.remove),
        Step("remove.elasticsearch", elasticsearch.remove),
        Step("remove.redis", redis.remove),
    ),
    (Step("ledger", ledger.write),),
    (Step("backup.pack", backup_pack.pack),),
    # What V2 had written before a rollback: nothing unless `reapply` says so.
    (
        Step("forward.redis", redis_changes.bring),
        Step("forward.clickhouse", clickhouse_changes.bring),
        Step("forward.elasticsearch", elasticsearch_changes.bring),
    ),
)
# Old data come back first; only then does anything new go.
REVERSE_STAGES: Stages = (
    (Step("backup.unpack", lambda work: backup_pack.unpack(work.folder, "redis.ndjson")),),
    (
        Step("archive.redis", redis_changes.archive),
        Step("archive.clickhouse", clickhouse_changes.archive),
        Step("archive.elasticsearch", elasticsearch_changes.archive),
    ),
    (
        Step("restore.redis", redis.restore),
        Step("restore.clickhouse", clickhouse.restore),
        Step("restore.elasticsearch", elasticsearch.restore),
    ),
    (
        Step("carry.redis", redis_changes.carry),
        Step("carry.clickhouse", clickhouse_changes.carry),
        Step("carry.elasticsearch", elasticsearch_changes.carry),
    ),
    (
        Step("clean.redis", redis.clean),
        Step("clean.clickhouse", clickhouse.clean),
        Step("clean.elasticsearch", elasticsearch.clean),
    ),
)
FINISH_STAGES: Stages = (
    (
        Step("finish.clickhouse", clickhouse.finish),
        Step("finish.elasticsearch", elasticsearch.finish),
        Step("finish.redis", redis.finish),
    ),
)


def steps(stages: Stages) -> tuple[Step, ...]:
    """Return the steps of `stages` in the order in which one worker takes them."""
    return tuple(step for stage in stages for step in stage)


STEPS, REVERSE, FINISH = steps(STAGES), steps(REVERSE_STAGES), steps(FINISH_STAGES)
