"""Faults of ClickHouse after the migration: tables that are other tables than the contract's."""

from __future__ import annotations

from tvmigrate.contract import new
from tvmigrate.contract.layout import Table
from tvmigrate.verify.faults.clickhouse_tables import NOBODY, ask, kept, number_of, place, remade
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_migration
from tvmigrate.verify.faults.site import NothingToPlant, Site
from tvmigrate.verify.findings import Direction

_COMMENTS, _METRICS, _AGGREGATES, _ANOMALIES = new.RAW_COMMENTS, new.EAOS_METRICS, new.COMMENT_AGGREGATES, new.ANOMALIES
_QUARANTINE, _ARCHIVE = new.QUARANTINE, new.ARCHIVE


def _schema(table: Table, field: str) -> Finds:
    return Finds(f"clickhouse.schema.{table.name}", Direction.SCHEMA, field)


def _name(table: Table) -> str:
    return f"{new.DATABASE}.{table.name}"


def _altered(site: Site, table: Table, *changes: str, findings: int = 1) -> Plant:
    """Alter a table and name it as many times as there are findings."""
    with kept(site, table.name) as found:
        for change in changes:
            found.alter(change)
        yield [_name(table)] * findings


# ------------------------------------------------------------------------------------------------------- raw_comments


@after_migration(
    _schema(_COMMENTS, "sentiment_score"),
    incident="CREATE TABLE … AS SELECT takes over the types of the old columns.",
)
def column_stayed_float32(site: Site) -> Plant:
    """The column sentiment_score is Float32 as in the old table, with all its values."""
    return _altered(site, _COMMENTS, "MODIFY COLUMN sentiment_score Float32")


@after_migration(
    _schema(_COMMENTS, "engagement_score"),
    _schema(_COMMENTS, "engagement"),
    Finds("clickhouse.comments", Direction.SCHEMA, "engagement_score"),
    incident="A column that one script renames and another does not know under its new name.",
)
def column_has_its_old_name(site: Site) -> Plant:
    """The column engagement_score still is named engagement."""
    with kept(site, _COMMENTS.name) as found:
        found.alter("RENAME COLUMN engagement_score TO engagement")
        yield [_name(_COMMENTS), _name(_COMMENTS), AnyOf.KEY]


@after_migration(
    _schema(_COMMENTS, "username"),
    incident="schema_inference_make_columns_nullable makes every column of an inferred schema Nullable.",
)
def column_made_nullable(site: Site) -> Plant:
    """The column username takes NULL."""
    return _altered(site, _COMMENTS, "MODIFY COLUMN username Nullable(String)")


@after_migration(
    _schema(_COMMENTS, "text default"),
    incident="A default fills what a writer forgets, so that nobody hears of it.",
)
def column_with_a_default(site: Site) -> Plant:
    """The column text has a default."""
    return _altered(site, _COMMENTS, "MODIFY COLUMN text String DEFAULT '(none)'")


@after_migration(
    _schema(_COMMENTS, "sentiment"),
    incident="An Enum without numbers counts from 1 in the order of its names; what is stored or sent as a number then "
    "means another label.",
)
def enum_with_other_numbers(site: Site) -> Plant:
    """The labels of the column sentiment have other numbers."""
    numbered = "Enum8('negative' = 1, 'neutral' = 2, 'positive' = 3)"
    changes = ("MODIFY COLUMN sentiment String", f"MODIFY COLUMN sentiment {numbered}")
    return _altered(site, _COMMENTS, *changes)


@after_migration(
    _schema(_COMMENTS, "columns"),
    incident="INSERT without a column list, in TSV or by position, puts texts into the wrong columns then.",
)
def columns_in_another_order(site: Site) -> Plant:
    """The column text stands behind username."""
    return _altered(site, _COMMENTS, "MODIFY COLUMN text String AFTER username")


@after_migration(_schema(_COMMENTS, "imported_at"), incident="A helper column of the import that is never dropped.")
def column_of_the_import_left(site: Site) -> Plant:
    """The table raw_comments has a column more."""
    return _altered(site, _COMMENTS, "ADD COLUMN imported_at DateTime DEFAULT now()")


@after_migration(
    _schema(_COMMENTS, "topics codec"),
    incident="A codec that a later restore to another version of the server does not know.",
)
def column_with_a_codec(site: Site) -> Plant:
    """The column topics has a codec of its own."""
    return _altered(site, _COMMENTS, "MODIFY COLUMN topics Array(LowCardinality(String)) CODEC(ZSTD(19))")


# ------------------------------------------------------------------------------------------- eaos_metrics, aggregates


