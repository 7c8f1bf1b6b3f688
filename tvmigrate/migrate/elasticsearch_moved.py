"""Which documents of an old index are not as their backup has them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.write import DocumentsWriter
from tvmigrate.migrate import documents
from tvmigrate.migrate.elasticsearch_map import pairs_of, parts
from tvmigrate.migrate.moved import ADDED, CHANGED, DELETED, Moved
from tvmigrate.migrate.work import Work


def moved(work: Work, index: str, keep: Path | None = None) -> Iterator[Moved]:
    """Yield the documents in which the index that is called `index` now and the backup differ.

    With `keep` those that came or changed are written there, as they are now: `{index}.ndjson`.
    """
    name = work.layout.index
    spool, path = work.spool, work.backup / "elasticsearch" / f"{name}.ndjson"
    one = "SELECT digest FROM document WHERE id = ?"
    work.clients.elasticsearch.indices.refresh(index=index)
    with spool.together():
        spool.db.execute("DELETE FROM document")
        for part in parts(path, work.endpoints.elasticsearch, index, work.policy, len):
            rows = [(json.loads(raw_id), _digest(source)) for raw_id, source in pairs_of(part)]
            spool.db.executemany("INSERT OR REPLACE INTO document VALUES (?, ?)", rows)
    target = (keep or work.folder) / f"{name}.ndjson"
    with documents.text_client(work.endpoints.elasticsearch) as reader, DocumentsWriter(target) as writer:
        for page in documents.pages_of(reader, index):
            for raw_id, source in page:
                doc_id = json.loads(raw_id)
                known = spool.db.execute(one, (doc_id,)).fetchone()
                if known is None or known[0] != _digest(source):
                    writer.write_pairs([(raw_id, source)])
                    yield Moved(name, show_bytes(doc_id.encode()), ADDED if known is None else CHANGED)
                spool.db.execute("DELETE FROM document WHERE id = ?", (doc_id,))
    if keep is None or not writer.records:
        writer.close().path.unlink()
    for (doc_id,) in spool.db.execute("SELECT id FROM document ORDER BY id"):
        yield Moved(name, show_bytes(doc_id.encode()), DELETED)


def _digest(source: bytes) -> bytes:
    return hashlib.sha256(source).digest()
