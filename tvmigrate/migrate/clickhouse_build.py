"""New ClickHouse tables under their staging names: created, filled by range of months, compared with the mapping."""

from __future__ import annotations

from collections.abc import Mapping

from tvmigrate.contract import new, sql
from tvmigrate.contract.layout import Table, literal, quoted
from tvmigrate.contract.old_layout import OldTable
from tvmigrate.contract.outcome import Fate, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.sql import TableRule
from tvmigrate.dataset.model import ROWS_OUTPUT_SETTINGS
from tvmigrate.migrate.clickhouse_cluster import site
from tvmigrate.migrate.clickhouse_old import drop
from tvmigrate.migrate.clickhouse_rows import record_key_sql, unmapped
from tvmigrate.migrate.clickhouse_tables import (
    Digest,
    Months,
    cast,
    columns,
    digest,
    number,
    place,
    staging,
    uuids,
)
from tvmigrate.migrate.errors import NotEqual
from tvmigrate.migrate.work import Work

# Means are compared to this: adding in another order moves the last bits, and nothing else does.
_RELATIVE, _ABSOLUTE = "1e-12", "1e-15"


def table_rules(policy: Policy) -> tuple[TableRule, ...]:
    """Return the rules of the two old tables in SQL."""
    return (sql.comments(policy), sql.eaos_metrics(policy))


def create(work: Work, *tables: Table) -> None:
    """Create new tables, empty, under their staging names, unless the journal says that they are there."""
    client = work.clients.clickhouse
    due = [table for table in tables if work.noted(f"clickhouse.built.{table.name}") is None]
    there = uuids(client) if due else {}
    for table in due:
        name = staging(table, work.run.id)
        if name in there or site(work).cluster is not None:  # of other servers nobody knows
            drop(work, name)
        client.command(site(work).create(table, name))
    there = uuids(client) if due else {}
    for table in due:
        work.note(f"clickhouse.built.{table.name}", there[staging(table, work.run.id)])


def create_own(work: Work) -> None:
    """Create the quarantine and archive tables, empty, under their staging names."""
    for table in new.OWN_TABLES:
        drop(work, staging(table, work.run.id))
        work.forget(f"clickhouse.built.{table.name}")
    create(work, *new.OWN_TABLES)


def set_aside(work: Work, rule: TableRule) -> None:
    """Tell the spool which rows of an old table do not map and why, and how many do: all others, as `compare` sees.

    The new table has been filled: where it has as many rows as the old one there is none to be looked for.
    """
    client, table = work.clients.clickhouse, rule.source.name
    total = number(client, f"SELECT count() FROM {rule.source.place}")
    aside = 0
    if number(client, f"SELECT count() FROM {place(staging(rule.target, work.run.id))}") != total:
        for row in unmapped(client, rule, work.policy):
            work.spool.quarantine(row)
            aside += 1
    mapped = total - aside
    work.spool.fate(rule.source.rule, Store.CLICKHOUSE, Fate.MAPPED, mapped)
    work.spool.fate(rule.source.rule, Store.CLICKHOUSE, Fate.QUARANTINED, aside)
    for column in _extra_columns(work, rule.source):
        work.spool.count_extra(Store.CLICKHOUSE, table, column, mapped)


def fill(work: Work, target: Table, part: Months, query: str) -> None:
    """Insert one range of months, unless the journal says it is there; what a dead process left of it goes first.

    A deduplication token does nothing on a plain MergeTree; on a cluster it keeps what is sent twice from being there
    twice. DROP PARTITION makes a replicated table forget the tokens of what it drops.
    """
    client, name = work.clients.clickhouse, staging(target, work.run.id)
    done = f"clickhouse.filled.{target.name}.{part.first}-{part.last}"
    if work.noted(done):
        return
    if number(client, f"SELECT count() FROM {place(name)} WHERE {part.where('timestamp')}"):
        for month in part.each:
            client.command(f"ALTER TABLE {place(name)} DROP PARTITION {month}")
    settings = site(work).insert_settings(f"{name} {part.first}-{part.last}")
    client.command(f"INSERT INTO {place(name)} {query}", settings=settings)
    work.note(done, True)


def aggregates(work: Work, part: Months) -> str:
    """Return the SELECT of the aggregates of one range of months, whose new rows are there.

    It is of the new rows, as they are checked and mapped already; `compare_aggregates` holds it to the old ones. On a
    cluster it is of the old ones: the server that is asked may be another, and not have the new rows yet.
    """
    if site(work).cluster is None:
        return sql.aggregates_of(_built(work, new.RAW_COMMENTS, part))
    comments = work.layout.comments
    return sql.aggregates(work.policy, comments.read(), part.where(comments.instant))


