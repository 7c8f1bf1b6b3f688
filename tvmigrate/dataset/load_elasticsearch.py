"""Elasticsearch's part of a load: indices with their settings and mappings, documents in bulk as they stand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import elasticsearch
import stamina

from tvmigrate.dataset.errors import DatasetError, LoadError, bad_line
from tvmigrate.dataset.model import IndexFiles, StoredDocument
from tvmigrate.dataset.progress import Progress
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.quoting import unquoted

BATCH_DOCUMENTS = 1000
BATCH_BYTES = 4 << 20

# What Elasticsearch gives to an index itself and does not take back (contract §3, Rollback).
_OWN_SETTINGS = ("index.uuid", "index.creation_date", "index.provided_name", "index.routing_partition_size")
_OWN_PREFIXES = ("index.version.", "index.resize.")
_BLOCKS = "index.blocks."
ASKED = "errors,items.*.status,items.*.error"


class Busy(Exception):  # noqa: N818 - Elasticsearch's own word for it is 429
    """Elasticsearch asked to be given time."""


class ElasticsearchLoader:
    """Creates the indices of a dataset; `documents` has their number by index after `load`."""

    def __init__(self, dataset: Dataset, client: elasticsearch.Elasticsearch, progress: Progress) -> None:
        self._dataset = dataset
        self._client = client
        self._progress = progress
        self._total = 0
        self.documents: dict[str, int] = {}

    def check(self) -> None:
        """Read every line; raises DatasetError."""
        for name in self._dataset.indices:
            for _ in self._dataset.documents(name):
                self._total += 1
                if self._total % 10_000 == 0:
                    self._progress.check()

    def existing(self) -> list[str]:
        """Return the indices, or aliases of these names, that exist."""
        return [name for name in self._dataset.indices if self._client.indices.exists(index=name)]

    def remove(self) -> None:
        """Delete the dataset's indices; an alias of such a name goes, the index behind it stays."""
        for name in self._dataset.indices:
            if self._client.indices.exists_alias(name=name):
                self._client.indices.delete_alias(index="*", name=name)
            elif self._client.indices.exists(index=name):
                self._client.indices.delete(index=name)

    def load(self) -> None:
        """Create and fill the indices; raises DatasetError for what Elasticsearch refuses."""
        self._progress.start(self._total)
        for index in self._dataset.indices.values():
            settings = loadable(index.settings)
            blocks = {name: value for name, value in settings.items() if name.startswith(_BLOCKS)}
            try:
                self._client.indices.create(
                    index=index.name,
                    settings={name: value for name, value in settings.items() if name not in blocks},
                    mappings=index.mappings,
                    aliases=index.aliases,
                )
            except elasticsearch.BadRequestError as error:
                path = index.documents.with_suffix(".json")
                raise DatasetError(f"Elasticsearch refuses the index of {path}: {reason(error.body)}") from error
            self.documents[index.name] = 0
            for batch in self._batches(index):
                self._bulk(index, batch)
                self.documents[index.name] += len(batch)
                self._progress.step(len(batch))
            self._client.indices.refresh(index=index.name)
            if blocks:
                self._client.indices.put_settings(index=index.name, settings=blocks)
        self._progress.finish()

    def _batches(self, index: IndexFiles) -> Iterator[list[StoredDocument]]:
        batch: list[StoredDocument] = []
        size = 0
        for document in self._dataset.documents(index.name):
            if len(batch) == BATCH_DOCUMENTS or (batch and size + len(document.source) > BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(document)
            size += len(document.source)
        if batch:
            yield batch

    def _bulk(self, index: IndexFiles, batch: list[StoredDocument]) -> None:
        waiting = batch
        try:
            for attempt in stamina.retry_context(on=Busy, attempts=8, timeout=120):
                if attempt.num > 1:
                    self._progress.warn(
                        f"Elasticsearch was too busy for {len(waiting)} documents: they are sent again."
                    )
                with attempt:
                    waiting = self._bulk_once(index, waiting)
                    _require_none(waiting)
        except Busy as busy:
            size = sum(len(document.source) for document in waiting)
            raise LoadError(
                f"{index.documents}, line {waiting[0].line}: {busy} by Elasticsearch again and again, {size:,} "
                "characters in all. Load them when it has less to do, or give it more memory."
            ) from busy

    def _bulk_once(self, index: IndexFiles, batch: list[StoredDocument]) -> list[StoredDocument]:
        """Send `batch`; return the documents that Elasticsearch was too busy for."""
        lines: list[Any] = []
        for document in batch:
            lines += (json.dumps({"create": {"_id": document.id}}, ensure_ascii=False), document.source)
        try:
            answer = self._client.bulk(index=index.name, operations=lines, filter_path=ASKED)
        except elasticsearch.ApiError as error:
            if error.status_code == 429:
                return batch
            raise
        if not answer["errors"]:
            return []
        busy = []
        for document, item in zip(batch, answer["items"], strict=True):
            status = item["create"]["status"]
            if status == 429:
                busy.append(document)
            elif status == 409:
                found = f"the _id {document.id!r} is there already"
                raise bad_line(index.documents, document.line, found, "each _id once")
            elif status >= 300:
                found = f"Elasticsearch refuses the document {document.id!r} ({reason(item['create'])})"
                raise bad_line(index.documents, document.line, found, "a document that the index's mapping takes")
        return busy


def _require_none(turned_away: list[StoredDocument]) -> None:
    if turned_away:
        raise Busy(f"{len(turned_away)} documents were turned away")


def loadable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return index settings by flat names (`index.number_of_shards`), without those only Elasticsearch gives."""
    flat = {name if name.startswith("index.") else f"index.{name}": value for name, value in _flat(settings)}
    return {
        name: value
        for name, value in flat.items()
        if name not in _OWN_SETTINGS and not name.startswith(_OWN_PREFIXES) and name != "index.version"
    }


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def reason(body: Any) -> str:
    """Return the reasons in an error's body, outermost first, as one text."""
    found = []
    error = body.get("error") if isinstance(body, Mapping) else None
    while isinstance(error, Mapping):
        if error.get("reason"):
            found.append(str(error["reason"]))
        error = error.get("caused_by")
    return unquoted(": ".join(found) or str(body))[:500]
