"""Faults of Elasticsearch after the migration: the alias, the mapping and the settings of the new index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Rule
from tvmigrate.verify.elasticsearch_live import target
from tvmigrate.verify.faults.clickhouse_tables import lost
from tvmigrate.verify.faults.elasticsearch_site import (
    client,
    documents,
    field_mapped,
    in_clickhouse,
    kept_copy,
    remade,
    setting,
)
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_migration
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED, _SCHEMA = Direction.MISSING, Direction.EXTRA, Direction.CHANGED, Direction.SCHEMA
_INDEX = new.INDEX.name
_REPLICAS = "index.number_of_replicas"


def _mapping(field: str) -> Finds:
    return Finds("elasticsearch.mapping", _SCHEMA, field)


def _settings(name: str) -> Finds:
    return Finds("elasticsearch.settings", _SCHEMA, name)


# -------------------------------------------------------------------------------------------------------- the alias


def _alias(field: str) -> Finds:
    return Finds("elasticsearch.alias", _SCHEMA, field)


@contextmanager
def _alias_with(site: Site, **body: Any) -> Iterator[None]:
    """Give the alias properties, until the block is left."""
    before = target(client(site)).indices[_INDEX]
    client(site).indices.put_alias(index=_INDEX, name=new.ALIAS, **body)
    try:
        yield
    finally:
        client(site).indices.delete_alias(index=_INDEX, name=new.ALIAS)
        client(site).indices.put_alias(index=_INDEX, name=new.ALIAS, **before)


@after_migration(
    Finds("elasticsearch.alias", _EXTRA, "alias"),
    Finds("elasticsearch.comments", _EXTRA),
    Finds("elasticsearch.comments", _CHANGED, AnyOf.FIELD),
    Finds("elasticsearch.comments", _MISSING, AnyOf.FIELD, if_any=True),
    Finds("elasticsearch.comments", _EXTRA, AnyOf.FIELD, if_any=True),
    Finds("elasticsearch.indexed", _CHANGED, AnyOf.FIELD, if_any=True),
    Finds("elasticsearch.indexed", _SCHEMA, AnyOf.FIELD, if_any=True),
    Finds("elasticsearch.mapping", _SCHEMA, AnyOf.FIELD),
    _settings("index.blocks.write"),
    Finds("cross.ids", _MISSING, "comment_id", if_any=True),
    Finds("cross.values", _CHANGED, AnyOf.FIELD, if_any=True),
    incident="`_aliases` with an add and no remove leaves the alias on both; both are then searched.",
)
def alias_on_both_indices(site: Site) -> Plant:
    """The alias is on the new index and on the copy kept of the old one, and a search finds each comment twice."""
    copy = kept_copy(site)
    client(site).indices.put_alias(index=copy, name=new.ALIAS)
    yield [new.ALIAS, *[AnyOf.KEY] * 10]
    client(site).indices.delete_alias(index=copy, name=new.ALIAS)


@after_migration(
    _alias("filter"),
    Finds("elasticsearch.comments", _MISSING),
    Finds("cross.ids", _MISSING, "comment_id"),
    *lost(Rule.ELASTICSEARCH_COMMENTS),
)
def alias_with_a_filter(site: Site) -> Plant:
    """The alias has a filter, which hides one document."""
    name, _ = first(documents(site), "document")
    there = in_clickhouse(site, name)
    with _alias_with(site, filter={"bool": {"must_not": {"ids": {"values": [name]}}}}):
        yield [new.ALIAS, name, there, name, AnyOf.KEY]


@after_migration(
    _alias("index_routing"),
    incident="A document that was written with a routing is not found by its _id without one.",
)
def alias_with_a_routing(site: Site) -> Plant:
    """The alias gives what is written through it a routing, which those who read it do not know."""
    with _alias_with(site, index_routing="the_voice"):
        yield [new.ALIAS]


@after_migration(
    _alias("is_write_index"),
    incident="An alias that was a rollover's keeps is_write_index false, and refuses every write.",
)
def alias_that_takes_no_writes(site: Site) -> Plant:
    """The alias says that its one index is not the one to write to."""
    with _alias_with(site, is_write_index=False):
        yield [new.ALIAS]


# ------------------------------------------------------------------------------------------------------ the mapping


@after_migration(
    _mapping("dynamic"), incident="`dynamic` is true unless said: a typing error becomes a field for good."
)
def mapping_loosened(site: Site) -> Plant:
    """The new index takes fields that its mapping does not have."""
    client(site).indices.put_mapping(index=_INDEX, dynamic="true")
    yield [_INDEX]
    client(site).indices.put_mapping(index=_INDEX, dynamic="strict")


@after_migration(
    _mapping("program_id"),
    Finds("elasticsearch.indexed", _CHANGED, "program_id", if_any=True),
    incident="An index that its first document creates maps every text as `text`, which is cut into words.",
)
def program_id_cut_into_words(site: Site) -> Plant:
    """The new index maps program_id as text, so that no search finds the documents of one program."""
    with remade(site, field_mapped("program_id", type="text")) as index:
        yield [index, new.ALIAS]


@after_migration(_mapping("topics"), incident="ignore_above 256 is what a dynamic mapping gives every keyword.")
def long_topics_not_indexed(site: Site) -> Plant:
    """The new index leaves out topics that are longer than 256 characters."""
    properties = new.INDEX.mappings["properties"]
    client(site).indices.put_mapping(index=_INDEX, properties={"topics": {**properties["topics"], "ignore_above": 256}})
    yield [_INDEX]
    client(site).indices.put_mapping(index=_INDEX, properties={"topics": properties["topics"]})


@after_migration(_mapping("text"))
def text_not_indexed(site: Site) -> Plant:
    """The new index stores texts and finds none of them, mapped with index false to save space."""
    with remade(site, field_mapped("text", type="text", index=False)) as index:
        yield [index]


@after_migration(
    Finds("elasticsearch.indexed", _SCHEMA, "sentiment"),
    Finds("elasticsearch.indexed", _CHANGED, "sentiment"),
    _mapping("sentiment"),
)
def sentiment_not_to_be_searched(site: Site) -> Plant:
    """The new index neither indexes sentiments nor keeps them in columns, so that a search for them is refused."""
    with remade(site, field_mapped("sentiment", type="keyword", index=False, doc_values=False)) as index:
        yield [new.ALIAS, new.ALIAS, index]


@after_migration(
    _mapping("_source"),
    Finds("elasticsearch.comments", _MISSING, "text"),
    incident="Elasticsearch's own page on _source warns: without it there is no update, no reindex and no way back.",
)
def source_not_kept(site: Site) -> Plant:
    """The new index does not keep the texts in _source, so that they are found and cannot be read."""
    with remade(site, {**new.INDEX.mappings, "_source": {"excludes": ["text"]}}) as index:
        yield [index, AnyOf.KEY]


# ----------------------------------------------------------------------------------------------------- the settings


@after_migration(_settings("index.blocks.write"), incident="`_clone` and `_split` ask for a write block, and leave it.")
def write_block_left(site: Site) -> Plant:
    """The new index takes no writes."""
    with setting(site, _INDEX, "index.blocks.write", True):
        yield [_INDEX]


@after_migration(_settings("index.blocks.read_only"))
def read_only_left(site: Site) -> Plant:
    """The new index is read-only, data and settings alike."""
    with setting(site, _INDEX, "index.blocks.read_only", True):
        yield [_INDEX]


@after_migration(
    _settings(_REPLICAS),
    incident="A new index gets one replica unless told otherwise; bulk loads often set none, to be taken back after.",
)
def other_replicas_than_before(site: Site) -> Plant:
    """The new index has one replica more than the old index had."""
    before = client(site).indices.get_settings(index=_INDEX, flat_settings=True)[_INDEX]["settings"][_REPLICAS]
    with setting(site, _INDEX, _REPLICAS, str(int(before) + 1)):
        yield [_INDEX]
