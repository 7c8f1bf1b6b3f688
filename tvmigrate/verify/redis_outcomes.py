"""What the rules make of every key of the dataset, worked out once and kept in a spool.

A key's role says what is expected of it:

- `hash`, `zset`, `events`: a new key that the rules produce;
- `gone`: an old key whose records all map; it is removed, or untouched with `--old kept`, and then has a state;
- `rest`: a metrics list of which only the quarantined items are left, or all of it with `--old kept`;
- `kept`: an old key that is quarantined whole, and untouched;
- `unrelated`: any other key, untouched.

Plain eaos keys (`redis_plain`) have no rows: a file beside the spool has those of a part, old key and hash together.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvmigrate.contract import exact_json, new, rules
from tvmigrate.contract.keys import NewKey, OldKey, UnrelatedKey, WrongTypeKey, classify
from tvmigrate.contract.outcome import Mapped, Quarantined, Reason, Rule
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset import redis_form
from tvmigrate.dataset.model import DUMP, RedisKey
from tvmigrate.dataset.read import redis_key
from tvmigrate.verify import old_record, redis_plain, redis_state
from tvmigrate.verify.context import Context, OldEndState, Reference
from tvmigrate.verify.redis_names import batches
from tvmigrate.verify.spool import Spool

HASH, ZSET, EVENTS, GONE, REST, KEPT, UNRELATED = "hash", "zset", "events", "gone", "rest", "kept", "unrelated"
NEW_ROLES = (HASH, ZSET, EVENTS)

_SCHEMA = """
    CREATE TABLE keys (
        db INT, key BLOB, role TEXT, rule TEXT, old TEXT, state TEXT, deadline INT,
        PRIMARY KEY (db, key)) WITHOUT ROWID;
    CREATE TABLE plain (id INTEGER PRIMARY KEY, n INT, filled INT, file TEXT);
    CREATE TABLE existing (key BLOB PRIMARY KEY, state TEXT, deadline INT);
    CREATE TABLE coming (
        key BLOB, at TEXT, metric TEXT, position INT, old TEXT, body TEXT, deadline INT, fate TEXT);
    CREATE TABLE events (
        key BLOB, at TEXT, metric TEXT, position INT, old TEXT, body TEXT, deadline INT, fate TEXT,
        PRIMARY KEY (key, at, metric, position, old)) WITHOUT ROWID;
    CREATE TABLE quarantine (rule TEXT, key TEXT, reason TEXT, form TEXT, record TEXT, deadline INT);
    CREATE TABLE archive (rule TEXT, key TEXT, fields TEXT, deadline INT);
    CREATE TABLE collisions (rule TEXT, old TEXT, new TEXT, other TEXT);
    CREATE TABLE inconsistent (rule TEXT, old TEXT, note TEXT);
    CREATE TABLE records (rule TEXT, n INT)"""
_BY_RECORD = ("plain", "keys", "existing", "coming", "quarantine", "archive", "collisions", "inconsistent")
_INSERT_KEY = "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?)"
_BATCH = 1000
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


def expected_key(row: tuple[Any, ...]) -> ExpectedKey:
    """Return a row of the table `keys`."""
    db, key, role, rule, old, state, deadline = row
    return ExpectedKey(db, key, role, Rule(rule), old, json.loads(state), deadline)


def kept_outcomes(context: Context) -> Path:
    """Return the spool with the tables of `_SCHEMA` for the dataset under the context's policy."""
    old_kept = context.old_end_state is OldEndState.KEPT

    def fill(spool: Spool) -> None:
        outcomes = _Outcomes(context, spool, old_kept)
        # With these, one key's target may be another's, or old keys have to be compared too.
        if old_kept or context.policy.entity_map or not outcomes.work_out_plain():
            outcomes.work_out()

    # The instant of the run stands where a missing `updated_at` was filled.
    depends_on = (context.policy, context.began_ns, old_kept)
    return context.reference.kept.spool("redis outcomes", depends_on, _SCHEMA, fill)


