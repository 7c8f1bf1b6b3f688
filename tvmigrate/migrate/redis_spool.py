"""What the spool knows of Redis: outcomes as they come from workers, and the new keys in pieces of about a megabyte."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Fate, Rule, Store
from tvmigrate.dataset.model import LIST, RedisKey
from tvmigrate.migrate.redis_assess import Assessed
from tvmigrate.migrate.redis_keys import Live
from tvmigrate.migrate.redis_pack import created, creating, names
from tvmigrate.migrate.spool import NEVER, Spool
from tvmigrate.migrate.work import batches

# States of a piece: of keys that nothing stood in the way of, or of a target that was there before the run.
NEW, EQUAL, KEPT, REPLACED = "new", "equal", "kept", "replaced"
WRITTEN = (NEW, REPLACED)
_PIECE_BYTES = 1 << 20
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Piece:
    """Commands that create new keys, and how many replies they get."""

    id: int
    state: str
    replies: int
    commands: bytes


def forget(spool: Spool, temporary: bytes, keep: Rule | None = None) -> None:
    """Forget all outcomes of Redis, but of `keep`, and remember which keys the pieces may have written."""
    for (commands,) in spool.db.execute("SELECT commands FROM piece JOIN begun ON piece = id"):
        spool.db.executemany("INSERT OR IGNORE INTO written VALUES (?)", [(n,) for n in names(commands, temporary)])
    spool.clear(Store.REDIS, keep=keep)


def keep(spool: Spool, part: int, found: Assessed) -> int | None:
    """Keep what became of the old keys of one part; return the id of the piece of its new keys, None if it has none."""
    db, redis = spool.db, Store.REDIS
    piece = add_piece(spool, NEW, found.commands, found.replies) if found.commands else None
    db.executemany("INSERT INTO suspect VALUES (?, ?, ?)", found.suspects)
    db.executemany("INSERT INTO stays VALUES (?, ?, ?)", [(part, *row) for row in found.stays])
    db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", found.events)
    db.executemany(
        "INSERT INTO events VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET expires_ms = max(expires_ms, excluded.expires_ms)",
        [(key, one, expires) for key, (one, expires) in found.lists.items()],
    )
    spool.fates((redis, rule, fate, expires, n) for (rule, fate, expires), n in found.fates.items())
    spool.quarantine(*found.quarantine)
    db.executemany("INSERT INTO archive VALUES (?, ?, ?, ?)", [(redis, *row) for row in found.archive])
    for (source, name), n in found.extras.items():
        spool.count_extra(redis, source, name, n)
    db.executemany("INSERT INTO inconsistency VALUES (?, ?, ?)", [(redis, *row) for row in found.inconsistent])
    db.executemany("INSERT OR IGNORE INTO program VALUES (?, ?)", found.programs)
    return piece


def add_piece(spool: Spool, state: str, commands: bytes, replies: int) -> int:
    """Keep commands that create new keys; return the piece's id."""
    row = spool.db.execute("INSERT INTO piece VALUES (NULL, ?, ?, ?)", (state, replies, commands))
    return int(row.lastrowid or 0)


def settle_lists(spool: Spool, temporary: bytes) -> Iterator[tuple[int, list[tuple[bytes, bytes]]]]:
    """Make pieces of the lists of events, each in its order; yield each piece's id and (list, an old key of it)."""
    commands: list[bytes] = []
    targets: list[tuple[bytes, bytes]] = []
    size = replies = 0
    for live, one in _lists(spool):
        some, n = creating(live, temporary)
        commands.append(some)
        targets.append((live.key.key, one))
        size, replies = size + len(some), replies + n
        if size >= _PIECE_BYTES:
            yield add_piece(spool, NEW, b"".join(commands), replies), targets
            commands, targets, size, replies = [], [], 0, 0
    if commands:
        yield add_piece(spool, NEW, b"".join(commands), replies), targets
    spool.db.execute(
        "INSERT INTO fate SELECT ?, ?, ?, expires_ms, count(*) FROM event JOIN events USING (key)"
        " GROUP BY 4 HAVING true ON CONFLICT DO UPDATE SET n = n + excluded.n",
        (Store.REDIS, Rule.REDIS_METRIC, Fate.MAPPED),
    )
    spool.db.execute("DELETE FROM event")


def _lists(spool: Spool) -> Iterator[tuple[Live, bytes]]:
    items: list[bytes] = []
    at, one, until = b"", b"", NEVER

    def live() -> Live:
        return Live(RedisKey(new.REDIS_DB, at, LIST, None, items), None if until == NEVER else until)

    ordered = (
        "SELECT key, body, old, expires_ms FROM event JOIN events USING (key)"
        " ORDER BY key, seconds, nanos, metric, position"
    )
    for key, body, old, expires in spool.db.execute(ordered):
        if key != at:
            if items:
                yield live(), one
            at, one, until, items = key, old, expires, []
        items.append(body)
    if items:
        yield live(), one


def pieces(
    spool: Spool, states: Collection[str] = (NEW, EQUAL, KEPT, REPLACED), begun: bool = False
) -> Iterator[Piece]:
    """Yield the pieces of these states, only those whose keys may be there with `begun`."""
    listed = ", ".join(f"'{state}'" for state in states)
    where = f"state IN ({listed}){' AND id IN (SELECT piece FROM begun)' if begun else ''}"
    last = 0
    # One at a time: what is done with it may change the table.
    one = f"SELECT id, state, replies, commands FROM piece WHERE id > ? AND {where} ORDER BY id LIMIT 1"
    while row := spool.db.execute(one, (last,)).fetchone():
        piece = Piece(*row)
        last = piece.id
        yield piece


def take_out(spool: Spool, piece: int, states: dict[bytes, str], temporary: bytes) -> None:
    """Give keys of a piece pieces of their own, one for each of these states."""
    (commands,) = spool.db.execute("SELECT commands FROM piece WHERE id = ?", (piece,)).fetchone()
    sorted_out: dict[str, list[tuple[bytes, int]]] = {NEW: []}
    for live in created(commands, temporary):
        sorted_out.setdefault(states.get(live.key.key, NEW), []).append(creating(live, temporary))
    for state, made in sorted_out.items():
        some, replies = b"".join(commands for commands, _ in made), sum(n for _, n in made)
        if state == NEW:
            spool.db.execute("UPDATE piece SET commands = ?, replies = ? WHERE id = ?", (some, replies, piece))
        else:
            add_piece(spool, state, some, replies)


def written_before(spool: Spool) -> Iterator[list[bytes]]:
    """Yield the keys that may have been written by an attempt before the pieces that are there now."""
    for rows in batches(spool.db.execute("SELECT key FROM written ORDER BY key").fetchall(), _BATCH):
        yield [key for (key,) in rows]
