"""The index has the strict mapping of the new layout, behind the name that readers use (contract §2)."""

from tvmigrate.pytest_plugin import Outcome


def test_the_readers_name_is_an_alias_of_the_new_index_alone(migrated: Outcome) -> None:
    """Assert that a search of the name finds the new documents, all of them, and none of the old.

    An alias on two indices doubles every hit; a filter or a routing on it hides some.
    """
    migrated.passes("elasticsearch.alias")


def test_the_mapping_is_the_contracts_and_strict(migrated: Outcome) -> None:
    """Assert that a field nobody agreed on is refused when it is written, not discovered a year later."""
    migrated.passes("elasticsearch.mapping")


def test_the_new_index_takes_writes_with_as_many_replicas_as_before(migrated: Outcome) -> None:
    """Assert that no write block came along from `_clone`, and no replica was lost or won on the way."""
    migrated.passes("elasticsearch.settings")


def test_the_kept_copy_of_the_old_index_is_closed_to_writes(migrated: Outcome) -> None:
    """Assert that what a rollback would bring back cannot change until then."""
    migrated.passes("elasticsearch.old-index")


def test_indices_of_others_are_as_they_were(migrated: Outcome) -> None:
    """Assert that what belongs to nothing that is migrated keeps its mapping, its settings and its documents."""
    migrated.passes("elasticsearch.unrelated")
