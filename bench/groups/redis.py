"""Redis, migrate: JSON strings to hashes, against the loop that one writes first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.groups import Sides
from bench.groups.applying import BAD, SEED, apply
from bench.stand import Stand
from tvmigrate.dataset.generate import Recipe, Size


def recipe(scale: float) -> Recipe:
    """Return eaos keys alone: half a million at scale 1."""
    keys = max(round(500_000 * scale), 10)
    return Recipe(Size(keys, 0, 0, 0, members=0, sorted_sets=0, lists=0, list_items=0, unrelated=0), SEED, BAD)


@contextmanager
def migrate(stand: Stand, scale: float) -> Iterator[Sides]:
    """Open the sides `apply` and `naive`."""
    data = recipe(scale)
    keys = data.size.entities

    def naive() -> object:
        stand.fill(data)
        return stand.peer("redis_naive", records=keys)

    yield {"apply": lambda: apply(stand, data, "redis", keys), "naive": naive}  # type: ignore[dict-item]
