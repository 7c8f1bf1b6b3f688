"""Whether a rollback brought Redis back: every key of every database as the dataset has it, and no other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.dataset.model import RedisKey
from tvmigrate.dataset.read import redis_key
from tvmigrate.verify import redis_state
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.context import Context
from tvmigrate.verify.findings import Direction, Finding, Phase
from tvmigrate.verify.redis_live import TTL_TOLERANCE_MS, live_names, now_ms, read, walk
from tvmigrate.verify.redis_names import Names, by_weight
from tvmigrate.verify.redis_outcomes import UNRELATED, ExpectedKey, key_name, state_before
from tvmigrate.verify.redis_plain import cut
from tvmigrate.verify.redis_records import ttl_finding, untouched_findings
from tvmigrate.verify.redis_same import same
from tvmigrate.verify.spool import Spool

_RULE = Rule.ROLLBACK_REDIS


def _check(name: str, claim: str) -> Check:
    return Check(f"rollback.redis{name}", Phase.ROLLBACK, Store.REDIS, _RULE, claim)


VALUES = _check("", "Assert that every Redis key is back, in every database, with the type and the value it had.")
TTLS = _check("-ttl", "Assert that every Redis key expires when it would have without the migration, to a second.")
EXTRA = _check("-extra", "Assert that Redis holds no key that was not there before the migration.")
_SCHEMA = "CREATE TABLE keys (db INT, key BLOB, state TEXT, deadline INT, PRIMARY KEY (db, key)) WITHOUT ROWID"
_SEEN = "CREATE TABLE seen (db INT, key BLOB, PRIMARY KEY (db, key)) WITHOUT ROWID"
_NAMES = "CREATE TABLE names (db INT, key BLOB, PRIMARY KEY (db, key)) WITHOUT ROWID"
_DB = 0
_KEY_CHARACTERS = 1000  # that a key counts for besides those of its state
_BATCH_CHARACTERS = 500 * _KEY_CHARACTERS
_BACK = "A rollback brings every key back as it was."


@examines(VALUES, TTLS, EXTRA)
def redis(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare every live key with the dataset's: most by whole parts, in workers, and the rest one by one."""
    with Spool(f"{_SCHEMA}; {_SEEN}") as spool:
        there = Names()
        right = _look_at_parts(context, spool, there)
        for check in (VALUES, TTLS):
            sheets[check.id].old_side_has(right + spool.number("SELECT count(*) FROM keys"))
            sheets[check.id].saw(right)
        _look_at_the_rest(context, sheets, spool, there)
        _look_at_missing_keys(context, sheets, spool)
        _look_for_others(context, sheets, there)


def _look_at_parts(context: Context, spool: Spool, there: Names) -> int:
    """Return how many keys are there as the dataset has them; of all others `keys` says what they were."""
    dataset, right = context.reference.dataset, 0
    if dataset.redis is None:
        return 0
    url = context.clients.endpoints.redis
    parts = cut(dataset.redis, context.reference.redis_epoch_ms, context.policy, context.began_ns)
    for found in context.workers.each(same, ((url, part) for part in parts)):
        there.add(_DB, found.names)
        right += len(found.names)
        others = (redis_key(dataset.redis, number, line) for number, line in found.others)
        spool.add("INSERT INTO keys VALUES (?, ?, ?, ?)", (_row(context, key) for key in others if key is not None))
    return right


def _row(context: Context, key: RedisKey) -> tuple[int, bytes, str, int | None]:
    deadline = None if key.ttl_ms is None else context.reference.redis_epoch_ms + key.ttl_ms
    return key.db, key.key, redis_state.text(state_before(context.reference, key)), deadline


def _look_at_the_rest(context: Context, sheets: Mapping[str, Sheet], spool: Spool, there: Names) -> None:
    dumped = context.reference.baseline.redis_dumps
    rows = spool.rows("SELECT db, key, state, deadline FROM keys ORDER BY db, key")
    for some in by_weight(rows, lambda row: _KEY_CHARACTERS + len(row[2]), _BATCH_CHARACTERS):
        for db, group in groupby(some, key=itemgetter(0)):
            expected = {row[1]: _expected(*row) for row in group}
            for live in read(context.clients.redis_db(db), db, list(expected), dumped):
                there.add(db, [live.key])
                spool.run("INSERT INTO seen VALUES (?, ?)", (db, live.key))
                for check in (VALUES, TTLS):
                    sheets[check.id].saw()
                for finding in untouched_findings(expected[live.key], live, _BACK):
                    sheets[VALUES.id].find(finding)
                if late := ttl_finding(expected[live.key], live, _RULE):
                    sheets[TTLS.id].find(late)


def _look_for_others(context: Context, sheets: Mapping[str, Sheet], there: Names) -> None:
    """Look for keys that were not there before; where the live names are just those that were, there is none."""
    sheet, clients = sheets[EXTRA.id], context.clients
    sheet.saw()  # the whole of Redis, where it is empty
    known = {_DB} | there.databases
    found, count = live_names(clients, known)
    if found == there:
        sheet.saw(count)
        return

    def fill(kept: Spool) -> None:
        kept.add(
            "INSERT INTO names VALUES (?, ?)", ((key.db, key.key) for key in context.reference.dataset.redis_keys())
        )

    with Spool(kept=context.reference.kept.spool("names in redis", None, _NAMES, fill)) as spool:

        def was_there(db: int, key: bytes) -> bool:
            sheet.saw()
            return spool.one("SELECT 1 FROM kept.names WHERE db = ? AND key = ?", (db, key)) is not None

        for live in walk(clients, known, context.reference.baseline.redis_dumps, was_there):
            name = key_name(live.db, live.key)
            note = f"{name} ({live.type}) was not there before the migration. A rollback leaves nothing new behind."
            sheet.find(Finding(Store.REDIS, _RULE, Direction.EXTRA, note, new=name, field="key", actual=live.type))


def _look_at_missing_keys(context: Context, sheets: Mapping[str, Sheet], spool: Spool) -> None:
    sheet = sheets[VALUES.id]
    now = now_ms(context.clients) + TTL_TOLERANCE_MS
    for db, key, state, deadline in spool.rows(
        "SELECT db, key, state, deadline FROM keys WHERE (db, key) NOT IN (SELECT db, key FROM seen) ORDER BY 1, 2"
    ):
        sheet.saw()
        if deadline is not None and deadline <= now:
            sheets[TTLS.id].saw()  # it expired when it would have
            continue
        expected = _expected(db, key, state, deadline)
        note = f"{expected.name} is not there. {_BACK} `redis-cli --rdb` writes a dump and never reads one."
        sheet.find(
            Finding(
                Store.REDIS, _RULE, Direction.MISSING, note, old=expected.name, new=expected.name, field="key",
                expected=expected.state["type"],
            )
        )  # fmt: skip


def _expected(db: int, key: bytes, state: str, deadline: int | None) -> ExpectedKey:
    return ExpectedKey(db, key, UNRELATED, _RULE, key_name(db, key), json.loads(state), deadline)
