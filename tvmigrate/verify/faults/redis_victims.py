"""Where faults of Redis are planted: what became of which old record, and keys that are kept while they are broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tvmigrate.contract import new, rules
from tvmigrate.contract.keys import OldKey, UnrelatedKey, classify
from tvmigrate.contract.outcome import Mapped, Quarantined, Rule
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.model import RedisKey
from tvmigrate.verify import redis_state
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.redis_expected import key_name
from tvmigrate.verify.redis_live import now_ms

_LASTING_MS = 600_000  # a key that expires sooner may be gone before it is looked at
_ANY_INSTANT = 0  # of the run: which one is filled in does not matter to whoever looks for a victim


@contextmanager
def kept(site: Site, *keys: bytes, db: int = new.REDIS_DB) -> Iterator[Any]:
    """Bring `keys` back when the block is left: type, value and the instant they expire at, or that they are not there.

    Yields the client of their database, without its types: redis-py gives every answer one that may be awaited.
    """
    client: Any = site.clients.redis_db(db)
    clock = now_ms(site.clients)
    before = [(key, client.dump(key), client.pttl(key)) for key in dict.fromkeys(keys)]
    try:
        yield client
    finally:
        for key, dumped, left in before:
            if dumped is None:
                client.delete(key)
            else:
                client.restore(key, clock + left if left > 0 else 0, dumped, replace=True, absttl=left > 0)


def lasts(site: Site, key: bytes, kind: str, db: int = new.REDIS_DB) -> bool:
    """Return whether a key is there, of the Redis type `kind`, and will be for the next ten minutes."""
    client: Any = site.clients.redis_db(db)
    left = client.pttl(key)
    return bool(client.type(key).decode() == kind and (left == -1 or left > _LASTING_MS))


def seconds_left(site: Site, key: bytes) -> int:
    """Return how many seconds a key still has to live, -1 if it does not expire."""
    left: Any = site.clients.redis.ttl(key)
    return int(left)


# ------------------------------------------------------------------------------------------------------- eaos hashes


@dataclass(frozen=True, slots=True)
class MappedHash:
    """An eaos key and the hash it became: `outcome` says which fields were filled, and where the source is at odds."""

    old: RedisKey
    outcome: Mapped[rules.Hash]

    @property
    def old_name(self) -> str:
        """The old key as findings name it."""
        return show_bytes(self.old.key)

    @property
    def key(self) -> bytes:
        """The new key."""
        return self.outcome.value.key.encode()

    @property
    def name(self) -> str:
        """The new key as findings name it."""
        return show_bytes(self.key)

    @property
    def fields(self) -> Mapping[str, str]:
        """The fields by the rules; a filled `updated_at` is another live."""
        return self.outcome.value.fields


def hashes(site: Site) -> Iterator[MappedHash]:
    """Yield the eaos keys that became hashes, in the order of the dataset."""
    for key in site.reference.dataset.redis_keys():
        kind = classify(key.db, key.key, key.type)
        if isinstance(kind, OldKey) and kind.rule is Rule.REDIS_EAOS:
            outcome = rules.redis_eaos(kind.name, key.value, site.policy, _ANY_INSTANT)
            if isinstance(outcome, Mapped) and lasts(site, outcome.value.key.encode(), "hash"):
                yield MappedHash(key, outcome)


def hash_where(site: Site, fits: Callable[[MappedHash], bool], what: str) -> MappedHash:
    """Return the first hash that fits; raises NothingToPlant."""
    return first((found for found in hashes(site) if fits(found)), what)


# ------------------------------------------------------------------------------------------------------------ trends


@dataclass(frozen=True, slots=True)
class MappedTrend:
    """A trend and the new key it became; `members` are (name as findings show it, bytes, score), in the old order."""

    old_name: str
    key: bytes
    members: tuple[tuple[str, bytes, float], ...]

    @property
    def name(self) -> str:
        """The new key as findings name it."""
        return show_bytes(self.key)

    def record(self, member: str) -> str:
        """Return the name of a member's record."""
        return f"{self.old_name}#{member}"

    @property
    def records(self) -> frozenset[str]:
        """The names of all members' records."""
        return frozenset(self.record(name) for name, _, _ in self.members)


def trends(site: Site) -> Iterator[MappedTrend]:
    """Yield the trends that were mapped, in the order of the dataset."""
    for key in site.reference.dataset.redis_keys():
        kind = classify(key.db, key.key, key.type)
        if isinstance(kind, OldKey) and kind.rule is Rule.REDIS_TREND:
            outcome = rules.redis_trend(kind.name)
            if isinstance(outcome, Mapped) and lasts(site, outcome.value.encode(), "zset"):
                yield MappedTrend(show_bytes(key.key), outcome.value.encode(), _members(key))


def quarantined_trends(site: Site) -> Iterator[MappedTrend]:
    """Yield the trends of windows that do not map, with their own names as `key`."""
    for key in site.reference.dataset.redis_keys():
        kind = classify(key.db, key.key, key.type)
        if not isinstance(kind, OldKey) or kind.rule is not Rule.REDIS_TREND:
            continue
        if isinstance(rules.redis_trend(kind.name), Quarantined) and lasts(site, key.key, "zset"):
            yield MappedTrend(show_bytes(key.key), key.key, _members(key))


def _members(key: RedisKey) -> tuple[tuple[str, bytes, float], ...]:
    return tuple((show_bytes(member), member, score) for member, score in key.value)


# ------------------------------------------------------------------------------------------- keys that stay as they are


def untouched(site: Site, kind: str | None = None) -> Iterator[tuple[RedisKey, str]]:
    """Yield the unrelated keys, of one type as Redis names it or of any, with the names that findings give them."""
    for key in site.reference.dataset.redis_keys():
        live = redis_state.type_name(site.clients.redis_db(key.db).type(key.key))
        unrelated = isinstance(classify(key.db, key.key, live), UnrelatedKey)
        if unrelated and kind in {None, live} and lasts(site, key.key, live, key.db):
            yield key, key_name(key.db, key.key)
