"""The checks on Redis after the migration: one pass over the dataset, one over every live key, answer all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

from tvmigrate.contract import new
from tvmigrate.contract.outcome import LEDGER_RULES, Fate, Rule, Store
from tvmigrate.verify import redis_plain_live
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.context import Context, OldEndState, QuarantineKind
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.quarantine import compare_archive, compare_quarantine, quarantined_rows
from tvmigrate.verify.redis_events import compare_list
from tvmigrate.verify.redis_expected import Expected, ExpectedEvent, gone_of_plain, of_plain
from tvmigrate.verify.redis_form import form_findings, new_type
from tvmigrate.verify.redis_laws import (
    ARCHIVE,
    EAOS,
    EXTRA,
    METRIC,
    OLD_KEYS,
    QUARANTINE,
    SCHEMA,
    TREND,
    TTL,
    UNRELATED_KEYS,
)
from tvmigrate.verify.redis_live import TTL_TOLERANCE_MS, LiveKey, live_names, now_ms, read, walk
from tvmigrate.verify.redis_names import Names, any_field_expires, batches, by_weight
from tvmigrate.verify.redis_outcomes import (
    EVENTS,
    GONE,
    HASH,
    KEPT,
    NEW_ROLES,
    REST,
    UNRELATED,
    ZSET,
    ExpectedKey,
    key_name,
)
from tvmigrate.verify.redis_plain import plain_names, read_packed
from tvmigrate.verify.redis_records import hash_findings, trend_findings, ttl_finding, untouched_findings
from tvmigrate.verify.redis_same import are_there
from tvmigrate.verify.redis_state import unshown

_RECORD_RULES = (Rule.REDIS_EAOS, Rule.REDIS_TREND, Rule.REDIS_METRIC)
_OF_ROLE = {HASH: EAOS, ZSET: TREND, EVENTS: METRIC}
_BATCH = 500
_KEY_CHARACTERS = 1000  # that a key counts for besides those of its state
_PART_BYTES = 1 << 20
_STATE_CHARACTERS = 1 << 18
_STAYS = "A key whose records do not map stays untouched, so that nothing of it is lost."
_NOT_OURS = "It is none of the migration's keys, and those stay bit for bit."
_TAKEN_ALONG = "FLUSHDB, or DEL of what KEYS finds, takes such keys along."


def _characters(one: tuple[ExpectedKey, str]) -> int:
    return _KEY_CHARACTERS + len(one[1])


@examines(EAOS, TREND, METRIC, SCHEMA, TTL, OLD_KEYS, UNRELATED_KEYS, QUARANTINE, ARCHIVE, EXTRA)
def redis(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare every live key with what the rules make of the dataset's keys."""
    with Expected(context) as expected:
        examination = _Examination(context, sheets, expected)
        examination.count_old_records()
        examination.look_at_live_keys()
        examination.look_at_missing_keys()
        examination.tell_if_as_due()
        examination.look_at_quarantine_and_archive()


