"""Every ClickHouse row by its rule, in both directions (contract §3)."""

import pytest

from tvmigrate.contract import old
from tvmigrate.pytest_plugin import Outcome

OLD_TABLES = [table.name for table in old.TABLES]


def test_raw_comments_holds_each_comment_as_often_as_before(migrated: Outcome) -> None:
    """Assert that each old row that maps is there, value for value, as often as it was, and no other row.

    A retried insert doubles rows on a plain MergeTree, and a full join of two tables does not see it.
    """
    migrated.passes("clickhouse.comments")


def test_eaos_metrics_holds_each_old_row(migrated: Outcome) -> None:
    """Assert that scores and counts of every label, in either language, are those of the old breakdown."""
    migrated.passes("clickhouse.eaos_metrics")


def test_aggregates_are_those_of_the_old_comments(migrated: Outcome) -> None:
    """Assert that count and mean by program, 5 minutes and topic are right, by the old comments and not by the new."""
    migrated.passes("clickhouse.aggregates")


@pytest.mark.parametrize("table", OLD_TABLES)
def test_refused_rows_are_in_quarantine_with_their_reason(migrated: Outcome, table: str) -> None:
    """Assert that each row that no rule maps is set aside once, under a reason an operator can act on."""
    migrated.passes(f"clickhouse.quarantine.{table}")


@pytest.mark.parametrize("table", OLD_TABLES)
def test_columns_without_a_new_place_are_archived(migrated: Outcome, table: str) -> None:
    """Assert that a column somebody added over the years is kept, and that the archive holds nothing else."""
    migrated.passes(f"clickhouse.archive.{table}")
