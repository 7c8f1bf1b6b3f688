"""The fates of old records that do not map: found in quarantine, or nowhere (contract §3, *Fates and the ledger*)."""

from __future__ import annotations

from collections.abc import Iterable

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Fate, Rule, Store
from tvmigrate.verify.context import Context, QuarantineKind
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.quarantine import SOURCES, quarantined_rows
from tvmigrate.verify.spool import Spool


def count_set_aside(context: Context, store: Store, rule: Rule, expected: Iterable[tuple[str, str]]) -> None:
    """Write into the book which of `expected`, (record_key, reason) of records that do not map, are found set aside.

    With `--quarantine none` nobody can look where they are kept: that they are not in the new data is judged elsewhere,
    and here each counts as set aside.
    """
    book = context.book
    if context.quarantine is QuarantineKind.NONE:
        book.came_to(rule, Fate.QUARANTINED, sum(1 for _ in expected))
        return
    schema = "CREATE TABLE expected (key TEXT, reason TEXT); CREATE TABLE live (key TEXT, n INT)"
    with Spool(schema) as spool:
        spool.add("INSERT INTO expected VALUES (?, ?)", ((key, str(reason)) for key, reason in expected))
        live = ((key, n) for key, _, n in quarantined_rows(context, store, rule) or ())
        spool.add("INSERT INTO live VALUES (?, ?)", live)
        query = """
            SELECT key, max(reason), sum(due), sum(found) FROM (
                SELECT key, reason, 1 AS due, 0 AS found FROM expected UNION ALL SELECT key, NULL, 0, n FROM live)
            GROUP BY key HAVING sum(due) > 0 ORDER BY key"""
        found_in_all = 0
        for key, reason, due, found in spool.rows(query):
            found_in_all += min(due, found)
            for _ in range(due - min(due, found)):
                note = (
                    f"{SOURCES[rule]} {key} does not map ({reason}) and is not in {new.QUARANTINE.name}: it is nowhere."
                )
                book.without_fate(Finding(store, rule, Direction.MISSING, note, old=key, expected=reason))
        book.came_to(rule, Fate.QUARANTINED, found_in_all)