class _Examination:
    def __init__(self, context: Context, sheets: Mapping[str, Sheet], expected: Expected) -> None:
        self._context = context
        self._sheets = sheets
        self._expected = expected
        self._old_kept = context.old_end_state is OldEndState.KEPT
        self._now = 0
        self._unlike = self._unlike_filled = self._plain_there = 0
        plain, _ = expected.plain()
        self._sheet(EAOS).old_side_has(plain)
        self._sheet(OLD_KEYS).old_side_has(plain)
        for check, roles in ((EAOS, (HASH,)), (TREND, (ZSET,)), (METRIC, (EVENTS,)), (UNRELATED_KEYS, (UNRELATED,))):
            self._sheet(check).old_side_has(self._count(roles))
        self._sheet(OLD_KEYS).old_side_has(self._count((GONE, REST, KEPT)))
        for finding in expected.collisions():
            self._sheet(EAOS).find(finding)

    def _sheet(self, check: Check) -> Sheet:
        return self._sheets[check.id]

    def _count(self, roles: Iterable[str]) -> int:
        marks = ", ".join(f"'{role}'" for role in roles)
        return self._expected.count(f"SELECT count(*) FROM kept.keys WHERE role IN ({marks})")

    # ---------------------------------------------------------------------------------------------- keys that are there

    def look_at_live_keys(self) -> None:
        """Judge each live key by what is expected of it: most by whole parts, in workers, and the rest one by one."""
        self._now = now_ms(self._context.clients) + TTL_TOLERANCE_MS
        self._sheet(EXTRA).saw()  # the whole of Redis, where it is empty
        there = Names()
        self._look_at_plain_keys(there)
        self._look_at_lists(there)
        self._look_at_states(there)
        self._look_at_the_rest(there)
        self._look_for_others(there)
        self._now = now_ms(self._context.clients) + TTL_TOLERANCE_MS

    def _look_at_plain_keys(self, there: Names) -> None:
        url, parts = self._context.clients.endpoints.redis, deque[tuple[int, Path]]()

        def given() -> Iterator[tuple[str, Path, bool]]:
            fields_expire = any_field_expires(self._context.clients)
            for part, file in self._expected.plain_files():
                parts.append((part, file))
                yield url, file, fields_expire

        for unlike in self._context.workers.each(redis_plain_live.unlike_hashes, given()):
            part, file = parts.popleft()
            there.add(new.REDIS_DB, plain_names(read_packed(file).names))
            if unlike:
                self._look_at_unlike_keys(there, part, unlike)
        total, filled = self._expected.plain()
        total, filled = total - self._unlike, filled - self._unlike_filled
        for check in (EAOS, SCHEMA, TTL):
            self._sheet(check).saw(total)
        self._fate(Rule.REDIS_EAOS, Fate.FILLED, filled)
        self._fate(Rule.REDIS_EAOS, Fate.MAPPED, total - filled)

    def _look_at_unlike_keys(self, there: Names, part: int, unlike: list[int]) -> None:
        """Look at plain keys that are not just as expected: otherwise written, wrong, or not there."""
        keys = self._expected.plain_keys(part)
        self._unlike += len(unlike)
        self._unlike_filled += sum(1 for n in unlike if keys[n].filled)
        client = self._context.clients.redis_db(new.REDIS_DB)
        dumped = self._context.reference.baseline.redis_dumps
        for some in batches(unlike, _BATCH):
            found = {live.key: live for live in read(client, new.REDIS_DB, [keys[n].key for n in some], dumped)}
            gone = [n for n in some if keys[n].key not in found]
            there.remove(new.REDIS_DB, [keys[n].key for n in gone])
            self._expected.plain_missing(part, gone)
            for n in some:
                if keys[n].key in found:
                    self._hash(of_plain(keys[n]), found[keys[n].key])

    def _look_at_lists(self, there: Names) -> None:
        """Look at lists of events; those that are not just as expected are left to be looked at one by one."""
        url, sizes = self._context.clients.endpoints.redis, deque[list[tuple[bytes, int]]]()

        def given() -> Iterator[tuple[str, list[tuple[bytes, list[str], int | None]]]]:
            for some in by_weight(self._expected.lists(), lambda one: sum(map(len, one[1])), _PART_BYTES):
                sizes.append([(key, len(items)) for key, items, _ in some])
                yield url, some

        for unlike in self._context.workers.each(redis_plain_live.unlike_lists, given()):
            right = [one for one, wrong in zip(sizes.popleft(), unlike, strict=True) if not wrong]
            there.add(new.REDIS_DB, [key for key, _ in right])
            self._expected.saw((new.REDIS_DB, key) for key, _ in right)
            for check in (SCHEMA, TTL):
                self._sheet(check).saw(len(right))
            items = sum(n for _, n in right)
            self._sheet(METRIC).saw(items)
            self._fate(Rule.REDIS_METRIC, Fate.MAPPED, items)

    def _look_at_states(self, there: Names) -> None:
        """Look at keys of which the whole state is known; those that are not just so are left to be looked at alone."""
        url, waiting = self._context.clients.endpoints.redis, deque[list[ExpectedKey]]()

        def given() -> Iterator[tuple[str, list[tuple[bytes, int | None, str]]]]:
            for some in by_weight(self._expected.of_one_state(), _characters, _STATE_CHARACTERS):
                waiting.append([expected for expected, _ in some])
                yield url, [(expected.key, expected.deadline, state) for expected, state in some]

        for found in self._context.workers.each(are_there, given()):
            right = [expected for expected, is_there in zip(waiting.popleft(), found, strict=True) if is_there]
            there.add(new.REDIS_DB, [expected.key for expected in right])
            self._expected.saw((new.REDIS_DB, expected.key) for expected in right)
            for expected in right:
                self._is_right(expected)

    def _is_right(self, expected: ExpectedKey) -> None:
        """Count a key that is there with just the state and the time to live that are due."""
        if expected.role == UNRELATED:
            self._sheet(UNRELATED_KEYS).saw()
            self._fate(expected.rule, Fate.UNTOUCHED)
            return
        self._sheet(TTL).saw()
        if expected.role in {KEPT, REST}:
            self._sheet(OLD_KEYS).saw()
            return
        records = len(expected.state["value"]) if expected.role == ZSET else 1
        self._sheet(SCHEMA).saw()
        self._sheet(_OF_ROLE[expected.role]).saw(records)
        self._fate(expected.rule, Fate.MAPPED, records)

    def _look_at_the_rest(self, there: Names) -> None:
        looks = self._looks()
        dumped = self._context.reference.baseline.redis_dumps
        left = self._expected.to_look_at(old_kept=self._old_kept)
        for some in by_weight(left, lambda one: _KEY_CHARACTERS + one[1], _BATCH * _KEY_CHARACTERS):
            for db, group in groupby((one for one, _ in some), key=lambda one: one.db):
                expected = {one.key: one for one in group}
                for live in read(self._context.clients.redis_db(db), db, list(expected), dumped):
                    there.add(db, [live.key])
                    self._expected.saw([(db, live.key)])
                    looks[expected[live.key].role](expected[live.key], live)

    def _look_for_others(self, there: Names) -> None:
        """Look for keys that were not expected; where the live names are just those that were, there is none."""
        known = {db for (db,) in self._expected.spool.rows("SELECT DISTINCT db FROM kept.keys")} | {new.REDIS_DB}
        found, count = live_names(self._context.clients, known)
        if found == there:
            self._sheet(EXTRA).saw(count)
            return
        looks = self._looks()
        self._expected.name_plain()
        for live in walk(self._context.clients, known, self._context.reference.baseline.redis_dumps, self._is_expected):
            expected = self._expected.look_up(live.db, live.key)
            plain = self._expected.plain_named(live.key) if live.db == new.REDIS_DB else None
            if expected is not None:
                looks[expected.role](expected, live)
            elif plain is None:
                self._unexpected(live)
            elif plain[0]:
                self._plain_there += 1
                self._gone(gone_of_plain(live.key, plain[1]), live)

    def _is_expected(self, db: int, key: bytes) -> bool:
        """Count a live key; return whether it was looked at already, or is a plain one under its new name."""
        self._sheet(EXTRA).saw()
        if self._expected.was_seen(db, key):
            return True
        plain = self._expected.plain_named(key) if db == new.REDIS_DB else None
        return plain is not None and not plain[0]

    def _looks(self) -> Mapping[str, Callable[[ExpectedKey, LiveKey], None]]:
        return {
            HASH: self._hash, ZSET: self._trend, EVENTS: self._events,
            GONE: self._gone, REST: self._stays, KEPT: self._stays, UNRELATED: self._unrelated,
        }  # fmt: skip

    def _unexpected(self, live: LiveKey) -> None:
        name = key_name(live.db, live.key)
        note = (
            f"{name} ({live.type}) was not there before, and no rule makes it out of an old key. A migration leaves "
            "nothing of its own behind, and gives no record two places."
        )
        self._sheet(EXTRA).find(
            Finding(Store.REDIS, Rule.REDIS_SCHEMA, Direction.EXTRA, note, new=name, field="key", actual=live.type)
        )
        if live.db == 0 and new_type(live.key):
            self._form(live, name)

    def _form(self, live: LiveKey, name: str) -> None:
        sheet = self._sheet(SCHEMA)
        sheet.saw()
        for finding in form_findings(live, name):
            sheet.find(finding)

    def _right_type(self, expected: ExpectedKey, live: LiveKey, kind: str) -> bool:
        self._form(live, expected.name)
        self._ttl(expected, live)
        if live.type == kind:
            return True
        note = f"{expected.name} is a {live.type}, and {expected.old} becomes a {kind}: nothing of it is found there."
        self._sheet(_OF_ROLE[expected.role]).find(
            Finding(
                Store.REDIS, expected.rule, Direction.CHANGED, note, old=expected.old, new=expected.name, field="type",
                expected=kind, actual=live.type,
            )
        )  # fmt: skip
        return False

    def _hash(self, expected: ExpectedKey, live: LiveKey) -> None:
        sheet = self._sheet(EAOS)
        sheet.saw()
        if not self._right_type(expected, live, "hash"):
            self._without_fate(expected, expected.old)
            return
        self._fate(expected.rule, Fate.FILLED if expected.state["filled"] else Fate.MAPPED)
        for finding in hash_findings(expected, live, self._context):
            sheet.find(finding)

    def _trend(self, expected: ExpectedKey, live: LiveKey) -> None:
        sheet = self._sheet(TREND)
        members = expected.state["value"]
        sheet.saw(len(members))
        right = self._right_type(expected, live, "zset")
        lost = [member for member in members if not right or member not in live.state["value"]]
        self._fate(expected.rule, Fate.MAPPED, len(members) - len(lost))
        for member in lost:
            self._without_fate(expected, f"{expected.old}#{member}")
        if right:
            for finding in trend_findings(expected, live, self._expected.of_role(ZSET)):
                sheet.find(finding)

    def _events(self, expected: ExpectedKey, live: LiveKey) -> None:
        if self._right_type(expected, live, "list"):
            self._compare_events(expected, list(map(unshown, live.state["value"])))
            return
        # One cause is one finding: that no event is found there the type has told, and the ledger names each.
        events = list(self._expected.events(expected.key))
        self._sheet(METRIC).saw(len(events))
        self._nowhere(expected, events)

    def _compare_events(self, expected: ExpectedKey, items: list[str]) -> None:
        sheet = self._sheet(METRIC)
        events = list(self._expected.events(expected.key))
        sheet.saw(len(events))
        compared = compare_list(expected.name, events, items, self._now)
        for finding in compared.findings:
            sheet.find(finding)
        for fate in compared.found:
            self._fate(expected.rule, fate)
        self._nowhere(expected, compared.missing)

    def _nowhere(self, expected: ExpectedKey, missing: Iterable[ExpectedEvent]) -> None:
        for event in missing:
            if event.deadline is not None and event.deadline <= self._now:
                self._fate(expected.rule, Fate.EXPIRED)
            else:
                self._without_fate(expected, event.old)

    def _gone(self, expected: ExpectedKey, live: LiveKey) -> None:
        if self._old_kept:
            self._stays(expected, live)
            return
        sheet = self._sheet(OLD_KEYS)
        sheet.saw()
        note = (
            f"{expected.old} is still there, though everything in it maps. No mapped key is left under its old name, "
            "or two versions of one record live on; a migration that is meant to leave them is judged with --old kept."
        )
        sheet.find(
            Finding(
                Store.REDIS, expected.rule, Direction.EXTRA, note, old=expected.old, new=expected.name, field="key",
                actual=live.type,
            )
        )  # fmt: skip

    def _stays(self, expected: ExpectedKey, live: LiveKey) -> None:
        sheet = self._sheet(OLD_KEYS)
        sheet.saw()
        self._ttl(expected, live)
        for finding in untouched_findings(expected, live, _STAYS):
            sheet.find(finding)

    def _unrelated(self, expected: ExpectedKey, live: LiveKey) -> None:
        sheet = self._sheet(UNRELATED_KEYS)
        sheet.saw()
        self._fate(expected.rule, Fate.UNTOUCHED)
        for finding in untouched_findings(expected, live, _NOT_OURS):
            sheet.find(finding)
        if finding_of_ttl := ttl_finding(expected, live, expected.rule):
            sheet.find(finding_of_ttl)

    def _ttl(self, expected: ExpectedKey, live: LiveKey) -> None:
        sheet = self._sheet(TTL)
        sheet.saw()
        if finding := ttl_finding(expected, live, Rule.REDIS_TTL):
            sheet.find(finding)

    # ------------------------------------------------------------------------------------------ keys that are not there

    def look_at_missing_keys(self) -> None:
        """Judge each expected key that is not there: gone as it should be, expired, or lost."""
        self._sheet(OLD_KEYS).saw(self._expected.plain()[0] - self._plain_there)
        for expected in self._expected.missing_plain():
            self._new_key_missing(expected, expected.deadline is not None and expected.deadline <= self._now)
        for expected in self._expected.unseen():
            if expected.role == GONE and not self._old_kept:
                self._sheet(OLD_KEYS).saw()
                continue
            expired = expected.deadline is not None and expected.deadline <= self._now
            if expected.role in NEW_ROLES:
                self._new_key_missing(expected, expired)
            else:
                self._old_key_missing(expected, expired)

    def tell_if_as_due(self) -> None:
        """Write into the book that the new keys, and those that were there before, are just those that are due."""
        if not any(self._sheet(check).differences for check in (EAOS, TREND, METRIC, SCHEMA, EXTRA, UNRELATED_KEYS)):
            for rule in _RECORD_RULES:
                self._context.book.as_due(rule)

    def _new_key_missing(self, expected: ExpectedKey, expired: bool) -> None:
        if expected.role == EVENTS:
            # Each source has its own time to live, and the list that of the longest.
            self._compare_events(expected, [])
            return
        sheet = self._sheet(_OF_ROLE[expected.role])
        records = [expected.old]
        if expected.role == ZSET:
            records = [f"{expected.old}#{member}" for member in expected.state["value"]]
        sheet.saw(len(records))
        if expired:
            self._fate(expected.rule, Fate.EXPIRED, len(records))
            return
        sheet.find(self._missing(expected))
        for record in records:
            self._without_fate(expected, record)

    def _missing(self, expected: ExpectedKey) -> Finding:
        note = f"{expected.name} is missing; {expected.old} maps to it. No record that maps may be lost."
        return Finding(
            Store.REDIS, expected.rule, Direction.MISSING, note, old=expected.old, new=expected.name, field="key",
            expected=expected.name,
        )  # fmt: skip

    def _old_key_missing(self, expected: ExpectedKey, expired: bool) -> None:
        unrelated = expected.role == UNRELATED
        sheet = self._sheet(UNRELATED_KEYS if unrelated else OLD_KEYS)
        sheet.saw()
        if expired:
            if unrelated:
                self._fate(expected.rule, Fate.EXPIRED)
            return
        note = f"{expected.name} is gone. {_NOT_OURS if unrelated else _STAYS} {_TAKEN_ALONG}"
        finding = Finding(
            Store.REDIS, expected.rule, Direction.MISSING, note, old=expected.name, new=expected.name, field="key",
            expected=expected.state["type"],
        )  # fmt: skip
        sheet.find(finding)
        if unrelated:
            self._context.book.without_fate(finding)

    # ---------------------------------------------------------------------------------------------------- what is aside

    def look_at_quarantine_and_archive(self) -> None:
        """Compare quarantine and archive, and note the quarantined records' fates."""
        for rule in _RECORD_RULES:
            compare_quarantine(
                self._context, self._sheet(QUARANTINE), Store.REDIS, rule,
                self._expected.quarantined(rule, self._now, expired=False),
                self._expected.quarantined(rule, self._now, expired=True),
            )  # fmt: skip
            compare_archive(
                self._context, self._sheet(ARCHIVE), Store.REDIS, rule,
                self._expected.archived(rule, self._now, expired=False),
                self._expected.archived(rule, self._now, expired=True),
            )  # fmt: skip
            self._quarantined_fates(rule)

    def _quarantined_fates(self, rule: Rule) -> None:
        """A record that does not map is quarantined if its row is there, or, without a table, if it still stands."""
        spool = self._expected.spool
        spool.run("CREATE TABLE IF NOT EXISTS aside (key TEXT PRIMARY KEY) WITHOUT ROWID")
        spool.run("DELETE FROM aside")
        by_table = self._context.quarantine is QuarantineKind.TABLE
        if by_table:
            rows = ((key,) for key, _, _ in quarantined_rows(self._context, Store.REDIS, rule) or ())
            spool.add("INSERT OR IGNORE INTO aside VALUES (?)", rows)
        query = "SELECT key, reason, deadline, key IN (SELECT key FROM aside) FROM kept.quarantine WHERE rule = ?"
        for key, reason, deadline, is_aside in spool.rows(query, (str(rule),)):
            if is_aside or not by_table:
                self._context.book.set_aside(rule, reason)
            elif deadline is not None and deadline <= self._now:
                self._fate(rule, Fate.EXPIRED)
            else:
                note = f"{key} has no fate: it does not map ({reason}), and is not in quarantine."
                self._context.book.without_fate(
                    Finding(Store.REDIS, rule, Direction.MISSING, note, old=key, expected=reason)
                )

    # ----------------------------------------------------------------------------------------------------- the ledger

    def _fate(self, rule: Rule, fate: Fate, count: int = 1) -> None:
        self._context.book.came_to(rule, fate, count)

    def _without_fate(self, expected: ExpectedKey, record: str) -> None:
        note = f"{record} has no fate: it maps to {expected.name}, and is not found there."
        self._context.book.without_fate(
            Finding(Store.REDIS, expected.rule, Direction.MISSING, note, old=record, new=expected.name)
        )

    def count_old_records(self) -> None:
        """Tell the book of the old records: how many of each rule, and where they contradict themselves."""
        for rule, record, note in self._expected.inconsistent():
            self._context.book.inconsistent(Store.REDIS, rule, "total-is-not-the-sum", record, note)
        for rule, store in LEDGER_RULES.items():
            if store is Store.REDIS:
                self._context.book.old_has(rule, self._expected.old[rule])
