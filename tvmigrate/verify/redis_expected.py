"""What must stand in Redis after the migration, worked out from the dataset by the rules; kept in a spool.

A key's role says what is expected of it:

- `hash`, `zset`, `events`: a new key that the rules produce;
- `gone`: an old key whose records all map; it is removed, or untouched with `--old kept`;
- `rest`: a metrics list of which only the quarantined items are left, or all of it with `--old kept`;
- `kept`: an old key that is quarantined whole, and untouched;
- `unrelated`: any other key, untouched.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tvmigrate.contract import exact_json, new, rules
from tvmigrate.contract.keys import NewKey, OldKey, UnrelatedKey, WrongTypeKey, classify
from tvmigrate.contract.outcome import Fate, Quarantined, Reason, Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.model import DUMP, RedisKey
from tvmigrate.verify import redis_state
from tvmigrate.verify.context import Context, OldEndState, Reference
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.ledger import Book
from tvmigrate.verify.spool import Spool

HASH, ZSET, EVENTS, GONE, REST, KEPT, UNRELATED = "hash", "zset", "events", "gone", "rest", "kept", "unrelated"
NEW_ROLES = (HASH, ZSET, EVENTS)

_SCHEMA = """
    CREATE TABLE keys (
        db INT, key BLOB, role TEXT, rule TEXT, old TEXT, state TEXT, deadline INT, seen INT DEFAULT 0,
        PRIMARY KEY (db, key)) WITHOUT ROWID;
    CREATE TABLE existing (key BLOB PRIMARY KEY, state TEXT, deadline INT);
    CREATE TABLE events (
        key BLOB, at TEXT, metric TEXT, position INT, old TEXT, body TEXT, deadline INT, fate TEXT,
        PRIMARY KEY (key, at, metric, position, old)) WITHOUT ROWID;
    CREATE TABLE quarantine (rule TEXT, key TEXT, reason TEXT, deadline INT);
    CREATE TABLE archive (rule TEXT, key TEXT, fields TEXT, deadline INT)"""
_NEVER = 2**62  # sorts after every deadline
_YEAR_1_NS = 62_135_596_800 * 10**9  # from year 1 to 1970; makes every instant a number that sorts as text


@dataclass(frozen=True, slots=True)
class ExpectedKey:
    """A key that is expected, or expected to be gone; see the module for `role`.

    `state` is the JSON of what it holds (of `hash`: `{"fields": …, "filled": […], "kept_updated_at": …}`; of `events`
    nothing, the items are in a table of their own). `deadline` is in ms since the epoch, None if it does not expire.
    """

    db: int
    key: bytes
    role: str
    rule: Rule
    old: str
    state: Any
    deadline: int | None

    @property
    def name(self) -> str:
        """The key as text, with its database if that is not the contract's."""
        return key_name(self.db, self.key)


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


def key_name(db: int, key: bytes) -> str:
    """Return a key as findings name it; another database than 0 stands before it, as in `3:flags`."""
    return show_bytes(key) if db == new.REDIS_DB else f"{db}:{show_bytes(key)}"


def state_before(reference: Reference, key: RedisKey) -> dict[str, Any]:
    """Return what a key of the dataset held before the migration: as the file says, or as Redis took it."""
    if not redis_state.file_does_not_tell(key):
        return redis_state.of_dataset(key)
    state = reference.baseline.redis_dumps.state(key.db, key.key)
    if state is None:
        raise ValueError(f"the baseline lacks {key_name(key.db, key.key)}")
    if state["type"] == "none" and key.type != DUMP:
        return redis_state.of_dataset(key)  # it expired before it could be read
    return state


