"""Faults of Elasticsearch after the rollback: old documents, mappings and settings, and what is left behind."""

from __future__ import annotations

from tvmigrate.contract import new, old
from tvmigrate.verify.faults.elasticsearch_site import client, delete, kept_aside, old_documents, put, setting
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_rollback
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED, _SCHEMA = Direction.MISSING, Direction.EXTRA, Direction.CHANGED, Direction.SCHEMA
_INDEX = old.INDEX.name
_NOBODY = "tvmigrate/nobody"
_INSTANT = "created_at"


def _schema(field: str) -> Finds:
    return Finds("rollback.elasticsearch-schema", _SCHEMA, field)


@after_rollback(Finds("rollback.elasticsearch", _MISSING, "_id"))
def old_document_not_brought_back(site: Site) -> Plant:
    """One document of the old index is not there after the rollback."""
    name, source, _ = first(old_documents(site), "old document that maps")
    delete(site, name, _INDEX)
    yield [name]
    put(site, name, source, _INDEX)


@after_rollback(
    Finds("rollback.elasticsearch", _EXTRA, "_id"),
    incident="What came after the switch has no old form; whoever copies the new index back takes it along.",
)
def new_document_brought_back(site: Site) -> Plant:
    """The old index has a document that it never had."""
    _, source, _ = first(old_documents(site), "old document that maps")
    put(site, _NOBODY, source, _INDEX)
    yield [f"{_INDEX} {_NOBODY}"]
    delete(site, _NOBODY, _INDEX)


@after_rollback(
    Finds("rollback.elasticsearch", _CHANGED, AnyOf.FIELD),
    Finds("rollback.elasticsearch-schema", _SCHEMA, AnyOf.FIELD, if_any=True),
    incident="A change in place leaves no old document to go back to.",
)
def old_document_in_its_new_form(site: Site) -> Plant:
    """One document of the old index is back as the migration made it."""
    name, _, migrated = first(old_documents(site), "old document that maps")
    with kept_aside(site, _INDEX):
        put(site, name, migrated, _INDEX)
        yield [name, _INDEX]


@after_rollback(
    Finds("rollback.elasticsearch", _CHANGED, _INSTANT),
    incident="JavaScript counts milliseconds since 1970 and Unix seconds; a number does not say which it is.",
)
def old_instant_in_another_unit(site: Site) -> Plant:
    """The time of one old document is back in seconds, and was in milliseconds."""
    in_ms = (found for found in old_documents(site) if isinstance(found[1].get(_INSTANT), int))
    name, source, _ = first(in_ms, f"old document with a number as {_INSTANT}")
    put(site, name, {**source, _INSTANT: source[_INSTANT] // 1000}, _INDEX)
    yield [name]
    put(site, name, source, _INDEX)


@after_rollback(_schema("mappings.dynamic"))
def old_mapping_made_strict(site: Site) -> Plant:
    """The old index refuses fields that its mapping does not have, and its writers write them."""
    with kept_aside(site, _INDEX):
        client(site).indices.put_mapping(index=_INDEX, dynamic="strict")
        yield [_INDEX]


@after_rollback(
    _schema("settings.index.number_of_replicas"), incident="A clone gets one replica unless number_of_replicas is said."
)
def old_index_with_other_replicas(site: Site) -> Plant:
    """The old index has one replica more than it had."""
    before = int(site.reference.baseline.indices[_INDEX]["settings"]["index.number_of_replicas"])
    with setting(site, _INDEX, "index.number_of_replicas", str(before + 1)):
        yield [_INDEX]


@after_rollback(_schema("settings.index.blocks.write"), incident="A clone is made under a write block, and keeps it.")
def old_index_takes_no_writes(site: Site) -> Plant:
    """The old index is back under the write block that its clone was made under."""
    with setting(site, _INDEX, "index.blocks.write", True):
        yield [_INDEX]


@after_rollback(_schema("settings.index.refresh_interval"))
def old_index_never_refreshes(site: Site) -> Plant:
    """The old index is back with refreshes turned off, as they were while it was filled."""
    with setting(site, _INDEX, "index.refresh_interval", "-1"):
        yield [_INDEX]


@after_rollback(_schema(f"aliases.{new.INDEX.name}"))
def alias_left_behind(site: Site) -> Plant:
    """The old index also answers to the new index's name."""
    client(site).indices.put_alias(index=_INDEX, name=new.INDEX.name)
    yield [_INDEX]
    client(site).indices.delete_alias(index=_INDEX, name=new.INDEX.name)


@after_rollback(Finds("rollback.elasticsearch-extra", _EXTRA, "index"))
def new_index_left_behind(site: Site) -> Plant:
    """The new index is still there after the rollback."""
    client(site).indices.create(index=new.INDEX.name, mappings=dict(new.INDEX.mappings), wait_for_active_shards="0")
    yield [new.INDEX.name]
    client(site).indices.delete(index=new.INDEX.name)
