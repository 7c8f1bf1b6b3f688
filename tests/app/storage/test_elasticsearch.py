"""The Elasticsearch client: filters, orders, pages, refused documents, and no index but the contract's."""

from __future__ import annotations

import datetime as dt

import pytest

from src.errors import InvalidValue, StoreRefused, UnreadableRecord
from tvmigrate.contract import new

AT = dt.datetime(2025, 11, 20, 6, 5, tzinfo=dt.UTC)
TEXTS = ["Great show", "A great, great, great night", "Boring", "Great voice, boring show", "Tuyệt vời"]
SENTIMENTS = ["positive", "positive", "negative", "neutral", "positive"]


def comment(number: int, **fields) -> dict:
    return {
        "comment_id": f"c{number}",
        "program_id": "p",
        "text": TEXTS[number % 5],
        "username": "u",
        "timestamp": AT + dt.timedelta(seconds=number),
        "sentiment": SENTIMENTS[number % 5],
        "sentiment_score": 0.5,
        "engagement_score": 1,
        "topics": [f"t{number % 2}", "show"],
        **fields,
    }


@pytest.fixture
async def filled(elasticsearch_v2):
    """Five comments of p, a second apart, and one of q."""
    comments = [*map(comment, range(5)), comment(9, program_id="q")]
    assert await elasticsearch_v2.bulk_index(comments, refresh=True) == 6
    return elasticsearch_v2


def ids(found) -> list[str]:
    return [one["comment_id"] for one in found]


FILTERS = [
    ({}, ["c0", "c1", "c2", "c3", "c4", "c9"]),
    ({"program_id": "p"}, ["c0", "c1", "c2", "c3", "c4"]),
    ({"program_id": "p", "query": "GREAT"}, ["c0", "c1", "c3"]),
    ({"query": "tuyệt"}, ["c4", "c9"]),
    ({"query": "boring night"}, ["c1", "c2", "c3"]),
    ({"program_id": "p", "sentiment": "positive"}, ["c0", "c1", "c4"]),
    ({"program_id": "p", "topic": "t1"}, ["c1", "c3"]),
    ({"start": AT + dt.timedelta(seconds=1), "end": AT + dt.timedelta(seconds=3)}, ["c1", "c2", "c3"]),
    ({"program_id": "p", "query": "great", "sentiment": "positive", "topic": "t0"}, ["c0"]),
    ({"program_id": "absent"}, []),
]


async def test_filters(filled):
    for filters, expected in FILTERS:
        assert (filters, ids(await filled.search_comments(**filters, sort="oldest"))) == (filters, expected)
        assert (filters, await filled.count_comments(**filters)) == (filters, len(expected))


async def test_orders(filled):
    assert ids(await filled.search_comments("p", sort="newest")) == ["c4", "c3", "c2", "c1", "c0"]
    by_relevance = await filled.search_comments("p", "great")
    assert ids(by_relevance)[0] == "c1"
    scores = [one["score"] for one in by_relevance]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0
    assert [one["score"] for one in await filled.search_comments("p", "great", sort="newest")] != [0.0] * 3
    assert ids(await filled.search_comments("p")) == ["c4", "c3", "c2", "c1", "c0"]  # without words: newest first


async def test_pages_by_offset(filled):
    assert ids(await filled.search_comments("p", size=2, offset=1, sort="oldest")) == ["c1", "c2"]
    assert ids(await filled.search_comments("p", size=9_999, offset=1, sort="oldest")) == ["c1", "c2", "c3", "c4"]
    with pytest.raises(InvalidValue) as raised:
        await filled.search_comments("p", size=10_000, offset=1)
    assert str(raised.value) == (
        "size 10000 and offset 1 reach beyond the first 10000 comments: page with search_page() and the next_after "
        "that it returns."
    )


@pytest.mark.parametrize("sort", ["relevance", "newest", "oldest"])
async def test_pages_one_after_the_other_are_the_whole(elasticsearch_v2, sort):
    await elasticsearch_v2.bulk_index([comment(n, timestamp=AT) for n in range(12)], refresh=True)
    whole = await elasticsearch_v2.search_comments("p", "great boring", size=100, sort=sort)
    assert len(whole) == 10
    for size in (1, 2, 3, 5, 9, 10, 40):
        found, after = [], None
        while True:
            page, after = await elasticsearch_v2.search_page("p", "great boring", size=size, sort=sort, after=after)
            assert 0 < len(page) <= size
            found += page
            if after is None:
                break
        assert (size, found) == (size, whole)


async def test_an_after_of_another_order_is_refused(filled):
    _, after = await filled.search_page("p", size=1, sort="newest")
    with pytest.raises(
        InvalidValue, match=r"^after is of a page sorted by 'newest': expected is .* sorted by oldest\.$"
    ):
        await filled.search_page("p", sort="oldest", after=after)
    for wrong in ("", "x", "e30", "bnVsbA", "WyJuZXdlc3QiXQ", 7):
        with pytest.raises(InvalidValue, match=r"^after is "):
            await filled.search_page("p", sort="newest", after=wrong)


