"""Names of live Redis keys as a fingerprint, and things to be done in batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tvmigrate.engines.clients import Clients  # a worker of Redis's parts needs no other driver

T = TypeVar("T")


class Names:
    """A set of keys by database: two that are equal hold the same keys, each as often. Its size does not grow.

    Python's hash of bytes is keyed anew for each process (SipHash), so nobody can make keys that add up to others.
    """

    def __init__(self) -> None:
        self._found: defaultdict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))

    def add(self, db: int, keys: Sequence[bytes]) -> None:
        """Take keys in."""
        count, total = self._found[db]
        self._found[db] = (count + len(keys), total + sum(map(hash, keys)))

    def remove(self, db: int, keys: Sequence[bytes]) -> None:
        """Take keys out that are in."""
        count, total = self._found[db]
        self._found[db] = (count - len(keys), total - sum(map(hash, keys)))

    @property
    def databases(self) -> set[int]:
        """Those that keys were taken in of."""
        return set(self._found)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Names) and self._held() == other._held()

    __hash__ = None  # type: ignore[assignment]

    def _held(self) -> dict[int, tuple[int, int]]:
        return {db: held for db, held in self._found.items() if held != (0, 0)}


def any_field_expires(clients: Clients) -> bool:
    """Return whether any hash may have fields that expire (since Redis 7.4): also where the server does not say."""
    space: dict[str, Any] = clients.redis.info("keyspace").get("db0", {})
    return bool(space.get("subexpiry", 1)) if space else False


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield `items` in lists of `size`, the last one maybe shorter."""
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch


def by_weight(items: Iterable[T], weigh: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """Yield `items` in lists, each as soon as it weighs `most`."""
    batch: list[T] = []
    weight = 0
    for item in items:
        batch.append(item)
        weight += weigh(item)
        if weight >= most:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch
