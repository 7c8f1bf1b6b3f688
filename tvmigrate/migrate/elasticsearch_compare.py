"""The new index read back and compared with what the backup maps to: one sum first, then document by document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from tvmigrate.contract import new
from tvmigrate.migrate import documents
from tvmigrate.migrate.documents import Slice
from tvmigrate.migrate.elasticsearch_index import REFRESH, REPLICAS, count, sequence
from tvmigrate.migrate.elasticsearch_map import Tally, assess, digest_sum, document_digest, pairs_of, parts
from tvmigrate.migrate.errors import NotEqual
from tvmigrate.migrate.work import Work

_NAME = new.INDEX.name
_SLICE_DOCUMENTS = 50_000
_MOST_SLICES = 1024  # that Elasticsearch makes of a point in time, unless told otherwise


@dataclass(frozen=True, slots=True)
class Sum:
    """How many documents there are, and the sum of their digests, in whatever order they stand."""

    documents: int = 0
    digests: int = 0

    def noted(self) -> list[int | str]:
        """Return it as the journal keeps it."""
        return [self.documents, f"{self.digests % 2**256:064x}"]

    def plus(self, other: Sum) -> Sum:
        """Return the sum of both."""
        return Sum(self.documents + other.documents, self.digests + other.digests)


@dataclass(frozen=True, slots=True)
class Part:
    """A slice of the new index."""

    url: str
    slice: Slice


def read_part(part: Part) -> Sum:
    """Return the sum of a slice's documents; raises MigrationError, ApiError, TransportError."""
    found = Sum()
    with documents.text_client(part.url) as client:
        for page in documents.pages(client, _NAME, part.slice):
            found = found.plus(Sum(len(page), digest_sum(page)))
    return found


def compare(work: Work) -> None:
    """Read every new document back and compare it with what the backup maps to; count the kept copy.

    Raises:
        NotEqual: a document is missing, differs, or is one too many, or the index is not set as the old one was.
    """
    client = work.clients.elasticsearch
    kept = new.kept_index(work.layout.index, work.run.id)
    client.indices.refresh(index=kept)
    copied = count(client, kept)
    if copied != work.noted("elasticsearch.documents"):
        raise NotEqual(
            f"The clone {kept} has {copied} documents, the backup {work.noted('elasticsearch.documents')}. Nothing was "
            "switched; run `tvmigrate rollback`."
        )
    _require_settings(work)
    written = work.noted("elasticsearch.written")
    found = _read_back(work, written[0])
    if found.noted() != written:
        _explain(work, found, written[0])
    work.note("elasticsearch.new_sequence", sequence(client, _NAME))


def _require_settings(work: Work) -> None:
    settings = work.clients.elasticsearch.indices.get_settings(index=_NAME, flat_settings=True)[_NAME]["settings"]
    wanted = {REPLICAS: work.noted("elasticsearch.settings")[REPLICAS], REFRESH: None}
    for name, value in wanted.items():
        if settings.get(name) != value:
            raise NotEqual(
                f"{name} of {_NAME} is {settings.get(name)!r}, and should be {value!r}. Nothing was switched; run "
                "`tvmigrate rollback`."
            )


def _read_back(work: Work, due: int) -> Sum:
    url = work.endpoints.elasticsearch
    slices = min(_MOST_SLICES, -(-due // _SLICE_DOCUMENTS))
    found = Sum()
    with documents.text_client(url) as client:
        pit = documents.open_at_one_time(client, _NAME)
        try:
            asked = (Part(url, Slice(pit, number, max(1, slices))) for number in range(max(1, slices)))
            for part in work.workers.each(read_part, asked):
                found = found.plus(part)
                work.advanced("compare.elasticsearch", found.documents, due)
        finally:
            documents.close(client, pit)
    return found


def _explain(work: Work, found: Sum, due: int) -> None:
    """Find the document that makes the sums differ; raises NotEqual."""
    spool = work.spool
    with spool.together():
        spool.db.execute("DELETE FROM document")
        spool.db.executemany("INSERT OR REPLACE INTO document VALUES (?, ?)", wanted(work))
    with documents.text_client(work.endpoints.elasticsearch) as reader:
        for page in documents.pages_of(reader, _NAME):
            for raw_id, source in page:
                doc_id = json.loads(raw_id)
                known = spool.db.execute("SELECT digest FROM document WHERE id = ?", (doc_id,)).fetchone()
                if known is None or known[0] != document_digest(raw_id, source):
                    raise NotEqual(
                        f"The new document {doc_id!r} of {_NAME} is not what was written. Nothing was switched; run "
                        "`tvmigrate rollback`."
                    )
    raise NotEqual(
        f"{_NAME} has {found.documents} documents where {due} are due. Nothing was switched; run `tvmigrate rollback`."
    )


def wanted(work: Work) -> Iterator[tuple[str, bytes]]:
    """Yield the ids and digests of the new documents that the backup maps to."""
    path = work.backup / "elasticsearch" / f"{work.layout.index}.ndjson"
    for part in parts(path, work.endpoints.elasticsearch, _NAME, work.policy, len):
        made: list[tuple[str, bytes]] = []

        def take(raw_id: bytes, source: bytes, made: list[tuple[str, bytes]] = made) -> None:
            made.append((json.loads(raw_id), document_digest(raw_id, source)))

        assess(pairs_of(part), work.policy, Tally(), take)
        yield from made
