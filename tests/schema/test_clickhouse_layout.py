"""Every table has the columns, types, engine and keys of the new layout (contract §2)."""

import pytest

from tvmigrate.contract import new
from tvmigrate.pytest_plugin import Outcome


@pytest.mark.parametrize("table", [table.name for table in (*new.TABLES, *new.OWN_TABLES)])
def test_the_table_is_defined_as_the_contract_says(migrated: Outcome, table: str) -> None:
    """Assert that each column, type, engine, sorting key and partition key is the contract's.

    `CREATE TABLE IF NOT EXISTS eaos_metrics` over the old table changes nothing and says nothing.
    """
    migrated.passes(f"clickhouse.schema.{table}")


def test_anomalies_is_there_and_empty(migrated: Outcome) -> None:
    """Assert that nobody invented anomalies: nothing old maps to them."""
    migrated.passes("clickhouse.anomalies")


def test_no_old_table_is_left_under_its_old_name(migrated: Outcome) -> None:
    """Assert that whoever asks for an old name learns that it is gone, and that a copy kept aside is whole."""
    migrated.passes("clickhouse.old-tables")


def test_tables_of_others_are_as_they_were(migrated: Outcome) -> None:
    """Assert that what belongs to nothing that is migrated keeps its definition and its rows, in every database."""
    migrated.passes("clickhouse.unrelated")
