"""Faults of one field of one eaos hash."""

from __future__ import annotations

import math

from tvmigrate.contract import new
from tvmigrate.verify.faults.model import Finds, Plant, after_migration
from tvmigrate.verify.faults.redis_victims import MappedHash, hash_where, hashes, kept
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED, _SCHEMA = Direction.MISSING, Direction.EXTRA, Direction.CHANGED, Direction.SCHEMA
_EPOCH = "1970-01-01T00:00:00Z"


@after_migration(
    Finds("redis.eaos", _CHANGED, new.POSITIVE),
    incident="An HINCRBY that is sent again after its answer was lost counts twice.",
)
def hash_count_off_by_one(site: Site) -> Plant:
    """One count of one eaos hash is one too many."""
    found = first(hashes(site), "eaos hash")
    with kept(site, found.key) as client:
        client.hset(found.key, new.POSITIVE, str(int(found.fields[new.POSITIVE]) + 1))
        yield [found.old_name]


@after_migration(
    Finds("redis.eaos", _CHANGED, new.SCORE),
    incident="A double needs up to 17 significant digits; what prints 15 of them (printf's %.15g) loses its last bits.",
)
def hash_score_off_by_the_last_bit(site: Site) -> Plant:
    """The score of one eaos hash is the double next to the right one."""
    found = first(hashes(site), "eaos hash")
    score = float(found.fields[new.SCORE])
    with kept(site, found.key) as client:
        client.hset(found.key, new.SCORE, repr(math.nextafter(score, 0.0) if score else 5e-324))
        yield [found.old_name]


@after_migration(
    Finds("redis.schema", _SCHEMA, new.SCORE),
    Finds("redis.eaos", _CHANGED, new.SCORE),
    incident="After setlocale printf writes the decimal comma of vi_VN or de_DE.",
)
def hash_score_with_a_decimal_comma(site: Site) -> Plant:
    """The score of one eaos hash is written with a comma."""
    found = hash_where(site, lambda one: "." in one.fields[new.SCORE], "eaos hash whose score has a fraction")
    with kept(site, found.key) as client:
        client.hset(found.key, new.SCORE, found.fields[new.SCORE].replace(".", ","))
        yield [found.name, found.old_name]


@after_migration(
    Finds("redis.schema", _SCHEMA, new.POSITIVE),
    incident="What pandas or JavaScript's toFixed(1) makes of an integer is 478.0, and HINCRBY refuses it.",
)
def hash_count_written_as_a_float(site: Site) -> Plant:
    """A count of one eaos hash is right and written with a decimal point."""
    found = hash_where(site, lambda one: True, "eaos hash")
    with kept(site, found.key) as client:
        client.hset(found.key, new.POSITIVE, f"{found.fields[new.POSITIVE]}.0")
        yield [found.name]


@after_migration(Finds("redis.eaos", _CHANGED, new.NEGATIVE), Finds("redis.eaos", _CHANGED, new.NEUTRAL))
def hash_counts_exchanged(site: Site) -> Plant:
    """Negative and neutral comments of one eaos hash have changed places."""
    found = hash_where(
        site, lambda one: one.fields[new.NEGATIVE] != one.fields[new.NEUTRAL], "eaos hash whose counts differ"
    )
    with kept(site, found.key) as client:
        swapped = {new.NEGATIVE: found.fields[new.NEUTRAL], new.NEUTRAL: found.fields[new.NEGATIVE]}
        client.hset(found.key, mapping=dict(swapped))
        yield [found.old_name, found.old_name]


@after_migration(Finds("redis.eaos", _CHANGED, new.TOTAL))
def hash_total_reckoned_anew(site: Site) -> Plant:
    """A total that the old record says otherwise is the sum of the counts."""
    found = hash_where(
        site, lambda one: bool(one.outcome.inconsistency), "eaos key whose total is not the sum of its counts"
    )
    with kept(site, found.key) as client:
        counts = (new.POSITIVE, new.NEGATIVE, new.NEUTRAL)
        client.hset(found.key, new.TOTAL, str(sum(int(found.fields[name]) for name in counts)))
        yield [found.old_name]


@after_migration(
    Finds("redis.eaos", _MISSING, new.NEUTRAL),
    Finds("redis.schema", _SCHEMA, new.NEUTRAL),
    incident="A count of 0 is false in an `if` of Python, of JavaScript and of C.",
)
def hash_count_of_zero_left_out(site: Site) -> Plant:
    """A count of 0 is not written."""
    found = hash_where(site, lambda one: one.fields[new.NEUTRAL] == "0", "eaos hash without neutral comments")
    with kept(site, found.key) as client:
        client.hdel(found.key, new.NEUTRAL)
        yield [found.old_name, found.name]


@after_migration(Finds("redis.eaos", _EXTRA, "entity"), Finds("redis.schema", _SCHEMA, "entity"))
def hash_with_a_field_too_many(site: Site) -> Plant:
    """One eaos hash keeps the old entity as a field of its own."""
    found = first(hashes(site), "eaos hash")
    with kept(site, found.key) as client:
        client.hset(found.key, "entity", found.old_name.partition(":")[2])
        yield [found.old_name, found.name]


@after_migration(
    Finds("redis.schema", _SCHEMA, new.UPDATED_AT),
    incident="Python's datetime.isoformat() writes an instant of UTC with +00:00, never with Z.",
)
def hash_instant_with_its_offset(site: Site) -> Plant:
    """The instant of one eaos hash is right and written with an offset in place of Z."""
    found = hash_where(site, _has_its_instant, "eaos hash whose instant comes from the old record")
    with kept(site, found.key) as client:
        client.hset(found.key, new.UPDATED_AT, found.fields[new.UPDATED_AT].removesuffix("Z") + "+00:00")
        yield [found.name]


def _has_its_instant(found: MappedHash) -> bool:
    return new.UPDATED_AT not in found.outcome.filled


@after_migration(
    Finds("redis.eaos", _CHANGED, new.UPDATED_AT),
    incident="Unix time 0 often stands for a time that nobody set; it is the default of protobuf's Timestamp.",
)
def hash_filled_instant_outside_the_run(site: Site) -> Plant:
    """An instant that the old record does not have is filled with the year 1970, not with one of the run."""
    found = hash_where(site, lambda one: not _has_its_instant(one), "eaos key without an instant")
    with kept(site, found.key) as client:
        client.hset(found.key, new.UPDATED_AT, _EPOCH)
        yield [found.old_name]
