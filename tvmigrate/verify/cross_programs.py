"""Whether ClickHouse knows the programs that Redis speaks of, where the old data did (contract §3, *Across stores*)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tvmigrate.contract import keys, new, sql
from tvmigrate.contract.layout import quoted
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.clickhouse import metrics_as_they_should_be
from tvmigrate.verify.clickhouse_canonical import Kind, expression, show
from tvmigrate.verify.clickhouse_rows import live_types, reference_has
from tvmigrate.verify.context import Context
from tvmigrate.verify.cross_facts import comments_as_they_should_be
from tvmigrate.verify.findings import Direction, Finding, Phase
from tvmigrate.verify.redis_expected import Expected
from tvmigrate.verify.redis_live import TTL_TOLERANCE_MS, now_ms
from tvmigrate.verify.redis_outcomes import HASH
from tvmigrate.verify.redis_plain import plain_deadlines
from tvmigrate.verify.spool import Spool

PROGRAMS = Check(
    str(Rule.CROSS_PROGRAMS),
    Phase.MIGRATION,
    Store.CROSS,
    Rule.CROSS_PROGRAMS,
    "Assert that ClickHouse knows each program of Redis, but for those it never knew.",
)


# Which programs are spoken of, in Redis or in ClickHouse.
REDIS, CLICKHOUSE = 0, 1
_KNOWN = "CREATE TABLE known (side INT, program TEXT, PRIMARY KEY (side, program)) WITHOUT ROWID"
_LIVES = "CREATE TABLE lives (program TEXT, deadline INT)"  # until when a program of Redis is there at least, in ms
_INSERT = "INSERT OR IGNORE INTO known VALUES (?, ?)"
_UNKNOWN = f"""
    SELECT program FROM {{redis}} WHERE side = {REDIS}
    EXCEPT SELECT program FROM {{clickhouse}} WHERE side = {CLICKHOUSE}"""
_LIVE, _DUE = "main.known", "kept.known"


@examines(PROGRAMS)
def programs(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Find programs in Redis that ClickHouse does not know, though the old data did not differ so.

    A store that this look has found to be just as it should be is not read again.
    """
    sheet = sheets[PROGRAMS.id]
    with Spool(_KNOWN, kept=_kept_programs(context)) as spool:
        # A program all of whose keys have run out by now is none that must be there.
        now_and_a_bit = now_ms(context.clients) + TTL_TOLERANCE_MS
        lives = "SELECT count(DISTINCT program) FROM kept.lives WHERE deadline IS NULL OR deadline > ?"
        due = spool.number(lives, (now_and_a_bit,))
        sheet.old_side_has(due)
        redis = clickhouse = _DUE
        if all(map(context.book.is_as_due, _PROGRAM_KEYS)):
            sheet.saw(due)
        else:
            redis = _LIVE
            spool.add(_INSERT, ((REDIS, program) for program in _redis_live(context)))
            sheet.saw(spool.number(f"SELECT count(*) FROM {_LIVE} WHERE side = {REDIS}"))
        if not all(map(context.book.is_as_due, _KNOWING)):
            clickhouse = _LIVE
            spool.add(_INSERT, ((CLICKHOUSE, program) for program in _known_live(context)))
        before = _UNKNOWN.format(redis=_DUE, clickhouse=_DUE)
        for (program,) in spool.rows(f"SELECT program FROM ({before}) ORDER BY program"):
            note = f"{program} is a program in Redis, and ClickHouse has no row of it."
            context.book.inconsistent(Store.CROSS, Rule.CROSS_PROGRAMS, "unknown-to-clickhouse", program, note)
        unknown = _UNKNOWN.format(redis=redis, clickhouse=clickhouse)
        now = f"SELECT program FROM ({unknown}) EXCEPT SELECT program FROM ({before})"
        for (program,) in spool.rows(f"SELECT program FROM ({now}) ORDER BY program"):
            note = f"{program} is a program in Redis that ClickHouse does not know, and the old data did not differ so."
            sheet.find(
                Finding(
                    Store.CROSS, Rule.CROSS_PROGRAMS, Direction.EXTRA, note, new=program, field="program_id",
                    actual=program,
                )
            )  # fmt: skip


