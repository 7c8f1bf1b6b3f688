"""Migrations and rollbacks that are wrong in one thing each: a check fails, and its finding names where.

To migrate anew for each would take minutes, so most are broken in place, looked at, and repaired; one of each kind is
judged as a stranger's would be, as a command.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import ExitCode
from tvmigrate.events import ignore
from tvmigrate.report.prose import explain
from tvmigrate.verify.balance import BALANCE
from tvmigrate.verify.check import examine
from tvmigrate.verify.checks import REGISTRY
from tvmigrate.verify.context import Context
from tvmigrate.verify.findings import CheckResult, Direction, Phase, State
from tvmigrate.verify.ledger import Book
from tvmigrate.verify.rehearsal import MIGRATION_COMMAND, ROLLBACK_COMMAND, Rehearsal

from . import breakage
from .one_set import migrate_on, rehearsal_on, rehearse_on

CLEAN = Path(__file__).parents[2] / "fixtures" / "clean"
KEPT = 20  # findings of a check


@dataclass(frozen=True)
class Expected:
    """A breakage, and what the finding about it has to name; `field` None: the record as a whole."""

    name: str
    check: str
    store: Store
    rule: Rule
    direction: Direction
    key: str
    field: str | None


R, C, E = Store.REDIS, Store.CLICKHOUSE, Store.ELASTICSEARCH
MISSING, EXTRA, CHANGED, SCHEMA = Direction.MISSING, Direction.EXTRA, Direction.CHANGED, Direction.SCHEMA
HASH_FIELD = Expected("changed-hash-field", "redis.eaos", R, Rule.REDIS_EAOS, CHANGED, breakage.EAOS, "positive")
OF_THE_MIGRATION = [
    HASH_FIELD,
    Expected("missing-hash", "redis.eaos", R, Rule.REDIS_EAOS, MISSING, breakage.EAOS, "key"),
    Expected("lost-ttl", "redis.ttl", R, Rule.REDIS_TTL, MISSING, breakage.WITH_TTL, "ttl"),
    Expected("invented-key", "redis.extra", R, Rule.REDIS_SCHEMA, EXTRA, breakage.NOBODY, "key"),
    Expected("changed-trend-score", "redis.trend", R, Rule.REDIS_TREND, CHANGED, "trends:top:5min", "score"),
    Expected("swapped-events", "redis.metric", R, Rule.REDIS_METRIC, CHANGED, breakage.EVENTS, "order"),
    Expected("changed-unrelated-key", "redis.unrelated", R, Rule.REDIS_UNRELATED, CHANGED, "leaderboard",
        "contestant_1",
    ),
    Expected("flushed-database", "redis.unrelated", R, Rule.REDIS_UNRELATED, MISSING, "leaderboard", "key"),
    Expected("old-key-left", "redis.old-keys", R, Rule.REDIS_EAOS, EXTRA, "eaos:contestant_1", "key"),
    Expected("dropped-quarantine-row", "redis.quarantine", R, Rule.REDIS_EAOS, MISSING, "eaos:broken", "reason"),
    Expected("dropped-row", "clickhouse.comments", C, Rule.CLICKHOUSE_COMMENTS, MISSING, "k001", None),
    Expected("changed-row", "clickhouse.comments", C, Rule.CLICKHOUSE_COMMENTS, CHANGED, "k001", "sentiment_score"),
    Expected("doubled-row", "clickhouse.comments", C, Rule.CLICKHOUSE_COMMENTS, EXTRA, "k001", "copies"),
    Expected(
        "changed-column-type", "clickhouse.schema.raw_comments", C, Rule.CLICKHOUSE_SCHEMA, SCHEMA, "raw_comments",
        "engagement_score",
    ),
    Expected(
        "aggregate-off-by-one", "clickhouse.aggregates", C, Rule.CLICKHOUSE_AGGREGATES, CHANGED,
        "the_voice/contestant_1", "count",
    ),
    Expected("dropped-document", "elasticsearch.comments", E, Rule.ELASTICSEARCH_COMMENTS, MISSING, "k001", None),
    Expected(
        "changed-document-field", "elasticsearch.comments", E, Rule.ELASTICSEARCH_COMMENTS, CHANGED, "k001", "sentiment"
    ),
    Expected(
        "dynamic-mapping", "elasticsearch.mapping", E, Rule.ELASTICSEARCH_SCHEMA, SCHEMA, breakage.INDEX, "dynamic"
    ),
]  # fmt: skip
BACK_R, BACK_C, BACK_E = Rule.ROLLBACK_REDIS, Rule.ROLLBACK_CLICKHOUSE, Rule.ROLLBACK_ELASTICSEARCH
NEW_KEY = Expected("new-key-left-behind", "rollback.redis-extra", R, BACK_R, EXTRA, breakage.EAOS, "key")
OF_THE_ROLLBACK = [
    NEW_KEY,
    Expected("old-key-not-brought-back", "rollback.redis", R, BACK_R, MISSING, "eaos:contestant_1", "key"),
    Expected("ttl-not-brought-back", "rollback.redis-ttl", R, BACK_R, MISSING, breakage.OLD_WITH_TTL, "ttl"),
    Expected("old-row-not-brought-back", "rollback.clickhouse", C, BACK_C, MISSING, "2025-11-13 19:28:40", None),
    Expected("new-table-left-behind", "rollback.clickhouse-extra", C, BACK_C, EXTRA, "anomalies", "table"),
    Expected("old-document-not-brought-back", "rollback.elasticsearch", E, BACK_E, MISSING, "k001", "_id"),
    Expected(
        "write-block-left-behind", "rollback.elasticsearch-schema", E, BACK_E, SCHEMA, breakage.ALIAS,
        "settings.index.blocks.write",
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return `fixtures/clean` with one record that no rule maps."""
    copy = tmp_path_factory.mktemp("breakages") / "dataset"
    shutil.copytree(CLEAN, copy)
    broken = {"db": 0, "key": "eaos:broken", "type": "string", "ttl_ms": None, "value": "{"}
    with (copy / "redis.ndjson").open("a") as lines:
        lines.write(json.dumps(broken) + "\n")
    return copy


