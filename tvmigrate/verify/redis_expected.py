"""What must stand in Redis after the migration, asked key by key, and what of it was seen in one look."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvmigrate.contract import exact_json, new
from tvmigrate.contract.outcome import Fate, Rule, Store
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.verify import old_record, redis_plain
from tvmigrate.verify.context import Context
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.redis_outcomes import EVENTS, GONE, HASH, ExpectedKey, expected_key, kept_outcomes, key_name
from tvmigrate.verify.spool import Spool

_SEEN = """
    CREATE TABLE seen (db INT, key BLOB, PRIMARY KEY (db, key)) WITHOUT ROWID;
    CREATE TABLE missing (part INT, n INT);
    CREATE TABLE named (key BLOB PRIMARY KEY, is_old INT, deadline INT) WITHOUT ROWID"""


@dataclass(frozen=True, slots=True)
class ExpectedEvent:
    """One item of an events list, in its place: the record it comes from, its JSON, when its source expires (ms)."""

    old: str
    text: str
    deadline: int | None
    fate: Fate

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object of `text`."""
        body: dict[str, Any] = exact_json.parse(self.text)
        return body


def of_plain(key: redis_plain.PlainKey) -> ExpectedKey:
    """Return what is expected of the hash of a plain key."""
    return ExpectedKey(new.REDIS_DB, key.key, HASH, Rule.REDIS_EAOS, show_bytes(key.old), key.state, key.deadline)


def gone_of_plain(old: bytes, deadline: int | None) -> ExpectedKey:
    """Return what is expected of the old key of a plain key: that it is gone."""
    return ExpectedKey(new.REDIS_DB, old, GONE, Rule.REDIS_EAOS, show_bytes(old), {}, deadline)


