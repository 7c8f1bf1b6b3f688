"""Every Redis key has the form of the new layout, and none of the old names is left (contract §2)."""

from tvmigrate.pytest_plugin import Outcome


def test_every_key_under_a_new_name_has_the_type_and_form_of_that_name(migrated: Outcome) -> None:
    """Assert that readers of the new layout can call the command that its type asks for.

    HGETALL of a string and ZRANGE of a list end in WRONGTYPE, in production and at the first request.
    """
    migrated.passes("redis.schema")


def test_no_mapped_key_is_left_under_its_old_name(migrated: Outcome) -> None:
    """Assert that there is one source of truth, and that what was refused stays where an operator looks for it.

    A reader that was forgotten would go on with values that nobody updates, and nobody would notice.
    """
    migrated.passes("redis.old-keys")


def test_there_is_no_key_that_no_rule_makes(migrated: Outcome) -> None:
    """Assert that the migration leaves no staging, temporary or doubled key behind."""
    migrated.passes("redis.extra")
