"""What the rules make of every old document, worked out once a rehearsal: the rules are what costs time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tvmigrate.contract import exact_json, old
from tvmigrate.contract.outcome import Fate, Quarantined
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.verify.comment_facts import COLUMNS, facts_of_document
from tvmigrate.verify.context import Context
from tvmigrate.verify.elasticsearch_documents import Outcome, digest, expected_document, plain_digest
from tvmigrate.verify.old_record import EXACT, Expected
from tvmigrate.verify.spool import Spool

# `reason` says why a document does not map, `record` is its `_source`; both are NULL of one that does, and the columns
# behind them tell of those.
_SCHEMA = f"""
    CREATE TABLE documents (
        id TEXT PRIMARY KEY, reason TEXT, record TEXT, digest BLOB, filled INT, archived TEXT, {COLUMNS})
        WITHOUT ROWID"""
_PLAIN_SCHEMA = "CREATE TABLE documents (id TEXT PRIMARY KEY, digest BLOB) WITHOUT ROWID"


def kept_documents(context: Context) -> Path:
    """Return the spool with a row in `documents` for every old document, by `_id`; `_SCHEMA` says what of it."""

    def fill(spool: Spool) -> None:
        spool.add("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _rows(context))

    return context.reference.kept.spool("elasticsearch documents", context.policy, _SCHEMA, fill)


def _rows(context: Context) -> Iterator[tuple[Any, ...]]:
    for document in context.reference.dataset.documents(old.INDEX.name):
        outcome = expected_document(document, context.policy)
        if isinstance(outcome, Quarantined):
            yield document.id, str(outcome.reason), document.source, *(None,) * 7
            continue
        source = outcome.value.source
        archived = exact_json.dump(dict(outcome.archived)) if outcome.archived else None
        filled = outcome.fate is Fate.FILLED
        yield document.id, None, None, digest(source), filled, archived, *facts_of_document(source)


def kept_plain_documents(context: Context) -> Path:
    """Return the spool with `id` and `plain_digest` of every old document in `documents`, as it was."""

    def fill(spool: Spool) -> None:
        documents = context.reference.dataset.documents(old.INDEX.name)
        rows = ((document.id, plain_digest(json.loads(document.source))) for document in documents)
        spool.add("INSERT INTO documents VALUES (?, ?)", rows)

    return context.reference.kept.spool("old documents", None, _PLAIN_SCHEMA, fill)


def refused_documents(context: Context) -> Iterator[tuple[str, str]]:
    """Yield (record_key, reason) of each old document that does not map."""
    with Spool(kept=kept_documents(context)) as spool:
        for name, reason in spool.rows("SELECT id, reason FROM kept.documents WHERE reason IS NOT NULL"):
            yield show_bytes(name.encode()), reason


def refused_records(context: Context) -> Iterator[Expected]:
    """Yield each old document that does not map, with its `_source` as it was."""
    with Spool(kept=kept_documents(context)) as spool:
        for name, reason, record in spool.rows(
            "SELECT id, reason, record FROM kept.documents WHERE reason IS NOT NULL"
        ):
            yield Expected(show_bytes(name.encode()), reason, EXACT, record)


def archived_fields(context: Context) -> Iterator[tuple[str, Any]]:
    """Yield (record_key, fields) of each mapped document with fields that have no place in the new mapping."""
    with Spool(kept=kept_documents(context)) as spool:
        for name, fields in spool.rows("SELECT id, archived FROM kept.documents WHERE archived IS NOT NULL"):
            yield show_bytes(name.encode()), exact_json.parse(fields)


def expected_of(context: Context, wanted: Callable[[str], bool]) -> Iterator[tuple[str, Outcome]]:
    """Yield each old document's id and what the rules make of it, of those whose id is `wanted`."""
    for document in context.reference.dataset.documents(old.INDEX.name):
        if wanted(document.id):
            yield document.id, expected_document(document, context.policy)