class Stores:
    """Stores after a command, which can be broken in place."""

    def __init__(self, rehearsal: Rehearsal, clients: Clients, phase: Phase) -> None:
        self._rehearsal = rehearsal
        self._clients = clients
        self._phase = phase
        self._ended_ns = time.time_ns()

    def look(self, only: str | None = None) -> list[CheckResult]:
        """Return what the checks of the phase see now; of `only`, what its examination sees."""
        job = self._rehearsal.job
        context = Context(
            self._clients, self._rehearsal.reference, job.policy, 0, self._ended_ns, ignore,
            job.old_end_state, job.quarantine, Book(KEPT),
        )  # fmt: skip
        chosen = [
            one
            for one in REGISTRY.examinations
            if one.checks[0].phase is self._phase and one.checks[0] is not BALANCE
            if only is None or only in {check.id for check in one.checks}
        ]
        return [result for one in chosen for result in examine(one, context, limit=KEPT)]

    @contextmanager
    def broken(self, name: str) -> Iterator[None]:
        """Break what `name` says, and repair it."""
        steps = breakage.BREAKAGES[name](self._clients)
        next(steps)
        try:
            yield
        finally:
            for _ in steps:
                raise AssertionError(f"{name} breaks twice")


@pytest.fixture(scope="module")
def migrated_stores(endpoints: Endpoints, dataset: Path) -> Iterator[Stores]:
    with rehearsal_on(endpoints, dataset) as rehearsal, Clients(endpoints) as clients:
        assert_passed(rehearsal.migrated())
        yield Stores(rehearsal, clients, Phase.MIGRATION)


