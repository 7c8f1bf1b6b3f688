"""Whether the stores say the same of a comment and of a program, where the old ones did (contract §3).

Sums by bucket tell where either store says something else than it should; everywhere else the two differ just as the
old ones did. Comments of those buckets are compared one by one, as they are and as they should be. A store that this
look has found to be just as it should be is not read again.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.clickhouse_canonical import instant_text
from tvmigrate.verify.comment_facts import COLUMNS, FIELDS
from tvmigrate.verify.context import Context
from tvmigrate.verify.cross_before import document_sums_expected, kept_before
from tvmigrate.verify.cross_facts import (
    CLICKHOUSE,
    ELASTICSEARCH,
    documents_live,
    row_sums_expected,
    row_sums_live,
    rows_expected,
    rows_live,
    summed,
)
from tvmigrate.verify.elasticsearch_expected import kept_documents
from tvmigrate.verify.elasticsearch_sums import BUCKETS, Sums
from tvmigrate.verify.findings import Direction, Finding, Phase
from tvmigrate.verify.spool import Spool


def _check(rule: Rule, claim: str) -> Check:
    return Check(str(rule), Phase.MIGRATION, Store.CROSS, rule, claim)


IDS = _check(
    Rule.CROSS_IDS, "Assert that both stores hold the same comment ids, but for those the old ones did not share."
)
VALUES = _check(Rule.CROSS_VALUES, "Assert that both stores say the same of a comment, where the old ones did.")

# `said` is what the stores say, `due` what they should; both of the buckets that are looked into alone.
_SCHEMA = "; ".join(f"CREATE TABLE {name} (side INT, bucket INT, id TEXT, {COLUMNS})" for name in ("said", "due"))
_INDEX = "CREATE INDEX {table}_id ON {table} (id, side)"
_INSERT = "INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?)"


@examines(IDS, VALUES)
def comments(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare ids and facts of the comments of ClickHouse and Elasticsearch, as they are and as they should be."""
    with Spool(_SCHEMA, kept=kept_before(context)) as spool:
        said, ever, shared = spool.one("SELECT said, comments, shared FROM kept.counts") or (0, 0, 0)
        sheets[IDS.id].old_side_has(said)
        # Of a comment that one of the stores cannot take there is nothing to compare.
        sheets[VALUES.id].old_side_has(shared)
        _tell_what_differed(context, spool)
        _read(context, spool, _documents_differ(context, spool) | _rows_differ(context))
        number = spool.number
        sheets[IDS.id].saw(ever - number(_COMMENTS.format(table="due")) + number(_COMMENTS.format(table="said")))
        sheets[VALUES.id].saw(shared - number(_SHARED.format(table="due")) + number(_SHARED.format(table="said")))
        _ids(sheets[IDS.id], spool)
        _values(sheets[VALUES.id], spool)


def _documents_differ(context: Context, spool: Spool) -> frozenset[int]:
    """Return the buckets whose documents do not say what they should; `said` has all that was read for it."""
    if context.book.is_as_due(Rule.ELASTICSEARCH_COMMENTS):
        return frozenset()
    sums = Sums()
    spool.add(_INSERT.format(table="said"), summed(sums, documents_live(context)))
    return sums.differing(document_sums_expected(context))


def _rows_differ(context: Context) -> frozenset[int]:
    """Return the buckets whose rows do not say in ClickHouse what they should."""
    if context.book.is_as_due(Rule.CLICKHOUSE_COMMENTS):
        return frozenset()
    live = row_sums_live(context)
    if live is None:
        return frozenset(range(BUCKETS))
    due = row_sums_expected(context)
    return frozenset(bucket for bucket in due.keys() | live.keys() if due.get(bucket) != live.get(bucket))


def _read(context: Context, spool: Spool, buckets: frozenset[int]) -> None:
    """Fill `said` and `due` with all that is of `buckets`, and with nothing else."""
    spool.run("CREATE TABLE suspect (bucket INTEGER PRIMARY KEY)")
    spool.add("INSERT INTO suspect VALUES (?)", ((bucket,) for bucket in buckets))
    if len(buckets) < BUCKETS:
        spool.run("DELETE FROM said WHERE bucket NOT IN (SELECT bucket FROM suspect)")
    if buckets:
        if context.book.is_as_due(Rule.ELASTICSEARCH_COMMENTS):
            there = (one for one in documents_live(context) if one[1] in buckets)
            spool.add(_INSERT.format(table="said"), there)
        spool.add(_INSERT.format(table="said"), rows_live(context, buckets))
        spool.add(_INSERT.format(table="due"), rows_expected(context, buckets))
        with Spool(kept=kept_documents(context)) as documents:
            facts = f"SELECT {ELASTICSEARCH}, bucket, id, {', '.join(FIELDS)} FROM kept.documents WHERE reason IS NULL"
            rows = (row for row in documents.rows(facts) if row[1] in buckets)
            spool.add(_INSERT.format(table="due"), rows)
    for table in ("said", "due"):
        spool.run(_INDEX.format(table=table))


