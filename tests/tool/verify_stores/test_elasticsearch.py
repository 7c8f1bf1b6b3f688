"""Every way in which the new index or a document can be wrong is found by rule, document and field."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Rule
from tvmigrate.verify import elasticsearch as checks
from tvmigrate.verify import elasticsearch_indexed
from tvmigrate.verify.findings import State

from .conftest import World
from .looking import facts, failed, found, only

INDEX = new.INDEX.name


def _client(world: World) -> Elasticsearch:
    return world.state.clients.elasticsearch


@contextmanager
def document(world: World, name: str, source: dict[str, Any] | None, **changed: Any) -> Iterator[None]:
    """Have one document changed (`changed` over what it is), replaced by `source`, or removed; then as it was."""
    es = _client(world)
    there = {doc.id: doc.source for doc in world.state.documents()}.get(name)
    try:
        if changed:
            es.index(index=INDEX, id=name, document={**(there or {}), **changed}, refresh=True)
        elif source is not None:
            es.index(index=INDEX, id=name, document=source, refresh=True)
        else:
            es.delete(index=INDEX, id=name, refresh=True)
        yield
    finally:
        if there is None:
            es.delete(index=INDEX, id=name, refresh=True)
        else:
            es.index(index=INDEX, id=name, document=dict(there), refresh=True)


@pytest.fixture
def alias_put_back(world: World) -> Iterator[None]:
    yield
    world.state.restore_alias()


def test_a_dropped_document_is_missing_and_has_no_fate(world: World) -> None:
    with document(world, "es-tags", None):
        results = world.judge("elasticsearch.comments")
    finding = only(results, "elasticsearch.comments")
    assert (finding.rule, *facts(finding)[:2]) == (Rule.ELASTICSEARCH_COMMENTS, "missing", "es-tags")
    assert failed(results) == {"elasticsearch.comments"}
    assert [lost.old for lost in world.book.lost(Rule.ELASTICSEARCH_COMMENTS)] == ["es-tags"]


def test_a_document_that_never_was_is_extra(world: World) -> None:
    source = next(iter(world.state.documents())).source
    with document(world, "nobody", dict(source)):
        finding = only(world.judge("elasticsearch.comments"), "elasticsearch.comments")
    assert facts(finding)[:2] == ("extra", "nobody")


def test_a_quarantined_document_that_is_there_all_the_same_is_extra(world: World) -> None:
    source = next(iter(world.state.documents())).source
    with document(world, "esq-two-texts", {**source, "comment_id": "esq-two-texts"}):
        finding = only(world.judge("elasticsearch.comments"), "elasticsearch.comments")
    assert (*facts(finding)[:2], finding.old) == ("extra", "esq-two-texts", "esq-two-texts")
    assert "conflicting-fields" in finding.note


@pytest.mark.parametrize(
    ("name", "field", "expected", "actual"),
    [
        ("es-tags", "text", "Hay quá, nghe nổi da gà 🔥", "Hay quá, nghe nổi da gà"),
        ("es-tags", "topics", ["show", "giọng hát", "show"], ["show", "show", "giọng hát"]),
        ("es-topics-comma", "topics", ["trang phục"], "trang phục"),
        ("es-program-id", "program_id", "the_voice/current:x", "current:x"),
        ("es-program-id", "comment_id", "es-program-id", "es-program"),
        ("es-user-absent", "username", "", "anonymous"),
        ("es-label-nfd", "sentiment", "positive", "neutral"),
        ("es-score-short", "sentiment_score", 0.1, 0.10000000149011612),
        ("es-engagement-text", "engagement_score", 12.5, "12.5"),
        ("es-engagement-absent", "engagement_score", 0, 1),
        ("es-ts-milliseconds", "timestamp", "2025-11-20T06:05:00.123Z", "2025-11-20T06:05:00Z"),
        ("es-time-nanoseconds", "timestamp", "2025-11-20T06:05:00.123456789Z", "2025-11-20T06:05:00.123Z"),
        ("es-time-no-offset", "timestamp", "2025-11-20T06:05:00Z", "2025-11-20T06:05:00"),
        ("es-ts-zero", "timestamp", "1970-01-01T00:00:00Z", 0),
    ],
)
def test_one_changed_field_is_found_by_document_and_field(
    world: World, name: str, field: str, expected: object, actual: object
) -> None:
    with document(world, name, None, **{field: actual}):
        results = world.judge("elasticsearch.comments")
    finding = only(results, "elasticsearch.comments")
    assert facts(finding) == ("changed", name, field, expected, actual)
    assert failed(results) == {"elasticsearch.comments"}


def test_a_field_that_is_gone_is_found(world: World) -> None:
    (right,) = [doc.source for doc in world.state.documents() if doc.id == "es-tags"]
    with document(world, "es-tags", {name: value for name, value in right.items() if name != "username"}):
        results = world.judge("elasticsearch.comments")
    assert facts(only(results, "elasticsearch.comments")) == ("missing", "es-tags", "username", "lan.nguyen", None)
    assert failed(results) == {"elasticsearch.comments"}  # the index finds what is stored, and blames nothing


@pytest.mark.parametrize(
    ("topics", "direction"),
    [(["show", "giọng hát"], "missing"), (["show", "giọng hát", "show", ""], "extra"), (["show"] * 3, "changed")],
)
def test_a_list_with_items_too_few_or_too_many_is_told_from_another_list(
    world: World, topics: list[str], direction: str
) -> None:
    with document(world, "es-tags", None, topics=topics):
        finding = only(world.judge("elasticsearch.comments"), "elasticsearch.comments")
    assert facts(finding) == (direction, "es-tags", "topics", ["show", "giọng hát", "show"], topics)


def test_a_document_under_another_id_is_one_finding_and_has_no_fate(world: World) -> None:
    (right,) = [doc.source for doc in world.state.documents() if doc.id == "es-tags"]
    with document(world, "es-tags", None), document(world, "made-up", dict(right)):
        finding = only(world.judge("elasticsearch.comments"), "elasticsearch.comments")
    assert (finding.old, *facts(finding)) == ("es-tags", "changed", "made-up", "_id", "es-tags", "made-up")
    assert [lost.old for lost in world.book.lost(Rule.ELASTICSEARCH_COMMENTS)] == ["es-tags"]


def test_a_second_copy_of_a_document_is_extra_under_its_id(world: World) -> None:
    (right,) = [doc.source for doc in world.state.documents() if doc.id == "es-tags"]
    with document(world, "made-up", dict(right)):
        finding = only(world.judge("elasticsearch.comments"), "elasticsearch.comments")
    assert (finding.old, *facts(finding)[:3]) == ("es-tags", "extra", "made-up", "_id")


def test_the_same_instant_and_number_written_otherwise_are_no_difference(world: World) -> None:
    with document(world, "es-ts-seconds", None, timestamp="2025-11-20T13:05:00.000+07:00", sentiment_score=0.50):
        assert failed(world.judge("elasticsearch.comments")) == set()
    with document(world, "es-score-whole", None, sentiment_score=1.0, engagement_score=1.5):
        assert failed(world.judge("elasticsearch.comments")) == set()


def test_a_document_that_no_search_finds_is_found_to_be_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "REFRESH_PATIENCE_S", 0.5)
    es = _client(world)
    (right,) = [doc.source for doc in world.state.documents() if doc.id == "es-tags"]
    es.delete(index=INDEX, id="es-tags", refresh=True)
    es.indices.put_settings(index=INDEX, settings={"index.refresh_interval": "-1"})
    try:
        es.index(index=INDEX, id="es-tags", document=dict(right), refresh=False)
        results = world.judge("elasticsearch.comments")
    finally:
        es.indices.put_settings(index=INDEX, settings={"index.refresh_interval": None})
        es.indices.refresh(index=INDEX)
    finding = only(results, "elasticsearch.indexed")
    assert facts(finding)[:2] == ("missing", "es-tags")
    assert "stored but no search finds it" in finding.note


def test_a_document_that_a_refresh_shows_in_time_is_no_difference(world: World) -> None:
    es = _client(world)
    (right,) = [doc.source for doc in world.state.documents() if doc.id == "es-tags"]
    es.delete(index=INDEX, id="es-tags", refresh=True)
    es.index(index=INDEX, id="es-tags", document=dict(right), refresh=False)
    assert failed(world.judge("elasticsearch.comments")) == set()


def test_a_field_that_is_stored_but_not_indexed_is_found(world: World, alias_put_back: None) -> None:
    mappings = {**new.INDEX.mappings, "properties": {**new.INDEX.mappings["properties"]}}
    mappings["properties"]["sentiment"] = {"type": "keyword", "index": False, "doc_values": False}
    world.state.index("other", mappings)
    _point_alias(world, "other")
    results = world.judge("elasticsearch")
    fields = {finding.field for finding in found(results, "elasticsearch.indexed")}
    assert fields == {"sentiment"}
    assert "is refused" in found(results, "elasticsearch.indexed")[-1].note
    assert facts(only(results, "elasticsearch.mapping"))[1:3] == ("other", "sentiment")
    assert failed(results) == {"elasticsearch.indexed", "elasticsearch.mapping", "elasticsearch.alias"}


def test_an_index_that_finds_what_it_should_is_asked_for_no_count_by_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elasticsearch_indexed, "count", None)
    assert world.judge("elasticsearch.indexed")["elasticsearch.indexed"].state is State.PASS


def _point_alias(world: World, *indices: str, **body: Any) -> None:
    es = _client(world)
    es.indices.delete_alias(index="*", name=new.ALIAS)
    for index in indices:
        es.indices.put_alias(index=index, name=new.ALIAS, **body)


def test_a_dynamic_mapping_a_sub_field_and_a_field_too_many_are_named(world: World, alias_put_back: None) -> None:
    properties = {**new.INDEX.mappings["properties"]}
    properties["text"] = {"type": "text", "fields": {"keyword": {"type": "keyword"}}}
    properties["username"] = {"type": "text"}
    properties["lang"] = {"type": "keyword"}
    world.state.index("other", {"dynamic": "true", "properties": properties})
    _point_alias(world, "other")
    findings = found(world.judge("elasticsearch.mapping"), "elasticsearch.mapping")
    assert {(finding.field, str(finding.direction)) for finding in findings} == {
        ("dynamic", "schema"),
        ("text", "schema"),
        ("username", "schema"),
        ("lang", "schema"),
    }
    (dynamic,) = [finding for finding in findings if finding.field == "dynamic"]
    assert (dynamic.expected, dynamic.actual) == ("strict", "true")


def test_an_alias_on_two_indices_is_found_and_so_are_the_doubled_documents(world: World, alias_put_back: None) -> None:
    world.state.index("other")
    _point_alias(world, INDEX, "other")
    results = world.judge("elasticsearch")
    assert facts(only(results, "elasticsearch.alias"))[2:] == ("alias", [INDEX], ["other", INDEX])
    assert results["elasticsearch.comments"].findings_total == sum(1 for _ in world.state.documents())
    assert failed(results) == {"elasticsearch.alias", "elasticsearch.comments"}


def test_an_alias_on_an_index_of_another_name_is_found(world: World, alias_put_back: None) -> None:
    world.state.index("other")
    _point_alias(world, "other")
    assert failed(world.judge("elasticsearch")) == {"elasticsearch.alias"}


def test_an_index_instead_of_an_alias_is_found(world: World, alias_put_back: None) -> None:
    _client(world).indices.delete_alias(index="*", name=new.ALIAS)
    world.state.index(new.ALIAS)
    results = world.judge("elasticsearch")
    assert only(results, "elasticsearch.alias").actual == "an index"
    assert failed(results) == {"elasticsearch.alias"}


def test_an_alias_that_shows_a_part_only_is_found(world: World, alias_put_back: None) -> None:
    _point_alias(world, INDEX, filter={"term": {"sentiment": "positive"}})
    results = world.judge("elasticsearch")
    assert only(results, "elasticsearch.alias").field == "filter"
    assert failed(results) == {"elasticsearch.alias", "elasticsearch.comments"}
    assert "the alias tv_comments hides it" in found(results, "elasticsearch.comments")[0].note


def test_texts_that_the_index_does_not_keep_are_missing_from_each_document(world: World, alias_put_back: None) -> None:
    world.state.index("other", {**new.INDEX.mappings, "_source": {"enabled": False}})
    _point_alias(world, "other")
    results = world.judge("elasticsearch", "cross.values")
    assert facts(only(results, "elasticsearch.mapping"))[1:3] == ("other", "_source")
    assert {str(finding.direction) for finding in found(results, "elasticsearch.comments")} == {"missing"}
    assert {name: result.error for name, result in results.items() if result.error} == {}


def test_nothing_behind_the_name_is_missing_in_every_check(world: World, alias_put_back: None) -> None:
    _client(world).indices.delete_alias(index="*", name=new.ALIAS)
    results = world.judge("elasticsearch")
    for what in ("alias", "mapping", "settings", "comments", "indexed"):
        assert only(results, f"elasticsearch.{what}").direction == "missing"
    assert [line.balanced for line in world.book.lines()] == [False]


@pytest.mark.parametrize("block", ["write", "read_only", "metadata"])
def test_a_block_left_on_the_index_is_found(world: World, block: str) -> None:
    name = f"index.blocks.{block}"
    _client(world).indices.put_settings(index=INDEX, settings={name: True})
    try:
        results = world.judge("elasticsearch.settings")
    finally:
        _client(world).indices.put_settings(index=INDEX, settings={name: None})
    assert facts(only(results, "elasticsearch.settings"))[:3] == ("schema", INDEX, name)


def test_another_number_of_replicas_than_before_is_found(world: World) -> None:
    _client(world).indices.put_settings(index=INDEX, settings={"index.number_of_replicas": 1})
    try:
        results = world.judge("elasticsearch.settings")
    finally:
        _client(world).indices.put_settings(index=INDEX, settings={"index.number_of_replicas": 0})
    finding = only(results, "elasticsearch.settings")
    assert facts(finding) == ("schema", INDEX, "index.number_of_replicas", "0", "1")


def test_a_kept_copy_that_takes_writes_or_lost_a_document_is_found(world: World) -> None:
    es, kept = _client(world), new.kept_index("tv_comments", "r1")
    es.indices.put_settings(index=kept, settings={"index.blocks.write": None})
    before = es.get(index=kept, id="es-tags")["_source"]
    try:
        es.delete(index=kept, id="es-tags", refresh=True)
        es.index(index=kept, id="stray", document={"text": "x"}, refresh=True)
        results = world.judge("elasticsearch.old-index")
    finally:
        es.delete(index=kept, id="stray", refresh=True)
        es.index(index=kept, id="es-tags", document=before, refresh=True)
        es.indices.put_settings(index=kept, settings={"index.blocks.write": True})
    assert [facts(finding)[:3] for finding in found(results, "elasticsearch.old-index")] == [
        ("schema", kept, "index.blocks.write"),
        ("missing", f"{kept} es-tags", None),
        ("extra", f"{kept} stray", None),
    ]


def test_a_lost_archive_row_is_found(world: World) -> None:
    world.state.table(new.ARCHIVE, where="record_key != 'es-extra'")
    try:
        results = world.judge("elasticsearch.archive", "expected.archive")
    finally:
        world.state.table(new.ARCHIVE)
    for check in ("elasticsearch.archive", "expected.archive"):
        finding = only(results, check)
        assert (finding.direction, finding.old) == ("missing", "es-extra")


def test_every_document_has_a_fate(world: World) -> None:
    world.judge("elasticsearch")
    (line,) = world.book.lines()
    assert line.balanced
    assert (line.old, line.filled > 0, line.quarantined > 40) == (3152, True, True)


def test_a_replica_count_that_nobody_knows_is_not_judged(world: World) -> None:
    reference = world.context.reference
    unknown = replace(reference, baseline=replace(reference.baseline, indices={}))
    assert failed(world.judge("elasticsearch.settings", reference=unknown)) == set()
