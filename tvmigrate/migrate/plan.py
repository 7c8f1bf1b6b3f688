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


def _of_each(verb: str, **steps: Callable[[Work], None]) -> tuple[Step, ...]:
    """Return a stage of one step for each store, in the order given."""
    return tuple(Step(f"{verb}.{store}", run) for store, run in steps.items())


# Steps of one stage have nothing to do with each other, and may be taken side by side.
Stages = tuple[tuple[Step, ...], ...]
# Expand, verify, switch, contract: nothing old is touched before every store's new data were compared. The switch is
# one store after the other, so that its step says which have switched.
STAGES: Stages = (
    _of_each("backup", redis=redis.backup, clickhouse=clickhouse.backup, elasticsearch=elasticsearch.backup),
    (Step("backup.verify", backup.verify),),
    _of_each("build", redis=redis.build, clickhouse=clickhouse.build, elasticsearch=elasticsearch.build),
    (Step("build.quarantine", quarantine.build),),
    (Step("compare.quarantine", quarantine.compare),),
    _of_each("compare", redis=redis.compare, elasticsearch=elasticsearch.compare, clickhouse=clickhouse.compare),
    (Step(source.STEP, source.compare),),
    (Step("switch.clickhouse", clickhouse.switch),),
    (Step("switch.elasticsearch", elasticsearch.switch),),
    (Step("switch.redis", redis.switch),),
    _of_each("remove", clickhouse=clickhouse.remove, elasticsearch=elasticsearch.remove, redis=redis.remove),
    (Step("ledger", ledger.write),),
    (Step("backup.pack", backup_pack.pack),),
    # What V2 had written before a rollback: nothing unless `reapply` says so.
    _of_each(
        "forward",
        redis=redis_changes.bring,
        clickhouse=clickhouse_changes.bring,
        elasticsearch=elasticsearch_changes.bring,
    ),
)
# Old data come back first; only then does anything new go.
REVERSE_STAGES: Stages = (
    (Step("backup.unpack", lambda work: backup_pack.unpack(work.folder, "redis.ndjson")),),
    _of_each(
        "archive",
        redis=redis_changes.archive,
        clickhouse=clickhouse_changes.archive,
        elasticsearch=elasticsearch_changes.archive,
    ),
    _of_each("restore", redis=redis.restore, clickhouse=clickhouse.restore, elasticsearch=elasticsearch.restore),
    _of_each(
        "carry",
        redis=redis_changes.carry,
        clickhouse=clickhouse_changes.carry,
        elasticsearch=elasticsearch_changes.carry,
    ),
    _of_each("clean", redis=redis.clean, clickhouse=clickhouse.clean, elasticsearch=elasticsearch.clean),
)
FINISH_STAGES: Stages = (
    _of_each("finish", clickhouse=clickhouse.finish, elasticsearch=elasticsearch.finish, redis=redis.finish),
)


def steps(stages: Stages) -> tuple[Step, ...]:
    """Return the steps of `stages` in the order in which one worker takes them."""
    return tuple(step for stage in stages for step in stage)


STEPS, REVERSE, FINISH = steps(STAGES), steps(REVERSE_STAGES), steps(FINISH_STAGES)
