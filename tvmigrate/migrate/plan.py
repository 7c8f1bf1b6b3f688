"""The migration as data: its steps in order, and those of the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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


# Expand, verify, switch, contract: nothing old is touched before every store's new data were compared.
STEPS: tuple[Step, ...] = (
    Step("backup.redis", redis.backup),
    Step("backup.clickhouse", clickhouse.backup),
    Step("backup.elasticsearch", elasticsearch.backup),
    Step("backup.verify", backup.verify),
    Step("build.redis", redis.build),
    Step("build.clickhouse", clickhouse.build),
    Step("build.elasticsearch", elasticsearch.build),
    Step("build.quarantine", quarantine.build),
    Step("compare.redis", redis.compare),
    Step("compare.quarantine", quarantine.compare),
    Step("compare.elasticsearch", elasticsearch.compare),
    Step("compare.clickhouse", clickhouse.compare),
    Step(source.STEP, source.compare),
    Step("switch.clickhouse", clickhouse.switch),
    Step("switch.elasticsearch", elasticsearch.switch),
    Step("switch.redis", redis.switch),
    Step("remove.clickhouse", clickhouse.remove),
    Step("remove.elasticsearch", elasticsearch.remove),
    Step("remove.redis", redis.remove),
    Step("ledger", ledger.write),
    Step("backup.pack", backup_pack.pack),
    # What V2 had written before a rollback: nothing unless `reapply` says so.
    Step("forward.redis", redis_changes.bring),
    Step("forward.clickhouse", clickhouse_changes.bring),
    Step("forward.elasticsearch", elasticsearch_changes.bring),
)
# Old data come back first; only then does anything new go.
REVERSE: tuple[Step, ...] = (
    Step("backup.unpack", lambda work: backup_pack.unpack(work.folder, "redis.ndjson")),
    Step("archive.redis", redis_changes.archive),
    Step("archive.clickhouse", clickhouse_changes.archive),
    Step("archive.elasticsearch", elasticsearch_changes.archive),
    Step("restore.redis", redis.restore),
    Step("restore.clickhouse", clickhouse.restore),
    Step("restore.elasticsearch", elasticsearch.restore),
    Step("carry.redis", redis_changes.carry),
    Step("carry.clickhouse", clickhouse_changes.carry),
    Step("carry.elasticsearch", elasticsearch_changes.carry),
    Step("clean.redis", redis.clean),
    Step("clean.clickhouse", clickhouse.clean),
    Step("clean.elasticsearch", elasticsearch.clean),
)
FINISH: tuple[Step, ...] = (
    Step("finish.clickhouse", clickhouse.finish),
    Step("finish.elasticsearch", elasticsearch.finish),
    Step("finish.redis", redis.finish),
)
