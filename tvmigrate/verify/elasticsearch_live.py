"""Read what stands behind the name `tv_comments`: which indices, and their documents in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from elasticsearch import Elasticsearch, TransportError

from tvmigrate.contract import new
from tvmigrate.engines.clients import CONNECT_SECONDS
from tvmigrate.verify.elasticsearch_whole import AnswerCut, require_as_many, require_whole

PAGE = 1000
KEEP_ALIVE = "5m"


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

    https://www.elastic.co/docs/reference/elasticsearch/rest-apis/paginate-search-results
    """
    what = f"The reading of {name}"
    if fields is not None and not _keeps_sources(client, name):
        fields = None  # a search for some of them would be refused; there is nothing to cut down either
    opened = client.open_point_in_time(index=name, keep_alive=KEEP_ALIVE, allow_partial_search_results=False)
    require_whole(opened.body, what)
    pit, after, found, total = str(opened["id"]), None, 0, 0
    try:
        while True:
            answer = client.search(
                pit={"id": pit, "keep_alive": KEEP_ALIVE},
                size=PAGE,
                sort=[{"_shard_doc": "asc"}],
                source_includes=fields,
                search_after=after,
                track_total_hits=after is None,
                allow_partial_search_results=False,
            )
            require_whole(answer.body, what)
            pit = answer.get("pit_id", pit)
            hits = answer["hits"]["hits"]
            if after is None:
                total = answer["hits"]["total"]["value"]
            found += len(hits)
            yield from hits
            if len(hits) < PAGE:
                require_as_many(found, total, what)
                return
            after = hits[-1]["sort"]
    finally:
        with suppress(TransportError):  # it goes by itself; whoever fails above has said why
            client.options(request_timeout=CONNECT_SECONDS).close_point_in_time(id=pit)


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
