"""Where faults of Elasticsearch are planted: victims, and indices that are kept as they are while they are broken."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk

from tvmigrate.contract import exact_json, new, old, rules, values
from tvmigrate.contract.layout import literal
from tvmigrate.contract.outcome import Mapped, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.verify.elasticsearch_live import scan, target
from tvmigrate.verify.faults.clickhouse_tables import NOBODY, ask, is_there, place
from tvmigrate.verify.faults.model import Key
from tvmigrate.verify.faults.site import NothingToPlant, Site, first

# Its name begins with a dot, as those of Elasticsearch's own indices, which no check looks at.
ASIDE = ".tvmigrate-faults"
_PAGE = 200
_BLOCK, _HIDDEN, _REPLICAS, _SHARDS = (
    "index.blocks.write",
    "index.hidden",
    "index.number_of_replicas",
    "index.number_of_shards",
)

Document = tuple[str, dict[str, Any]]


def client(site: Site) -> Elasticsearch:
    """Return the client."""
    return site.clients.elasticsearch


def documents(site: Site) -> Iterator[Document]:
    """Yield the id and the source of every document behind the alias, in the order of their ids."""
    after = None
    while True:
        answer = client(site).search(index=new.ALIAS, size=_PAGE, sort=[{"comment_id": "asc"}], search_after=after)
        hits = answer["hits"]["hits"]
        for hit in hits:
            yield hit["_id"], dict(hit["_source"])
        if len(hits) < _PAGE:
            return
        after = hits[-1]["sort"]


def old_documents(site: Site) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield the id, the source, and what becomes of it, of each old document that maps, in the dataset's order."""
    for document in site.reference.dataset.documents(old.INDEX.name):
        try:
            source = exact_json.parse(document.source)
            outcome = rules.elasticsearch_document(document.id, source, site.policy)
        except Unmappable:
            continue
        if isinstance(outcome, Mapped):
            # As JSON has them, without the exact numbers of the rules.
            yield document.id, json.loads(document.source), json.loads(exact_json.dump(dict(outcome.value.source)))


def put(site: Site, name: str, source: Mapping[str, Any], index: str = new.ALIAS) -> None:
    """Write a document, so that a search finds it."""
    client(site).index(index=index, id=name, document=dict(source), refresh=True)


def delete(site: Site, name: str, index: str = new.ALIAS) -> None:
    """Take a document away, so that no search finds it."""
    client(site).delete(index=index, id=name, refresh=True)


@contextmanager
def changed(site: Site, victim: Document, **fields: Any) -> Iterator[str]:
    """Give fields of a document other values, None taking a field away, until the block is left; yield its id."""
    name, source = victim
    put(site, name, {field: value for field, value in {**source, **fields}.items() if value is not None})
    try:
        yield name
    finally:
        put(site, name, source)


# --------------------------------------------------------------------------------------------- what ClickHouse says


def in_clickhouse(site: Site, name: str) -> Key:
    """Return the comment's id if ClickHouse has it too, else nobody: what `cross.ids` misses when it is gone."""
    return name if _rows(site, name, "comment_id") else NOBODY


def told_alike(site: Site, victim: Document, field: str) -> Key:
    """Return the comment's id if both stores say the same of `field`, else nobody: what `cross.values` compares."""
    name, source = victim
    column = {"timestamp": "toUnixTimestamp64Milli(timestamp)", "sentiment": "toString(sentiment)"}.get(field, field)
    rows = _rows(site, name, column)
    return name if rows and {_as_compared(field, value) for value in rows} == {_as_told(source, field)} else NOBODY


def _rows(site: Site, name: str, column: str) -> list[Any]:
    if not is_there(site, new.RAW_COMMENTS.name):
        return []
    query = f"SELECT {column} FROM {place(new.RAW_COMMENTS.name)} WHERE comment_id = {literal(name)}"
    return [value for (value,) in ask(site, query)]


def _as_compared(field: str, value: Any) -> Any:
    if field == "timestamp":
        return value // 1000
    return struct.pack("<f", value) if field == "sentiment_score" else value


