"""Whether a rollback brought Redis back: every key of every database as the dataset has it, and no other."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.dataset.model import RedisKey
from tvmigrate.verify import redis_state
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.context import Context
from tvmigrate.verify.findings import Direction, Finding, Phase
from tvmigrate.verify.redis_live import TTL_TOLERANCE_MS, now_ms, walk
from tvmigrate.verify.redis_outcomes import UNRELATED, ExpectedKey, key_name, state_before
from tvmigrate.verify.redis_records import ttl_finding, untouched_findings
from tvmigrate.verify.spool import Spool

_RULE = Rule.ROLLBACK_REDIS


def _check(name: str, claim: str) -> Check:
    return Check(f"rollback.redis{name}", Phase.ROLLBACK, Store.REDIS, _RULE, claim)


VALUES = _check("", "Assert that every Redis key is back, in every database, with the type and the value it had.")
TTLS = _check("-ttl", "Assert that every Redis key expires when it would have without the migration, to a second.")
EXTRA = _check("-extra", "Assert that Redis holds no key that was not there before the migration.")
_SCHEMA = "CREATE TABLE keys (db INT, key BLOB, state TEXT, deadline INT, PRIMARY KEY (db, key)) WITHOUT ROWID"
_SEEN = "CREATE TABLE seen (db INT, key BLOB, PRIMARY KEY (db, key)) WITHOUT ROWID"
_BACK = "A rollback brings every key back as it was."


@examines(VALUES, TTLS, EXTRA)
def redis(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare every live key with the dataset's."""

    def fill(kept: Spool) -> None:
        rows = (_row(context, key) for key in context.reference.dataset.redis_keys())
        kept.add("INSERT INTO keys VALUES (?, ?, ?, ?)", rows)

    with Spool(_SEEN, kept=context.reference.kept.spool("redis as it was", None, _SCHEMA, fill)) as spool:
        for check in (VALUES, TTLS):
            sheets[check.id].old_side_has(spool.number("SELECT count(*) FROM kept.keys"))
        _look_at_live_keys(context, sheets, spool)
        _look_at_missing_keys(context, sheets, spool)


def _row(context: Context, key: RedisKey) -> tuple[int, bytes, str, int | None]:
    deadline = None if key.ttl_ms is None else context.reference.redis_epoch_ms + key.ttl_ms
    return key.db, key.key, redis_state.text(state_before(context.reference, key)), deadline


def _look_at_live_keys(context: Context, sheets: Mapping[str, Sheet], spool: Spool) -> None:
    known = {db for (db,) in spool.rows("SELECT DISTINCT db FROM kept.keys")}
    sheets[EXTRA.id].saw()  # the whole of Redis, where it is empty
    for live in walk(context.clients, known, context.reference.baseline.redis_dumps):
        sheets[EXTRA.id].saw()
        found = spool.one("SELECT state, deadline FROM kept.keys WHERE db = ? AND key = ?", (live.db, live.key))
        if found is None:
            name = key_name(live.db, live.key)
            note = f"{name} ({live.type}) was not there before the migration. A rollback leaves nothing new behind."
            sheets[EXTRA.id].find(
                Finding(Store.REDIS, _RULE, Direction.EXTRA, note, new=name, field="key", actual=live.type)
            )
            continue
        spool.run("INSERT OR IGNORE INTO seen VALUES (?, ?)", (live.db, live.key))
        expected = _expected(live.db, live.key, *found)
        for check in (VALUES, TTLS):
            sheets[check.id].saw()
        for finding in untouched_findings(expected, live, _BACK):
            sheets[VALUES.id].find(finding)
        if late := ttl_finding(expected, live, _RULE):
            sheets[TTLS.id].find(late)


def _look_at_missing_keys(context: Context, sheets: Mapping[str, Sheet], spool: Spool) -> None:
    sheet = sheets[VALUES.id]
    now = now_ms(context.clients) + TTL_TOLERANCE_MS
    for db, key, state, deadline in spool.rows(
        "SELECT db, key, state, deadline FROM kept.keys WHERE (db, key) NOT IN (SELECT db, key FROM seen) ORDER BY 1, 2"
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