@after_migration(
    _schema(_METRICS, "partition by"),
    incident="toYYYYMM without a time zone goes by the server's: rows near midnight are in the partition of "
    "another month, and are dropped with it.",
)
def rows_in_the_partition_of_local_months(site: Site) -> Plant:
    """Rows of eaos_metrics are in partitions by the months of Viet Nam, so that some are in the wrong one."""
    wrong = "PARTITION BY toYYYYMM(timestamp, 'Asia/Ho_Chi_Minh')"
    with remade(site, _METRICS, ("PARTITION BY toYYYYMM(timestamp)", wrong)):
        yield [_name(_METRICS)]


@after_migration(
    _schema(_METRICS, "timestamp"),
    incident="A DateTime without a time zone is shown and read in that of the server, and changes with it.",
)
def time_column_without_a_zone(site: Site) -> Plant:
    """The column timestamp of eaos_metrics does not say that it is UTC."""
    with remade(site, _METRICS, ("DateTime64(3, 'UTC')", "DateTime64(3)")):
        yield [_name(_METRICS)]


@after_migration(
    _schema(_AGGREGATES, "engine"),
    incident="A ReplacingMergeTree drops rows of one sorting key when it merges, at a time that nobody knows.",
)
def table_that_replaces_rows(site: Site) -> Plant:
    """The engine of comment_aggregates is ReplacingMergeTree."""
    with remade(site, _AGGREGATES, ("ENGINE = MergeTree", "ENGINE = ReplacingMergeTree")):
        yield [_name(_AGGREGATES)]


@after_migration(
    _schema(_AGGREGATES, "order by"),
    _schema(_AGGREGATES, "primary key"),
    incident="A sorting key that does not begin with what is asked for makes each question a scan of the table.",
)
def table_in_another_order(site: Site) -> Plant:
    """The table comment_aggregates is sorted by time first."""
    wrong = "ORDER BY (timestamp, program_id, topic)"
    with remade(site, _AGGREGATES, ("ORDER BY (program_id, topic, timestamp)", wrong)):
        yield [_name(_AGGREGATES)] * 2


@after_migration(
    _schema(_AGGREGATES, "count"),
    incident="UInt32 comes round at 4,294,967,296 and says nothing: ClickHouse does not check for overflow.",
)
def count_in_32_bits(site: Site) -> Plant:
    """The column count of comment_aggregates is UInt32."""
    if number_of(site, _AGGREGATES.name, "count >= 4294967296"):
        raise NothingToPlant("there is no room in 32 bits for the counts of this data")
    yield from _altered(site, _AGGREGATES, "MODIFY COLUMN count UInt32")


# ---------------------------------------------------------------------------- anomalies, quarantine and archive tables


@after_migration(
    _schema(_ANOMALIES, "severity"),
    incident="String for LowCardinality(String) holds the same values in many times the space.",
)
def column_not_low_cardinality(site: Site) -> Plant:
    """The column severity of anomalies is a plain String."""
    return _altered(site, _ANOMALIES, "MODIFY COLUMN severity String")


@after_migration(
    _schema(_QUARANTINE, "detail"),
    incident="An own table left from an earlier version of the script: CREATE TABLE IF NOT EXISTS keeps it.",
)
def quarantine_of_an_earlier_version(site: Site) -> Plant:
    """The table migration_quarantine has no column detail."""
    site.needs_quarantine_tables()
    yield from _altered(site, _QUARANTINE, "DROP COLUMN detail")


@after_migration(
    _schema(_ARCHIVE, "ttl"),
    incident="A TTL taken over from another table empties the archive a month later, long after anybody looked.",
)
def archive_that_expires(site: Site) -> Plant:
    """Rows of migration_archive go after ten years."""
    site.needs_quarantine_tables()
    yield from _altered(site, _ARCHIVE, "MODIFY TTL toDateTime(archived_at) + INTERVAL 10 YEAR")


@after_migration(
    Finds("clickhouse.schema.migration_archive", Direction.MISSING),
    Finds("elasticsearch.archive", Direction.SCHEMA),
    Finds("redis.archive", Direction.SCHEMA),
    Finds("clickhouse.archive.comments", Direction.SCHEMA),
    Finds("clickhouse.archive.eaos_metrics", Direction.SCHEMA),
    incident="A clean-up that drops every table with the migration's name in it, before anybody has read them.",
)
def archive_dropped(site: Site) -> Plant:
    """The table migration_archive is not there, and the fields that it kept are lost."""
    site.needs_quarantine_tables()
    query = f"SELECT DISTINCT toString(store), source FROM {place(_ARCHIVE.name)}"
    had = {(store, source if store == "clickhouse" else "") for store, source in ask(site, query)}
    sources = (("elasticsearch", ""), ("redis", ""), ("clickhouse", "comments"), ("clickhouse", "eaos_metrics"))
    echoes = [_name(_ARCHIVE) if source in had else NOBODY for source in sources]
    with kept(site, _ARCHIVE.name) as found:
        found.site.clients.clickhouse.command(f"DROP TABLE {found.live} SYNC")
        yield [_name(_ARCHIVE), *echoes]
