"""Faults of the commands themselves: each is a whole rehearsal of commands that are wrong, so there are few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tvmigrate.contract import new, old
from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.contract.outcome import Rule
from tvmigrate.verify.faults.model import AnyOf, Finds, of_commands
from tvmigrate.verify.faults.site import NothingToPlant
from tvmigrate.verify.findings import Direction
from tvmigrate.verify.job import MIGRATION_COMMAND, ROLLBACK_COMMAND, Job
from tvmigrate.verify.rehearsal import AFTER_SECOND_MIGRATION

_MISSING, _EXTRA, _CHANGED, _SCHEMA = Direction.MISSING, Direction.EXTRA, Direction.CHANGED, Direction.SCHEMA
_MARK = "tvmigrate-faults-rolled-back-once"


def _not_back(suffix: str = "") -> tuple[Finds, ...]:
    """Return what the checks of a rollback say of stores that still are migrated; by which checks, `suffix` says."""
    redis, house, search = (f"rollback.{store}" for store in ("redis", "clickhouse", "elasticsearch"))
    demanded = (
        Finds(f"{search}-schema{suffix}", _MISSING, "index"),
        Finds(f"{search}-extra{suffix}", _EXTRA, "index"),
        Finds(f"{house}{suffix}", _MISSING),
        Finds(f"{house}{suffix}", _CHANGED, "columns"),
        Finds(f"{house}-schema{suffix}", _MISSING, "table"),
        Finds(f"{house}-schema{suffix}", _SCHEMA, AnyOf.FIELD),
        Finds(f"{house}-extra{suffix}", _EXTRA, "table"),
    )
    of_some_data = (
        Finds(f"{search}{suffix}", _CHANGED, AnyOf.FIELD, if_any=True),
        Finds(f"{search}{suffix}", _MISSING, "_id", if_any=True),  # documents in quarantine
        Finds(f"{redis}-extra{suffix}", _EXTRA, "key", if_any=True),
        Finds(f"{redis}{suffix}", _CHANGED, AnyOf.FIELD, if_any=True),  # lists with some items in quarantine
        Finds(f"{redis}{suffix}", _MISSING, AnyOf.FIELD, if_any=True),
        Finds(f"{house}-schema{suffix}", _MISSING, AnyOf.FIELD, if_any=True),  # columns, of which there are fewer now
    )
    return demanded + of_some_data


def _first(main: Finds, finds: tuple[Finds, ...]) -> tuple[Finds, ...]:
    """Return `finds` with the one that is told first at its place."""
    return (main, *(one for one in finds if one != main))


@of_commands(
    *_first(Finds("rollback.elasticsearch-schema", _MISSING, "index"), _not_back()),
    incident="A rollback script that nobody ever ran: its exit code was all that was looked at.",
)
def rollback_does_nothing(job: Job) -> Job:
    """The rollback command ends well, and did nothing."""
    return replace(job, rollback="true")


@of_commands(
    *_not_back(AFTER_SECOND_MIGRATION),
    incident="A mark that says `rolled back` and that the next migration does not take away.",
)
def rollback_works_only_once(job: Job) -> Job:
    """The rollback command works the first time, and after a second migration it ends well and does nothing."""
    once = f"if [ -e {_MARK} ]; then true; else ({job.rollback}) && touch {_MARK}; fi"
    return replace(job, rollback=once, second_round=True)


def _maybe(check: str, *directions: Direction, rules: tuple[Rule | None, ...] = (None,)) -> Iterator[Finds]:
    """Yield findings of a check that depend on what the data hold, of any field."""
    for direction in directions:
        for rule in rules:
            yield Finds(check, direction, AnyOf.FIELD, rule, if_any=True)


_OF_REDIS = (Rule.REDIS_EAOS, Rule.REDIS_TREND, Rule.REDIS_METRIC)
_OF_RECORDS = (*_OF_REDIS, *(rule for rule in CONTRACT.sources if rule not in _OF_REDIS))


@of_commands(
    Finds("elasticsearch.alias", _SCHEMA, "alias"),
    Finds("elasticsearch.mapping", _SCHEMA, AnyOf.FIELD),
    Finds("clickhouse.schema.eaos_metrics", _SCHEMA, AnyOf.FIELD),
    *(Finds(f"clickhouse.schema.{table.name}", _MISSING) for table in new.TABLES if table is not new.EAOS_METRICS),
    Finds("clickhouse.anomalies", _MISSING),
    *(finds for table in new.OWN_TABLES for finds in _maybe(f"clickhouse.schema.{table.name}", _MISSING)),
    *(finds for what in ("comments", "aggregates") for finds in _maybe(f"clickhouse.{what}", _MISSING)),
    *_maybe("clickhouse.eaos_metrics", _SCHEMA),
    *_maybe("clickhouse.old-tables", _EXTRA),
    *_maybe("elasticsearch.comments", _MISSING, _EXTRA, _CHANGED),
    *_maybe("elasticsearch.indexed", _SCHEMA, _CHANGED),
    *(finds for what in ("eaos", "trend", "metric") for finds in _maybe(f"redis.{what}", _MISSING)),
    *_maybe("redis.old-keys", _EXTRA, _CHANGED, rules=_OF_REDIS),
    *_maybe("redis.quarantine", _SCHEMA, rules=_OF_REDIS),
    *_maybe("redis.archive", _SCHEMA, rules=_OF_REDIS),
    *(finds for what in ("quarantine", "archive") for finds in _maybe(f"elasticsearch.{what}", _SCHEMA)),
    *(
        finds
        for what in ("quarantine", "archive")
        for table in old.TABLES
        for finds in _maybe(f"clickhouse.{what}.{table.name}", _SCHEMA)
    ),
    *_maybe("cross.ids", _MISSING),
    *_maybe("cross.values", _MISSING, _CHANGED),
    *_maybe("cross.programs", _MISSING, _EXTRA),
    *_maybe("ledger.balance", _MISSING, rules=_OF_RECORDS),
    *_maybe("rollback.exit", _CHANGED),  # a rollback may refuse where there is nothing to roll back
)
def migration_does_nothing(job: Job) -> Job:
    """The migration command ends well, and did nothing: the old layout still stands."""
    return replace(job, migration="true")


@of_commands(
    Finds("migration.exit", _CHANGED, "exit_code"),
    incident="With `set -e` or not, a script ends with the code of whatever came last.",
)
def migration_fails_at_its_end(job: Job) -> Job:
    """The migration command does all it should, and says that it failed."""
    return replace(job, migration=f"({job.migration}) && exit 7")


@of_commands(Finds("rollback.exit", _CHANGED, "exit_code"))
def rollback_fails_at_its_end(job: Job) -> Job:
    """The rollback command brings everything back, and says that it failed."""
    return replace(job, rollback=f"({job.rollback}) && exit 7")


def _of_ours(job: Job) -> None:
    if (job.migration, job.rollback) != (MIGRATION_COMMAND, ROLLBACK_COMMAND):
        raise NothingToPlant("backup of a known form: only that of tvmigrate's own migration can be spoilt")


@of_commands(
    *_first(Finds("rollback.clickhouse", _CHANGED, "columns"), _not_back()),
    Finds("rollback.exit", _CHANGED, "exit_code"),
    incident="GitLab, 31 January 2017: of five ways to a backup none worked, which came out when one was needed.",
)
def backup_emptied_before_the_rollback(job: Job) -> Job:
    """The files of the backup are empty when the rollback begins; it has to refuse, and to leave the new data alone."""
    _of_ours(job)
    return replace(job, rollback=f"find .tvmigrate -name '*.ndjson' -exec truncate -s 0 {{}} + && {job.rollback}")
