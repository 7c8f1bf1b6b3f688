"""Every document by its rule, in both directions (contract §3)."""

from tvmigrate.pytest_plugin import Outcome


def test_every_document_is_there_under_its_id_as_the_rules_say(migrated: Outcome) -> None:
    """Assert that each spelling of each field arrives in the one field that is left, and no document is new."""
    migrated.passes("elasticsearch.comments")


def test_a_search_finds_what_is_stored(migrated: Outcome) -> None:
    """Assert that documents are indexed and not only kept: `_source` alone answers no search."""
    migrated.passes("elasticsearch.indexed")


def test_refused_documents_are_in_quarantine_with_their_reason(migrated: Outcome) -> None:
    """Assert that each document that no rule maps is set aside once, under a reason an operator can act on."""
    migrated.passes("elasticsearch.quarantine")


def test_fields_without_a_new_place_are_archived(migrated: Outcome) -> None:
    """Assert that what a strict mapping has no field for is kept, and counted by name."""
    migrated.passes("elasticsearch.archive")