class Expected:
    """The expectations of one dataset under one policy for one look at Redis, for `with`."""

    def __init__(self, context: Context) -> None:
        """Have the dataset worked out, if no look did before."""
        self.spool = Spool(_SEEN, kept=kept_outcomes(context))
        self.old = Counter({Rule(rule): n for rule, n in self.spool.rows("SELECT rule, n FROM kept.records")})

    def collisions(self) -> Iterator[Finding]:
        """Yield the keys that two old keys end at."""
        for rule, old, at, other in self.spool.rows("SELECT rule, old, new, other FROM kept.collisions"):
            note = (
                f"{other} and {old} both end at {at}, so one of them would be lost. Such data cannot be migrated as "
                "it is: rename one of them, or give an entity map that tells them apart."
            )
            yield Finding(Store.REDIS, Rule(rule), Direction.CHANGED, note, old=old, new=at, expected=other, actual=old)

    def inconsistent(self) -> Iterator[tuple[Rule, str, str]]:
        """Yield rule, record and a sentence of each record whose total never was the sum of its counts."""
        for rule, old, note in self.spool.rows("SELECT rule, old, note FROM kept.inconsistent"):
            yield Rule(rule), old, note

    def look_up(self, db: int, key: bytes) -> ExpectedKey | None:
        """Return what is expected of a live key and note that it was seen; None if the rules know no such key."""
        found = self.spool.one("SELECT * FROM kept.keys WHERE db = ? AND key = ?", (db, key))
        if found is None:
            return None
        self.spool.run("INSERT OR IGNORE INTO seen VALUES (?, ?)", (db, key))
        return expected_key(found)

    def knows(self, db: int, key: bytes) -> bool:
        """Return whether anything is expected of a key that is not plain."""
        return self.spool.one("SELECT 1 FROM kept.keys WHERE db = ? AND key = ?", (db, key)) is not None

    def saw(self, keys: Iterable[tuple[int, bytes]]) -> None:
        """Note that keys (database, name) were seen."""
        self.spool.add("INSERT OR IGNORE INTO seen VALUES (?, ?)", keys)

    def was_seen(self, db: int, key: bytes) -> bool:
        """Return whether a key was seen."""
        return self.spool.one("SELECT 1 FROM seen WHERE db = ? AND key = ?", (db, key)) is not None

    def of_one_state(self) -> Iterator[tuple[ExpectedKey, str]]:
        """Yield, by key, what is to be there in the contract's database with a state of which the JSON is told.

        Without lists of events, and without hashes of which a field was filled.
        """
        query = f"""
            SELECT * FROM kept.keys WHERE db = {new.REDIS_DB} AND role NOT IN ('{GONE}', '{EVENTS}') ORDER BY key"""
        for row in self.spool.rows(query):
            expected = expected_key(row)
            if expected.role != HASH:
                yield expected, row[5]
            elif not expected.state["filled"]:
                fields = {show_bytes(name.encode()): text for name, text in expected.state["fields"].items()}
                yield expected, json.dumps({"type": "hash", "value": fields})

    def to_look_at(self, *, old_kept: bool) -> Iterator[tuple[ExpectedKey, int]]:
        """Yield, by database and key, what is to be there and was not seen yet, and how many characters its state has.

        Old keys are among them if they are kept.
        """
        but = "" if old_kept else f"role <> '{GONE}' AND"
        one_by_one = f"""
            SELECT * FROM kept.keys AS k
            WHERE {but} NOT EXISTS (SELECT 1 FROM seen WHERE seen.db = k.db AND seen.key = k.key) ORDER BY db, key"""
        for row in self.spool.rows(one_by_one):
            yield expected_key(row), len(row[5])

    def lists(self) -> Iterator[tuple[bytes, list[str], int | None]]:
        """Yield each list of events with its items in their order, and when it expires."""
        items: list[str] = []
        at: tuple[bytes, int | None] | None = None
        ordered = """
            SELECT e.key, k.deadline, e.body FROM kept.events AS e JOIN kept.keys AS k ON k.db = 0 AND k.key = e.key
            ORDER BY e.key, e.at, e.metric, e.position, e.old"""
        for key, deadline, body in self.spool.rows(ordered):
            if at != (key, deadline):
                if at is not None:
                    yield at[0], items, at[1]
                at, items = (key, deadline), []
            items.append(body)
        if at is not None:
            yield at[0], items, at[1]

    # ------------------------------------------------------------------------------------------------------ plain keys

    def plain(self) -> tuple[int, int]:
        """Return how many plain keys there are (`redis_plain`), and in how many of them a count was filled."""
        total = self.spool.one("SELECT coalesce(sum(n), 0), coalesce(sum(filled), 0) FROM kept.plain")
        return total if total is not None else (0, 0)

    def plain_files(self) -> Iterator[tuple[int, Path]]:
        """Yield the parts of plain keys: id, and the file that they are in."""
        for part, file in list(self.spool.rows("SELECT id, file FROM kept.plain ORDER BY id")):
            yield part, Path(file)

    def plain_parts(self) -> Iterator[redis_plain.Packed]:
        """Yield the parts of plain keys, one in memory."""
        for _, file in self.plain_files():
            yield redis_plain.read_packed(file)

    def plain_keys(self, part: int) -> list[redis_plain.PlainKey]:
        """Return a part of plain keys."""
        found = self.spool.one("SELECT file FROM kept.plain WHERE id = ?", (part,))
        return redis_plain.plain_keys(redis_plain.read_packed(Path(found[0]))) if found else []

    def plain_missing(self, part: int, positions: Iterable[int]) -> None:
        """Note that plain keys are not there."""
        self.spool.add("INSERT INTO missing VALUES (?, ?)", ((part, n) for n in positions))

    def missing_plain(self) -> Iterator[ExpectedKey]:
        """Yield the plain keys that are not there."""
        keys: list[redis_plain.PlainKey] = []
        at = None
        for part, n in self.spool.rows("SELECT part, n FROM missing ORDER BY part, n"):
            if part != at:
                at, keys = part, self.plain_keys(part)
            yield of_plain(keys[n])

    def name_plain(self) -> None:
        """Have all plain keys in a table, old names and new ones, for `plain_named`."""
        for packed in self.plain_parts():
            olds = redis_plain.plain_names(packed.olds)
            rows = [
                row
                for old, (name, deadline) in zip(olds, redis_plain.plain_deadlines(packed), strict=True)
                for row in ((name, 0, deadline), (old, 1, deadline))
            ]
            self.spool.add("INSERT OR IGNORE INTO named VALUES (?, ?, ?)", rows)

    def plain_named(self, key: bytes) -> tuple[bool, int | None] | None:
        """Return of the plain key with this old or new name whether it is the old one, and when it expires."""
        found = self.spool.one("SELECT is_old, deadline FROM named WHERE key = ?", (key,))
        return None if found is None else (bool(found[0]), found[1])

    # ----------------------------------------------------------------------------------------------------------- both

    def unseen(self) -> Iterator[ExpectedKey]:
        """Yield what was never looked up, by database and key."""
        yield from (expected for expected, _ in self.to_look_at(old_kept=True))

    def of_role(self, role: str) -> Iterator[ExpectedKey]:
        """Yield the expected keys of one role, by database and key, then those that are plain."""
        for row in self.spool.rows("SELECT * FROM kept.keys WHERE role = ? ORDER BY db, key", (role,)):
            yield expected_key(row)
        for packed in self.plain_parts() if role in {HASH, GONE} else ():
            for one in redis_plain.plain_keys(packed):
                yield of_plain(one) if role == HASH else gone_of_plain(one.old, one.deadline)

    def events(self, key: bytes) -> Iterator[ExpectedEvent]:
        """Yield the items of an events list in their order (`redis.metric`)."""
        query = "SELECT old, body, deadline, fate FROM kept.events WHERE key = ? ORDER BY at, metric, position, old"
        for old, body, deadline, fate in self.spool.rows(query, (key,)):
            yield ExpectedEvent(old, body, deadline, Fate(fate))

    def quarantined(self, rule: Rule, now_ms: int, *, expired: bool) -> Iterator[old_record.Expected]:
        """Yield the records of `rule` that do not map and have expired by now, or have not."""
        found = self._late_or_not("quarantine", "reason, form, record", rule, now_ms, expired)
        return (old_record.Expected(*row) for row in found)

    def archived(self, rule: Rule, now_ms: int, *, expired: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (record_key, fields) of the mapped records of `rule` with fields that have no new place."""
        for key, fields in self._late_or_not("archive", "fields", rule, now_ms, expired):
            yield key, exact_json.parse(fields)

    def count(self, query: str, *values: Any) -> int:
        """Return the one number of a query over the spool."""
        return self.spool.number(query, values)

    def _late_or_not(
        self, table: str, columns: str, rule: Rule, now_ms: int, expired: bool
    ) -> Iterator[tuple[Any, ...]]:
        late = "deadline <= ?" if expired else "(deadline IS NULL OR deadline > ?)"
        query = f"SELECT key, {columns} FROM kept.{table} WHERE rule = ? AND {late}"
        return self.spool.rows(query, (str(rule), now_ms))

    def __enter__(self) -> Expected:
        return self

    def __exit__(self, *of_an_error: object) -> None:
        self.spool.close()


__all__ = ["Expected", "ExpectedEvent", "ExpectedKey", "key_name"]
