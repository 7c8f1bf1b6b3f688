"""Elasticsearch's indices, each at one point in time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from tvmigrate.capture import masked
from tvmigrate.capture.work import Work
from tvmigrate.dataset.load_elasticsearch import loadable
from tvmigrate.dataset.read import ELASTICSEARCH
from tvmigrate.dataset.write import DocumentsWriter, write_index
from tvmigrate.migrate.documents import Pair, pages_of, text_client
from tvmigrate.verify.reference import live_indices

_CLOSED = "index.verified_before_close"


def capture(work: Work) -> None:
    """Write `elasticsearch/`; raises elasticsearch's ApiError and TransportError."""
    with text_client(work.clients.endpoints.elasticsearch) as reader:
        for name, about in sorted(live_indices(work.clients).items()):
            if about["settings"].get(_CLOSED) == "true":
                work.left_out(f"Elasticsearch index {name}", "it is closed, and a closed index gives no documents")
            elif not about["mappings"].get("_source", {}).get("enabled", True):
                work.left_out(f"Elasticsearch index {name}", "it keeps no sources of its documents")
            else:
                _index(work, reader, name, about)


def _index(work: Work, reader: Elasticsearch, name: str, about: Mapping[str, Any]) -> None:
    path = Path(ELASTICSEARCH) / f"{name}.ndjson"
    if work.is_written(str(path)) is not None:
        return
    task = f"capture elasticsearch {name}"
    work.started(task, "documents")
    work.written(write_index(work.folder, name, loadable(about["settings"]), about["mappings"], about["aliases"]))
    typed = masked.typed_fields(about["mappings"])
    with DocumentsWriter(work.folder / path) as writer:
        for page in _pages(work, reader, name):
            writer.write_pairs(_taken(work, name, page, typed))
            work.advanced(task, writer.records)
    work.written(writer.close())
    work.finished(task, f"{writer.records:,} documents")


def _pages(work: Work, reader: Elasticsearch, name: str) -> Iterator[Sequence[Pair]]:
    throttle, pages = work.throttle(), pages_of(reader, name)
    while True:
        began = time.monotonic()
        page = next(pages, None)
        if page is None:
            return
        throttle.took(len(page), time.monotonic() - began)
        yield page


def _taken(work: Work, name: str, page: Sequence[Pair], typed: frozenset[str]) -> list[Pair]:
    """Return the documents of a page that are in the sample, masked if so asked for."""
    is_old, mask = name == work.asked.layout.index, work.asked.mask
    chosen = page if work.asked.sample.is_all else [pair for pair in page if _is_chosen(work, pair, is_old)]
    if mask is None:
        return list(chosen)
    hide = partial(masked.document, layout=work.asked.layout) if is_old else masked.other_document
    return [(doc_id, hide(mask, source.decode(), typed).encode()) for doc_id, source in chosen]


def _is_chosen(work: Work, pair: Pair, is_old: bool) -> bool:
    doc_id = json.loads(pair[0])
    if not is_old:
        return work.asked.sample.takes_text(doc_id)
    known = bool(list(work.notes.rows("SELECT 1 FROM chosen WHERE id = ?", (doc_id.encode(),))))
    return work.asked.sample.of_document(doc_id, json.loads(pair[1]), known, work.asked.layout)
