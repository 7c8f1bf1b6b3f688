"""The rows of the new ClickHouse tables against what the rules make of the old ones (contract §3, `clickhouse.*`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tvmigrate.contract import new, old, sql, values
from tvmigrate.contract.layout import Column, literal, quoted
from tvmigrate.contract.old_layout import OldTable
from tvmigrate.contract.outcome import Fate, Rule, Store
from tvmigrate.verify import clickhouse_sums
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.clickhouse_canonical import Kind, expression, kind_of
from tvmigrate.verify.clickhouse_rows import (
    Compared,
    Subject,
    compare_rows,
    expected_sums,
    live_types,
    reference_count,
    reference_has,
)
from tvmigrate.verify.clickhouse_schema import keeps_quarantine_tables
from tvmigrate.verify.context import Context
from tvmigrate.verify.findings import Phase
from tvmigrate.verify.made_rows import made_rows
from tvmigrate.verify.old_record import Expected, row_form
from tvmigrate.verify.quarantine import compare_archive, compare_quarantine
from tvmigrate.verify.redis_names import by_weight
from tvmigrate.verify.refused import Asked, old_value, reasons, record_key
from tvmigrate.verify.set_aside import count_set_aside
from tvmigrate.verify.spool import Spool


def _check(what: str, rule: Rule, claim: str) -> Check:
    return Check(f"clickhouse.{what}", Phase.MIGRATION, Store.CLICKHOUSE, rule, claim)


COMMENTS = _check(
    "comments",
    Rule.CLICKHOUSE_COMMENTS,
    f"Assert that {new.RAW_COMMENTS.name} holds the row that each old comment maps to, as often, and no other row.",
)
EAOS_METRICS = _check(
    "eaos_metrics",
    Rule.CLICKHOUSE_EAOS_METRICS,
    f"Assert that {new.EAOS_METRICS.name} holds the row that each old row maps to, as often, and no other row.",
)
AGGREGATES = _check(
    "aggregates",
    Rule.CLICKHOUSE_AGGREGATES,
    f"Assert that {new.COMMENT_AGGREGATES.name} holds count and mean of the old comments by program, bucket and topic.",
)
_RULES = {old.COMMENTS.name: Rule.CLICKHOUSE_COMMENTS, old.EAOS_METRICS.name: Rule.CLICKHOUSE_EAOS_METRICS}
_SET_ASIDE = {
    name: _check(
        f"quarantine.{name}",
        rule,
        f"Assert that each row of {name} that does not map is in quarantine, whole and with its reason.",
    )
    for name, rule in _RULES.items()
}
_PART_CHARACTERS = 1 << 17  # of old rows that are judged together
_ARCHIVED = {
    name: _check(
        f"archive.{name}", rule, f"Assert that columns of {name} without a place in the new layout are in the archive."
    )
    for name, rule in _RULES.items()
}


def _old_comment(context: Context) -> Callable[[Mapping[str, Any]], str]:
    name = context.policy.layout.comments.name
    return lambda record: f"{name} {record.get('comment_id')}"


def _unnamed(record: Mapping[str, Any]) -> None:
    """Give no old name: several old rows may map to one new key."""


@examines(COMMENTS)
def comments(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare `raw_comments`, and count the fates of old comments."""
    _rows_of(context, sheets[COMMENTS.id], sql.comments(context.policy), _comments(context))


