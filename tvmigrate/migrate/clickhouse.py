"""ClickHouse's steps: tables built under staging names beside the old ones, then exchanged; and the way back."""

from __future__ import annotations

from collections.abc import Mapping

from tvmigrate.contract import new, old, sql
from tvmigrate.contract.layout import Table, literal, quoted
from tvmigrate.contract.outcome import Fate, Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.sql import TableRule
from tvmigrate.dataset.model import ROWS_OUTPUT_SETTINGS
from tvmigrate.dataset.write import RowsWriter, write_table
from tvmigrate.migrate import clickhouse_inspect
from tvmigrate.migrate.backup import keep
from tvmigrate.migrate.clickhouse_rows import INSTANT, RULES, record_key_sql, unmapped
from tvmigrate.migrate.clickhouse_tables import (
    DATABASE,
    Digest,
    Months,
    cast,
    columns,
    create_statement,
    digest,
    months,
    number,
    place,
    rows,
    staging,
    uuids,
)
from tvmigrate.migrate.errors import NotEqual, SourceChanged
from tvmigrate.migrate.work import Work

inspect = clickhouse_inspect.inspect


def table_rules(policy: Policy) -> tuple[TableRule, ...]:
    """Return the rules of the two old tables in SQL."""
    return (sql.comments(policy), sql.eaos_metrics(policy))


def backup(work: Work) -> None:
    """Write both old tables as dataset files, and keep their digests and uuids; their rows are counted again."""
    client = work.clients.clickhouse
    known = uuids(client)
    for table in old.TABLES:
        before = digest(client, f"SELECT * FROM {place(table.name)}")
        keep(work, write_table(work.backup, table.name, create_statement(client, table.name)))
        path = work.backup / "clickhouse" / f"{table.name}.ndjson"
        with RowsWriter(path) as writer:
            query = f"SELECT * FROM {place(table.name)}"
            with client.raw_stream(query, fmt="JSONEachRow", settings=dict(ROWS_OUTPUT_SETTINGS)) as stream:
                while chunk := stream.read(1 << 20):
                    writer.write(chunk)
                    work.advanced("back up ClickHouse", writer.records, before.rows)
            _require_same(work, table.name, before, "while it was being backed up")
            if writer.records != before.rows:
                raise NotEqual(
                    f"The backup of {table.name} has {writer.records} rows, the table has {before.rows}. "
                    "Nothing was changed; run `tvmigrate apply` again."
                )
        keep(work, writer.close())
        work.note(f"clickhouse.old.{table.name}", [before.rows, str(before.total), str(before.xor)])
        work.note(f"clickhouse.uuid.{table.name}", known[table.name])


def build(work: Work) -> None:
    """Build every new table under its staging name, a range of months at a time; a retry builds a range anew."""
    client = work.clients.clickhouse
    for table in old.TABLES:
        _require_same(work, table.name, _old_digest(work, table.name), "since its backup")
    for new_table in new.TABLES:
        _create(work, new_table)
    with work.spool.together():
        work.spool.clear(Store.CLICKHOUSE)
        for rule in table_rules(work.policy):
            _set_aside(work, rule)
    for rule in table_rules(work.policy):
        column = INSTANT[rule.source.name]
        for part in months(client, rule.source.name, column):
            _fill(work, rule.target, part, rule.query(place(rule.source.name), part.where(column)))
            if rule.source is old.COMMENTS:
                aggregates = sql.aggregates(work.policy, place(rule.source.name), part.where(column))
                _fill(work, new.COMMENT_AGGREGATES, part, aggregates)
    total = number(client, f"SELECT count() FROM {place(staging(new.COMMENT_AGGREGATES, work.run.id))}")
    work.spool.fate(Rule.CLICKHOUSE_AGGREGATES, Store.CLICKHOUSE, Fate.MAPPED, total)
    work.spool.fate(Rule.CLICKHOUSE_ANOMALIES, Store.CLICKHOUSE, Fate.MAPPED, 0)


