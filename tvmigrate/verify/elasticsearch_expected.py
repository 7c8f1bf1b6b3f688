"""What the rules make of every old document, worked out once a rehearsal: the rules are what costs time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvmigrate.contract import exact_json
from tvmigrate.contract.ordinary_documents import Ordinary, OrdinaryDocuments
from tvmigrate.contract.outcome import Quarantined
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.lines import blocks
from tvmigrate.dataset.model import StoredDocument
from tvmigrate.dataset.read import cut_document, document_of
from tvmigrate.engines.quick_json import read_json
from tvmigrate.verify.comment_facts import COLUMNS, facts_of_document
from tvmigrate.verify.context import Context
from tvmigrate.verify.elasticsearch_documents import Outcome, digest, expected_document, plain_digest
from tvmigrate.verify.elasticsearch_sums import SCHEMA, Sums, bucket_of
from tvmigrate.verify.old_record import EXACT, Expected
from tvmigrate.verify.spool import Spool

# `reason` says why a document does not map, `record` is its `_source`; both are NULL of one that does, and the columns
# behind them tell of those. `sums` are of those that map, by bucket.
_SCHEMA = f"""
    CREATE TABLE documents (
        id TEXT, bucket INT, reason TEXT, record TEXT, digest BLOB, filled INT, archived TEXT, {COLUMNS}); {SCHEMA}"""
_PLAIN_SCHEMA = f"CREATE TABLE documents (id TEXT, bucket INT, digest BLOB); {SCHEMA}"
_INDEX = "CREATE UNIQUE INDEX documents_id ON documents (id)"
_PART_BYTES = 2 << 20

_Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """Lines of an index's file, with the number of the first."""

    policy: Policy
    path: Path
    first: int
    lines: bytes

    def documents(self) -> Iterator[tuple[str, bytes, int]]:
        """Yield each document's `_id`, the JSON of its `_source` and its line."""
        for number, line in enumerate(self.lines.split(b"\n"), self.first):
            cut = cut_document(line)
            if cut is None:
                document = document_of(self.path, number, line)
                yield document.id, document.source.encode(), number
            else:
                yield cut[0][1:-1].decode(), cut[1], number


def _parts(context: Context) -> Iterator[_Part]:
    files = context.reference.dataset.indices.get(context.policy.layout.index)
    if files is None:
        return
    first = 1
    for lines in blocks(files.documents, _PART_BYTES):
        yield _Part(context.policy, files.documents, first, lines[:-1])
        first += lines.count(b"\n")


def kept_documents(context: Context) -> Path:
    """Return the spool with a row in `documents` for every old document, by `_id`; `_SCHEMA` says what of it."""

    def fill(spool: Spool) -> None:
        sums = Sums()
        for rows, part in context.workers.each(_expected_rows, _parts(context)):
            spool.add("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            sums.take(part)
        _finish(spool, sums)

    return context.reference.kept.spool("elasticsearch documents", context.policy, _SCHEMA, fill)


def _finish(spool: Spool, sums: Sums) -> None:
    spool.add("INSERT INTO sums VALUES (?, ?, ?)", sums.rows())
    spool.run(_INDEX)


def _expected_rows(part: _Part) -> tuple[list[_Row], Sums]:
    ordinary = OrdinaryDocuments(part.policy)
    rows: list[_Row] = []
    sums = Sums()
    for name, raw, number in part.documents():
        mapped = ordinary.map(name, raw) or _by_the_rule(part, name, raw, number)
        bucket = bucket_of(name)
        if isinstance(mapped, Quarantined):
            rows.append((name, bucket, str(mapped.reason), raw.decode(), *(None,) * 7))
            continue
        source, filled, extra = mapped
        archived = exact_json.dump(extra) if extra else None
        found = digest(name, source)
        sums.add(name, found)
        rows.append((name, bucket, None, None, found, bool(filled), archived, *facts_of_document(source)))
    return rows, sums


def _by_the_rule(part: _Part, name: str, raw: bytes, number: int) -> Ordinary | Quarantined:
    outcome = expected_document(StoredDocument(name, raw.decode(), number), part.policy)
    if isinstance(outcome, Quarantined):
        return outcome
    return dict(outcome.value.source), outcome.filled, dict(outcome.archived)


def kept_plain_documents(context: Context) -> Path:
    """Return the spool with `id` and `plain_digest` of every old document in `documents`, as it was."""

    def fill(spool: Spool) -> None:
        sums = Sums()
        for rows, part in context.workers.each(_plain_rows, _parts(context)):
            spool.add("INSERT INTO documents VALUES (?, ?, ?)", rows)
            sums.take(part)
        _finish(spool, sums)

    return context.reference.kept.spool("old documents", None, _PLAIN_SCHEMA, fill)


def _plain_rows(part: _Part) -> tuple[list[_Row], Sums]:
    rows: list[_Row] = []
    sums = Sums()
    for name, raw, _ in part.documents():
        found = plain_digest(name, read_json(raw))
        sums.add(name, found)
        rows.append((name, bucket_of(name), found))
    return rows, sums


def kept_sums(spool: Spool) -> Sums:
    """Return the sums in the `kept` file of `spool`."""
    return Sums.of_rows(spool.rows("SELECT bucket, documents, digests FROM kept.sums"))


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
    for document in context.reference.dataset.documents(context.policy.layout.index):
        if wanted(document.id):
            yield document.id, expected_document(document, context.policy)