async def test_more_than_the_first_ten_thousand_are_paged(elasticsearch_v2, raw_elasticsearch):
    operations = []
    for n in range(10_050):
        source = comment(n, timestamp=(AT + dt.timedelta(seconds=n)).isoformat())
        operations += [{"index": {"_id": f"c{n}"}}, source]
    raw_elasticsearch.bulk(index=new.ALIAS, operations=operations, refresh=True)
    first, after = await elasticsearch_v2.search_page("p", size=10_000)
    second, last = await elasticsearch_v2.search_page("p", size=10_000, after=after)
    assert (len(first), len(second), last) == (10_000, 50, None)
    assert len({*ids(first), *ids(second)}) == 10_050
    assert await elasticsearch_v2.count_comments("p") == 10_050


async def test_a_comment_is_found_at_once_and_replaced_by_its_id(elasticsearch_v2):
    assert await elasticsearch_v2.get_comment("c0") is None
    for text in ("one", "two"):
        await elasticsearch_v2.index_comment(**comment(0, text=text))
        assert [one["text"] for one in await elasticsearch_v2.search_comments("p", text)] == [text]
    assert await elasticsearch_v2.count_comments() == 1
    assert (await elasticsearch_v2.get_comment("c0"))["text"] == "two"


async def test_refused_documents_are_named_with_their_reasons(elasticsearch_v2, raw_elasticsearch):
    raw_elasticsearch.indices.delete(index=new.INDEX.name)
    narrow = {**new.INDEX.mappings["properties"], "username": {"type": "long"}}
    raw_elasticsearch.indices.create(
        index=new.INDEX.name, mappings={"dynamic": "strict", "properties": narrow}, aliases={new.ALIAS: {}}
    )
    with pytest.raises(StoreRefused) as raised:
        await elasticsearch_v2.bulk_index(
            [comment(0, username="1"), comment(1), comment(2, username="2")], refresh=True
        )
    told = str(raised.value)
    assert " refused: 1 documents (2 others are written), c1: document_parsing_exception: " in told
    assert await elasticsearch_v2.count_comments() == 2


async def test_a_comment_that_cannot_be_stored_is_named_by_its_position(elasticsearch_v2):
    with pytest.raises(InvalidValue) as raised:
        await elasticsearch_v2.bulk_index([comment(0), comment(1, topics="show")])
    assert raised.value.field == "topics"
    assert str(raised.value) == (
        "The comment at position 1 (from 0) cannot be written; the first 0 are. topics is 'show': expected is a list "
        "of topics."
    )
    assert await elasticsearch_v2.count_comments() == 0


async def test_a_missing_index_is_not_made_but_said(elasticsearch_v2, raw_elasticsearch, app_urls):
    raw_elasticsearch.indices.delete(index=new.INDEX.name)
    asked = [
        elasticsearch_v2.index_comment(**comment(0)),
        elasticsearch_v2.bulk_index([comment(0)]),
        elasticsearch_v2.get_comment("c0"),
        elasticsearch_v2.search_comments(),
        elasticsearch_v2.search_page(),
        elasticsearch_v2.count_comments(),
    ]
    for question in asked:
        with pytest.raises(StoreRefused) as raised:
            await question
        assert raised.value.store == "elasticsearch"
        assert str(raised.value).startswith(f"elasticsearch at {app_urls.elasticsearch} refused: ")
        assert str(raised.value).endswith(
            "To do: run `python scripts/init_databases.py`, which creates the new layout, or names what is in its way."
        )
    assert list(raw_elasticsearch.indices.get(index="*")) == []


async def test_an_index_of_another_shape_is_said_with_what_to_do(elasticsearch_v2, raw_elasticsearch):
    raw_elasticsearch.indices.delete(index=new.INDEX.name)
    raw_elasticsearch.index(index=new.ALIAS, document={"entity": "lan", "timestamp": "x"}, refresh=True)
    with pytest.raises(StoreRefused, match="init_databases"):
        await elasticsearch_v2.search_comments()


async def test_migrated_timestamps_are_read(elasticsearch_v2, raw_elasticsearch):
    for n, text in enumerate(["2025-11-20T06:05:00.123456789Z", "2025-11-20T06:05:00Z", 1763618700123]):
        raw_elasticsearch.index(index=new.ALIAS, id=f"c{n}", document=comment(n, timestamp=text), refresh=True)
    found = await elasticsearch_v2.search_comments(sort="oldest")
    assert {one["comment_id"]: one["timestamp"] for one in found} == {
        "c0": AT.replace(microsecond=123_456),
        "c1": AT,
        "c2": AT.replace(microsecond=123_000),
    }


async def test_a_document_of_another_form_is_named(elasticsearch_v2, raw_elasticsearch, app_urls):
    raw_elasticsearch.index(index=new.ALIAS, id="c0", document={"text": "t"}, refresh=True)
    with pytest.raises(UnreadableRecord) as raised:
        await elasticsearch_v2.get_comment("c0")
    assert str(raised.value) == (
        f"c0 of tv_comments in elasticsearch at {app_urls.elasticsearch} has not the form of the new layout: it has no "
        "comment_id, program_id, username, timestamp, sentiment, sentiment_score, engagement_score, topics."
    )
