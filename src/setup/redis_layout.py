"""Redis: keys make themselves, so nothing is created; what stands under an old name, or as a wrong type, is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import redis

from src.setup.look import Difference, Look, unequal
from src.storage.failures import REDIS
from tvmigrate.contract import new
from tvmigrate.contract.keys import HASH, LIST, ZSET, OldKey, WrongTypeKey, classify
from tvmigrate.contract.unicode import show_bytes

T = TypeVar("T")
_TYPES = {new.EAOS_PREFIX.encode(): HASH, new.TRENDS_PREFIX.encode(): ZSET, new.EVENTS_PREFIX.encode(): LIST}
_PAGE = 1000
_GONE = b"none"


def look(client: redis.Redis, set_aside: Callable[[Sequence[str]], set[str]]) -> Look:
    """Find keys of the old layout, and keys of a type that the new one does not have under their name.

    `set_aside` returns which of some keys a migration has set aside: those stay, and are no fault. Raises RedisError.
    """
    found = Look(REDIS)
    old, differences = set(), {}
    for key, kind in _keys(client):
        what = classify(new.REDIS_DB, key, kind)
        wanted = next((kind for prefix, kind in _TYPES.items() if key.startswith(prefix)), None)
        if isinstance(what, OldKey) or (isinstance(what, WrongTypeKey) and wanted is None):
            old.add(show_bytes(key))
        elif isinstance(what, WrongTypeKey) and (line := unequal("type", wanted, kind)):
            differences[show_bytes(key)] = line
    aside: set[str] = set()
    for page in _pages(sorted({*old, *differences})):
        aside |= set_aside(page)
    found.aside = sorted(aside)
    found.old = [f"key {key}" for key in sorted(old - aside)]
    found.differences = [
        Difference(f"key {key}", (line,)) for key, line in sorted(differences.items()) if key not in aside
    ]
    return found


def _keys(client: redis.Redis) -> Iterator[tuple[bytes, str]]:
    """Yield the keys with their types; one that is there all the while comes at least once."""
    for page in _pages(client.scan_iter(count=_PAGE)):
        with client.pipeline(transaction=False) as pipe:
            for key in page:
                pipe.type(key)
            kinds = pipe.execute()
        yield from ((key, kind.decode()) for key, kind in zip(page, kinds, strict=True) if kind != _GONE)


def _pages(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while page := list(islice(rest, _PAGE)):
        yield page
