"""Following `next` from the first page gives every item once, in order, and ends."""

from __future__ import annotations

import httpx
import pytest

from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2
from tests.app.api.data import LAN, comment

MANY = 10_050  # past index.max_result_window
DEEP = "deep/paging"


async def walk(api: httpx.AsyncClient, path: str, **query: object) -> tuple[list, int]:
    """Return all items from the first page on, and how many pages they were."""
    answer = await api.get(path, params=query)
    items, pages = [], 0
    while True:
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= int(query["limit"])
        items += page["items"]
        pages += 1
        if page["next"] is None:
            return items, pages
        answer = await api.get(page["next"])


@pytest.mark.parametrize(
    ("path", "query", "pages"),
    [
        ("/v2/trends", {"time_range": "15min", "limit": 10}, 3),
        ("/v2/trends", {"time_range": "15min", "limit": 25}, 1),
        ("/v2/events", {"program_id": LAN, "date": "2025-11-20", "limit": 7}, 4),
        ("/v2/events", {"program_id": LAN, "date": "2025-11-20", "limit": 7, "event_type": "metric"}, 4),
        ("/v2/events/dates", {"program_id": LAN, "limit": 1}, 2),
        ("/v2/eaos/history", {"program_id": LAN, "limit": 2}, 3),
        ("/v2/eaos/history", {"program_id": LAN, "limit": 2, "start": "2025-11-20T19:01:00+07:00"}, 2),
        ("/v2/topics", {"program_id": LAN, "limit": 1}, 3),
        ("/v2/anomalies", {"limit": 2}, 3),
        ("/v2/programs", {"limit": 1}, 2),
        ("/v2/comments", {"program_id": LAN, "limit": 8}, 4),
        ("/v2/comments", {"program_id": LAN, "limit": 8, "offset": 0}, 4),
        ("/v2/comments", {"query": "great", "limit": 5, "sort": "newest"}, 4),
    ],
    ids=str,
)
async def test_pages_are_the_whole_in_its_order(api, path, query, pages):
    whole = (await api.get(path, params=query | {"limit": 1000})).json()
    assert whole["next"] is None
    assert await walk(api, path, **query) == (whole["items"], pages)


async def test_a_page_may_begin_anywhere(api):
    query = {"time_range": "15min", "limit": 3}
    topics = (await api.get("/v2/trends", params=query | {"offset": 20})).json()["items"]
    assert [trend["topic"] for trend in topics] == ["topic_20", "topic_21", "topic_22"]
    assert (await api.get("/v2/trends", params=query | {"offset": 25})).json() == {"items": [], "next": None}


async def test_comments_are_paged_deeper_than_elasticsearch_counts(api, urls):
    async with ElasticsearchClientV2(urls.elasticsearch) as client:
        texts = {"text": "x", "topics": []}
        await client.bulk_index((comment(number, DEEP, **texts) for number in range(MANY)), refresh=True)
    found, pages = await walk(api, "/v2/comments", program_id=DEEP, sort="oldest", limit=1000)
    assert [one["comment_id"] for one in found] == [f"{DEEP}/{number:06}" for number in range(MANY)]
    assert pages == 11


@pytest.mark.parametrize("sort", ["relevance", "newest", "oldest"])
async def test_a_cursor_is_taken_back_by_its_own_search_alone(api, sort):
    query = {"program_id": LAN, "limit": 5, "sort": sort}
    following = httpx.URL((await api.get("/v2/comments", params=query)).json()["next"])
    cursor = following.params["cursor"]
    for other in ({"program_id": "other"}, {"sort": "newest" if sort == "oldest" else "oldest"}, {"topic": "show"}):
        answer = await api.get("/v2/comments", params=query | other | {"cursor": cursor})
        assert answer.status_code == 422, answer.text
        assert answer.json()["detail"] == (
            "cursor belongs to a search with other filters or another sort. Take it from `next` of the page before, "
            "with the same parameters, or leave it off to begin anew."
        )
    longer = await api.get("/v2/comments", params=query | {"limit": 6, "cursor": cursor})
    assert len(longer.json()["items"]) == 6, "the length of a page is no part of the search"


@pytest.mark.parametrize("cursor", ["", "x", "!", "bm9uZQ", "e30", "eyJzIjogMX0", "W10", "é", "\x00"])
async def test_a_cursor_that_is_none_is_refused(api, cursor):
    answer = await api.get("/v2/comments", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:tv-analytics:problem:bad-cursor")
    assert answer.json()["detail"].startswith("cursor is not one that this API gave.")


async def test_offset_says_where_it_ends_and_what_goes_on(api):
    answer = await api.get("/v2/comments", params={"offset": 8001})
    assert answer.json()["detail"] == (
        "offset is 8001, and by offset a search reaches 8000 comments deep: begin without one and follow `next`, which "
        "reaches any depth."
    )
    both = await api.get("/v2/comments", params={"offset": 1, "cursor": "x"})
    assert both.json()["detail"] == "cursor and offset both say where the page begins: give one of them."
