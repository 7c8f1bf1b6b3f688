"""What a run knows of single records, on disk: targets, events in order, quarantine, archive and fates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvmigrate.closing import Closing
from tvmigrate.contract import exact_json
from tvmigrate.contract.outcome import Fate, LedgerLine, Quarantined, Rule, Store
from tvmigrate.sqlite_file import SqliteFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS quarantine (
    store TEXT, source TEXT, record_key TEXT, reason TEXT, detail TEXT, record TEXT);
CREATE TABLE IF NOT EXISTS archive (store TEXT, source TEXT, record_key TEXT, fields TEXT);
CREATE TABLE IF NOT EXISTS extra (store TEXT, source TEXT, field TEXT, n INTEGER, PRIMARY KEY (store, source, field));
CREATE TABLE IF NOT EXISTS fate (
    store TEXT, rule TEXT, fate TEXT, expires_ms INTEGER, n INTEGER, PRIMARY KEY (store, rule, fate, expires_ms));
CREATE TABLE IF NOT EXISTS inconsistency (store TEXT, record_key TEXT, says TEXT);
CREATE TABLE IF NOT EXISTS program (program_id TEXT, entity TEXT, PRIMARY KEY (program_id, entity)) WITHOUT ROWID;
-- Elasticsearch: the sha256 of each new document's JSON text.
CREATE TABLE IF NOT EXISTS document (id TEXT PRIMARY KEY, digest BLOB) WITHOUT ROWID;
-- Redis: the commands that create new keys, in pieces; of targets that were there, EQUAL, KEPT or REPLACED.
CREATE TABLE IF NOT EXISTS piece (id INTEGER PRIMARY KEY, state TEXT, replies INTEGER, commands BLOB);
CREATE TABLE IF NOT EXISTS begun (piece INTEGER PRIMARY KEY);
-- Parts of the backup's file, and whether one's old keys may be gone; what stays of old keys.
CREATE TABLE IF NOT EXISTS part (id INTEGER PRIMARY KEY, start INTEGER, size INTEGER, removing INTEGER);
CREATE TABLE IF NOT EXISTS stays (part INTEGER, key BLOB, kept TEXT, PRIMARY KEY (part, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS suspect (key BLOB, old BLOB, other BLOB);
CREATE TABLE IF NOT EXISTS event (
    key BLOB, seconds INTEGER, nanos INTEGER, metric TEXT, position INTEGER, body BLOB);
CREATE TABLE IF NOT EXISTS events (key BLOB PRIMARY KEY, old BLOB, expires_ms INTEGER) WITHOUT ROWID;
-- New keys that may have been written by an attempt before the pieces that are there now.
CREATE TABLE IF NOT EXISTS written (key BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS existing (key BLOB PRIMARY KEY, payload BLOB, expires_ms INTEGER) WITHOUT ROWID;
-- Keys of the new layout that were there before the run.
CREATE TABLE IF NOT EXISTS bystander (key BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (key BLOB PRIMARY KEY) WITHOUT ROWID;
"""
_RUN_STORES = (Store.REDIS, Store.ELASTICSEARCH, Store.CLICKHOUSE)  # in the ledger's order
_SHARED = "spool.sqlite"  # of all stores, in runs begun before each had its own
NEVER = 2**62  # an expiry, in ms since the epoch, of what does not expire: NULLs are never equal in a key


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One record set aside, as the quarantine table holds it (without run and instant)."""

    store: Store
    source: str
    record_key: str
    why: Quarantined
    record: str


class Spool(SqliteFile):
    """A SQLite file of a run, or a temporary one for a plan (`path` None), deleted by SQLite itself."""

    def __init__(self, path: Path | None) -> None:
        """Open or make it; raises sqlite3.Error."""
        safety = "OFF" if path is None else "FULL"
        cache = "cache_size = -20000"  # 20 MB at most, whatever the data's size
        # A step may be of another thread than the one that opened it; no two steps have the same spool.
        super().__init__(path, _SCHEMA, f"synchronous = {safety}", cache, check_same_thread=False)

    def clear(self, store: Store, keep: Rule | None = None) -> None:
        """Forget what is known of the records of `store`, but of those of `keep`, before they are looked at again.

        Which new Redis keys were written before is not forgotten: `redis_spool.forget` keeps it for a rollback.
        """
        for table in ("quarantine", "archive", "extra", "inconsistency"):
            self.db.execute(f"DELETE FROM {table} WHERE store = ?", (store,))
        self.db.execute("DELETE FROM fate WHERE store = ? AND rule IS NOT ?", (store, keep))
        if store is Store.ELASTICSEARCH:
            self.db.execute("DELETE FROM document")
        if store is Store.REDIS:
            for table in ("piece", "begun", "part", "stays", "suspect", "event", "events"):
                self.db.execute(f"DELETE FROM {table}")

    def has(self, table: str, key: bytes) -> bool:
        """Return whether `table`, one of those by Redis key, has `key`."""
        return self.db.execute(f"SELECT 1 FROM {table} WHERE key = ?", (key,)).fetchone() is not None

    def any(self, table: str) -> bool:
        """Return whether `table` has any row."""
        return self.db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None

    def quarantine(self, *rows: QuarantineRow) -> None:
        """Set records aside."""
        self.db.executemany(
            "INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?)",
            [
                (row.store, row.source, row.record_key, row.why.reason, _utf8(row.why.detail), row.record)
                for row in rows
            ],
        )

    def archive(self, store: Store, source: str, record_key: str, fields: Mapping[str, object]) -> None:
        """Keep the fields of a mapped record that have no place in the new layout; nothing if there are none."""
        if not fields:
            return
        self.db.execute(
            "INSERT INTO archive VALUES (?, ?, ?, ?)", (store, source, record_key, exact_json.dump(dict(fields)))
        )
        for field in fields:
            self.count_extra(store, source, field, 1)

    def count_extra(self, store: Store, source: str, field: str, n: int) -> None:
        """Count `n` records that have the extra field or column `field`."""
        self.db.execute(
            "INSERT INTO extra VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            (store, source, field, n),
        )

    def fate(self, rule: Rule, store: Store, fate: Fate, n: int = 1, expires_ms: int | None = None) -> None:
        """Count `n` records; those with an expiry (ms since the epoch) may yet turn out to be *expired*."""
        self.fates([(store, rule, fate, NEVER if expires_ms is None else expires_ms, n)])

    def fates(self, counts: Iterable[tuple[Store, Rule, Fate, int, int]]) -> None:
        """Count records of a store and a rule by fate and expiry, NEVER of what does not expire."""
        self.db.executemany(
            "INSERT INTO fate VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n", counts
        )

    def inconsistent(self, store: Store, record_key: str, says: str) -> None:
        """Keep where the source contradicts itself; nothing if it does not."""
        if says:
            self.db.execute("INSERT INTO inconsistency VALUES (?, ?, ?)", (store, _utf8(record_key), says))

    def program(self, program_id: str, entity: str) -> None:
        """Keep which entity becomes which program id."""
        self.db.execute("INSERT OR IGNORE INTO program VALUES (?, ?)", (program_id, entity))

    def shared_programs(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the program ids that several entities become, with these entities."""
        found = self.db.execute(
            "SELECT program_id, json_group_array(entity) FROM program GROUP BY program_id HAVING count(*) > 1"
        )
        for program_id, entities in found:
            yield program_id, sorted(exact_json.parse(entities))

    def extras(self) -> list[tuple[str, str, str, int]]:
        """Return (store, source, field, records) of what goes to the archive."""
        return self.db.execute("SELECT store, source, field, n FROM extra ORDER BY 1, 2, 3").fetchall()

    def reasons(self) -> list[tuple[str, str, str, int]]:
        """Return (store, source, reason, records) of what is set aside."""
        return self.db.execute(
            "SELECT store, source, reason, count(*) FROM quarantine GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        ).fetchall()

    def inconsistencies(self) -> int:
        """Return how many records contradict themselves."""
        return int(self.db.execute("SELECT count(*) FROM inconsistency").fetchone()[0])

    def ledger(self, now_ms: int) -> list[LedgerLine]:
        """Return the fates by rule; what was to expire by `now_ms` (Redis's clock) is *expired*."""
        lines = []
        for store, rule in self.db.execute("SELECT DISTINCT store, rule FROM fate ORDER BY store DESC, rule"):
            counts = dict.fromkeys(Fate, 0)
            rows: Iterable[tuple[str, int, int]] = self.db.execute(
                "SELECT fate, expires_ms, n FROM fate WHERE store = ? AND rule = ?", (store, rule)
            )
            for fate, expires_ms, n in rows:
                gone = expires_ms <= now_ms and fate != Fate.QUARANTINED
                counts[Fate.EXPIRED if gone else Fate(fate)] += n
            old = sum(counts.values())
            lines.append(
                LedgerLine(Store(store), Rule(rule), old, **{fate.value: count for fate, count in counts.items()})
            )
        return lines


class Spools(Closing):
    """The spools of a run, one for each store, whose steps may write at once: SQLite has one writer a file.

    A run begun when all stores shared one file goes on, and back, with that: its steps are not `apart`.
    """

    def __init__(self, folder: Path) -> None:
        """Open or make them in `folder`; raises sqlite3.Error."""
        shared = folder / _SHARED
        self.apart = not shared.exists()
        with ExitStack() as opened:
            if self.apart:
                by_store = {s: opened.enter_context(Spool(folder / f"spool.{s}.sqlite")) for s in _RUN_STORES}
            else:
                by_store = dict.fromkeys(_RUN_STORES, opened.enter_context(Spool(shared)))
            self._by_store = by_store
            self._all = list(dict.fromkeys(by_store.values()))
            self._opened = opened.pop_all()

    def of(self, store: Store) -> Spool:
        """Return the spool of `store`."""
        return self._by_store[store]

    def rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of `query` in each of the spools."""
        for spool in self._all:
            yield from spool.db.execute(query)

    def extras(self) -> list[tuple[str, str, str, int]]:
        """Return (store, source, field, records) of what goes to the archive."""
        return sorted(extra for spool in self._all for extra in spool.extras())

    def ledger(self, now_ms: int) -> list[LedgerLine]:
        """Return the fates by store and rule, as `Spool.ledger` does."""
        return [line for spool in self._all for line in spool.ledger(now_ms)]

    def close(self) -> None:
        """Close all of them."""
        self._opened.close()


def _utf8(text: str) -> str:
    """Return `text` as SQLite can hold it: half a surrogate pair stands as its escape."""
    return text.encode("utf-8", "backslashreplace").decode()
