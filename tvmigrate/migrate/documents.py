"""Documents read from and written to Elasticsearch with their JSON text, so that no number loses a digit."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from elastic_transport import JsonSerializer
from elasticsearch import ApiError, Elasticsearch

from tvmigrate.contract import exact_json
from tvmigrate.dataset.lines import members
from tvmigrate.dataset.model import StoredDocument
from tvmigrate.engines.clients import open_elasticsearch
from tvmigrate.migrate.errors import MigrationError

PAGE = 1000
BULK_BYTES = 4 << 20
KEEP_ALIVE = "5m"
_TYPES = ("application/json", "application/vnd.elasticsearch+json")
_PATIENCE_S = 60.0


class _Text(JsonSerializer):
    """Gives an answer's bytes as they came."""

    def loads(self, data: bytes) -> Any:
        return data


def text_client(url: str) -> Elasticsearch:
    """Return a client whose JSON answers are bytes: the caller parses them, digits and all."""
    client = open_elasticsearch(url)
    for kind in _TYPES:
        client.transport.serializers.serializers[kind] = _Text()
    return client


def read_all(client: Elasticsearch, index: str, where: dict[str, Any] | None = None) -> Iterator[StoredDocument]:
    """Yield the documents of `index` at one point in time, in pages, as a `text_client` gives them.

    No `filter_path` here: with one, Elasticsearch writes each `_source` anew, and numbers lose digits.
    https://www.elastic.co/docs/reference/elasticsearch/rest-apis/paginate-search-results
    """
    pit = json.loads(client.open_point_in_time(index=index, keep_alive=KEEP_ALIVE).body)["id"]
    try:
        after: list[Any] | None = None
        while True:
            answer = client.search(
                pit={"id": pit, "keep_alive": KEEP_ALIVE},
                query=where or {"match_all": {}},
                sort=["_shard_doc"],
                search_after=after,
                size=PAGE,
                track_total_hits=False,
            )
            body = {name: raw for name, _, raw in members(answer.body.decode())}
            if json.loads(body["_shards"])["failed"]:
                raise MigrationError(f"Elasticsearch could not read every shard of {index}; run the command again.")
            if "pit_id" in body:
                pit = json.loads(body["pit_id"])
            hits = list(_hits(body["hits"])) if "hits" in body else []
            for hit in hits:
                yield StoredDocument(hit["_id"][0], hit["_source"][1])
            if len(hits) < PAGE:
                return
            after = json.loads(hits[-1]["sort"][1])
    finally:
        client.options(ignore_status=404).close_point_in_time(id=pit)


def write_all(client: Elasticsearch, index: str, documents: Iterable[tuple[str, str]]) -> Iterator[int]:
    """Index documents (id, JSON text) in bulk; yield how many are written, after each bulk. Again is harmless.

    Raises:
        MigrationError: Elasticsearch refused one; the sentence names it and says why.
    """
    lines: list[str] = []
    size = written = 0
    for doc_id, source in documents:
        pair = [exact_json.dump({"index": {"_id": doc_id}}), source]
        size += sum(map(len, pair))
        lines += pair
        if size >= BULK_BYTES or len(lines) >= 2 * PAGE:
            _bulk(client, index, lines)
            written += len(lines) // 2
            lines, size = [], 0
            yield written
    if lines:
        _bulk(client, index, lines)
        yield written + len(lines) // 2


def _bulk(client: Elasticsearch, index: str, lines: list[Any]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    pause = 0.2
    while True:
        try:
            answer = client.bulk(index=index, operations=lines, filter_path="errors,items.index.error,items.index._id")
        except ApiError as error:
            if error.status_code != 429 or time.monotonic() > deadline:
                raise
            problem: dict[str, Any] | None = None
        else:
            if not answer["errors"]:
                return
            failed = [item["index"] for item in answer["items"] if "error" in item["index"]]
            problem = next((item for item in failed if "rejected" not in item["error"]["type"]), None)
            if problem is None and time.monotonic() > deadline:
                problem = failed[0]
        if problem is not None:
            error_says = f"{problem['error']['type']}: {problem['error'].get('reason', '')}"
            raise MigrationError(
                f"Elasticsearch refused the document {problem['_id']!r} of {index}: {error_says}. Nothing was "
                "switched; run `tvmigrate rollback`, and report the document: the contract should have set it aside."
            )
        # 429: its queue or a circuit breaker is full; it asks for a pause.
        time.sleep(pause)
        pause = min(pause * 2, 5)


def _hits(hits: str) -> Iterator[dict[str, tuple[Any, str]]]:
    raw = next((raw for name, _, raw in members(hits) if name == "hits"), "[]")
    for hit in _each(raw):
        yield {name: (value, text) for name, value, text in members(hit)}


_ANY = json.JSONDecoder()


def _each(array: str) -> Iterator[str]:
    """Yield the texts of the elements of a JSON array that Elasticsearch wrote."""
    position = 1
    while array[position] != "]":
        _, end = _ANY.raw_decode(array, position)
        yield array[position:end]
        position = end + (array[end] == ",")
