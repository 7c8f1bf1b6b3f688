"""Elasticsearch states that hold the same documents: other versions, segments, shards, spellings, settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from tvmigrate.contract import new, old
from tvmigrate.migrate.documents import read_all, text_client

from .spelling import parsed, spelled, to_the_nanosecond, with_exponent
from .variation import State, varies

_INDEX = new.INDEX.name


def _again(source: str) -> str:
    return source


def _documents(state: State) -> list[tuple[str, str]]:
    """Return id and `_source`, letter for letter, of every new document."""
    state.clients.elasticsearch.indices.refresh(index=_INDEX)
    with text_client(state.endpoints.elasticsearch) as reader:
        return [(document.id, document.source) for document in read_all(reader, _INDEX)]


def _write(state: State, documents: list[tuple[str, str]]) -> None:
    """Index documents as their text says."""
    left = iter(documents)
    while batch := list(islice(left, 500)):
        lines: list[Any] = []
        for name, source in batch:
            lines += [{"index": {"_id": name}}, source.encode()]
        answer = state.clients.elasticsearch.bulk(index=_INDEX, operations=lines)
        assert not answer["errors"], answer
    state.clients.elasticsearch.indices.refresh(index=_INDEX)


def _respelled(state: State, change: Callable[[str], str]) -> None:
    _write(state, [(name, change(source)) for name, source in _documents(state)])


def _kept(state: State) -> Iterator[str]:
    yield from state.clients.elasticsearch.indices.get(index=new.kept_index(old.INDEX.name, "*"))


@varies("elasticsearch")
def documents_indexed_again(state: State) -> None:
    _respelled(state, _again)


@varies("elasticsearch")
def documents_deleted_and_created_again(state: State) -> None:
    documents = _documents(state)
    for name, _ in documents:
        state.clients.elasticsearch.delete(index=_INDEX, id=name)
    _write(state, documents[::-1])


@varies("elasticsearch")
def one_segment(state: State) -> None:
    state.clients.elasticsearch.indices.forcemerge(index=_INDEX, max_num_segments=1)


@varies("elasticsearch")
def a_segment_for_each_of_many_documents(state: State) -> None:
    for document in _documents(state)[:40]:
        _write(state, [document])


@varies("elasticsearch")
def members_in_another_order_with_blanks_and_escapes(state: State) -> None:
    _respelled(state, lambda source: spelled(parsed(source), backwards=True, blanks=" ", escapes=True))


@varies("elasticsearch")
def numbers_with_an_exponent(state: State) -> None:
    _respelled(state, lambda source: spelled(parsed(source), number=with_exponent))


@varies("elasticsearch")
def instants_to_the_nanosecond(state: State) -> None:
    def longer(source: str) -> str:
        document = parsed(source)
        return spelled(document | {"timestamp": to_the_nanosecond(document["timestamp"])})

    _respelled(state, longer)


@varies("elasticsearch")
def alias_that_says_it_is_the_write_index(state: State) -> None:
    state.clients.elasticsearch.indices.put_alias(index=_INDEX, name=new.ALIAS, is_write_index=True)


@varies("elasticsearch")
def alias_that_says_nothing(state: State) -> None:
    add = {"index": _INDEX, "alias": new.ALIAS}
    state.clients.elasticsearch.indices.update_aliases(actions=[{"remove": add}, {"add": add}])


@varies("elasticsearch")
def index_of_three_shards_compressed_best(state: State) -> None:
    client = state.clients.elasticsearch
    documents = _documents(state)
    alias = client.indices.get_alias(index=_INDEX)[_INDEX]["aliases"]
    replicas = client.indices.get_settings(index=_INDEX)[_INDEX]["settings"]["index"]["number_of_replicas"]
    client.indices.delete(index=_INDEX)
    settings = {"number_of_shards": 3, "number_of_replicas": replicas, "codec": "best_compression"}
    client.indices.create(index=_INDEX, mappings=dict(new.INDEX.mappings), settings=settings, aliases=alias)
    _write(state, documents)


@varies("elasticsearch")
def mapping_that_says_the_defaults(state: State) -> None:
    properties = {
        name: {**body, "store": False, **({"doc_values": True} if body["type"] != "text" else {})}
        for name, body in new.INDEX.mappings["properties"].items()
    }
    state.clients.elasticsearch.indices.put_mapping(index=_INDEX, properties=properties)


@varies("elasticsearch")
def refreshed_at_another_pace(state: State) -> None:
    state.clients.elasticsearch.indices.put_settings(index=_INDEX, settings={"index.refresh_interval": "5s"})


@varies("elasticsearch")
def index_closed_and_opened(state: State) -> None:
    client = state.clients.elasticsearch
    client.indices.close(index=_INDEX)
    client.indices.open(index=_INDEX)
    client.cluster.health(index=_INDEX, wait_for_status="yellow")


@varies("elasticsearch")
def block_set_and_lifted(state: State) -> None:
    indices = state.clients.elasticsearch.indices
    indices.put_settings(index=_INDEX, settings={"index.blocks.write": True})
    indices.put_settings(index=_INDEX, settings={"index.blocks.write": False})


@varies("elasticsearch")
def kept_index_merged(state: State) -> None:
    for index in _kept(state):
        state.clients.elasticsearch.indices.forcemerge(index=index, max_num_segments=1)


@varies("elasticsearch")
def kept_index_deleted(state: State) -> None:
    for index in list(_kept(state)):
        state.clients.elasticsearch.indices.delete(index=index)