class _Outcomes:
    def __init__(self, context: Context, spool: Spool, old_kept: bool) -> None:
        self._spool = spool
        self._old_kept = old_kept
        self._records = Counter[Rule]()
        self._reference: Reference = context.reference
        self._policy = context.policy
        self._workers = context.workers
        self._run_ns = context.began_ns
        self._folder = spool.path.with_suffix(".parts")

    def work_out(self) -> None:
        """Work out what is expected, key by key."""
        for key in self._reference.dataset.redis_keys():
            self._expect(key)
        self._settle()

    def work_out_plain(self) -> bool:
        """Work out what is expected, part by part; return whether that was enough, else nothing is kept."""
        dataset = self._reference.dataset
        if dataset.redis is None:
            return False
        parts = redis_plain.cut(dataset.redis, self._reference.redis_epoch_ms, self._policy, self._run_ns)
        self._folder.mkdir()
        try:
            for found in self._workers.each(redis_plain.work_out, ((part, self._folder) for part in parts)):
                self._take(found, dataset.redis)
        except redis_plain.NotPlain:
            for table in _BY_RECORD:
                self._spool.run(f"DELETE FROM {table}")
            self._records.clear()
            return False
        self._name_again()
        self._settle()
        return True

    def _name_again(self) -> None:
        """Look up one by one those of the plain keys whose target was there before."""
        if self._spool.one("SELECT 1 FROM existing LIMIT 1") is None:
            return
        there = "SELECT 1 FROM existing WHERE key = ?"
        for part, file in list(self._spool.rows("SELECT id, file FROM plain")):
            packed = redis_plain.read_packed(Path(file))
            found = {name for name in redis_plain.plain_names(packed.names) if self._spool.one(there, (name,))}
            if found:
                self._take_out(part, Path(file), packed, found)

    def _take_out(self, part: int, file: Path, packed: redis_plain.Packed, names: set[bytes]) -> None:
        """Give keys of a plain part rows of their own."""
        keys = redis_plain.plain_keys(packed)
        left = [one for one in keys if one.key not in names]
        self._spool.run("DELETE FROM plain WHERE id = ?", (part,))
        redis_plain.pack_keys(left).keep(file)
        self._keep_plain(len(left), sum(1 for one in left if one.filled), file)
        for one in keys:
            if one.key in names:
                name, rule = show_bytes(one.old), Rule.REDIS_EAOS
                self._produce(ExpectedKey(new.REDIS_DB, one.old, GONE, rule, name, {}, one.deadline))
                self._produce(ExpectedKey(new.REDIS_DB, one.key, HASH, rule, name, one.state, one.deadline))

    def _keep_plain(self, count: int, filled: int, file: Path | None) -> None:
        if count:
            self._spool.run("INSERT INTO plain VALUES (NULL, ?, ?, ?)", (count, filled, str(file)))

    def _settle(self) -> None:
        self._settle_lists()
        self._settle_existing()
        self._spool.add("INSERT INTO records VALUES (?, ?)", ((str(rule), n) for rule, n in self._records.items()))

    def _take(self, found: redis_plain.Outcomes, path: Path) -> None:
        """Keep what became of a part."""
        eaos = str(Rule.REDIS_EAOS)
        self._keep_plain(found.count, found.filled, found.plain)
        self._records[Rule.REDIS_EAOS] += found.count
        self._spool.add("INSERT INTO archive VALUES (?, ?, ?, ?)", ((eaos, *row) for row in found.archive))
        self._spool.add("INSERT INTO inconsistent VALUES (?, ?, ?)", ((eaos, *row) for row in found.inconsistent))
        for key, items in found.lists:
            self._list(key, items, redis_state.of_dataset(key), self._deadline(key))
        for key, outcome in found.judged:
            self._eaos(key, outcome, redis_state.of_dataset(key), self._deadline(key))
        for number, line in found.others:
            other = redis_key(path, number, line)
            if other is not None:
                is_old = other.db == new.REDIS_DB and other.type != HASH
                if is_old and redis_plain.may_share(other.key, self._policy):
                    raise redis_plain.NotPlain
                self._expect(other)

    def _deadline(self, key: RedisKey) -> int | None:
        return None if key.ttl_ms is None else self._reference.redis_epoch_ms + key.ttl_ms

    def _expect(self, key: RedisKey) -> None:
        deadline = self._deadline(key)
        state = state_before(self._reference, key)
        kind = classify(key.db, key.key, state["type"], self._policy.layout)
        if isinstance(kind, UnrelatedKey):
            self._records[Rule.REDIS_UNRELATED] += 1
            self._add(key, UNRELATED, Rule.REDIS_UNRELATED, state, deadline)
        elif isinstance(kind, NewKey):
            self._spool.run("INSERT INTO existing VALUES (?, ?, ?)", (key.key, redis_state.text(state), deadline))
        elif isinstance(kind, WrongTypeKey):
            self._records[kind.rule] += 1
            held = old_record.of_redis_key(key, state)
            self._quarantine(kind.rule, show_bytes(key.key), Reason.WRONG_TYPE, held, deadline)
            self._add(key, KEPT, kind.rule, state, deadline)
        elif kind.rule is Rule.REDIS_EAOS:
            outcome = rules.redis_eaos(kind.name, key.value, self._policy, self._run_ns)
            self._eaos(key, outcome, state, deadline)
        else:
            (self._trend if kind.rule is Rule.REDIS_TREND else self._metric)(key, kind, state, deadline)

    def _eaos(
        self, key: RedisKey, mapped: Mapped[rules.Hash] | Quarantined, state: dict[str, Any], deadline: int | None
    ) -> None:
        name, rule = show_bytes(key.key), Rule.REDIS_EAOS
        self._records[rule] += 1
        if isinstance(mapped, Quarantined):
            self._quarantine(rule, name, mapped.reason, old_record.of_redis_key(key, state), deadline)
            self._add(key, KEPT, rule, state, deadline)
            return
        if mapped.inconsistency:
            self._spool.run("INSERT INTO inconsistent VALUES (?, ?, ?)", (str(rule), name, mapped.inconsistency))
        if mapped.archived:
            self._spool.run(
                "INSERT INTO archive VALUES (?, ?, ?, ?)",
                (str(rule), name, exact_json.dump(mapped.archived), deadline),
            )
        self._add(key, GONE, rule, state, deadline)
        target = {"fields": dict(mapped.value.fields), "filled": list(mapped.filled), "kept_updated_at": None}
        self._produce(ExpectedKey(new.REDIS_DB, mapped.value.key.encode(), HASH, rule, name, target, deadline))

    def _trend(self, key: RedisKey, kind: OldKey, state: dict[str, Any], deadline: int | None) -> None:
        name = show_bytes(key.key)
        self._records[kind.rule] += len(key.value)
        mapped = rules.redis_trend(kind.name, self._policy.layout)
        if isinstance(mapped, Quarantined):
            for member, held in old_record.of_redis_members(key, state):
                record = f"{name}#{show_bytes(member)}"
                self._quarantine(kind.rule, record, mapped.reason, (old_record.EXACT, held), deadline)
            self._add(key, KEPT, kind.rule, state, deadline)
            return
        self._add(key, GONE, kind.rule, state, deadline)
        self._produce(ExpectedKey(new.REDIS_DB, mapped.value.encode(), ZSET, kind.rule, name, state, deadline))

    def _metric(self, key: RedisKey, kind: OldKey, state: dict[str, Any], deadline: int | None) -> None:
        items = [redis_plain.item(kind.name, position, raw, self._policy) for position, raw in enumerate(key.value)]
        self._list(key, items, state, deadline)

    def _list(self, key: RedisKey, items: list[redis_plain.Item], state: dict[str, Any], deadline: int | None) -> None:
        """Keep what became of the items of a metrics list."""
        rule = Rule.REDIS_METRIC
        prefix = self._policy.layout.metrics_prefix
        name, metric = show_bytes(key.key), key.key[len(prefix) :].decode("utf-8", "replace")
        self._records[rule] += len(key.value)
        rest = []
        rows = []
        for position, (raw, item) in enumerate(zip(key.value, items, strict=True)):
            record = f"{name}#{position}"
            if isinstance(item, Reason):
                held = (old_record.EXACT, redis_form.dump_item(raw))
                self._quarantine(rule, record, item, held, deadline)
                rest.append(show_bytes(raw))
                continue
            target, at, body, fate = item
            rows.append((target.encode(), f"{at + _YEAR_1_NS:021}", metric, position, record, body, deadline, fate))
        self._spool.add("INSERT INTO coming VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        if not rest:
            self._add(key, GONE, rule, state, deadline)
        elif len(rest) == len(key.value):
            self._add(key, KEPT, rule, state, deadline)
        else:
            left = state if self._old_kept else {"type": "list", "value": rest}
            self._add(key, REST, rule, left, deadline)

    def _settle_lists(self) -> None:
        """Expect each list that items map to; it lives as long as the longest-lived of its sources."""
        # Put in order once: in the order in which they come SQLite would look for the place of each.
        self._spool.run("INSERT INTO events SELECT * FROM coming ORDER BY key, at, metric, position, old")
        self._spool.run("DROP TABLE coming")
        query = f"SELECT key, max(coalesce(deadline, {_NEVER})), min(old) FROM events GROUP BY key"
        for some in batches(self._spool.rows(query), _BATCH):
            marks = ", ".join("?" * len(some))
            taken = f"SELECT key FROM keys WHERE db = {new.REDIS_DB} AND key IN ({marks})"
            known = {key for (key,) in self._spool.rows(taken, [key for key, _, _ in some])}
            rule, free = Rule.REDIS_METRIC, []
            for key, deadline, one in some:
                name, longest = one.rpartition("#")[0], None if deadline == _NEVER else deadline
                if key in known:
                    self._produce(ExpectedKey(new.REDIS_DB, key, EVENTS, rule, name, None, longest))
                else:
                    free.append((new.REDIS_DB, key, EVENTS, str(rule), name, "null", longest))
            self._spool.add(_INSERT_KEY, free)

    def _settle_existing(self) -> None:
        """A new key that was there before is unrelated, or, if an old record maps to it, what that one becomes."""
        for key, text, deadline in self._spool.rows("SELECT * FROM existing"):
            found = self._spool.one("SELECT * FROM keys WHERE db = ? AND key = ?", (new.REDIS_DB, key))
            if found is None:
                self._records[Rule.REDIS_UNRELATED] += 1
                values = (new.REDIS_DB, key, UNRELATED, str(Rule.REDIS_UNRELATED), show_bytes(key), text, deadline)
                self._spool.run(_INSERT_KEY, values)
                continue
            expected = expected_key(found)
            if expected.role == HASH:
                # An earlier run may have filled the instant; a target that is equal otherwise is kept as it is.
                target = expected.state | {"kept_updated_at": json.loads(text)["value"].get(new.UPDATED_AT)}
                self._spool.run(
                    "UPDATE keys SET state = ? WHERE db = ? AND key = ?", (json.dumps(target), new.REDIS_DB, key)
                )

    def _add(self, key: RedisKey, role: str, rule: Rule, state: dict[str, Any], deadline: int | None) -> None:
        if role == GONE and not self._old_kept:
            state = {}  # nobody asks what it held
        self._produce(ExpectedKey(key.db, key.key, role, rule, show_bytes(key.key), state, deadline))

    def _produce(self, key: ExpectedKey) -> None:
        there = self._spool.one("SELECT * FROM keys WHERE db = ? AND key = ?", (key.db, key.key))
        if there is not None:
            self._collide(expected_key(there), key)
            return
        self._spool.run(
            _INSERT_KEY, (key.db, key.key, key.role, str(key.rule), key.old, json.dumps(key.state), key.deadline)
        )

    def _collide(self, one: ExpectedKey, other: ExpectedKey) -> None:
        self._spool.run("INSERT INTO collisions VALUES (?, ?, ?, ?)", (str(other.rule), other.old, one.name, one.old))

    def _quarantine(self, rule: Rule, record: str, reason: Reason, held: tuple[str, str], deadline: int | None) -> None:
        values = (str(rule), record, str(reason), *held, deadline)
        self._spool.run("INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?)", values)
