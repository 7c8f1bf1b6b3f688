"""Read what stands behind the name `tv_comments`: which indices, and their documents in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from elasticsearch import Elasticsearch, TransportError

from tvmigrate.contract import new
from tvmigrate.engines.clients import CONNECT_SECONDS
from tvmigrate.verify.elasticsearch_whole import AnswerCut, require_as_many, require_whole

PAGE = 1000
KEEP_ALIVE = "5m"
_LEAST_PAGE, _LARGEST_PAGE = 10, 5000  # Elasticsearch gives no more than 10,000
_PAGE_CHARACTERS = 4 << 20
_SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Target:
    """What a name stands for: whether it is an alias, and the indices behind it, each with its alias' settings."""

    is_alias: bool
    indices: Mapping[str, Mapping[str, Any]]


def target(client: Elasticsearch, name: str = new.ALIAS) -> Target:
    """Return what `name` stands for; no index at all where there is none."""
    if client.indices.exists_alias(name=name):
        found = client.indices.get_alias(name=name)
        return Target(True, {index: body["aliases"].get(name, {}) for index, body in sorted(found.body.items())})
    return Target(False, {name: {}} if client.indices.exists(index=name) else {})


def blocks_of(client: Elasticsearch, index: str) -> list[str]:
    """Return the descriptions of the blocks on `index`, also where they keep its settings from being read."""
    blocks = client.cluster.state(metric="blocks", index=index, ignore_unavailable=True)["blocks"]
    return sorted(block["description"] for block in blocks.get("indices", {}).get(index, {}).values())


def settings_of(client: Elasticsearch, index: str) -> dict[str, Any]:
    """Return the settings of one index under flat names (`index.number_of_replicas`)."""
    settings: dict[str, Any] = client.indices.get_settings(index=index, flat_settings=True)[index]["settings"]
    return settings


def mappings_of(client: Elasticsearch, index: str) -> dict[str, Any]:
    """Return the mappings of one index."""
    mappings: dict[str, Any] = client.indices.get_mapping(index=index)[index]["mappings"]
    return mappings


def scan(client: Elasticsearch, name: str, fields: Sequence[str] | None = None) -> Iterator[Mapping[str, Any]]:
    """Yield every hit behind `name` once, from one point in time, in no stated order; of `fields` alone, if given.

    Raises AnswerCut at the latest after the last one.
    """
    if fields is not None and not _keeps_sources(client, name):
        fields = None  # a search for some of them would be refused; there is nothing to cut down either
    with point_in_time(client, name) as pit:
        yield from hits_of(client, name, pit, fields=fields)


@contextmanager
def point_in_time(client: Elasticsearch, name: str) -> Iterator[str]:
    """Open a point in time of what stands behind `name`, for `with`; raises AnswerCut."""
    opened = client.open_point_in_time(index=name, keep_alive=KEEP_ALIVE, allow_partial_search_results=False)
    pit = str(opened["id"])
    try:
        require_whole(opened.body, _reading(name))
        yield pit
    finally:
        with suppress(TransportError):  # it goes by itself; whoever fails above has said why
            client.options(request_timeout=CONNECT_SECONDS).close_point_in_time(id=pit)


def hits_of(
    client: Elasticsearch,
    name: str,
    pit: str,
    part: Mapping[str, int] | None = None,
    fields: Sequence[str] | None = None,
) -> Iterator[Mapping[str, Any]]:
    """Yield the hits at a point in time of `name`, or of a `part` of it: a slice's `id` of `max`.

    https://www.elastic.co/docs/reference/elasticsearch/rest-apis/paginate-search-results

    Raises:
        AnswerCut: a shard did not answer, or fewer hits came than there are.
    """
    after, found, total, size = None, 0, 0, PAGE
    while True:
        answer = client.search(
            pit={"id": pit, "keep_alive": KEEP_ALIVE},
            slice=part,
            size=size,
            sort=[{"_shard_doc": "asc"}],
            source_includes=fields,
            search_after=after,
            track_total_hits=after is None,
            allow_partial_search_results=False,
        )
        require_whole(answer.body, _reading(name))
        pit = answer.get("pit_id", pit)
        hits = answer["hits"]["hits"]
        if after is None:
            total = answer["hits"]["total"]["value"]
        found += len(hits)
        yield from hits
        if len(hits) < size:
            require_as_many(found, total, _reading(name))
            return
        after = hits[-1]["sort"]
        size = _next_size(hits)


def _next_size(hits: Sequence[Mapping[str, Any]]) -> int:
    """Return how many hits are a page of some 4 MB, as far as the longest values of some of the last page tell."""
    some = hits[:: max(1, len(hits) // _SAMPLE)]
    longest = max(sum(len(str(value)) for value in hit.get("_source", {}).values()) for hit in some)
    return max(_LEAST_PAGE, min(_LARGEST_PAGE, _PAGE_CHARACTERS // (longest + 1)))


def _reading(name: str) -> str:
    return f"The reading of {name}"


def _keeps_sources(client: Elasticsearch, name: str) -> bool:
    mappings = client.indices.get_mapping(index=name).body.values()
    return all(one["mappings"].get("_source", {}).get("enabled", True) for one in mappings)


def by_ids(client: Elasticsearch, name: str, ids: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the hits of the documents named in `ids`, as a search sees them; of several indices each.

    Raises:
        AnswerCut: a shard did not answer, or more hits are there than one page holds.
    """
    while batch := list(islice(ids, PAGE // 2)):
        answer = client.search(
            index=name, query={"ids": {"values": batch}}, size=PAGE, track_total_hits=True,
            allow_partial_search_results=False,
        )  # fmt: skip
        what = f"A search for {len(batch)} documents of {name}"
        require_whole(answer.body, what)
        hits = answer["hits"]["hits"]
        require_as_many(len(hits), answer["hits"]["total"]["value"], what)
        yield from hits


def stored(client: Elasticsearch, index: str, ids: Sequence[str]) -> set[str]:
    """Return which of `ids` the index holds, whether or not a search sees them yet; raises AnswerCut."""
    answer = client.mget(index=index, ids=list(ids), source=False)
    failed = [document for document in answer["docs"] if "error" in document]
    if failed:
        raise AnswerCut(f"{len(failed)} documents of {index} could not be read: {str(failed[0]['error'])[:300]}.")
    require_as_many(len(answer["docs"]), len(ids), f"A reading of {len(ids)} documents of {index}")
    return {document["_id"] for document in answer["docs"] if document.get("found")}
