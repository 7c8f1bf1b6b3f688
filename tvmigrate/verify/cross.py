"""Whether the stores say the same of a comment and of a program, where the old ones did (contract §3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

from tvmigrate.contract import new, old, sql, values
from tvmigrate.contract.layout import quoted
from tvmigrate.contract.outcome import Quarantined, Rule, Store, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.clickhouse import unmapped
from tvmigrate.verify.clickhouse_canonical import as_double, expression, instant_text, kind_of, show
from tvmigrate.verify.clickhouse_rows import live_types, reference_has, reference_table
from tvmigrate.verify.context import Context
from tvmigrate.verify.elasticsearch_documents import expected_documents
from tvmigrate.verify.elasticsearch_live import scan, target
from tvmigrate.verify.findings import Direction, Finding, Phase
from tvmigrate.verify.spool import Spool


def _check(rule: Rule, claim: str) -> Check:
    return Check(str(rule), Phase.MIGRATION, Store.CROSS, rule, claim)


IDS = _check(
    Rule.CROSS_IDS, "Assert that both stores hold the same comment ids, but for those the old ones did not share."
)
VALUES = _check(Rule.CROSS_VALUES, "Assert that both stores say the same of a comment, where the old ones did.")

# What both stores say of a comment, as they are compared: scores as Float32, times to the second.
FIELDS = ("program_id", "sentiment", "sentiment_score", "timestamp")
_WANTED = ("comment_id", *FIELDS)
# Where a comment's facts come from: the reference's mapping of either old store, and what is live.
CH_EXPECTED, ES_EXPECTED, CH_LIVE, ES_LIVE = 0, 1, 2, 3
_SCHEMA = """
    CREATE TABLE said (side INT, id TEXT, program_id TEXT, sentiment TEXT, sentiment_score BLOB, timestamp INT);
    CREATE TABLE reasons (side INT, id TEXT, reason TEXT)"""

Facts = tuple[int, str, str, str, bytes | None, int | None]


@examines(IDS, VALUES)
def comments(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare ids and facts of the comments of ClickHouse and Elasticsearch, as they are and as they should be."""
    with Spool(_SCHEMA) as spool:
        insert = "INSERT INTO said VALUES (?, ?, ?, ?, ?, ?)"
        spool.add(insert, _clickhouse_expected(context))
        spool.add(insert, _elasticsearch_expected(context, spool))
        refused = ((CH_EXPECTED, name, reason) for name, reason in unmapped(context, sql.comments(context.policy)))
        spool.add("INSERT INTO reasons VALUES (?, ?, ?)", refused)
        sheets[IDS.id].old_side_has(spool.number("SELECT count(*) FROM said"))
        # Of a comment that one of the stores cannot take there is nothing to compare.
        both = _SHARED.format(ch=CH_EXPECTED, es=ES_EXPECTED)
        sheets[VALUES.id].old_side_has(spool.number(f"SELECT count(*) FROM ({both})"))
        spool.add(insert, _clickhouse_live(context))
        spool.add(insert, _elasticsearch_live(context))
        spool.run("CREATE INDEX said_id ON said (id, side)")
        spool.run("CREATE INDEX reasons_id ON reasons (id)")
        live = spool.number(f"SELECT count(DISTINCT id) FROM said WHERE side IN ({CH_LIVE}, {ES_LIVE})")
        sheets[IDS.id].saw(live)
        _ids(context, sheets[IDS.id], spool)
        sheets[VALUES.id].saw(spool.number(f"SELECT count(*) FROM ({_SHARED.format(ch=CH_LIVE, es=ES_LIVE)})"))
        _values(context, sheets[VALUES.id], spool)


_SHARED = """
    SELECT id FROM said WHERE side = {ch} INTERSECT SELECT id FROM said WHERE side = {es}"""
_ONLY = """
    SELECT id FROM said WHERE side = {one} EXCEPT SELECT id FROM said WHERE side = {other}"""


def _ids(context: Context, sheet: Sheet, spool: Spool) -> None:
    sides = (
        (Store.CLICKHOUSE, CH_LIVE, CH_EXPECTED, Store.ELASTICSEARCH, ES_LIVE, ES_EXPECTED),
        (Store.ELASTICSEARCH, ES_LIVE, ES_EXPECTED, Store.CLICKHOUSE, CH_LIVE, CH_EXPECTED),
    )
    for here, live, wanted, there, other_live, other_wanted in sides:
        before = _ONLY.format(one=wanted, other=other_wanted)
        for (name,) in spool.rows(f"SELECT id FROM ({before}) ORDER BY id"):
            reason = spool.one("SELECT reason FROM reasons WHERE side = ? AND id = ?", (other_wanted, name))
            why = f"quarantined there ({reason[0]})" if reason else "never there"
            context.book.inconsistent(
                Store.CROSS, Rule.CROSS_IDS, f"only-in-{here}", name, f"{name} is in {here} and not in {there}: {why}."
            )
        now = f"SELECT id FROM ({_ONLY.format(one=live, other=other_live)}) EXCEPT SELECT id FROM ({before})"
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
        for name, mine, theirs in spool.rows(_unequal(field, CH_EXPECTED, ES_EXPECTED)):
            one, other = _shown(field, mine), _shown(field, theirs)
            note = f"{field} of comment {name} is {one!r} in ClickHouse and {other!r} in Elasticsearch."
            context.book.inconsistent(Store.CROSS, Rule.CROSS_VALUES, f"{field}-differs", name, note)
        before = f"SELECT id FROM ({_unequal(field, CH_EXPECTED, ES_EXPECTED)})"
        now = f"SELECT * FROM ({_unequal(field, CH_LIVE, ES_LIVE)}) WHERE id NOT IN ({before})"
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


