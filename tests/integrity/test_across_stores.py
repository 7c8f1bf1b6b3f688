"""The three stores tell one story, as far as the old ones did (contract §3, across stores); the ledger balances."""

from tvmigrate.contract.outcome import LEDGER_RULES
from tvmigrate.pytest_plugin import Outcome


def test_both_stores_hold_the_same_comments(migrated: Outcome) -> None:
    """Assert that the ids agree both ways, but for those that the old stores did not share."""
    migrated.passes("cross.ids")


def test_both_stores_say_the_same_of_a_comment(migrated: Outcome) -> None:
    """Assert that a search and a report about one comment agree, where they did before."""
    migrated.passes("cross.values")


def test_clickhouse_knows_the_programs_of_redis(migrated: Outcome) -> None:
    """Assert that an entity got one program id, not one in each store."""
    migrated.passes("cross.programs")


def test_every_old_record_has_exactly_one_fate(migrated: Outcome) -> None:
    """Assert that old = mapped + filled + quarantined + untouched + expired, for each rule, to the record."""
    migrated.passes("ledger.balance")


def test_the_ledger_has_a_line_for_every_rule(migrated: Outcome) -> None:
    """Assert that no kind of record is left out of the books."""
    lines = migrated.rehearsal.verdict().ledger
    assert [line.rule for line in lines if not line.balanced] == []
    assert {line.rule for line in lines} == set(LEDGER_RULES)


def test_the_migration_command_says_that_it_succeeded(migrated: Outcome) -> None:
    """Assert that it ended with exit code 0: what starts it goes by that."""
    migrated.passes("migration.exit")
