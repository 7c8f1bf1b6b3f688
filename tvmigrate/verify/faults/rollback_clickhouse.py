"""Faults of ClickHouse after the rollback: old tables that hold other rows, have another form, or are not alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tvmigrate.contract import new, old
from tvmigrate.contract.layout import Table, quoted
from tvmigrate.verify.faults.clickhouse_tables import ask, do, place
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_rollback
from tvmigrate.verify.faults.site import NothingToPlant, Site
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED, _SCHEMA = Direction.MISSING, Direction.EXTRA, Direction.CHANGED, Direction.SCHEMA
_CHUNK = 1 << 20
_WHOLE = Finds("rollback.clickhouse-schema", _SCHEMA, "create_table_query")
_SETTINGS = {"max_partitions_per_insert_block": 0}


def _rows(direction: Direction, field: str | None = None) -> Finds:
    return Finds("rollback.clickhouse", direction, field)


def _schema(field: str, direction: Direction = _SCHEMA) -> Finds:
    return Finds("rollback.clickhouse-schema", direction, field)


def _column(table: Table, name: str, fact: str) -> str:
    """Return how a finding names a fact of a column."""
    return f"columns[{table.column_names.index(name)}].{fact}"


def _named(table: Table) -> str:
    return f"{old.DATABASE}.{table.name}"


@contextmanager
def _kept(site: Site, table: Table) -> Iterator[str]:
    """Keep a table's definition and rows in a file, until the block is left; yield its quoted name.

    In a file, since a second table would be one that was not there before the migration.

    Raises:
        NothingToPlant: the dataset has no such table.
    """
    facts = site.reference.baseline.all_tables.get(_named(table))
    if facts is None:
        raise NothingToPlant(f"there is no table {_named(table)}")
    whole = place(table.name)
    client = site.clients.clickhouse
    with tempfile.TemporaryFile(prefix="tvmigrate-faults-") as rows:
        with client.raw_stream(f"SELECT * FROM {whole}", fmt="Native") as stream:
            while chunk := stream.read(_CHUNK):
                rows.write(chunk)
        try:
            yield whole
        finally:
            do(site, f"DROP TABLE IF EXISTS {whole} SYNC")
            do(site, str(facts["create_table_query"]))
            if rows.tell():
                rows.seek(0)
                client.raw_insert(whole, insert_block=rows, fmt="Native", settings=_SETTINGS)


def _needs(site: Site, table: Table, where: str, what: str) -> None:
    """Raise NothingToPlant if no row of the table fulfils `where`."""
    if _named(table) not in site.reference.baseline.all_tables:
        raise NothingToPlant(f"there is no table {_named(table)}")
    if not ask(site, f"SELECT 1 FROM {place(table.name)} WHERE {where} LIMIT 1"):
        raise NothingToPlant(f"there is no {what}")


# ---------------------------------------------------------------------------------------------------------- the rows


@after_rollback(
    _rows(_MISSING, "rows"),
    incident="CREATE TABLE … AS copies the columns and no row, and looks like a backup until it is needed.",
)
def backup_was_empty(site: Site) -> Plant:
    """The old comments are back as a table without a row, since its backup had none."""
    _needs(site, old.COMMENTS, "true", "row of comments")
    with _kept(site, old.COMMENTS) as whole:
        do(site, f"TRUNCATE TABLE {whole} SYNC")
        yield [_named(old.COMMENTS)]


@after_rollback(
    _rows(_MISSING),
    incident="A dump whose disk was full is cut in the middle, and reads like a shorter one.",
)
def backup_was_cut_short(site: Site) -> Plant:
    """The old comments are back without those of the last day, since their backup ended before it."""
    last = f"toDate(created_at, 'UTC') = (SELECT max(toDate(created_at, 'UTC')) FROM {place(old.COMMENTS.name)})"
    _needs(site, old.COMMENTS, f"NOT ({last})", "row of comments of a day before the last")
    ((day,),) = ask(site, f"SELECT toString(max(toDate(created_at, 'UTC'))) FROM {place(old.COMMENTS.name)}")
    with _kept(site, old.COMMENTS) as whole:
        do(site, f"ALTER TABLE {whole} DELETE WHERE toString(toDate(created_at, 'UTC')) = '{day}'")
        yield [AnyOf.KEY]


@after_rollback(_rows(_EXTRA), incident="A rollback that was stopped and run again inserts once more what is there.")
def backup_was_brought_back_twice(site: Site) -> Plant:
    """Every row of the old eaos_metrics is there twice."""
    _needs(site, old.EAOS_METRICS, "true", "row of eaos_metrics")
    with _kept(site, old.EAOS_METRICS) as whole:
        do(site, f"INSERT INTO {whole} SELECT * FROM {whole}")
        yield [AnyOf.KEY]


@after_rollback(
    _rows(_CHANGED, "comment_count"),
    incident="The backup that lay nearest was last night's.",
)
def backup_was_of_the_day_before(site: Site) -> Plant:
    """The old eaos_metrics are back with the comment counts that they had the day before."""
    _needs(site, old.EAOS_METRICS, "comment_count > 0", "row of eaos_metrics that counts a comment")
    with _kept(site, old.EAOS_METRICS) as whole:
        do(site, f"ALTER TABLE {whole} UPDATE comment_count = intDiv(comment_count, 2) WHERE comment_count > 0")
        yield [AnyOf.KEY]


@after_rollback(_rows(_CHANGED, "sentiment"))
def old_columns_with_new_values(site: Site) -> Plant:
    """The old comments have their old columns again, and positive where they had tích cực: they are the new ones."""
    where = "sentiment = 'tích cực'"
    _needs(site, old.COMMENTS, where, "comment whose sentiment is tích cực")
    with _kept(site, old.COMMENTS) as whole:
        do(site, f"ALTER TABLE {whole} UPDATE sentiment = 'positive' WHERE {where}")
        yield [AnyOf.KEY]


@after_rollback(
    _rows(_CHANGED, "eaos_score"),
    incident="CSV has no NULL of its own; an empty field becomes 0 in a column of numbers.",
)
def nothing_became_zero(site: Site) -> Plant:
    """Comments that had no eaos_score are back with 0."""
    where = "eaos_score IS NULL"
    _needs(site, old.COMMENTS, where, "comment without an eaos_score")
    with _kept(site, old.COMMENTS) as whole:
        do(site, f"ALTER TABLE {whole} UPDATE eaos_score = 0 WHERE {where}")
        yield [AnyOf.KEY]


# ---------------------------------------------------------------------------------------------------------- the form


@after_rollback(
    _schema("table", _MISSING),
    _rows(_MISSING),
    incident="RENAME is refused while the name is taken, and a script without `set -e` drops the copy all the same.",
)
def old_table_not_brought_back(site: Site) -> Plant:
    """The old table of comments is not there after the rollback."""
    with _kept(site, old.COMMENTS) as whole:
        do(site, f"DROP TABLE {whole} SYNC")
        yield [_named(old.COMMENTS), _named(old.COMMENTS)]


@contextmanager
def _made_again(site: Site, table: Table, right: str, instead: str) -> Iterator[None]:
    """Put a table of the same rows in the old one's place, by its CREATE statement with a part replaced."""
    with _kept(site, table) as whole, tempfile.TemporaryFile(prefix="tvmigrate-faults-") as rows:
        create = str(site.reference.baseline.all_tables[_named(table)]["create_table_query"])
        if right not in create:
            raise NothingToPlant(f"the definition of {_named(table)} does not say {right}")
        client = site.clients.clickhouse
        with client.raw_stream(f"SELECT * FROM {whole}", fmt="Native") as stream:
            while chunk := stream.read(_CHUNK):
                rows.write(chunk)
        do(site, f"DROP TABLE {whole} SYNC")
        do(site, create.replace(right, instead))
        if rows.tell():
            rows.seek(0)
            client.raw_insert(whole, insert_block=rows, fmt="Native", settings=_SETTINGS)
        yield