@pytest.fixture(scope="module")
def rolled_back_stores(endpoints: Endpoints, dataset: Path) -> Iterator[Stores]:
    with rehearsal_on(endpoints, dataset) as rehearsal, Clients(endpoints) as clients:
        assert_passed(rehearsal.rolled_back())
        yield Stores(rehearsal, clients, Phase.ROLLBACK)


def assert_passed(results: list[CheckResult]) -> None:
    wrong = [result for result in results if result.state in {State.FAIL, State.ERROR}]
    if wrong:
        pytest.fail(f"what is not broken does not pass:\n\n{told(wrong)}", pytrace=False)


def told(results: list[CheckResult]) -> str:
    return "\n\n".join(explain(result, shown=2) for result in results)


def assert_named(results: list[CheckResult], expected: Expected) -> None:
    """Assert that the expected check failed, by a finding that names what is expected."""
    failed = [result for result in results if result.state is State.FAIL]
    for finding in (finding for result in failed if result.id == expected.check for finding in result.findings):
        names = " ".join(side for side in (finding.old, finding.new) if side)
        says = (finding.store, finding.rule, finding.direction, finding.field)
        if says == (expected.store, expected.rule, expected.direction, expected.field) and expected.key in names:
            return
    pytest.fail(f"no finding names {expected}:\n\n{told(failed)}", pytrace=False)


@pytest.mark.parametrize("expected", OF_THE_MIGRATION, ids=lambda expected: expected.name)
def test_a_migration_that_is_wrong_in_one_thing_is_found_out(migrated_stores: Stores, expected: Expected) -> None:
    """Assert that the finding names store, rule, key and field: a check that cannot fail proves nothing."""
    with migrated_stores.broken(expected.name):
        assert_named(migrated_stores.look(expected.check), expected)


def test_repaired_migrations_pass_again(migrated_stores: Stores) -> None:
    """Assert that the breakages, and not what they left behind, are what was found."""
    assert_passed(migrated_stores.look())


@pytest.mark.parametrize("expected", OF_THE_ROLLBACK, ids=lambda expected: expected.name)
def test_a_rollback_that_is_wrong_in_one_thing_is_found_out(rolled_back_stores: Stores, expected: Expected) -> None:
    """Assert that a way back that forgets something is found before somebody needs it."""
    with rolled_back_stores.broken(expected.name):
        assert_named(rolled_back_stores.look(expected.check), expected)


def test_repaired_rollbacks_pass_again(rolled_back_stores: Stores) -> None:
    assert_passed(rolled_back_stores.look())


def then(command: str, name: str) -> str:
    """Return the shell command that runs `command` and then breaks what `name` says."""
    return f"{command} && {shlex.join([sys.executable, breakage.__file__, name])}"


def test_a_broken_migration_command_ends_in_fail(endpoints: Endpoints, dataset: Path) -> None:
    """Assert that the whole verdict is `fail`, exit code 1, whoever's command it was."""
    verdict = migrate_on(endpoints, dataset, migration=then(MIGRATION_COMMAND, HASH_FIELD.name))
    assert (verdict.state, verdict.exit_code) == (State.FAIL, ExitCode.DIFFERENT)
    assert_named(list(verdict.checks), HASH_FIELD)


def test_a_broken_rollback_command_ends_in_fail(endpoints: Endpoints, dataset: Path) -> None:
    verdict = rehearse_on(endpoints, dataset, rollback=then(ROLLBACK_COMMAND, NEW_KEY.name))
    assert (verdict.state, verdict.exit_code) == (State.FAIL, ExitCode.DIFFERENT)
    assert_named(list(verdict.checks), NEW_KEY)


def test_every_breakage_is_tried() -> None:
    assert [expected.name for expected in (*OF_THE_MIGRATION, *OF_THE_ROLLBACK)] == list(breakage.BREAKAGES)
