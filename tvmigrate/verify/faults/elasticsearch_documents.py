"""Faults of Elasticsearch after the migration: whole documents lost, moved, doubled, exchanged, or not found."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tvmigrate.contract import exact_json, new, old, rules
from tvmigrate.contract.layout import literal
from tvmigrate.contract.outcome import Mapped, Reason, Rule, Store, Unmappable
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.verify.cross import FIELDS
from tvmigrate.verify.faults.clickhouse_tables import NOBODY, ask, kept, lost, place
from tvmigrate.verify.faults.elasticsearch_site import (
    Document,
    client,
    delete,
    documents,
    in_clickhouse,
    put,
    setting,
    told_alike,
)
from tvmigrate.verify.faults.model import AnyOf, Finds, Key, Plant, after_migration
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_RULE = Rule.ELASTICSEARCH_COMMENTS
_MISSING, _EXTRA, _CHANGED = Direction.MISSING, Direction.EXTRA, Direction.CHANGED
_ALONE = Finds("cross.ids", _MISSING, "comment_id")
_REFRESH = "index.refresh_interval"


@after_migration(
    Finds("elasticsearch.comments", _MISSING),
    _ALONE,
    *lost(_RULE),
    incident="A bulk request answers 200 also when documents in it were refused; only `errors` in its body says so.",
)
def document_dropped(site: Site) -> Plant:
    """One document is not in the new index."""
    name, source = first(documents(site), "document")
    delete(site, name)
    yield [name, in_clickhouse(site, name), name, AnyOf.KEY]
    put(site, name, source)


@after_migration(
    Finds("elasticsearch.comments", _CHANGED, "_id"),
    _ALONE,
    Finds("ledger.balance", _CHANGED, "_id", rule=_RULE),
    Finds("ledger.balance", _MISSING, "accounted", rule=_RULE),
    incident="A document that is indexed without an _id gets one that Elasticsearch makes up.",
)
def document_under_another_id(site: Site) -> Plant:
    """One document has an _id that Elasticsearch made up, as if it had been indexed without one."""
    name, source = first(documents(site), "document")
    delete(site, name)
    made_up = _without_id(site, source)
    yield [made_up, frozenset({made_up} | _one(in_clickhouse(site, name))), made_up, AnyOf.KEY]
    delete(site, made_up)
    put(site, name, source)


@after_migration(
    Finds("elasticsearch.comments", _EXTRA, "_id"),
    _ALONE,
    incident="A write that timed out and is sent again without an _id leaves two documents.",
)
def document_written_twice(site: Site) -> Plant:
    """One document is there once more, under an _id that Elasticsearch made up."""
    _, source = first(documents(site), "document")
    made_up = _without_id(site, source)
    yield [made_up, made_up]
    delete(site, made_up)


def _without_id(site: Site, source: dict[str, object]) -> str:
    return str(client(site).index(index=new.ALIAS, document=source, refresh=True)["_id"])


def _one(key: Key) -> frozenset[str]:
    return key if isinstance(key, frozenset) else frozenset({str(key)})


@after_migration(
    Finds("elasticsearch.comments", _EXTRA),
    _ALONE,
    Finds("elasticsearch.quarantine", _MISSING, "reason"),
    *lost(_RULE),
    incident="`dict.get(label, 'neutral')` turns every label that nobody thought of into an opinion.",
)
def sentiment_guessed(site: Site) -> Plant:
    """A document whose sentiment nobody knows is in the new index as neutral, and not in quarantine."""
    site.needs_quarantine_tables()
    name, source = first(_guessed(site), "document of an unknown sentiment that Elasticsearch alone has")
    with kept(site, new.QUARANTINE.name) as quarantine:
        quarantine.drop(f"store = {literal(Store.ELASTICSEARCH)} AND record_key = {literal(show_bytes(name.encode()))}")
        put(site, name, source)
        yield [name, name, name, name, AnyOf.KEY]
        delete(site, name)


def _guessed(site: Site) -> Iterator[Document]:
    """Yield what documents of unknown sentiment would be, if it were neutral."""
    query = (
        f"SELECT record_key FROM {place(new.QUARANTINE.name)} WHERE store = {literal(Store.ELASTICSEARCH)}"
        f" AND reason = {literal(Reason.UNKNOWN_SENTIMENT)}"
    )
    refused = {str(name) for (name,) in ask(site, query)}
    for document in site.reference.dataset.documents(old.INDEX.name):
        if show_bytes(document.id.encode()) not in refused or in_clickhouse(site, document.id) is not NOBODY:
            continue
        try:
            source = exact_json.parse(document.source)
        except Unmappable:
            continue
        spelled = {name: "neutral" for name in old.SPELLINGS["sentiment"] if name in source}
        guess = rules.elasticsearch_document(document.id, {**source, **spelled}, site.policy)
        if isinstance(guess, Mapped):
            yield document.id, json.loads(exact_json.dump(dict(guess.value.source)))


@after_migration(
    Finds("elasticsearch.comments", _CHANGED, AnyOf.FIELD),
    Finds("cross.values", _CHANGED, AnyOf.FIELD),
    incident="Two lists that are read side by side, ids and bodies, slip by one when one of them skips an entry.",
)
def documents_exchanged(site: Site) -> Plant:
    """Two documents stand under each other's _id, whole."""
    (one, mine), (other, theirs) = first(_unlike(site), "two documents that have no topic in common")
    put(site, one, theirs)
    put(site, other, mine)
    told: set[str] = set()
    for victim in ((one, mine), (other, theirs)):
        for field in FIELDS:
            told |= _one(told_alike(site, victim, field)) if mine[field] != theirs[field] else set()
    yield [frozenset({one, other}), frozenset(told)]
    put(site, one, mine)
    put(site, other, theirs)


def _unlike(site: Site) -> Iterator[tuple[Document, Document]]:
    before: Document | None = None
    for document in documents(site):
        topics = set(document[1]["topics"])
        if before is not None and topics and not topics & set(before[1]["topics"]):
            yield before, document
        before = document if topics else before


@after_migration(
    Finds("elasticsearch.indexed", _MISSING),
    Finds("elasticsearch.comments", _MISSING),
    _ALONE,
    *lost(_RULE),
    incident="refresh_interval -1 is what Elasticsearch's guide to bulk loads advises, to be taken back after it.",
)
def refresh_forgotten(site: Site) -> Plant:
    """One document was written after refreshes were turned off, and no search finds it."""
    name, source = first(documents(site), "document")
    with setting(site, new.INDEX.name, _REFRESH, "-1"):
        delete(site, name)
        client(site).index(index=new.ALIAS, id=name, document=source, refresh=False)
        yield [name, name, in_clickhouse(site, name), name, AnyOf.KEY]
    client(site).indices.refresh(index=new.INDEX.name)


@after_migration(
    Finds("elasticsearch.indexed", _CHANGED, "username"),
    incident="A dynamic mapping gives text a keyword with ignore_above 256; longer values are stored, and not found.",
)
def field_left_out_of_the_index(site: Site) -> Plant:
    """One document was written while usernames longer than a limit were not indexed, and the limit is gone again."""
    name, source = first(((n, s) for n, s in documents(site) if len(s["username"]) > 1), "username of two characters")
    mapped = new.INDEX.mappings["properties"]["username"]
    client(site).indices.put_mapping(index=new.INDEX.name, properties={"username": {**mapped, "ignore_above": 1}})
    put(site, name, source)
    client(site).indices.put_mapping(index=new.INDEX.name, properties={"username": mapped})
    yield [frozenset({name, new.ALIAS})]
    put(site, name, source)
