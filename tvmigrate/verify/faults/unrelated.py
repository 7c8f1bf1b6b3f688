"""Faults in tables and indices that are none of ours, after the migration."""

from __future__ import annotations

from collections.abc import Iterator

from tvmigrate.contract import new, old
from tvmigrate.contract.layout import quoted
from tvmigrate.dataset.model import TableFiles
from tvmigrate.verify.faults.model import Finds, Plant, after_migration
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_SYNC = {"mutations_sync": 2, "alter_sync": 2}
_OURS = {table.name for table in (*old.TABLES, *new.TABLES, *new.OWN_TABLES)} | {old.INDEX.name, new.INDEX.name}


def _tables(site: Site) -> Iterator[TableFiles]:
    for table in site.reference.dataset.tables.values():
        if table.name not in _OURS and table.rows.stat().st_size:
            yield table


def _indices(site: Site) -> Iterator[str]:
    for name, files in site.reference.dataset.indices.items():
        if name not in _OURS and files.documents.stat().st_size:
            yield name


@after_migration(
    Finds("clickhouse.unrelated", Direction.MISSING),
    incident="A clean-up that deletes by a condition in a loop over all tables takes rows of those of others.",
)
def unrelated_row_lost(site: Site) -> Plant:
    """A table that belongs to nothing that is migrated lost its first rows."""
    table = first(_tables(site), "table that is none of ours and has rows")
    whole, house = f"{quoted(table.database)}.{quoted(table.name)}", site.clients.clickhouse
    facts = site.reference.baseline.all_tables[f"{table.database}.{table.name}"]
    columns = [column["name"] for column in facts["columns"]]
    # How findings name a row: by its first column, and those that it is sorted by.
    named = [name for name in dict.fromkeys([columns[0], *facts["sorting_key"].split(", ")]) if name in columns]
    value = house.query(f"SELECT toString({quoted(columns[0])}) FROM {whole} ORDER BY 1 LIMIT 1").result_rows[0][0]
    where = f"toString({quoted(columns[0])}) = {{value:String}}"
    rows = house.query(
        f"SELECT {', '.join(f'toString({quoted(name)})' for name in named)} FROM {whole} WHERE {where}",
        parameters={"value": value},
    ).result_rows
    kept = house.raw_query(f"SELECT * FROM {whole} WHERE {where}", parameters={"value": value}, fmt="Native")
    house.command(f"ALTER TABLE {whole} DELETE WHERE {where}", parameters={"value": value}, settings=_SYNC)
    yield [frozenset(f"{table.database}.{table.name} {' '.join(row)}" for row in rows)]
    house.raw_insert(whole, insert_block=kept, fmt="Native")


@after_migration(
    Finds("clickhouse.unrelated", Direction.MISSING, "table"),
    incident="DROP DATABASE and a new one in place of dropping two tables.",
)
def unrelated_table_dropped(site: Site) -> Plant:
    """A table that belongs to nothing that is migrated is gone."""
    table = first(_tables(site), "table that is none of ours and has rows")
    whole, house = f"{quoted(table.database)}.{quoted(table.name)}", site.clients.clickhouse
    house.command(f"DETACH TABLE {whole} SYNC")
    yield [f"{table.database}.{table.name}"]
    house.command(f"ATTACH TABLE {whole}")


@after_migration(
    Finds("clickhouse.unrelated", Direction.SCHEMA, "create_table_query"),
    incident="A TTL that was set on every table of a database makes rows of others vanish some months later.",
)
def unrelated_table_redefined(site: Site) -> Plant:
    """A table that belongs to nothing that is migrated was altered."""
    table = first(_tables(site), "table that is none of ours and has rows")
    whole, house = f"{quoted(table.database)}.{quoted(table.name)}", site.clients.clickhouse
    house.command(f"ALTER TABLE {whole} ADD COLUMN migrated_by String", settings=_SYNC)
    yield [f"{table.database}.{table.name}"]
    house.command(f"ALTER TABLE {whole} DROP COLUMN migrated_by", settings=_SYNC)


@after_migration(
    Finds("elasticsearch.unrelated", Direction.MISSING, "_id"),
    incident="A delete by query on tv_* instead of the one index.",
)
def unrelated_document_lost(site: Site) -> Plant:
    """An index that belongs to nothing that is migrated lost a document."""
    index = first(_indices(site), "index that is none of ours and has documents")
    client = site.clients.elasticsearch
    document = first(site.reference.dataset.documents(index), "document of it")
    found = client.get(index=index, id=document.id)
    client.delete(index=index, id=document.id, refresh=True)
    yield [document.id]
    client.index(index=index, id=document.id, document=found["_source"], refresh=True)


@after_migration(
    Finds("elasticsearch.unrelated", Direction.EXTRA, "_id"),
    incident="A bulk request that names a wrong index: with dynamic mapping it is taken without a word.",
)
def unrelated_index_got_a_document(site: Site) -> Plant:
    """A document was written into an index that belongs to nothing that is migrated."""
    index = first(_indices(site), "index that is none of ours and has documents")
    site.clients.elasticsearch.index(index=index, id="comment-astray", document={}, refresh=True)
    yield [f"{index} comment-astray"]
    site.clients.elasticsearch.delete(index=index, id="comment-astray", refresh=True)


@after_migration(
    Finds("elasticsearch.unrelated", Direction.SCHEMA, "settings.index.blocks.write"),
    incident="A write block that was put on every index for the time of a migration, and lifted from one.",
)
def unrelated_index_closed_to_writes(site: Site) -> Plant:
    """An index that belongs to nothing that is migrated takes no writes any more."""
    index = first(_indices(site), "index that is none of ours and has documents")
    client = site.clients.elasticsearch
    client.indices.put_settings(index=index, settings={"index.blocks.write": True})
    yield [index]
    client.indices.put_settings(index=index, settings={"index.blocks.write": None})
