"""Every Redis record by its rule, in both directions (contract §3)."""

from tvmigrate.pytest_plugin import Outcome


def test_every_eaos_hash_says_what_the_old_json_said(migrated: Outcome) -> None:
    """Assert that each of the six fields is the old value by its rule, and that no hash came from nowhere.

    The score on a live dashboard is this hash; a rounded or swapped number looks as good as the right one.
    """
    migrated.passes("redis.eaos")


def test_every_trend_keeps_its_members_and_scores_bit_for_bit(migrated: Outcome) -> None:
    """Assert that the order of topics is the same, also where scores differ in their last bit or are infinite."""
    migrated.passes("redis.trend")


def test_every_metrics_item_is_one_event_of_its_day_in_order(migrated: Outcome) -> None:
    """Assert that each item is in the list of its program and UTC date, once, in order of time, with every field."""
    migrated.passes("redis.metric")


def test_every_key_expires_when_it_would_have(migrated: Outcome) -> None:
    """Assert that no key became immortal, and none that was became mortal.

    HSET, ZADD and RPUSH set no TTL: a migration that forgets it fills the memory, some weeks later.
    """
    migrated.passes("redis.ttl")


def test_unrelated_keys_are_as_they_were_bit_for_bit(migrated: Outcome) -> None:
    """Assert that sessions, locks and other people's databases survive: FLUSHDB takes them too."""
    migrated.passes("redis.unrelated")


def test_refused_redis_records_are_in_quarantine_with_their_reason(migrated: Outcome) -> None:
    """Assert that each record that no rule maps is set aside once, under a reason an operator can act on."""
    migrated.passes("redis.quarantine")


def test_fields_of_eaos_values_without_a_new_place_are_archived(migrated: Outcome) -> None:
    """Assert that what the new hash has no field for is kept, since someone may have lived on it."""
    migrated.passes("redis.archive")
