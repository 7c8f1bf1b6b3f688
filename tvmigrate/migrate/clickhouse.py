"""ClickHouse's steps: tables built under staging names beside the old ones, then exchanged; and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from tvmigrate.contract import new
from tvmigrate.contract.layout import literal
from tvmigrate.contract.old_layout import At
from tvmigrate.contract.outcome import Fate, Rule, Store
from tvmigrate.migrate import clickhouse_inspect
from tvmigrate.migrate.backup import keep
from tvmigrate.migrate.clickhouse_build import (
    aggregates,
    compare_aggregates,
    compare_counts,
    compare_rows,
    create,
    fill,
    set_aside,
    table_rules,
)
from tvmigrate.migrate.clickhouse_cluster import site, wait_for_replicas
from tvmigrate.migrate.clickhouse_moved import moved
from tvmigrate.migrate.clickhouse_old import drop, dump, holder, note_digest, noted_digest, require_same
from tvmigrate.migrate.clickhouse_quiet import wait_until_quiet
from tvmigrate.migrate.clickhouse_tables import DATABASE, at, digest, months, number, place, rows, staging, uuids
from tvmigrate.migrate.errors import NotEqual
from tvmigrate.migrate.moved import Moved, folder
from tvmigrate.migrate.moved import keep as keep_moved
from tvmigrate.migrate.work import Work

inspect = clickhouse_inspect.inspect
_ALL_NEW = (*new.TABLES, *new.OWN_TABLES)
_MADE_DATABASE = "clickhouse.database_made"


def backup(work: Work) -> None:
    """Write both old tables as dataset files, and keep their digests and uuids.

    Raises:
        SourceChanged: a table changed while it was being written.
        NotEqual: a file does not have the rows that the table has.
    """
    client = work.clients.clickhouse
    _make_database(work)
    known = uuids(client)
    olds = uuids(client, work.layout.database)
    for table in work.layout.tables:
        before = digest(client, f"SELECT * FROM {table.place}")
        note_digest(work, f"clickhouse.old.{table.name}", before)
        work.note(f"clickhouse.uuid.{table.name}", olds[table.name])
        written = 0
        for part in dump(work, table.at, work.backup):
            keep(work, part)
            written = part.records
        require_same(work, table, "while it was being backed up")
        if written != before.rows:
            raise NotEqual(
                f"The backup of {table.name} has {written} rows, the table has {before.rows}. Nothing was changed; run "
                "`tvmigrate apply` again."
            )
    # Empty tables of the new layout that were there before; a rollback puts them back.
    work.note("clickhouse.before", {table.name: known[table.name] for table in _ALL_NEW if table.name in known})


def build(work: Work) -> None:
    """Build every new table under its staging name, a range of months at a time; a retry builds a range anew."""
    wait_until_quiet(work)
    client = work.clients.clickhouse
    for table in work.layout.tables:
        require_same(work, table, "since its backup")
    create(work, *new.TABLES)
    for rule in table_rules(work.policy):
        column, source = rule.source.instant, rule.source.read()
        done = 0
        for part in months(client, source, column):
            fill(work, rule.target, part, rule.query(source, part.where(column)))
            if rule.source.is_comments:
                fill(work, new.COMMENT_AGGREGATES, part, aggregates(work, part))
            done += part.rows
            work.advanced("build.clickhouse", done)
    with work.spool.together():
        work.spool.clear(Store.CLICKHOUSE)
        for rule in table_rules(work.policy):
            set_aside(work, rule)
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
    for table in work.layout.tables:
        require_same(work, table, "since its backup")
    for rule in table_rules(work.policy):
        column = rule.source.instant
        for part in months(client, rule.source.read(), column):
            compare_rows(work, rule, part, part.where(column))
            if rule.source.is_comments:
                compare_aggregates(work, part, part.where(column))
        compare_counts(work, rule)
    for new_table in _ALL_NEW:
        found = digest(client, f"SELECT * FROM {place(staging(new_table, work.run.id))}")
        note_digest(work, f"clickhouse.new.{new_table.name}", found)


def switch(work: Work) -> None:
    """Give the new tables their names; one that has a namesake changes places with it in one statement.

    Raises:
        NotEqual: a server of the cluster has not all of their rows.
    """
    wait_until_quiet(work)
    client = work.clients.clickhouse
    switched = {name for name, uuid in uuids(client).items() if uuid in _made(work)}
    wait_for_replicas(work, sorted(switched))
    for table in _ALL_NEW:
        now = uuids(client)
        built = staging(table, work.run.id)
        if now.get(table.name) == work.noted(f"clickhouse.built.{table.name}"):
            continue
        if table.name in now:
            client.command(site(work).exchange(built, table.name))
        else:
            client.command(site(work).rename(built, table.name))


def switched(work: Work) -> bool:
    """Return whether any new table has its name already."""
    now = uuids(work.clients.clickhouse)
    built = ((table.name, work.noted(f"clickhouse.built.{table.name}")) for table in _ALL_NEW)
    return any(uuid is not None and now.get(name) == uuid for name, uuid in built)


def remove(work: Work) -> None:
    """Keep the old tables aside under `{table}_old_{run}`, then read them again: nobody knows that name.

    Rows that came, changed or went after the comparison stay in the kept table, and are listed.
    """
    wait_until_quiet(work)
    client = work.clients.clickhouse
    found: list[Iterator[Moved]] = []
    for table in work.layout.tables:
        name = holder(work, table)
        kept = At(table.database, new.kept_table(table.name, work.run.id))
        if name != kept:
            client.command(site(work).rename(name, kept))
        if digest(client, f"SELECT * FROM {place(kept)}") != noted_digest(work, f"clickhouse.old.{table.name}"):
            found.append(moved(work, table, kept, folder(work) / "clickhouse"))
    keep_moved(work, Store.CLICKHOUSE, chain.from_iterable(found))
    work.say(
        f"ClickHouse keeps {', '.join(new.kept_table(t.name, work.run.id) for t in work.layout.tables)} until finish."
    )


def restore(work: Work) -> None:
    """Give the old tables their names back, whatever step the run had reached; new tables keep staging names."""
    wait_until_quiet(work)
    for table in work.layout.tables:
        if work.noted(f"clickhouse.uuid.{table.name}") is not None:
            _give_name(work, holder(work, table), table.at)
    there = {uuid: name for name, uuid in uuids(work.clients.clickhouse).items()}
    olds = {work.noted(f"clickhouse.uuid.{table.name}") for table in work.layout.tables}
    for name, uuid in (work.noted("clickhouse.before") or {}).items():
        if uuid in there and uuid not in olds:
            _give_name(work, at(there[uuid]), at(name))


def clean(work: Work) -> None:
    """Drop every table that this run made, by its uuid, and what is left under a staging name."""
    wait_until_quiet(work)
    made = _made(work)
    for name, uuid in uuids(work.clients.clickhouse).items():
        if uuid in made or name.endswith(_staging_suffix(work)):
            drop(work, name)
    if work.noted(_MADE_DATABASE) and not uuids(work.clients.clickhouse):
        work.clients.clickhouse.command(site(work).drop_database())


def finish(work: Work) -> None:
    """Drop the kept old tables, and empty ones that the new tables changed places with."""
    for table in work.layout.tables:
        drop(work, At(table.database, new.kept_table(table.name, work.run.id)))
    for name in uuids(work.clients.clickhouse):
        if name.endswith(_staging_suffix(work)):
            drop(work, name)


def _made(work: Work) -> set[str | None]:
    return {work.noted(f"clickhouse.built.{table.name}") for table in _ALL_NEW}


def _staging_suffix(work: Work) -> str:
    return staging(new.RAW_COMMENTS, work.run.id).removeprefix(new.RAW_COMMENTS.name)


def _make_database(work: Work) -> None:
    """Make the database of the new tables, where the old ones are in another and it is not there."""
    client = work.clients.clickhouse
    if not rows(client, f"SELECT 1 FROM system.databases WHERE name = {literal(DATABASE)}"):
        work.note(_MADE_DATABASE, True)
        client.command(site(work).create_database())


def _give_name(work: Work, holder_name: At, name: At) -> None:
    client = work.clients.clickhouse
    if holder_name == name:
        return
    if name.name in uuids(client, name.database):
        client.command(site(work).exchange(holder_name, name))
    else:
        client.command(site(work).rename(holder_name, name))
