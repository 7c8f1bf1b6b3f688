"""What must hold of Redis after the migration: the checks, each a claim. `redis_checks` answers them."""

from __future__ import annotations

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.check import Check
from tvmigrate.verify.findings import Phase


def _check(name: str, rule: Rule, claim: str) -> Check:
    return Check(f"redis.{name}", Phase.MIGRATION, Store.REDIS, rule, claim)


EAOS = _check(
    "eaos", Rule.REDIS_EAOS, "Assert that each eaos key that maps is a hash of its six fields, value for value."
)
TREND = _check("trend", Rule.REDIS_TREND, "Assert that each trend has the same members and scores, bit for bit.")
METRIC = _check(
    "metric",
    Rule.REDIS_METRIC,
    "Assert that each metrics item that maps is one event of its program and day, field for field, in order.",
)
SCHEMA = _check(
    "schema", Rule.REDIS_SCHEMA, "Assert that every key under a new name has the new layout's type and form."
)
TTL = _check(
    "ttl", Rule.REDIS_TTL, "Assert that a key expires when the old one would have, and that one without a TTL stays."
)
OLD_KEYS = _check(
    "old-keys",
    Rule.REDIS_SCHEMA,
    "Assert that no mapped key is left under its old name, and that what is quarantined stays where and as it was.",
)
UNRELATED_KEYS = _check(
    "unrelated",
    Rule.REDIS_UNRELATED,
    "Assert that every key that is none of ours, in every database, is as it was: type, value, TTL.",
)
QUARANTINE = _check(
    "quarantine",
    Rule.LEDGER_BALANCE,
    "Assert that each Redis record that does not map is in quarantine once, whole, with its reason, and no other is.",
)
ARCHIVE = _check(
    "archive", Rule.REDIS_EAOS, "Assert that every field of an eaos key without a new place is in the archive."
)
EXTRA = _check("extra", Rule.REDIS_SCHEMA, "Assert that there is no key that neither was there nor comes from a rule.")