def compare(work: Work) -> None:
    """Compare the rows built with the mapping of the old rows, range by range; keep the digests of what was built.

    Raises:
        NotEqual: they differ.
        SourceChanged: an old table changed after its backup.
    """
    client = work.clients.clickhouse
    for rule in table_rules(work.policy):
        column = INSTANT[rule.source.name]
        built = place(staging(rule.target, work.run.id))
        for part in months(client, rule.source.name, column):
            wanted = digest(client, cast(rule.target, rule.query(place(rule.source.name), part.where(column))))
            _require_equal(
                rule.target, part, wanted, digest(client, f"SELECT * FROM {built} WHERE {part.where('timestamp')}")
            )
            if rule.source is old.COMMENTS:
                _compare_aggregates(work, part, part.where(column))
        counts = rows(client, f"SELECT count(), countIf({rule.mapped}) FROM {place(rule.source.name)}")[0]
        found = number(client, f"SELECT count() FROM {built}")
        aside = work.spool.db.execute(
            "SELECT count(*) FROM quarantine WHERE store = ? AND source = ?", (Store.CLICKHOUSE, rule.source.name)
        ).fetchone()[0]
        if found != counts[1] or found + aside != counts[0]:
            raise NotEqual(
                f"{rule.target.name} was built with {found} rows and {aside} were set aside; the old {rule.source.name} "
                f"has {counts[0]}, of which {counts[1]} map. Nothing was switched."
            )
    for table in old.TABLES:
        _require_same(work, table.name, _old_digest(work, table.name), "since its backup")
    for table in (*new.TABLES, *new.OWN_TABLES):
        found_digest = digest(client, f"SELECT * FROM {place(staging(table, work.run.id))}")
        work.note(f"clickhouse.new.{table.name}", [found_digest.rows, str(found_digest.total), str(found_digest.xor)])


def switch(work: Work) -> None:
    """Give the new tables their names; the one that has an old namesake changes places with it in one statement."""
    client = work.clients.clickhouse
    for table in (*new.TABLES, *new.OWN_TABLES):
        now = uuids(client)
        built = staging(table, work.run.id)
        if now.get(table.name) == work.noted(f"clickhouse.built.{table.name}"):
            continue
        if table.name in now:
            client.command(f"EXCHANGE TABLES {place(built)} AND {place(table.name)}")
        else:
            client.command(f"RENAME TABLE {place(built)} TO {place(table.name)}")


def remove(work: Work) -> None:
    """Read the old tables again, then keep each aside under `{table}_old_{run}`.

    Raises:
        SourceChanged: rows came after the comparison; a rollback brings them back with the rest.
    """
    client = work.clients.clickhouse
    for table in old.TABLES:
        holder = _holder(work, table)
        kept = new.kept_table(table.name, work.run.id)
        if holder == kept:
            continue
        now = digest(client, f"SELECT * FROM {place(holder)}")
        if now != _old_digest(work, table.name):
            raise SourceChanged(
                f"The old table {table.name} got other rows between the comparison and the switch ({now.rows} rows now). "
                "They are not in the new tables. Stop the old writers, run `tvmigrate rollback`, then `tvmigrate apply`."
            )
        client.command(f"RENAME TABLE {place(holder)} TO {place(kept)}")
    work.say(f"ClickHouse keeps {', '.join(new.kept_table(t.name, work.run.id) for t in old.TABLES)} until finish.")


def restore(work: Work) -> None:
    """Give the old tables their names back, whatever step the run had reached; new tables keep staging names."""
    client = work.clients.clickhouse
    _save_changed(work)
    for table in old.TABLES:
        if work.noted(f"clickhouse.uuid.{table.name}") is None:
            continue
        holder = _holder(work, table)
        if holder == table.name:
            continue
        if table.name in uuids(client):
            client.command(f"EXCHANGE TABLES {place(holder)} AND {place(table.name)}")
        else:
            client.command(f"RENAME TABLE {place(holder)} TO {place(table.name)}")