def archive_columns(work: Work) -> None:
    """Put the extra columns of mapped rows into the archive, one row a record, done by the server."""
    client = work.clients.clickhouse
    for rule in table_rules(work.policy):
        extra = _extra_columns(work, rule.source)
        if not extra:
            continue
        names = ", ".join(quoted(rule.source.alias(name)) for name in extra)
        types = ", ".join(f"{quoted(name)} {kind}" for name, kind in extra.items())
        values = (
            literal(work.run.id),
            literal(Store.CLICKHOUSE),
            literal(rule.source.name),
            record_key_sql(rule.source),
            f"toJSONString(CAST(tuple({names}), {literal(f'Tuple({types})')}))",
            f"fromUnixTimestamp64Milli({work.run.started_ns // 10**6}, 'UTC')",
        )
        client.command(
            f"INSERT INTO {place(staging(new.ARCHIVE, work.run.id))} SELECT {', '.join(values)}"
            f" FROM {rule.source.read()} WHERE {rule.mapped}",
            settings=dict(ROWS_OUTPUT_SETTINGS),
        )


def compare_rows(work: Work, rule: TableRule, part: Months, where: str) -> None:
    """Compare the digest of one range of months of a new table with that of the mapping of the old rows.

    Raises:
        NotEqual: they differ.
    """
    client = work.clients.clickhouse
    wanted = cast(rule.target, rule.query(rule.source.read(), where))
    _require_equal(rule.target, part, digest(client, wanted), digest(client, _built(work, rule.target, part)))


def compare_aggregates(work: Work, part: Months, where: str) -> None:
    """Compare the aggregates by digest: scores are added exactly, so that equal means are equal to the bit.

    Only where they are not, keys and counts are compared by digest, and means one by one.

    Raises:
        NotEqual: they differ.
    """
    client, table = work.clients.clickhouse, new.COMMENT_AGGREGATES
    built = _built(work, table, part)
    wanted = cast(table, sql.aggregates(work.policy, work.layout.comments.read(), where))
    if digest(client, wanted) == digest(client, built):
        return
    keys = "SELECT program_id, timestamp, topic, count FROM ({})"
    _require_equal(table, part, digest(client, keys.format(wanted)), digest(client, keys.format(built)))
    apart = number(
        client,
        f"SELECT count() FROM ({wanted}) AS w JOIN ({built}) AS b USING (program_id, timestamp, topic) WHERE NOT"
        f" (abs(w.avg_sentiment - b.avg_sentiment) <= {_RELATIVE} * abs(w.avg_sentiment) + {_ABSOLUTE})",
    )
    if apart:
        raise NotEqual(
            f"{apart} means in the new {table.name}, months {part.first} to {part.last}, differ from those of the old "
            "comments. Nothing was switched; run `tvmigrate rollback`."
        )


def compare_counts(work: Work, rule: TableRule) -> None:
    """Compare the rows of a whole new table and those set aside with the old table's.

    Raises:
        NotEqual: they do not add up.
    """
    client = work.clients.clickhouse
    total = number(client, f"SELECT count() FROM {rule.source.place}")
    found = number(client, f"SELECT count() FROM {place(staging(rule.target, work.run.id))}")
    aside = work.spool.db.execute(
        "SELECT count(*) FROM quarantine WHERE store = ? AND source = ?", (Store.CLICKHOUSE, rule.source.name)
    ).fetchone()[0]
    if found + aside != total:
        raise NotEqual(
            f"{rule.target.name} was built with {found} rows and {aside} were set aside; the old {rule.source.name} "
            f"has {total}. Nothing was switched; run `tvmigrate rollback`."
        )


def _built(work: Work, table: Table, part: Months) -> str:
    return f"SELECT * FROM {place(staging(table, work.run.id))} WHERE {part.where('timestamp')}"


def _require_equal(table: Table, part: Months, wanted: Digest, found: Digest) -> None:
    if wanted != found:
        raise NotEqual(
            f"The new {table.name}, months {part.first} to {part.last}, is not what the old rows map to: {found.rows} "
            f"rows where {wanted.rows} are due, or other values. Nothing was switched; run `tvmigrate rollback`."
        )


def _extra_columns(work: Work, table: OldTable) -> Mapping[str, str]:
    found = columns(work.clients.clickhouse, table.at)
    return {name: found[name] for name in table.meaningless(found)}
