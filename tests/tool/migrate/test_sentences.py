"""What the commands print without asking a store: the ledger as a table, a policy as its options."""

from __future__ import annotations

import errno
import sqlite3

import pytest

from tvmigrate.contract.outcome import LedgerLine, Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.migrate import ledger, run
from tvmigrate.migrate.errors import MigrationError

TABLE = """\
store       rule                     old  mapped  filled  quarantined  untouched  expired
redis       redis.eaos             1,234   1,000     200           30          4        0
clickhouse  clickhouse.aggregates      -       7       0            0          0        0"""


def test_the_ledger_is_printed_in_columns() -> None:
    lines = [
        LedgerLine(Store.REDIS, Rule.REDIS_EAOS, 1234, 1000, 200, 30, 4),
        LedgerLine(Store.CLICKHOUSE, Rule.CLICKHOUSE_AGGREGATES, None, 7),
    ]
    assert ledger.table(lines) == TABLE
    kept = [{"store": "redis", "rule": "redis.eaos", "old": 1234, "mapped": 1000, "filled": 200, "quarantined": 30,
             "untouched": 4, "expired": 0}]  # fmt: skip
    assert ledger.read(kept) == lines[:1]
    assert ledger.read(None) == []


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (Policy("the_voice"), "--show the_voice --timezone UTC"),
        (Policy(keep_entities=True, timezone="Asia/Ho_Chi_Minh"), "--keep-entities --timezone Asia/Ho_Chi_Minh"),
        (
            Policy("x", False, {"a": "b", "c": "d"}, "UTC", True),
            "--show x --timezone UTC --missing-counts zero --entity-map with 2 entities",
        ),
    ],
)
def test_a_policy_is_said_as_the_options_that_ask_for_it(policy: Policy, words: str) -> None:
    assert run._said(policy) == words


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left"), "[Errno 28] No space left. Make room on the disk, then run"),
        (
            sqlite3.OperationalError("database or disk is full."),
            "database or disk is full. Make room on the disk, then run",
        ),
        (OSError("gone\n  away"), "gone away. See to that, then run"),
        (OSError(), "OSError. See to that, then run"),
        (OSError("x" * 600), f"{'x' * 500}. See to that, then run"),
    ],
)
def test_what_a_driver_or_the_disk_raises_becomes_a_sentence(problem: Exception, sentence: str) -> None:
    with pytest.raises(MigrationError) as stopped, run._sentences("The step backup.redis"):
        raise problem
    assert str(stopped.value) == (
        f"The step backup.redis stopped: {sentence} the command again: it goes on where it stopped; `tvmigrate "
        "rollback` goes back."
    )