@after_rollback(
    _schema("sorting_key"),
    _schema("primary_key"),
    _schema("engine_full"),
    _WHOLE,
    incident="CREATE TABLE … ENGINE = MergeTree ORDER BY tuple() is what a hurried restore writes.",
)
def old_table_sorted_by_nothing(site: Site) -> Plant:
    """The old table of eaos_metrics is back with its rows, and sorted by nothing."""
    with _made_again(site, old.EAOS_METRICS, "ORDER BY (entity, recorded_at)", "ORDER BY tuple()"):
        yield [_named(old.EAOS_METRICS)] * 4


@after_rollback(
    _schema(_column(old.COMMENTS, "engagement", "type")),
    _WHOLE,
    _rows(_CHANGED, "columns"),
)
def old_column_of_a_new_type(site: Site) -> Plant:
    """The column engagement of the old comments is Float64 after the rollback, and was Float32."""
    with _made_again(site, old.COMMENTS, "`engagement` Float32", "`engagement` Float64"):
        yield [_named(old.COMMENTS)] * 3


@after_rollback(_schema(_column(old.COMMENTS, "text", "compression_codec")), _WHOLE)
def old_column_of_another_codec(site: Site) -> Plant:
    """The texts of the old comments are compressed otherwise than they were."""
    with _made_again(site, old.COMMENTS, "`text` String", "`text` String CODEC(ZSTD(3))"):
        yield [_named(old.COMMENTS)] * 2


# ----------------------------------------------------------------------------------------------------- what is left


@after_rollback(Finds("rollback.clickhouse-extra", _EXTRA, "table"))
def quarantine_left_behind(site: Site) -> Plant:
    """The table of quarantined records is still there after the rollback."""
    do(site, new.QUARANTINE.create(new.DATABASE))
    yield [f"{new.DATABASE}.{new.QUARANTINE.name}"]
    do(site, f"DROP TABLE {place(new.QUARANTINE.name)} SYNC")


@after_rollback(Finds("rollback.clickhouse-extra", _EXTRA, "database"))
def backup_database_left_behind(site: Site) -> Plant:
    """A database that held the backup is still there after the rollback."""
    name = f"{new.DATABASE}_backup"
    if name in site.reference.baseline.databases:
        raise NothingToPlant(f"database of another name than {name}: it was there before")
    do(site, f"CREATE DATABASE {quoted(name)}")
    yield [name]
    do(site, f"DROP DATABASE {quoted(name)} SYNC")