@examines(EAOS_METRICS)
def eaos_metrics(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare `eaos_metrics`, count the fates of old rows, and note totals that never were the sum."""
    rule = sql.eaos_metrics(context.policy)
    subject = _subject(context, rule, ("program_id", "timestamp"), _unnamed)
    if reference_has(context, rule.source):
        subject = replace(subject, query=f"SELECT * FROM {metrics_as_they_should_be(context)}")
        _totals_that_are_no_sums(context, rule)
    _rows_of(context, sheets[EAOS_METRICS.id], rule, subject)


def metrics_as_they_should_be(context: Context) -> str:
    """Return the table in the reference with the rows that the old `eaos_metrics`, which is there, map to."""
    rule = sql.eaos_metrics(context.policy)
    return made_rows(context, rule, rule.target.column_names)


def _comments(context: Context) -> Subject:
    subject = _subject(context, sql.comments(context.policy), ("comment_id",), _old_comment(context))
    return replace(subject, sums=clickhouse_sums.of_comments())


def _subject(context: Context, rule: sql.TableRule, key: tuple[str, ...], old_name: Any) -> Subject:
    source = rule.source
    there = reference_has(context, source)
    return Subject(
        source.rule,
        rule.target.name,
        rule.target.columns,
        key,
        rule.query(source.read()) if there else None,
        reference_count(context, source),
        old_name,
    )


def _rows_of(context: Context, sheet: Sheet, rule: sql.TableRule, subject: Subject) -> None:
    name = subject.rule
    context.book.old_has(name, subject.rows)
    compared = compare_rows(context, sheet, subject, context.book.without_fate)
    context.book.came_to(name, Fate.MAPPED, compared.expected - compared.missing)
    if compared.same:
        context.book.as_due(name)
    count_set_aside(context, Store.CLICKHOUSE, name, unmapped(context, rule))


@examines(AGGREGATES)
def aggregates(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare `comment_aggregates` with the aggregates of the old comments, the mean to a relative 1e-12."""
    source = context.policy.layout.comments
    there = reference_has(context, source)
    subject = Subject(
        Rule.CLICKHOUSE_AGGREGATES,
        new.COMMENT_AGGREGATES.name,
        new.COMMENT_AGGREGATES.columns,
        ("program_id", "timestamp", "topic"),
        sql.aggregates(context.policy, source.read()) if there else None,
        reference_count(context, source),
        _unnamed,
        frozenset({"avg_sentiment"}),
    )
    sheet = sheets[AGGREGATES.id]
    compared = _proved(context, sheet) if there else None
    compared = compared or compare_rows(context, sheet, subject)
    context.book.came_to(Rule.CLICKHOUSE_AGGREGATES, Fate.MAPPED, compared.expected - compared.missing)
    context.book.came_to(Rule.CLICKHOUSE_ANOMALIES, Fate.MAPPED, 0)


def _proved(context: Context, sheet: Sheet) -> Compared | None:
    """Compare the aggregates by sums; None where nothing is proved so."""
    client, name = context.clients.clickhouse, new.COMMENT_AGGREGATES.name
    table = f"{quoted(new.DATABASE)}.{quoted(name)}"
    sums = expected_sums(context, _comments(context))
    rows = clickhouse_sums.proved_rows(client, table, live_types(client, name) or {}, sums)
    if rows is None:
        return None
    sheet.old_side_has(rows)
    sheet.saw(rows)
    return Compared(rows, rows)


def _totals_that_are_no_sums(context: Context, rule: sql.TableRule) -> None:
    query = (
        "SELECT hex(program_id) AS program, toString(toUnixTimestamp64Milli(timestamp)) AS ms,"
        " toString(total_comments) AS total,"
        " toString(toUInt128(positive_count) + negative_count + neutral_count) AS summed"
        f" FROM {metrics_as_they_should_be(context)} WHERE total != summed ORDER BY program, ms"
    )
    for row in context.reference.tables.rows(query):
        name = f"{bytes.fromhex(row['program']).decode()}@{values.rfc3339(int(row['ms']) * values.NS_PER_MS)}"
        total = f"{rule.source.their('comment_count')} is {row['total']}"
        note = f"{total}, the breakdown adds up to {row['summed']}; it is kept."
        context.book.inconsistent(Store.CLICKHOUSE, Rule.CLICKHOUSE_EAOS_METRICS, "total-is-not-the-sum", name, note)


@examines(*_SET_ASIDE.values(), *_ARCHIVED.values(), applies=keeps_quarantine_tables)
def set_aside(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare quarantine and archive with what the rules set aside of both old tables."""
    for rule in (sql.comments(context.policy), sql.eaos_metrics(context.policy)):
        table, name = rule.source.role.name, rule.source.rule
        sheet = sheets[_SET_ASIDE[table].id]
        compare_quarantine(context, sheet, Store.CLICKHOUSE, name, _unmapped_records(context, rule))
        sheet = sheets[_ARCHIVED[table].id]
        compare_archive(context, sheet, Store.CLICKHOUSE, name, _archived(context, rule))


def unmapped(context: Context, rule: sql.TableRule) -> Iterator[tuple[str, str]]:
    """Yield (record_key, reason) of each old row that does not map; SQL chooses them, Python says why.

    Raises:
        RulesDisagree: SQL says that a row does not map, and Python maps it; their property test excludes that.
    """
    with Spool(kept=kept_refused(context, rule)) as spool:
        yield from spool.rows("SELECT key, reason FROM kept.refused")


def _unmapped_records(context: Context, rule: sql.TableRule) -> Iterator[Expected]:
    """Yield each old row that does not map, whole; raises as `unmapped`."""
    form = row_form(_old_columns(context, rule.source))
    with Spool(kept=kept_refused(context, rule)) as spool:
        for key, reason, record in spool.rows("SELECT key, reason, record FROM kept.refused"):
            yield Expected(key, reason, form, record)


def kept_refused(context: Context, rule: sql.TableRule) -> Path:
    """Return the spool with key, reason and record of each old row that does not map, in `refused`."""

    def fill(spool: Spool) -> None:
        if reference_has(context, rule.source) and not _all_metrics_map(context, rule.source):
            spool.add("INSERT INTO refused VALUES (?, ?, ?)", _refused(context, rule))

    schema = "CREATE TABLE refused (key TEXT, reason TEXT, record TEXT)"
    return context.reference.kept.spool(f"{rule.source.name} that do not map", context.policy, schema, fill)


def _all_metrics_map(context: Context, table: OldTable) -> bool:
    """Return whether the table is that of `eaos_metrics`, whose mapped rows are known already, and all its rows are."""
    if table.is_comments:
        return False
    (row,) = context.reference.tables.query(f"SELECT toString(count()) AS n FROM {metrics_as_they_should_be(context)}")
    return int(row["n"]) == reference_count(context, table)


def _refused(context: Context, rule: sql.TableRule) -> Iterator[tuple[str, str, str]]:
    there = _old_columns(context, rule.source)
    source, known_names = rule.source, rule.source.column_names
    place = {c.name: f"e{n}" for n, c in enumerate(there)}
    # Texts are read as they stand. JSON has no minus zero among its whole numbers, as which ClickHouse writes -0.0:
    # doubles are asked for bit by bit, and so are instants.
    read_as = {c.name: source.read_as(c.name) for c in there}
    plainly = {read_as[c.name] for c in there if c.type in {"String", "LowCardinality(String)"}} & set(known_names)
    exact = [c for c in source.columns if c.name not in plainly]
    extra = set(source.meaningless(place))
    exact += [Column(read_as[c.name], c.type) for c in there if c.name in extra and kind_of(c.type) is Kind.NUMBER]
    shown = [f"hex({expression(kind_of(c.type), quoted(c.name), c.type)}) AS k{n}" for n, c in enumerate(exact)]
    shown += [f"{quoted(read_as[c.name])} AS {place[c.name]}" for c in there]
    query = f"SELECT {', '.join(shown)} FROM {rule.source.read()} WHERE NOT ({rule.mapped})"
    asked = Asked(
        source,
        context.policy,
        exact=[(f"k{n}", c.name, kind_of(c.type)) for n, c in enumerate(exact)],
        texts=[(place[source.their(name)], name) for name in known_names if name in plainly],
        place=place,
        numbers=[(c.name, read_as[c.name]) for c in there if kind_of(c.type) is Kind.NUMBER],
    )
    parts = ((asked, some) for some in by_weight(context.reference.tables.rows(query), _weight, _PART_CHARACTERS))
    for judged in context.workers.each(reasons, parts):
        yield from judged


def _weight(row: Mapping[str, Any]) -> int:
    return sum(len(value) for value in row.values() if isinstance(value, str))


def _old_columns(context: Context, table: OldTable) -> list[Column]:
    """Return every column of an old table, also those that the contract does not know."""
    where = f"database = {literal(table.database)} AND table = {literal(table.name)}"
    found = context.reference.tables.query(f"SELECT name, type FROM system.columns WHERE {where} ORDER BY position")
    return [Column(str(row["name"]), str(row["type"])) for row in found]


def _archived(context: Context, rule: sql.TableRule) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (record_key, fields) of each mapped row, if the old table has columns that the contract does not know."""
    if not reference_has(context, rule.source):
        return
    extra = rule.source.meaningless(column.name for column in _old_columns(context, rule.source))
    if not extra:
        return
    keys = [column for column in rule.source.columns if column.name in {"comment_id", "entity", "recorded_at"}]
    shown = [f"hex({expression(kind_of(c.type), quoted(c.name), c.type)}) AS k{n}" for n, c in enumerate(keys)]
    shown += [f"{quoted(rule.source.alias(name))} AS e{n}" for n, name in enumerate(extra)]
    query = f"SELECT {', '.join(shown)} FROM {rule.source.read()} WHERE {rule.mapped}"
    for row in context.reference.tables.rows(query):
        named = {c.name: old_value(kind_of(c.type), bytes.fromhex(row[f"k{n}"])) for n, c in enumerate(keys)}
        yield record_key(rule.source, named), {name: row[f"e{n}"] for n, name in enumerate(extra)}
