"""Whether the stores say the same of a comment and of a program, where the old ones did (contract §3)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tvmigrate.contract import new, old, sql
from tvmigrate.contract.layout import quoted
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.clickhouse import unmapped
from tvmigrate.verify.clickhouse_canonical import as_double, expression, instant_text, kind_of, show
from tvmigrate.verify.clickhouse_rows import live_types, reference_has, reference_table
from tvmigrate.verify.comment_facts import COLUMNS, FIELDS, as_float32, facts_of_document
from tvmigrate.verify.context import Context
from tvmigrate.verify.elasticsearch_expected import kept_documents
from tvmigrate.verify.elasticsearch_live import scan, target
from tvmigrate.verify.findings import Direction, Finding, Phase
from tvmigrate.verify.spool import Spool

# Side, comment id, and the facts in the order of FIELDS.
Said = tuple[int, str, str, str, bytes | None, int | None]


def _check(rule: Rule, claim: str) -> Check:
    return Check(str(rule), Phase.MIGRATION, Store.CROSS, rule, claim)


IDS = _check(
    Rule.CROSS_IDS, "Assert that both stores hold the same comment ids, but for those the old ones did not share."
)
VALUES = _check(Rule.CROSS_VALUES, "Assert that both stores say the same of a comment, where the old ones did.")

_WANTED = ("comment_id", *FIELDS)
# Where a comment's facts come from.
CLICKHOUSE, ELASTICSEARCH = 0, 1
_SAID = f"CREATE TABLE said (side INT, id TEXT, {COLUMNS})"
_INSERT = "INSERT INTO said VALUES (?, ?, ?, ?, ?, ?)"
_INDEX = "CREATE INDEX said_id ON said (id, side)"
# What the old stores did not share, and what they differed in: `alone` by the side that had the comment, with why the
# other had not; `differed` by field; `counts` of the comments of either side and of both.
_BEFORE = """
    CREATE TABLE alone (side INT, id TEXT, why TEXT, PRIMARY KEY (side, id)) WITHOUT ROWID;
    CREATE TABLE differed (field TEXT, id TEXT, mine, theirs, PRIMARY KEY (field, id)) WITHOUT ROWID;
    CREATE TABLE counts (said INT, shared INT)"""


@examines(IDS, VALUES)
def comments(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare ids and facts of the comments of ClickHouse and Elasticsearch, as they are and as they should be."""
    with Spool(_SAID, kept=_kept_differences(context)) as spool:
        said, shared = spool.one("SELECT said, shared FROM kept.counts") or (0, 0)
        sheets[IDS.id].old_side_has(said)
        # Of a comment that one of the stores cannot take there is nothing to compare.
        sheets[VALUES.id].old_side_has(shared)
        spool.add(_INSERT, _clickhouse_live(context))
        spool.add(_INSERT, _elasticsearch_live(context))
        spool.run(_INDEX)
        sheets[IDS.id].saw(spool.number("SELECT count(DISTINCT id) FROM said"))
        _ids(context, sheets[IDS.id], spool)
        sheets[VALUES.id].saw(spool.number(f"SELECT count(*) FROM ({_SHARED})"))
        _values(context, sheets[VALUES.id], spool)


def _kept_differences(context: Context) -> Path:
    """Return the spool of `_BEFORE`: what the old stores would say of each comment by the rules, compared."""
    documents = kept_documents(context)

    def fill(kept: Spool) -> None:
        with Spool(f"{_SAID}; CREATE TABLE reasons (side INT, id TEXT, reason TEXT)", kept=documents) as spool:
            spool.add(_INSERT, _clickhouse_expected(context))
            spool.run(f"INSERT INTO said SELECT {ELASTICSEARCH}, id, {', '.join(FIELDS)} FROM {_MAPPED}")
            refused = ((CLICKHOUSE, *each) for each in unmapped(context, sql.comments(context.policy)))
            spool.add("INSERT INTO reasons VALUES (?, ?, ?)", refused)
            spool.run(f"INSERT INTO reasons SELECT {ELASTICSEARCH}, id, reason FROM {_REFUSED}")
            spool.run(_INDEX)
            spool.run("CREATE INDEX reasons_id ON reasons (id)")
            for side, other in ((CLICKHOUSE, ELASTICSEARCH), (ELASTICSEARCH, CLICKHOUSE)):
                alone = f"""
                    SELECT {side}, id, (SELECT min(reason) FROM reasons WHERE reasons.id = here.id AND side = {other})
                    FROM ({_ONLY.format(one=side, other=other)}) AS here"""
                kept.add("INSERT INTO alone VALUES (?, ?, ?)", spool.rows(alone))
            for field in FIELDS:
                kept.add(f"INSERT INTO differed VALUES ('{field}', ?, ?, ?)", spool.rows(_unequal(field)))
            counts = f"SELECT (SELECT count(*) FROM said), (SELECT count(*) FROM ({_SHARED}))"
            kept.add("INSERT INTO counts VALUES (?, ?)", spool.rows(counts))

    return context.reference.kept.spool("differences of the old stores", context.policy, _BEFORE, fill)


_MAPPED = "kept.documents WHERE reason IS NULL"
_REFUSED = "kept.documents WHERE reason IS NOT NULL"
_SHARED = f"SELECT id FROM said WHERE side = {CLICKHOUSE} INTERSECT SELECT id FROM said WHERE side = {ELASTICSEARCH}"
_ONLY = "SELECT id FROM said WHERE side = {one} EXCEPT SELECT id FROM said WHERE side = {other}"