def _unequal(field: str, mine: int, theirs: int) -> str:
    """Return the SELECT of id and both values of the comments on which the two sides do not say one and the same."""
    return f"""
        SELECT a.id AS id, min(a.{field}) AS mine, min(b.{field}) AS theirs
        FROM said AS a JOIN said AS b ON a.id = b.id AND b.side = {theirs}
        WHERE a.side = {mine} AND a.{field} IS NOT b.{field} GROUP BY a.id ORDER BY a.id"""


def _shown(field: str, value: Any) -> Any:
    if value is None:
        return None
    if field == "timestamp":
        return instant_text(int(value) * 1000)
    if field == "sentiment_score":
        return struct.unpack("<f", value)[0]
    return value


def _as_float32(number: float) -> bytes | None:
    try:
        return struct.pack("<f", number)
    except (OverflowError, struct.error):
        return None


def _clickhouse_columns(types: Mapping[str, str]) -> str:
    """Return the SELECT list of the canonical strings of what is wanted; NULL where a column is not as it should be."""
    parts = []
    for name in _WANTED:
        kind = kind_of(next(column.type for column in new.RAW_COMMENTS.columns if column.name == name))
        found = expression(kind, quoted(name), types[name]) if name in types else None
        parts.append(f"hex({found or repr('-')}) AS h_{name}")
    return ", ".join(parts)


def _clickhouse_facts(side: int, texts: list[str]) -> Facts:
    name, program, sentiment, score, milliseconds = map(bytes.fromhex, texts)
    number = None if score == b"-" else _as_float32(as_double(score))
    second = None if milliseconds == b"-" else int(milliseconds[1:]) // 1000
    return side, show(name[1:]), show(program[1:]), show(sentiment[1:]), number, second


def _clickhouse_expected(context: Context) -> Iterator[Facts]:
    if not reference_has(context, old.COMMENTS):
        return
    rule = sql.comments(context.policy)
    types = {column.name: column.type for column in new.RAW_COMMENTS.columns} | {"sentiment": "String"}
    source = rule.query(reference_table(old.COMMENTS))
    for row in context.reference.tables.rows(f"SELECT {_clickhouse_columns(types)} FROM ({source})"):
        yield _clickhouse_facts(CH_EXPECTED, [row[f"h_{name}"] for name in _WANTED])


def _clickhouse_live(context: Context) -> Iterator[Facts]:
    types = live_types(context.clients.clickhouse, new.RAW_COMMENTS.name)
    if types is None or "comment_id" not in types:
        return
    query = f"SELECT {_clickhouse_columns(types)} FROM {quoted(new.DATABASE)}.{quoted(new.RAW_COMMENTS.name)}"
    with context.clients.clickhouse.query_rows_stream(query) as rows:
        for row in rows:
            yield _clickhouse_facts(CH_LIVE, list(row))


def _elasticsearch_expected(context: Context, spool: Spool) -> Iterator[Facts]:
    for name, outcome in expected_documents(context):
        if isinstance(outcome, Quarantined):
            spool.run("INSERT INTO reasons VALUES (?, ?, ?)", (ES_EXPECTED, name, str(outcome.reason)))
        else:
            yield _document_facts(ES_EXPECTED, name, outcome.value.source)


def _elasticsearch_live(context: Context) -> Iterator[Facts]:
    if target(context.clients.elasticsearch).indices:
        for hit in scan(context.clients.elasticsearch, new.ALIAS):
            yield _document_facts(ES_LIVE, hit["_id"], hit.get("_source", {}))


def _document_facts(side: int, name: str, source: Mapping[str, Any]) -> Facts:
    score, timestamp = source.get("sentiment_score"), source.get("timestamp")
    number = isinstance(score, int | float) and not isinstance(score, bool)
    return (
        side,
        name,
        str(source.get("program_id")),
        str(source.get("sentiment")),
        _as_float32(float(score)) if number and score is not None else None,
        _second(timestamp),
    )


def _second(timestamp: Any) -> int | None:
    try:
        return values.instant(timestamp, Policy(keep_entities=True)) // values.NS_PER_S
    except Unmappable:
        return None
