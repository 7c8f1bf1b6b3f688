"""Every key of a live Redis, one at a time, with what it holds and when it expires; nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import redis

from tvmigrate.dataset.redis_lengths import lengths
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.redis_client import pages
from tvmigrate.verify import redis_state
from tvmigrate.verify.redis_names import Names, by_weight
from tvmigrate.verify.spool import Spool

TTL_TOLERANCE_MS = 1000  # contract §3, Rollback: to a second
_ITEMS = 10_000  # of lists, sets and the like that are read at once; one key may have more


@dataclass(frozen=True, slots=True)
class LiveKey:
    """A key as it stands: its type, its state (`redis_state`), the instant it expires at in ms since the epoch."""

    db: int
    key: bytes
    type: str
    state: dict[str, Any]
    deadline: int | None


def databases(clients: Clients, known: set[int]) -> list[int]:
    """Return the numbers of the databases that hold keys, and those `known` to have held some."""
    listed: dict[str, Any] = clients.redis.info("keyspace")
    return sorted(known | {int(name.removeprefix("db")) for name in listed if name.startswith("db")})


def live_names(clients: Clients, known: set[int]) -> tuple[Names, int]:
    """Return the fingerprint of all live names, and how many there are; `known` as `databases` has it."""
    found, count = Names(), 0
    for db in databases(clients, known):
        for page in pages(clients.redis_db(db)):
            found.add(db, page)
            count += len(page)
    return found, count


def now_ms(clients: Clients) -> int:
    """Return the Redis server's clock in ms since the epoch."""
    return _ms(clients.redis.time())


def walk(
    clients: Clients,
    known: set[int],
    dumped: redis_state.DumpedStates,
    leave_out: Callable[[int, bytes], bool] = lambda _db, _key: False,
) -> Iterator[LiveKey]:
    """Yield each key of each database once, but those that `leave_out(db, key)` says, which is asked once of each.

    Keys of the dataset that it holds as a DUMP get their whole state.

    Raises:
        redis.RedisError: the server went away.
    """
    with Spool("CREATE TABLE seen (db INT, key BLOB, PRIMARY KEY (db, key)) WITHOUT ROWID") as seen:
        for db in databases(clients, known):
            client = clients.redis_db(db)
            for keys in pages(client):
                # SCAN may give a key more than once: https://redis.io/docs/latest/commands/scan/
                fresh = [key for key in dict.fromkeys(keys) if _first(seen, db, key) and not leave_out(db, key)]
                yield from read(client, db, fresh, dumped)


def _first(seen: Spool, db: int, key: bytes) -> bool:
    if seen.one("SELECT 1 FROM seen WHERE db = ? AND key = ?", (db, key)):
        return False
    seen.run("INSERT INTO seen VALUES (?, ?)", (db, key))
    return True


def read(client: redis.Redis, db: int, keys: list[bytes], dumped: redis_state.DumpedStates) -> Iterator[LiveKey]:
    """Yield those of `keys` that are there, in their order, each with its whole state as `walk` has it."""
    if not keys:
        return
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.type(key)
        pipe.time()
        pipe.pttl(key)
    answers = pipe.execute()
    kinds = [redis_state.type_name(answer) for answer in answers[::3]]
    wanted = [(key, kind, dumped.state(db, key) is not None) for key, kind in zip(keys, kinds, strict=True)]
    known = lengths(client, zip(keys, kinds, strict=True))
    asked = zip(wanted, answers[1::3], answers[2::3], strict=True)
    for some in by_weight(asked, lambda one: known.get(one[0][0], 1), _ITEMS):
        states = redis_state.live_states(client, [one[0] for one in some])
        for ((key, kind, _), clock, left), state in zip(some, states, strict=True):
            if state is not None and left != -2:
                yield LiveKey(db, key, kind, state, None if left == -1 else _ms(clock) + left)


def _ms(clock: Any) -> int:
    seconds, microseconds = clock
    return int(seconds) * 1000 + int(microseconds) // 1000


def ttl_difference(expected: int | None, actual: int | None) -> str | None:
    """Say in words how the instant a key expires at differs by more than a second, None if it does not."""
    if expected is None and actual is None:
        return None
    if expected is None:
        return "now expires, and the old key did not"
    if actual is None:
        return "does not expire any more; the old key did"
    if abs(actual - expected) <= TTL_TOLERANCE_MS:
        return None
    seconds = abs(actual - expected) / 1000
    return f"expires {seconds:.1f} s {'later' if actual > expected else 'earlier'} than the old key"
