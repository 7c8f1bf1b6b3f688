"""A system that was migrated and rolled back can be migrated again, with the same outcome (contract §3)."""

from tvmigrate.pytest_plugin import Outcome
from tvmigrate.verify.findings import Phase
from tvmigrate.verify.rehearsal import SECOND_MIGRATION


def test_a_second_migration_passes_every_check_of_the_first(rolled_back: Outcome) -> None:
    """Assert that a rollback leaves nothing behind that the next attempt stumbles over, or takes for done."""
    first = [result.id for result in rolled_back.rehearsal.migrated()]
    rolled_back.passes(*(check_id + SECOND_MIGRATION for check_id in first))


def test_both_migrations_were_looked_at_alike(rolled_back: Outcome) -> None:
    """Assert that the second look saw as many records as the first, so that its pass says as much."""
    seen = {result.id: result.examined for result in rolled_back.rehearsal.migrated()}
    again = {
        result.id.removesuffix(SECOND_MIGRATION): result.examined
        for result in rolled_back.results
        if result.phase is Phase.MIGRATION
    }
    assert set(again) == set(seen)
