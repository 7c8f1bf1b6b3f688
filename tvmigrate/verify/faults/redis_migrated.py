"""Faults of Redis after the migration."""

from __future__ import annotations

from collections.abc import Iterator

from tvmigrate.verify.faults.model import Finds, Plant, after_migration
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_CHANGED = Direction.CHANGED


def hashes(site: Site) -> Iterator[bytes]:
    """Yield the keys of the new eaos hashes, in order."""
    yield from sorted(key for key in site.clients.redis.scan_iter(match="eaos:current:*", count=1000, _type="hash"))


@after_migration(Finds("redis.eaos", _CHANGED, "positive"), incident="A retried HINCRBY after a timeout counts twice.")
def hash_count_off_by_one(site: Site) -> Plant:
    """One count of one eaos hash is one too many."""
    key = first(hashes(site), "eaos hash")
    site.clients.redis.hincrby(key, "positive", 1)
    yield [key.decode()]
    site.clients.redis.hincrby(key, "positive", -1)
