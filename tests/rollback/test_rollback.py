"""The way back brings back the old system: at once, run twice, and after a second migration (contract §3)."""

import pytest

from tvmigrate.pytest_plugin import Outcome
from tvmigrate.verify.rehearsal import AFTER_SECOND_MIGRATION, TWICE

LOOKS = {"at-once": "", "run-twice": TWICE, "after-a-second-migration": AFTER_SECOND_MIGRATION}
each_time = pytest.mark.parametrize("again", LOOKS.values(), ids=LOOKS.keys())


@each_time
def test_every_redis_key_is_back_with_its_type_and_value(rolled_back: Outcome, again: str) -> None:
    """Assert that each key of each database is what it was: what was not ours was never touched, the rest is back."""
    rolled_back.passes("rollback.redis" + again)


@each_time
def test_every_redis_key_expires_when_it_would_have(rolled_back: Outcome, again: str) -> None:
    """Assert that time went on while the data was away: a TTL that starts anew keeps sessions alive for too long."""
    rolled_back.passes("rollback.redis-ttl" + again)


@each_time
def test_no_new_redis_key_is_left(rolled_back: Outcome, again: str) -> None:
    """Assert that the next attempt finds no target in its way, and no reader a half of two worlds."""
    rolled_back.passes("rollback.redis-extra" + again)


@each_time
def test_every_old_table_is_back_with_its_definition(rolled_back: Outcome, again: str) -> None:
    """Assert that columns, types, codecs, engine and keys are the old ones: writers name columns."""
    rolled_back.passes("rollback.clickhouse-schema" + again)


@each_time
def test_every_old_row_is_back(rolled_back: Outcome, again: str) -> None:
    """Assert that each row is there, column for column, as often as it was: NULLs, NaNs and bytes included."""
    rolled_back.passes("rollback.clickhouse" + again)


@each_time
def test_no_new_table_is_left(rolled_back: Outcome, again: str) -> None:
    """Assert that new, staging, quarantine and archive tables are gone, and no database came to stay."""
    rolled_back.passes("rollback.clickhouse-extra" + again)


@each_time
def test_every_old_index_is_back_with_its_settings(rolled_back: Outcome, again: str) -> None:
    """Assert that mappings, aliases, replicas and blocks are the old ones: `_clone` keeps the write block it needs."""
    rolled_back.passes("rollback.elasticsearch-schema" + again)


@each_time
def test_every_old_document_is_back(rolled_back: Outcome, again: str) -> None:
    """Assert that each document has just the `_source` it had, in every spelling."""
    rolled_back.passes("rollback.elasticsearch" + again)


@each_time
def test_no_new_index_is_left(rolled_back: Outcome, again: str) -> None:
    """Assert that no index, alias or clone is left behind to be paid for."""
    rolled_back.passes("rollback.elasticsearch-extra" + again)


@pytest.mark.parametrize("again", ["", AFTER_SECOND_MIGRATION], ids=["at-once", "after-a-second-migration"])
def test_the_rollback_command_says_that_it_succeeded(rolled_back: Outcome, again: str) -> None:
    """Assert that it ended with exit code 0: whoever runs it in an emergency goes by that."""
    rolled_back.passes("rollback.exit" + again)