def clean(work: Work) -> None:
    """Drop every table that this run made, by its uuid, and what is left under a staging name."""
    client = work.clients.clickhouse
    made = {work.noted(f"clickhouse.built.{table.name}") for table in (*new.TABLES, *new.OWN_TABLES)}
    suffix = staging(new.RAW_COMMENTS, work.run.id).removeprefix(new.RAW_COMMENTS.name)
    for name, uuid in uuids(client).items():
        if uuid in made or name.endswith(suffix):
            _drop(work, name)


def finish(work: Work) -> None:
    """Drop the kept old tables."""
    for table in old.TABLES:
        if (kept := new.kept_table(table.name, work.run.id)) in uuids(work.clients.clickhouse):
            _drop(work, kept)


def create_own(work: Work) -> None:
    """Create the quarantine and archive tables, empty, under their staging names."""
    for table in new.OWN_TABLES:
        if work.noted(f"clickhouse.built.{table.name}") is not None:
            _drop(work, staging(table, work.run.id))
            work.forget(f"clickhouse.built.{table.name}")
        _create(work, table)


def archive_columns(work: Work) -> None:
    """Put the extra columns of mapped rows into the archive, one row a record, done by the server."""
    client = work.clients.clickhouse
    for rule in table_rules(work.policy):
        extra = _extra_columns(work, rule.source)
        if not extra:
            continue
        names = ", ".join(quoted(name) for name in extra)
        types = ", ".join(f"{quoted(name)} {kind}" for name, kind in extra.items())
        values = [
            literal(work.run.id), literal(Store.CLICKHOUSE), literal(rule.source.name), record_key_sql(rule.source.name),
            f"toJSONString(CAST(tuple({names}), {literal(f'Tuple({types})')}))", f"toDateTime64({work.run.started_ns // 10**6} / 1000, 3, 'UTC')",
        ]  # fmt: skip
        client.command(
            f"INSERT INTO {place(staging(new.ARCHIVE, work.run.id))} SELECT {', '.join(values)}"
            f" FROM {place(rule.source.name)} WHERE {rule.mapped}"
        )


def _set_aside(work: Work, rule: TableRule) -> None:
    client, table = work.clients.clickhouse, rule.source.name
    aside = 0
    for row in unmapped(client, rule, work.policy):
        work.spool.quarantine(row)
        aside += 1
    total, mapped = rows(client, f"SELECT count(), countIf({rule.mapped}) FROM {place(table)}")[0]
    if mapped + aside != total:
        raise _changed(work, table, "while it was being read")
    work.spool.fate(RULES[table], Store.CLICKHOUSE, Fate.MAPPED, mapped)
    work.spool.fate(RULES[table], Store.CLICKHOUSE, Fate.QUARANTINED, aside)
    for column in _extra_columns(work, rule.source):
        work.spool.count_extra(Store.CLICKHOUSE, table, column, mapped)


def _extra_columns(work: Work, table: Table) -> Mapping[str, str]:
    found = columns(work.clients.clickhouse, table.name)
    return {name: kind for name, kind in found.items() if name not in table.column_names}


def _create(work: Work, table: Table) -> None:
    client, name = work.clients.clickhouse, staging(table, work.run.id)
    if work.noted(f"clickhouse.built.{table.name}") is not None:
        return
    _drop(work, name)
    client.command(table.create(DATABASE, name))
    work.note(f"clickhouse.built.{table.name}", uuids(client)[name])


def _fill(work: Work, target: Table, part: Months, query: str) -> None:
    """Insert one range of months, unless the journal says it is there; what a dead process left of it goes first."""
    client, name = work.clients.clickhouse, staging(target, work.run.id)
    done = f"clickhouse.filled.{target.name}.{part.first}-{part.last}"
    if work.noted(done):
        return
    if number(client, f"SELECT count() FROM {place(name)} WHERE {part.where('timestamp')}"):
        for month in part.each:
            client.command(f"ALTER TABLE {place(name)} DROP PARTITION {month}")
    client.command(f"INSERT INTO {place(name)} {query}")
    work.note(done, True)
    work.advanced(f"build {target.name}", part.rows)