def _kept_programs(context: Context) -> Path:
    """Return the spool with what would be `known` after a right migration."""

    def fill(spool: Spool) -> None:
        spool.add("INSERT INTO lives VALUES (?, ?)", _redis_expected(context))
        spool.run(f"INSERT OR IGNORE INTO known SELECT DISTINCT {REDIS}, program FROM lives")
        spool.add(_INSERT, ((CLICKHOUSE, program) for program in _known_expected(context)))

    return context.reference.kept.spool("programs", context.policy, f"{_KNOWN}; {_LIVES}", fill)


def _redis_expected(context: Context) -> Iterator[tuple[str, int | None]]:
    """Yield the programs of Redis after a right migration: of mapped records, and of new keys from before.

    Each with the instant that its source expires at, in ms since the epoch.
    """
    with Expected(context) as expected:
        rows = expected.spool.rows
        for packed in expected.plain_parts():
            for key, deadline in plain_deadlines(packed):
                yield _program_of(key, Rule.REDIS_EAOS), deadline
        for key, deadline in rows("SELECT key, deadline FROM kept.keys WHERE role = ?", (HASH,)):
            yield _program_of(key, Rule.REDIS_EAOS), deadline
        for key, deadline in rows("SELECT DISTINCT key, deadline FROM kept.events"):
            yield _program_of(key, Rule.REDIS_METRIC), deadline
        for key, deadline in rows("SELECT key, deadline FROM kept.existing"):
            for rule, (prefix, _) in _PROGRAM_KEYS.items():
                if key.startswith(prefix.encode()):
                    yield _program_of(key, rule), deadline


# Quarantined keys keep their old names and types, and are none of these.
_PROGRAM_KEYS = {Rule.REDIS_EAOS: (new.EAOS_PREFIX, keys.HASH), Rule.REDIS_METRIC: (new.EVENTS_PREFIX, keys.LIST)}


def _program_of(key: bytes, rule: Rule) -> str:
    """Return the program in the new key `key`; the date of an events list is what follows the last colon."""
    name = show(key.removeprefix(_PROGRAM_KEYS[rule][0].encode()))
    return name if rule is Rule.REDIS_EAOS else name.rpartition(":")[0]


def _redis_live(context: Context) -> Iterator[str]:
    for rule, (prefix, kind) in _PROGRAM_KEYS.items():
        for key in context.clients.redis.scan_iter(match=f"{prefix}*", count=1000, _type=kind):
            yield _program_of(key, rule)


_KNOWING = {
    Rule.CLICKHOUSE_COMMENTS: new.RAW_COMMENTS.name,
    Rule.CLICKHOUSE_EAOS_METRICS: new.EAOS_METRICS.name,
}


def _known_expected(context: Context) -> Iterator[str]:
    sources = [comments_as_they_should_be(context)]
    if reference_has(context, sql.eaos_metrics(context.policy).source):
        sources.append(metrics_as_they_should_be(context))
    for source in filter(None, sources):
        for row in context.reference.tables.rows(f"SELECT DISTINCT hex(program_id) AS program FROM {source}"):
            yield show(bytes.fromhex(row["program"]))


def _known_live(context: Context) -> Iterator[str]:
    for table in _KNOWING.values():
        types = live_types(context.clients.clickhouse, table) or {}
        text = expression(Kind.TEXT, quoted("program_id"), types.get("program_id", ""))
        if "program_id" not in types or text is None:
            continue
        query = f"SELECT DISTINCT hex({text}) FROM {quoted(new.DATABASE)}.{quoted(table)}"
        with context.clients.clickhouse.query_rows_stream(query) as rows:
            for (program,) in rows:
                yield show(bytes.fromhex(program)[1:])
