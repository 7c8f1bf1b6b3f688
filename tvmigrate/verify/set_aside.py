"""The fates of old records that do not map: found in quarantine, or nowhere (contract §3, *Fates and the ledger*)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.context import Context, QuarantineKind
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.quarantine import quarantined_rows
from tvmigrate.verify.spool import Spool

SCHEMA = """
    CREATE TABLE expected (key TEXT, reason TEXT);
    CREATE TABLE live (key TEXT, n INT);
    CREATE INDEX live_key ON live (key)"""


def count_set_aside(context: Context, store: Store, rule: Rule, expected: Iterable[tuple[str, str]]) -> None:
    """Write into the book which of `expected`, (record_key, reason) of records that do not map, are found set aside.

    With `--quarantine none` nobody can look where they are kept: that they are not in the new data is judged elsewhere,
    and here each counts as set aside.
    """
    book, source = context.book, context.policy.layout.sources[rule]
    if context.quarantine is QuarantineKind.NONE:
        for reason, count in Counter(str(reason) for _, reason in expected).items():
            book.set_aside(rule, reason, count)
        return
    with Spool(SCHEMA) as spool:
        spool.add("INSERT INTO expected VALUES (?, ?)", ((key, str(reason)) for key, reason in expected))
        live = ((key, n) for key, _, n in quarantined_rows(context, store, rule) or ())
        spool.add("INSERT INTO live VALUES (?, ?)", live)
        for key, reason, due, found in found_by_reason(spool):
            if found:
                book.set_aside(rule, reason, found)
            for _ in range(due - found):
                note = f"{source} {key} does not map ({reason}) and is not in {new.QUARANTINE.name}: it is nowhere."
                book.without_fate(Finding(store, rule, Direction.MISSING, note, old=key, expected=reason))


def found_by_reason(spool: Spool) -> Iterator[tuple[str, str, int, int]]:
    """Yield record key, reason, how many records are due to be set aside so, and how many of them are found.

    `expected` of `SCHEMA` has a row for each record that does not map, `live` how many rows each key has in quarantine.
    Of records that share a key, as many count as found as there are rows, in the order of their reasons.
    """
    # Looked up by the index: joined to the sums by key, SQLite reads all of them anew for each record.
    query = """
        SELECT key, reason, due, min(due, max(0, found - before)) FROM (
            SELECT key, reason, due, sum(due) OVER (PARTITION BY key ORDER BY reason) - due AS before,
                coalesce((SELECT sum(n) FROM live WHERE live.key = all_due.key), 0) AS found
            FROM (SELECT key, reason, count(*) AS due FROM expected GROUP BY key, reason) AS all_due)
        ORDER BY key, reason"""
    yield from spool.rows(query)