def _compare_aggregates(work: Work, part: Months, where: str) -> None:
    """Compare keys and counts by digest, and means one by one: their last bits depend on the order of adding."""
    client, table = work.clients.clickhouse, new.COMMENT_AGGREGATES
    built = f"SELECT * FROM {place(staging(table, work.run.id))} WHERE {part.where('timestamp')}"
    wanted = cast(table, sql.aggregates(work.policy, place(old.COMMENTS.name), where))
    keys = "SELECT program_id, timestamp, topic, count FROM ({})"
    _require_equal(table, part, digest(client, keys.format(wanted)), digest(client, keys.format(built)))
    apart = number(
        client,
        f"SELECT count() FROM ({wanted}) AS w JOIN ({built}) AS b USING (program_id, timestamp, topic)"
        " WHERE NOT (abs(w.avg_sentiment - b.avg_sentiment) <= 1e-12 * abs(w.avg_sentiment) + 1e-15)",
    )
    if apart:
        raise NotEqual(
            f"{apart} means in the new {table.name} differ from those of the old comments. Nothing was switched."
        )


def _require_equal(table: Table, part: Months, wanted: Digest, found: Digest) -> None:
    if wanted != found:
        raise NotEqual(
            f"The new {table.name}, months {part.first} to {part.last}, is not what the old rows map to: {found.rows} rows "
            f"where {wanted.rows} are due, or other values. Nothing was switched; run `tvmigrate rollback`."
        )


def _old_digest(work: Work, table: str) -> Digest:
    count, total, xor = work.noted(f"clickhouse.old.{table}")
    return Digest(int(count), int(total), int(xor))


def _require_same(work: Work, table: str, before: Digest, since: str) -> None:
    if digest(work.clients.clickhouse, f"SELECT * FROM {place(table)}") != before:
        raise _changed(work, table, since)


def _changed(work: Work, table: str, since: str) -> SourceChanged:
    for new_table in new.TABLES:
        _drop(work, staging(new_table, work.run.id))
    work.redo(Store.CLICKHOUSE)
    work.forget("clickhouse.filled.", *(f"clickhouse.built.{new_table.name}" for new_table in new.TABLES))
    return SourceChanged(
        f"The old ClickHouse table {table} changed {since}. Stop what writes to it, then run `tvmigrate apply` again: "
        "it takes a new backup. The old data are as they were."
    )


def _holder(work: Work, table: Table) -> str:
    """Return the name that the old `table` has now."""
    uuid = work.noted(f"clickhouse.uuid.{table.name}")
    for name, found in uuids(work.clients.clickhouse).items():
        if found == uuid:
            return name
    raise NotEqual(
        f"The old table {table.name} (uuid {uuid}) is in {DATABASE} under no name any more: something else dropped it. "
        f"Its rows are in {work.backup / 'clickhouse'}; load them with `tvmigrate load`."
    )


def _drop(work: Work, name: str) -> None:
    work.clients.clickhouse.command(f"DROP TABLE IF EXISTS {place(name)} SYNC", settings={"max_table_size_to_drop": 0})


def _save_changed(work: Work) -> None:
    """Write new tables that changed since the switch to `after_switch`, whole, before they go."""
    client = work.clients.clickhouse
    now = uuids(client)
    for table in new.TABLES:
        noted = work.noted(f"clickhouse.new.{table.name}")
        if noted is None or now.get(table.name) != work.noted(f"clickhouse.built.{table.name}"):
            continue
        found = digest(client, f"SELECT * FROM {place(table.name)}")
        if found == Digest(int(noted[0]), int(noted[1]), int(noted[2])):
            continue
        write_table(work.after_switch, table.name, create_statement(client, table.name))
        with RowsWriter(work.after_switch / "clickhouse" / f"{table.name}.ndjson") as writer:
            query = f"SELECT * FROM {place(table.name)}"
            with client.raw_stream(query, fmt="JSONEachRow", settings=dict(ROWS_OUTPUT_SETTINGS)) as stream:
                while chunk := stream.read(1 << 20):
                    writer.write(chunk)
        work.say(
            f"{table.name} changed since the switch; its {found.rows} rows were saved in {work.after_switch} "
            "before the table goes.",
            "warning",
        )