class Expected:
    """The expectations of one dataset under one policy, for `with`."""

    def __init__(self, context: Context) -> None:
        """Read the whole dataset; `Spool` holds what comes of it."""
        self.spool = Spool(_SCHEMA)
        self.old = Counter[Rule]()
        self.collisions: list[Finding] = []
        self._reference: Reference = context.reference
        self._policy: Policy = context.policy
        self._run_ns = context.began_ns
        self._old_kept = context.old_end_state is OldEndState.KEPT
        self._book: Book = context.book
        try:
            for key in self._reference.dataset.redis_keys():
                self._expect(key)
            self._settle_lists()
            self._settle_existing()
        except BaseException:
            self.spool.close()
            raise

    # ------------------------------------------------------------------------------------------- what is asked of it

    def look_up(self, db: int, key: bytes) -> ExpectedKey | None:
        """Return what is expected of a live key and note that it was seen; None if the rules know no such key."""
        found = self.spool.one("SELECT * FROM keys WHERE db = ? AND key = ?", (db, key))
        if found is None:
            return None
        self.spool.run("UPDATE keys SET seen = 1 WHERE db = ? AND key = ?", (db, key))
        return _expected_key(found)

    def unseen(self) -> Iterator[ExpectedKey]:
        """Yield what was never looked up, by database and key."""
        for row in self.spool.rows("SELECT * FROM keys WHERE NOT seen ORDER BY db, key"):
            yield _expected_key(row)

    def forget_looks(self) -> None:
        """Begin anew with `look_up`."""
        self.spool.run("UPDATE keys SET seen = 0")

    def of_role(self, role: str) -> Iterator[ExpectedKey]:
        """Yield the expected keys of one role, by database and key."""
        for row in self.spool.rows("SELECT * FROM keys WHERE role = ? ORDER BY db, key", (role,)):
            yield _expected_key(row)

    def events(self, key: bytes) -> Iterator[ExpectedEvent]:
        """Yield the items of an events list in their order (`redis.metric`)."""
        query = "SELECT old, body, deadline, fate FROM events WHERE key = ? ORDER BY at, metric, position, old"
        for old, body, deadline, fate in self.spool.rows(query, (key,)):
            yield ExpectedEvent(old, body, deadline, Fate(fate))

    def quarantined(self, rule: Rule, now_ms: int, *, expired: bool) -> Iterator[tuple[str, str]]:
        """Yield (record_key, reason) of the records of `rule` that do not map and have expired by now, or have not."""
        return self._late_or_not("quarantine", "reason", rule, now_ms, expired)

    def archived(self, rule: Rule, now_ms: int, *, expired: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (record_key, fields) of the mapped records of `rule` with fields that have no new place."""
        for key, fields in self._late_or_not("archive", "fields", rule, now_ms, expired):
            yield key, exact_json.parse(fields)

    def count(self, query: str, *values: Any) -> int:
        """Return the one number of a query over the spool."""
        return self.spool.number(query, values)

    def _late_or_not(
        self, table: str, column: str, rule: Rule, now_ms: int, expired: bool
    ) -> Iterator[tuple[str, str]]:
        late = "deadline <= ?" if expired else "(deadline IS NULL OR deadline > ?)"
        query = f"SELECT key, {column} FROM {table} WHERE rule = ? AND {late}"
        return ((key, value) for key, value in self.spool.rows(query, (str(rule), now_ms)))

    # ------------------------------------------------------------------------------------------- how it is worked out

    def _expect(self, key: RedisKey) -> None:
        deadline = None if key.ttl_ms is None else self._reference.redis_epoch_ms + key.ttl_ms
        state = state_before(self._reference, key)
        kind = classify(key.db, key.key, state["type"])
        if isinstance(kind, UnrelatedKey):
            self.old[Rule.REDIS_UNRELATED] += 1
            self._add(key, UNRELATED, Rule.REDIS_UNRELATED, state, deadline)
        elif isinstance(kind, NewKey):
            self.spool.run("INSERT INTO existing VALUES (?, ?, ?)", (key.key, redis_state.text(state), deadline))
        elif isinstance(kind, WrongTypeKey):
            self.old[kind.rule] += 1
            self._quarantine(kind.rule, show_bytes(key.key), Reason.WRONG_TYPE, deadline)
            self._add(key, KEPT, kind.rule, state, deadline)
        else:
            {Rule.REDIS_EAOS: self._eaos, Rule.REDIS_TREND: self._trend, Rule.REDIS_METRIC: self._metric}[kind.rule](
                key, kind, state, deadline
            )

    def _eaos(self, key: RedisKey, kind: OldKey, state: dict[str, Any], deadline: int | None) -> None:
        name = show_bytes(key.key)
        self.old[kind.rule] += 1
        mapped = rules.redis_eaos(kind.name, key.value, self._policy, self._run_ns)
        if isinstance(mapped, Quarantined):
            self._quarantine(kind.rule, name, mapped.reason, deadline)
            self._add(key, KEPT, kind.rule, state, deadline)
            return
        if mapped.inconsistency:
            self._book.inconsistent(Store.REDIS, kind.rule, "total-is-not-the-sum", name, mapped.inconsistency)
        if mapped.archived:
            self.spool.run(
                "INSERT INTO archive VALUES (?, ?, ?, ?)",
                (str(kind.rule), name, exact_json.dump(mapped.archived), deadline),
            )
        self._add(key, GONE, kind.rule, state, deadline)
        target = {"fields": dict(mapped.value.fields), "filled": list(mapped.filled), "kept_updated_at": None}
        self._produce(ExpectedKey(new.REDIS_DB, mapped.value.key.encode(), HASH, kind.rule, name, target, deadline))

    def _trend(self, key: RedisKey, kind: OldKey, state: dict[str, Any], deadline: int | None) -> None:
        name = show_bytes(key.key)
        self.old[kind.rule] += len(key.value)
        mapped = rules.redis_trend(kind.name)
        if isinstance(mapped, Quarantined):
            for member, _ in key.value:
                self._quarantine(kind.rule, f"{name}#{show_bytes(member)}", mapped.reason, deadline)
            self._add(key, KEPT, kind.rule, state, deadline)
            return
        self._add(key, GONE, kind.rule, state, deadline)
        self._produce(ExpectedKey(new.REDIS_DB, mapped.value.encode(), ZSET, kind.rule, name, state, deadline))

    def _metric(self, key: RedisKey, kind: OldKey, state: dict[str, Any], deadline: int | None) -> None:
        name = show_bytes(key.key)
        self.old[kind.rule] += len(key.value)
        rest = []
        for position, raw in enumerate(key.value):
            record = f"{name}#{position}"
            mapped = rules.redis_metric(kind.name, position, raw, self._policy)
            if isinstance(mapped, Quarantined):
                self._quarantine(kind.rule, record, mapped.reason, deadline)
                rest.append(show_bytes(raw))
                continue
            event = mapped.value
            at, metric, _ = event.order
            self.spool.run(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    event.key.encode(), f"{at + _YEAR_1_NS:021}", metric, position, record, event.body, deadline,
                    str(mapped.fate),
                ),
            )  # fmt: skip
        if not rest:
            self._add(key, GONE, kind.rule, state, deadline)
        elif len(rest) == len(key.value):
            self._add(key, KEPT, kind.rule, state, deadline)
        else:
            left = state if self._old_kept else {"type": "list", "value": rest}
            self._add(key, REST, kind.rule, left, deadline)

    def _settle_lists(self) -> None:
        """Expect each list that items map to; it lives as long as the longest-lived of its sources."""
        query = f"SELECT key, max(coalesce(deadline, {_NEVER})), min(old) FROM events GROUP BY key"
        for key, deadline, old in self.spool.rows(query):
            longest = None if deadline == _NEVER else deadline
            self._produce(
                ExpectedKey(new.REDIS_DB, key, EVENTS, Rule.REDIS_METRIC, old.rpartition("#")[0], None, longest)
            )

    def _settle_existing(self) -> None:
        """A new key that was there before is unrelated, or, if an old record maps to it, what that one becomes."""
        for key, text, deadline in self.spool.rows("SELECT * FROM existing"):
            found = self.spool.one("SELECT * FROM keys WHERE db = ? AND key = ?", (new.REDIS_DB, key))
            if found is None:
                self.old[Rule.REDIS_UNRELATED] += 1
                values = (new.REDIS_DB, key, UNRELATED, str(Rule.REDIS_UNRELATED), show_bytes(key), text, deadline)
                self.spool.run("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, 0)", values)
                continue
            expected = _expected_key(found)
            if expected.role == HASH:
                # An earlier run may have filled the instant; a target that is equal otherwise is kept as it is.
                target = expected.state | {"kept_updated_at": json.loads(text)["value"].get(new.UPDATED_AT)}
                self.spool.run(
                    "UPDATE keys SET state = ? WHERE db = ? AND key = ?", (json.dumps(target), new.REDIS_DB, key)
                )

    def _add(self, key: RedisKey, role: str, rule: Rule, state: dict[str, Any], deadline: int | None) -> None:
        self._produce(ExpectedKey(key.db, key.key, role, rule, show_bytes(key.key), state, deadline))

    def _produce(self, key: ExpectedKey) -> None:
        there = self.spool.one("SELECT * FROM keys WHERE db = ? AND key = ?", (key.db, key.key))
        if there is not None:
            self._collide(_expected_key(there), key)
            return
        self.spool.run(
            "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            (key.db, key.key, key.role, str(key.rule), key.old, json.dumps(key.state), key.deadline),
        )

    def _collide(self, one: ExpectedKey, other: ExpectedKey) -> None:
        note = (
            f"{one.old} and {other.old} both end at {one.name}, so one of them would be lost. Such data cannot be "
            "migrated as it is: rename one of them, or give an entity map that tells them apart."
        )
        self.collisions.append(
            Finding(
                Store.REDIS,
                other.rule,
                Direction.CHANGED,
                note,
                old=other.old,
                new=one.name,
                expected=one.old,
                actual=other.old,
            )
        )

    def _quarantine(self, rule: Rule, record: str, reason: Reason, deadline: int | None) -> None:
        self.spool.run("INSERT INTO quarantine VALUES (?, ?, ?, ?)", (str(rule), record, str(reason), deadline))

    def __enter__(self) -> Expected:
        return self

    def __exit__(self, *of_an_error: object) -> None:
        self.spool.close()


def _expected_key(row: tuple[Any, ...]) -> ExpectedKey:
    db, key, role, rule, old, state, deadline, _ = row
    return ExpectedKey(db, key, role, Rule(rule), old, json.loads(state), deadline)
