"""What must become of chosen records of `fixtures/standard`, written by hand from the contract.

All other checks compare with what the contract's code says of the old data; these lines do not, so that a wrong rule
fails here.
"""

import pytest

from tvmigrate.pytest_plugin import Outcome


@pytest.mark.parametrize(
    "check",
    ["expected.redis", "expected.clickhouse", "expected.elasticsearch", "expected.quarantine", "expected.archive"],
)
def test_records_are_as_written_by_hand(migrated: Outcome, check: str) -> None:
    """Assert that the rules say what people meant, not only that the migration follows them."""
    migrated.passes(check)
