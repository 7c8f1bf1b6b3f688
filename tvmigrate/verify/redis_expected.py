"""What must stand in Redis after the migration, asked key by key, and what of it was seen in one look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tvmigrate.contract import exact_json
from tvmigrate.contract.outcome import Fate, Rule, Store
from tvmigrate.verify import old_record
from tvmigrate.verify.context import Context
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.redis_outcomes import ExpectedKey, expected_key, kept_outcomes, key_name
from tvmigrate.verify.spool import Spool

_SEEN = "CREATE TABLE seen (db INT, key BLOB, PRIMARY KEY (db, key)) WITHOUT ROWID"


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


class Expected:
    """The expectations of one dataset under one policy for one look at Redis, for `with`."""

    def __init__(self, context: Context) -> None:
        """Have the dataset worked out, if no look did before."""
        self.spool = Spool(_SEEN, kept=kept_outcomes(context))
        self.old = Counter({Rule(rule): n for rule, n in self.spool.rows("SELECT rule, n FROM kept.records")})

    def collisions(self) -> Iterator[Finding]:
        """Yield the keys that two old keys end at."""
        for rule, old, new, other in self.spool.rows("SELECT rule, old, new, other FROM kept.collisions"):
            note = (
                f"{other} and {old} both end at {new}, so one of them would be lost. Such data cannot be migrated as "
                "it is: rename one of them, or give an entity map that tells them apart."
            )
            yield Finding(
                Store.REDIS, Rule(rule), Direction.CHANGED, note, old=old, new=new, expected=other, actual=old
            )

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

    def unseen(self) -> Iterator[ExpectedKey]:
        """Yield what was never looked up, by database and key."""
        unseen = "SELECT * FROM kept.keys WHERE (db, key) NOT IN (SELECT db, key FROM seen) ORDER BY db, key"
        for row in self.spool.rows(unseen):
            yield expected_key(row)

    def of_role(self, role: str) -> Iterator[ExpectedKey]:
        """Yield the expected keys of one role, by database and key."""
        for row in self.spool.rows("SELECT * FROM kept.keys WHERE role = ? ORDER BY db, key", (role,)):
            yield expected_key(row)

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
