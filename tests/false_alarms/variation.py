"""What a correct variation of a migrated state is, and the registry of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints


@dataclass(frozen=True)
class State:
    """A migrated state that may be varied; `before` are the (database, key) that were in Redis before the migration.

    `keeps_tables` says whether the migration keeps quarantine and archive in the contract's tables.
    """

    clients: Clients
    endpoints: Endpoints
    before: frozenset[tuple[int, bytes]]
    keeps_tables: bool

    def new_keys(self, kind: str, prefix: str = "") -> Iterator[bytes]:
        """Yield the keys of a Redis type that the migration made: what was there before stays as it was."""
        for key in list(self.clients.redis.scan_iter(match=f"{prefix}*", count=1000, _type=kind)):
            if (0, key) not in self.before:
                yield key

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.clients.clickhouse.query(query).result_rows]


@dataclass(frozen=True)
class Variation:
    """One way in which another right migration, or a store going about its business, leaves the same data."""

    name: str
    store: str
    apply: Callable[[State], None]


VARIATIONS: dict[str, Variation] = {}


def varies(store: str) -> Callable[[Callable[[State], None]], Callable[[State], None]]:
    """Register the decorated function, whose name says what it does, as a variation of `store`."""

    def register(function: Callable[[State], None]) -> Callable[[State], None]:
        name = function.__name__.replace("_", "-")
        VARIATIONS[name] = Variation(name, store, function)
        return function

    return register
