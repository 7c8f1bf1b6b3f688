"""Faults of Elasticsearch after the migration: the copy kept of the old index, the quarantine and the archive."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tvmigrate.contract import new
from tvmigrate.contract.layout import literal
from tvmigrate.contract.outcome import Reason, Rule, Store
from tvmigrate.verify.faults.clickhouse_tables import ask, kept, lost, place
from tvmigrate.verify.faults.elasticsearch_site import delete, kept_copy, old_documents, open_to_writes, put
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_migration
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED, _SCHEMA = Direction.MISSING, Direction.EXTRA, Direction.CHANGED, Direction.SCHEMA
_WRITE_BLOCK = "index.blocks.write"


@after_migration(Finds("elasticsearch.old-index", _SCHEMA, _WRITE_BLOCK))
def kept_copy_takes_writes(site: Site) -> Plant:
    """The copy kept of the old index is open to writes, so that nobody knows whether it still is the old data."""
    copy = kept_copy(site)
    with open_to_writes(site, copy):
        yield [copy]


@after_migration(Finds("elasticsearch.old-index", _MISSING))
def kept_copy_lost_a_document(site: Site) -> Plant:
    """A document is missing from the copy kept of the old index."""
    copy = kept_copy(site)
    name, source, _ = first(old_documents(site), "old document that maps")
    with open_to_writes(site, copy):
        delete(site, name, copy)
    yield [name]
    with open_to_writes(site, copy):
        put(site, name, source, copy)


@after_migration(Finds("elasticsearch.old-index", _CHANGED))
def kept_copy_was_migrated(site: Site) -> Plant:
    """A document in the copy kept of the old index is that of the new one: it was changed in place, then copied."""
    copy = kept_copy(site)
    name, source, migrated = first(old_documents(site), "old document that maps")
    with open_to_writes(site, copy):
        put(site, name, migrated, copy)
    yield [name]
    with open_to_writes(site, copy):
        put(site, name, source, copy)


# ------------------------------------------------------------------------------------------ quarantine and archive


def _quarantine(direction: Direction) -> Finds:
    return Finds("elasticsearch.quarantine", direction, "reason")


def _is(key: str) -> str:
    return f"store = {literal(Store.ELASTICSEARCH)} AND record_key = {literal(key)}"


def _quarantined(site: Site) -> tuple[str, str]:
    """Return the key and the reason of the first document in quarantine."""
    site.needs_quarantine_tables()
    query = (
        f"SELECT record_key, toString(any(reason)) FROM {place(new.QUARANTINE.name)}"
        f" WHERE store = {literal(Store.ELASTICSEARCH)} GROUP BY record_key HAVING count() = 1 ORDER BY 1 LIMIT 1"
    )
    key, reason = first(ask(site, query), "document in quarantine")
    return str(key), str(reason)


@after_migration(
    _quarantine(_MISSING),
    *lost(Rule.ELASTICSEARCH_COMMENTS),
    incident="`except ValueError: continue`, and nobody ever hears of the record.",
)
def refused_document_forgotten(site: Site) -> Plant:
    """A document that does not map is nowhere: not in the new index, and not in quarantine."""
    key, _ = _quarantined(site)
    with kept(site, new.QUARANTINE.name) as quarantine:
        quarantine.drop(_is(key))
        yield [key, key, AnyOf.KEY]


@after_migration(_quarantine(_CHANGED))
def refused_document_with_another_reason(site: Site) -> Plant:
    """A document is in quarantine with a reason that is not its own, so that somebody mends the wrong thing."""
    key, reason = _quarantined(site)
    wrong = next(other for other in (Reason.WRONG_TYPE, Reason.BAD_COUNT) if other != reason)
    with kept(site, new.QUARANTINE.name) as quarantine:
        quarantine.change(_is(key), reason=literal(wrong))
        yield [key]


@after_migration(
    Finds("elasticsearch.quarantine", _CHANGED, "record"),
    incident="MySQL outside of strict mode cuts a text to the length of its column, with a warning.",
)
def refused_document_cut_short(site: Site) -> Plant:
    """A document is in quarantine with the first half of its source alone, which is no JSON any more."""
    key, _ = _quarantined(site)
    with kept(site, new.QUARANTINE.name) as quarantine:
        quarantine.change(_is(key), record="substringUTF8(record, 1, intDiv(lengthUTF8(record), 2))")
        yield [key]


@after_migration(
    _quarantine(_EXTRA), incident="A plain MergeTree takes the same row again: a retried insert doubles it."
)
def refused_document_twice_in_quarantine(site: Site) -> Plant:
    """A document is in quarantine twice, as a retried insert leaves it."""
    key, _ = _quarantined(site)
    with kept(site, new.QUARANTINE.name) as quarantine:
        quarantine.add(_is(key))
        yield [key]


def _archived(site: Site) -> Iterator[tuple[str, str]]:
    """Yield keys and archived fields of documents, as JSON, the same ones each time."""
    site.needs_quarantine_tables()
    query = (
        f"SELECT record_key, any(fields) FROM {place(new.ARCHIVE.name)} WHERE store = {literal(Store.ELASTICSEARCH)}"
        " GROUP BY record_key HAVING count() = 1 ORDER BY 1 LIMIT 1000"
    )
    yield from ((str(key), str(fields)) for key, fields in ask(site, query))


@after_migration(Finds("elasticsearch.archive", _MISSING))
def archive_of_a_document_lost(site: Site) -> Plant:
    """The fields of one document that have no place in the new mapping are nowhere."""
    key, _ = first(_archived(site), "document in the archive")
    with kept(site, new.ARCHIVE.name) as archive:
        archive.drop(_is(key))
        yield [key]


@after_migration(
    Finds("elasticsearch.archive", _CHANGED, AnyOf.FIELD),
    incident="`json.dumps(fields, default=str)` turns what it does not know into text without a word.",
)
def archived_value_became_text(site: Site) -> Plant:
    """An archived field of one document, a number or an object, is kept as text."""
    key, fields = first(_as_text(site), "archived field that is no text")
    with kept(site, new.ARCHIVE.name) as archive:
        archive.change(_is(key), fields=literal(fields))
        yield [key]


def _as_text(site: Site) -> Iterator[tuple[str, str]]:
    for key, fields in _archived(site):
        found = json.loads(fields)
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}
        if texts != found:
            yield key, json.dumps(texts, ensure_ascii=False)
