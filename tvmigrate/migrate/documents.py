"""Documents read from and written to Elasticsearch as the bytes of their JSON, so that no number loses a digit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from elastic_transport import JsonSerializer
from elasticsearch import Elasticsearch

from tvmigrate.dataset.lines import members
from tvmigrate.dataset.model import StoredDocument
from tvmigrate.deep import deeply
from tvmigrate.engines.clients import open_elasticsearch
from tvmigrate.migrate.errors import ShardsAway

# A document: the JSON text of its _id, and that of its _source.
Pair = tuple[bytes, bytes]

KEEP_ALIVE = "5m"
_FIRST_PAGE = 1000
_LARGEST_PAGE = 5000  # Elasticsearch gives no more than 10,000
_PAGE_BYTES = 4 << 20
_TYPES = ("application/json", "application/vnd.elasticsearch+json")


@dataclass(frozen=True, slots=True)
class Slice:
    """One of `of` parts of what stands at a point in time.

    https://www.elastic.co/docs/reference/elasticsearch/rest-apis/paginate-search-results#slice-scroll
    """

    pit: str
    number: int = 0
    of: int = 1


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


def open_at_one_time(client: Elasticsearch, index: str) -> str:
    """Return the id of a point in time of `index`, all of it; `client` is a `text_client`."""
    opened = client.open_point_in_time(index=index, keep_alive=KEEP_ALIVE, allow_partial_search_results=False)
    return str(orjson.loads(opened.body)["id"])


def close(client: Elasticsearch, pit: str) -> None:
    """Let a point in time go; one that went by itself is none to speak of."""
    client.options(ignore_status=404).close_point_in_time(id=pit)


def read_all(client: Elasticsearch, index: str, where: dict[str, Any] | None = None) -> Iterator[StoredDocument]:
    """Yield the documents of `index` at one point in time, as a `text_client` gives them."""
    for page in pages_of(client, index, where):
        for doc_id, source in page:
            yield StoredDocument(json.loads(doc_id), source.decode())


def pages_of(client: Elasticsearch, index: str, where: dict[str, Any] | None = None) -> Iterator[list[Pair]]:
    """Yield the documents of `index` at one point in time, a page at a time."""
    pit = open_at_one_time(client, index)
    try:
        yield from pages(client, index, Slice(pit), where)
    finally:
        close(client, pit)


def pages(client: Elasticsearch, index: str, part: Slice, where: dict[str, Any] | None = None) -> Iterator[list[Pair]]:
    """Yield the documents of a part of a point in time, a page at a time: as many as make about 4 MB.

    No `filter_path` here: with one, Elasticsearch writes each `_source` anew, and numbers lose digits.
    https://www.elastic.co/docs/reference/elasticsearch/rest-apis/paginate-search-results

    Raises:
        ShardsAway: a shard did not answer.
    """
    pit, after, size = part.pit, None, _FIRST_PAGE
    sliced = {"id": part.number, "max": part.of} if part.of > 1 else None
    while True:
        answer: bytes = client.search(
            pit={"id": pit, "keep_alive": KEEP_ALIVE},
            query=where or {"match_all": {}},
            sort=["_shard_doc"],
            search_after=after,
            size=size,
            track_total_hits=False,
            allow_partial_search_results=False,
            slice=sliced,
        ).body
        page = _quick_page(answer) or _careful_page(answer)
        if page.envelope["timed_out"] or page.envelope["_shards"]["failed"]:
            raise ShardsAway(f"Elasticsearch could not read every shard of {index}; run the command again.")
        pit = page.envelope.get("pit_id", pit)
        if page.pairs:
            yield page.pairs
        if len(page.pairs) < size:
            return
        after = page.after
        size = max(1, min(_LARGEST_PAGE, size * _PAGE_BYTES // len(answer)))


@dataclass(frozen=True, slots=True)
class _Page:
    envelope: dict[str, Any]
    pairs: list[Pair]
    after: list[Any] | None


_ANY = json.JSONDecoder()
_HITS = b'"hits":['
_SOURCE = b'"_source":'
_SORT = b',"sort":['
_BETWEEN = re.compile(rb'","_score":null,(?:"_ignored":\["[^"\\]*"(?:,"[^"\\]*")*\],)?')


def _quick_page(answer: bytes) -> _Page | None:
    """Cut an answer into its hits at the marks between them; None if that is not surely right.

    A mark within a _source would leave pieces that are no JSON objects, which the pieces' readers refuse: they are
    looked at here only as far as the marks. So every piece has to be one object, else None.
    """
    head, found, rest = answer.partition(_HITS)
    if not found or not rest.endswith(b"]}}"):
        return None
    try:
        envelope = orjson.loads(head + b'"hits":[]}}')
    except orjson.JSONDecodeError:
        return None
    if rest == b"]}}":
        return _Page(envelope, [], None)
    id_begins = rest.find(b'","_id":"') + len(b'","_id":"')
    mark = b"]}," + rest[:id_begins]  # `]},{"_index":"…","_id":"`
    pieces = rest[id_begins:-4].split(mark)
    pairs: list[Pair] = []
    sort = b""
    for piece in pieces:
        id_ends = piece.find(b'"')
        begins = piece.find(_SOURCE, id_ends)
        ends = piece.rfind(_SORT)
        source = piece[begins + len(_SOURCE) : ends]
        if not _BETWEEN.fullmatch(piece, id_ends, begins) or b"\\" in piece[:id_ends] or not _is_an_object(source):
            return None
        pairs.append((b'"' + piece[:id_ends] + b'"', source))
        sort = piece[ends + len(_SORT) :]
    return _Page(envelope, pairs, orjson.loads(b"[" + sort.rstrip(b"]") + b"]"))


def _is_an_object(source: bytes) -> bool:
    try:
        return type(orjson.loads(source)) is dict
    except orjson.JSONDecodeError:
        pass  # half a surrogate pair, as one document has that a store took: Python's own parser takes it too
    try:
        return type(deeply(_ANY.decode, source.decode())) is dict
    except ValueError:
        return False


def _careful_page(answer: bytes) -> _Page:
    body = {name: raw for name, _, raw in members(answer.decode())}
    envelope: dict[str, Any] = {
        name: json.loads(raw) for name, raw in body.items() if name in {"timed_out", "_shards", "pit_id"}
    }
    hits = list(_hits(body["hits"]))
    pairs = [(hit["_id"].encode(), hit["_source"].encode()) for hit in hits]
    return _Page(envelope, pairs, json.loads(hits[-1]["sort"]) if hits else None)


def _hits(hits: str) -> Iterator[dict[str, str]]:
    raw = next((raw for name, _, raw in members(hits) if name == "hits"), "[]")
    for hit in _each(raw):
        yield {name: text for name, _, text in members(hit)}


def _each(array: str) -> Iterator[str]:
    """Yield the texts of the elements of a JSON array that Elasticsearch wrote."""
    position = 1
    while array[position] != "]":
        _, end = deeply(_ANY.raw_decode, array, position)
        yield array[position:end]
        position = end + (array[end] == ",")
