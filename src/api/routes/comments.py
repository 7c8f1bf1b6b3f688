"""Comments as Elasticsearch holds them: one by its id, a search in pages, and how many a search finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from src.api import cursors, models, openapi, problems
from src.api.openapi import answers
from src.api.paging import Page, link, page
from src.api.parameters import Limit, OptionalProgramId, PeriodOf, SentimentOf
from src.api.problems import ApiProblem
from src.api.routes.access import StoresOf, unknown_program
from src.api.stores import ELASTICSEARCH, Stores
from src.errors import StoreRefused
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2

router = APIRouter(prefix="/v2/comments", tags=["Comments"])

# Elasticsearch counts up to index.max_result_window, 10,000: what is deeper is reached by the cursor.
_MAX_OFFSET = 8_000


class Sort(StrEnum):
    """The order of what a search finds."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    OLDEST = "oldest"


def _filters(  # noqa: PLR0913 - an endpoint's arguments are its query parameters
    within: PeriodOf,
    sentiment: SentimentOf,
    program_id: OptionalProgramId = None,
    query: Annotated[
        str | None, Query(min_length=1, description="Words that the text holds.", examples=["tuyệt vời"])
    ] = None,
    topic: Annotated[str | None, Query(min_length=1, description="Only with this topic.", examples=["show"])] = None,
) -> dict[str, Any]:
    """Return the filters of a search, as the client's methods name them."""
    return {
        "program_id": program_id,
        "query": query,
        "sentiment": sentiment,
        "topic": topic,
        "start": within.start,
        "end": within.end,
    }


Filters = Annotated[dict[str, Any], Depends(_filters)]


@router.get(
    "",
    response_model=models.page_of(models.FoundComment, "FoundComment"),
    responses=answers(
        openapi.page(openapi.FOUND_COMMENT),
        problems.UNKNOWN_PROGRAM,
        problems.BAD_RANGE,
        problems.BAD_CURSOR,
        problems.OLD_VALUE,
        stores=(ELASTICSEARCH,),
    ),
)
async def search_comments(  # noqa: PLR0913 - an endpoint's arguments are its query parameters
    request: Request,
    filters: Filters,
    stores: StoresOf,
    sort: Annotated[Sort, Query(description="The order.")] = Sort.RELEVANCE,
    limit: Limit = 10,
    offset: Annotated[
        int | None, Query(ge=0, le=_MAX_OFFSET, description="How many comments come before the page; for jumping.")
    ] = None,
    cursor: Annotated[
        str | None, Query(description="From `next` of the page before; any depth. Not together with `offset`.")
    ] = None,
) -> Page:
    """Return the comments that fit all filters, in pages.

    `next` follows a cursor, to any depth, unless the request has an `offset`, which reaches 8,000 comments deep.
    """
    raise NotImplementedError