def _as_told(source: Mapping[str, Any], field: str) -> Any:
    value = source[field]
    return _as_compared(field, instant_ns(value) // values.NS_PER_S * 1000 if field == "timestamp" else value)


def instant_ns(text: Any) -> int:
    """Return the instant of a new document's timestamp, in nanoseconds since 1970."""
    return values.instant(text, Policy(keep_entities=True))


# --------------------------------------------------------------------------------------------- indices kept aside


def kept_copy(site: Site) -> str:
    """Return the name of the copy that the migration keeps of the old index; NothingToPlant if it keeps none."""
    found = client(site).indices.get(index=new.kept_index(old.INDEX.name, "*"), expand_wildcards="all")
    names = sorted(name for name in found.body if name not in site.reference.baseline.indices)
    return str(first(names, "copy kept of the old index"))


@contextmanager
def open_to_writes(site: Site, index: str) -> Iterator[None]:
    """Let a closed index take writes, until the block is left."""
    client(site).indices.put_settings(index=index, settings={_BLOCK: None})
    try:
        yield
    finally:
        client(site).indices.put_settings(index=index, settings={_BLOCK: True})


@contextmanager
def setting(site: Site, index: str, name: str, value: Any) -> Iterator[None]:
    """Set one setting of an index, until the block is left."""
    before = _settings(site, index).get(name)
    client(site).indices.put_settings(index=index, settings={name: value})
    try:
        yield
    finally:
        client(site).indices.put_settings(index=index, settings={name: before})


@contextmanager
def kept_aside(site: Site, index: str) -> Iterator[None]:
    """Keep an index as a clone that shares its files, until the block is left; it may be altered or deleted."""
    before = client(site).indices.get(index=index).body[index]["aliases"]
    _clone(site, index, ASIDE, {_HIDDEN: True})
    try:
        yield
    finally:
        client(site).options(ignore_status=404).indices.delete(index=index)
        _clone(site, ASIDE, index, {_HIDDEN: None})
        client(site).indices.delete(index=ASIDE)
        for name, body in before.items():
            client(site).indices.put_alias(index=index, name=name, body=body or None)


@contextmanager
def remade(site: Site, mappings: Mapping[str, Any]) -> Iterator[str]:
    """Put an index of the same documents and of another mapping in the new one's place; yield its name."""
    index = new.INDEX.name
    if not target(client(site)).is_alias or list(target(client(site)).indices) != [index]:
        raise NothingToPlant(f"the alias {new.ALIAS} is not on {index} alone")
    settings = {name: _settings(site, index)[name] for name in (_SHARDS, _REPLICAS)}
    with kept_aside(site, index):
        client(site).indices.delete(index=index)
        client(site).indices.create(
            index=index, mappings=dict(mappings), settings=settings, aliases={new.ALIAS: {}}, wait_for_active_shards="1"
        )
        actions = ({"_index": index, "_id": hit["_id"], "_source": hit["_source"]} for hit in scan(client(site), ASIDE))
        bulk(client(site), actions, chunk_size=_PAGE, refresh=True)
        yield index


def field_mapped(field: str, **mapped: Any) -> dict[str, Any]:
    """Return the contract's mapping with one field mapped otherwise."""
    return {**new.INDEX.mappings, "properties": {**new.INDEX.mappings["properties"], field: mapped}}


def _settings(site: Site, index: str) -> dict[str, Any]:
    settings: dict[str, Any] = client(site).indices.get_settings(index=index, flat_settings=True)[index]["settings"]
    return settings


def _clone(site: Site, source: str, clone: str, settings: Mapping[str, Any]) -> None:
    before = _settings(site, source)
    client(site).indices.put_settings(index=source, settings={_BLOCK: True})
    told = {_REPLICAS: before[_REPLICAS], **{name: value for name, value in settings.items() if value is not None}}
    client(site).indices.clone(index=source, target=clone, settings=told, wait_for_active_shards="1")
    # Null in the settings of a clone stays there as null; in a change of settings it takes one away.
    client(site).indices.put_settings(index=clone, settings={_BLOCK: before.get(_BLOCK), **settings})
    client(site).indices.put_settings(index=source, settings={_BLOCK: before.get(_BLOCK)})