def _ids(context: Context, sheet: Sheet, spool: Spool) -> None:
    sides = (
        (CLICKHOUSE, Store.CLICKHOUSE, ELASTICSEARCH, Store.ELASTICSEARCH),
        (ELASTICSEARCH, Store.ELASTICSEARCH, CLICKHOUSE, Store.CLICKHOUSE),
    )
    for side, here, other, there in sides:
        for name, reason in spool.rows("SELECT id, why FROM kept.alone WHERE side = ? ORDER BY id", (side,)):
            why = f"quarantined there ({reason})" if reason else "never there"
            context.book.inconsistent(
                Store.CROSS, Rule.CROSS_IDS, f"only-in-{here}", name, f"{name} is in {here} and not in {there}: {why}."
            )
        now = f"{_ONLY.format(one=side, other=other)} EXCEPT SELECT id FROM kept.alone WHERE side = {side}"
        for (name,) in spool.rows(f"SELECT id FROM ({now}) ORDER BY id"):
            note = f"Comment {name} is in {here} and not in {there}, and the old stores did not differ so."
            sheet.find(
                Finding(
                    Store.CROSS, Rule.CROSS_IDS, Direction.MISSING, note, old=name, new=name, field="comment_id",
                    expected=[str(Store.CLICKHOUSE), str(Store.ELASTICSEARCH)], actual=[str(here)],
                )
            )  # fmt: skip


def _values(context: Context, sheet: Sheet, spool: Spool) -> None:
    for field in FIELDS:
        before = "SELECT id, mine, theirs FROM kept.differed WHERE field = ? ORDER BY id"
        for name, mine, theirs in spool.rows(before, (field,)):
            one, other = _shown(field, mine), _shown(field, theirs)
            note = f"{field} of comment {name} is {one!r} in ClickHouse and {other!r} in Elasticsearch."
            context.book.inconsistent(Store.CROSS, Rule.CROSS_VALUES, f"{field}-differs", name, note)
        now = f"""
            SELECT * FROM ({_unequal(field)})
            WHERE id NOT IN (SELECT id FROM kept.differed WHERE field = ?) ORDER BY id"""
        for name, mine, theirs in spool.rows(now, (field,)):
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


def _unequal(field: str) -> str:
    """Return the SELECT of id and both values of the comments on which the two sides do not say one and the same."""
    return f"""
        SELECT a.id AS id, min(a.{field}) AS mine, min(b.{field}) AS theirs
        FROM said AS a JOIN said AS b ON a.id = b.id AND b.side = {ELASTICSEARCH}
        WHERE a.side = {CLICKHOUSE} AND a.{field} IS NOT b.{field} GROUP BY a.id"""


def _shown(field: str, value: Any) -> Any:
    if value is None:
        return None
    if field == "timestamp":
        return instant_text(int(value) * 1000)
    if field == "sentiment_score":
        return struct.unpack("<f", value)[0]
    return value


def _clickhouse_columns(types: Mapping[str, str]) -> str:
    """Return the SELECT list of the canonical strings of what is wanted; NULL where a column is not as it should be."""
    parts = []
    for name in _WANTED:
        kind = kind_of(next(column.type for column in new.RAW_COMMENTS.columns if column.name == name))
        found = expression(kind, quoted(name), types[name]) if name in types else None
        parts.append(f"hex({found or repr('-')}) AS h_{name}")
    return ", ".join(parts)


def _clickhouse_said(texts: Iterable[str]) -> Said:
    name, program, sentiment, score, milliseconds = map(bytes.fromhex, texts)
    number = None if score == b"-" else as_float32(as_double(score))
    second = None if milliseconds == b"-" else int(milliseconds[1:]) // 1000
    return CLICKHOUSE, show(name[1:]), show(program[1:]), show(sentiment[1:]), number, second


def _clickhouse_expected(context: Context) -> Iterator[Said]:
    if not reference_has(context, old.COMMENTS):
        return
    rule = sql.comments(context.policy)
    types = {column.name: column.type for column in new.RAW_COMMENTS.columns} | {"sentiment": "String"}
    source = rule.query(reference_table(old.COMMENTS))
    for row in context.reference.tables.rows(f"SELECT {_clickhouse_columns(types)} FROM ({source})"):
        yield _clickhouse_said(row[f"h_{name}"] for name in _WANTED)


def _clickhouse_live(context: Context) -> Iterator[Said]:
    types = live_types(context.clients.clickhouse, new.RAW_COMMENTS.name)
    if types is None or "comment_id" not in types:
        return
    query = f"SELECT {_clickhouse_columns(types)} FROM {quoted(new.DATABASE)}.{quoted(new.RAW_COMMENTS.name)}"
    with context.clients.clickhouse.query_rows_stream(query) as rows:
        for row in rows:
            yield _clickhouse_said(row)


def _elasticsearch_live(context: Context) -> Iterator[Said]:
    client = context.clients.elasticsearch
    if target(client).indices:
        for hit in scan(client, new.ALIAS, FIELDS):
            yield ELASTICSEARCH, hit["_id"], *facts_of_document(hit.get("_source", {}))


__all__ = ["FIELDS", "IDS", "VALUES", "comments"]