_COMMENTS = "SELECT count(DISTINCT id) FROM {table}"
_SHARED = (
    f"SELECT count(*) FROM (SELECT id FROM {{table}} WHERE side = {CLICKHOUSE}"
    f" INTERSECT SELECT id FROM {{table}} WHERE side = {ELASTICSEARCH})"
)
_ONLY = "SELECT id FROM {table} WHERE side = {one} EXCEPT SELECT id FROM {table} WHERE side = {other}"
_SIDES = (
    (CLICKHOUSE, Store.CLICKHOUSE, ELASTICSEARCH, Store.ELASTICSEARCH),
    (ELASTICSEARCH, Store.ELASTICSEARCH, CLICKHOUSE, Store.CLICKHOUSE),
)


def _tell_what_differed(context: Context, spool: Spool) -> None:
    """Write into the book what the old stores contradict each other in."""
    for side, here, _, there in _SIDES:
        left = spool.number("SELECT n FROM kept.alone WHERE side = ?", (side,))
        names = list(spool.rows("SELECT id, why FROM kept.lonely WHERE side = ? ORDER BY id", (side,)))
        for place, (name, reason) in enumerate(names, 1):
            why = f"quarantined there ({reason})" if reason else "never there"
            note = f"{name} is in {here} and not in {there}: {why}."
            times = left - len(names) + 1 if place == len(names) else 1
            context.book.inconsistent(Store.CROSS, Rule.CROSS_IDS, f"only-in-{here}", name, note, times)
    for field in FIELDS:
        left = spool.number("SELECT n FROM kept.unlike WHERE field = ?", (field,))
        pairs = list(spool.rows("SELECT id, mine, theirs FROM kept.differing WHERE field = ? ORDER BY id", (field,)))
        for place, (name, mine, theirs) in enumerate(pairs, 1):
            one, other = _shown(field, mine), _shown(field, theirs)
            note = f"{field} of comment {name} is {one!r} in ClickHouse and {other!r} in Elasticsearch."
            times = left - len(pairs) + 1 if place == len(pairs) else 1
            context.book.inconsistent(Store.CROSS, Rule.CROSS_VALUES, f"{field}-differs", name, note, times)


def _ids(sheet: Sheet, spool: Spool) -> None:
    for side, here, other, there in _SIDES:
        now = _ONLY.format(table="said", one=side, other=other)
        before = _ONLY.format(table="due", one=side, other=other)
        for (name,) in spool.rows(f"SELECT id FROM ({now}) WHERE id NOT IN ({before}) ORDER BY id"):
            note = f"Comment {name} is in {here} and not in {there}, and the old stores did not differ so."
            sheet.find(
                Finding(
                    Store.CROSS, Rule.CROSS_IDS, Direction.MISSING, note, old=name, new=name, field="comment_id",
                    expected=[str(Store.CLICKHOUSE), str(Store.ELASTICSEARCH)], actual=[str(here)],
                )
            )  # fmt: skip


def _values(sheet: Sheet, spool: Spool) -> None:
    for field in FIELDS:
        before = f"SELECT id FROM ({_unequal('due', field)})"
        now = f"SELECT * FROM ({_unequal('said', field)}) WHERE id NOT IN ({before}) ORDER BY id"
        for name, mine, theirs in spool.rows(now):
            one, other = _shown(field, mine), _shown(field, theirs)
            note = (
                f"{field} of comment {name} is {one!r} in ClickHouse and {other!r} in Elasticsearch, and the old "
                "stores agreed on it."
            )
            sheet.find(
                Finding(
                    Store.CROSS,
                    Rule.CROSS_VALUES,
                    Direction.CHANGED,
                    note,
                    old=name,
                    new=name,
                    field=field,
                    expected=one,
                    actual=other,
                )
            )


def _unequal(table: str, field: str) -> str:
    """Return the SELECT of id and both values of the comments on which the two sides do not say one and the same."""
    return f"""
        SELECT a.id AS id, min(a.{field}) AS mine, min(b.{field}) AS theirs
        FROM {table} AS a JOIN {table} AS b ON a.id = b.id AND b.side = {ELASTICSEARCH}
        WHERE a.side = {CLICKHOUSE} AND a.{field} IS NOT b.{field} GROUP BY a.id"""


def _shown(field: str, value: Any) -> Any:
    if value is None:
        return None
    if field == "timestamp":
        return instant_text(int(value) * 1000)
    if field == "sentiment_score":
        return struct.unpack("<f", value)[0]
    return value


__all__ = ["FIELDS", "IDS", "VALUES", "comments"]
