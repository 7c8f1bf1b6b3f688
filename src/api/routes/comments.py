"""Comments as Elasticsearch holds them: one by its id, a search in pages, and how many a search finds."""

from __future__ import annotations

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
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2

router = APIRouter(prefix="/v2/comments", tags=["Comments"])

# Elasticsearch counts up to index.max_result_window, 10,000: what is deeper is reached by the cursor.
_MAX_OFFSET = 8_000


class Sort(StrEnum):
    """The order of what a search finds."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    OLDEST = "oldest"


async def _filters(
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
async def search_comments(
    *,
    request: Request,
    filters: Filters,
    stores: StoresOf,
    sort: Annotated[Sort, Query(description="The order.")] = Sort.RELEVANCE,
    limit: Limit = 10,
    offset: Annotated[
        int | None,
        Query(
            ge=0,
            description=f"How many comments come before the page, up to {_MAX_OFFSET}; for jumping to a page.",
            json_schema_extra={"maximum": _MAX_OFFSET},
        ),
    ] = None,
    cursor: Annotated[
        str | None, Query(description="From `next` of the page before; any depth. Not together with `offset`.")
    ] = None,
) -> Page:
    """Return the comments that fit all filters, in pages.

    `next` goes on by a cursor, to any depth, unless the request has an `offset`.
    """
    if offset is not None:
        if cursor is not None:
            raise _invalid("cursor", "cursor and offset both say where the page begins: give one of them.")
        if offset > _MAX_OFFSET:
            raise _invalid(
                "offset",
                f"offset is {offset}, and by offset a search reaches {_MAX_OFFSET} comments deep: begin without one "
                "and follow `next`, which reaches any depth.",
            )
        found = await stores.elasticsearch.ask(
            ElasticsearchClientV2.search_comments, **filters, size=limit + 1, offset=offset, sort=sort.value
        )
        answer = page(request, found, limit, offset)
    else:
        after = cursors.decode(filters | {"sort": sort}, cursor) if cursor is not None else None
        found, following = await stores.elasticsearch.ask(
            ElasticsearchClientV2.search_page, **filters, size=limit, after=after, sort=sort.value
        )
        onward = following and link(request, cursor=cursors.encode(filters | {"sort": sort}, following))
        answer = Page(items=list(found), next=onward)
    if not found and cursor is None:
        await _require_known(stores, filters["program_id"])
    return answer


@router.get(
    "/count",
    response_model=models.Count,
    responses=answers(
        {"count": 42}, problems.UNKNOWN_PROGRAM, problems.BAD_RANGE, problems.OLD_VALUE, stores=(ELASTICSEARCH,)
    ),
)
async def count_comments(filters: Filters, stores: StoresOf) -> Any:
    """Return how many comments fit all filters."""
    count = await stores.elasticsearch.ask(ElasticsearchClientV2.count_comments, **filters)
    if not count:
        await _require_known(stores, filters["program_id"])
    return {"count": count}


@router.get(
    "/one",
    response_model=models.Document,
    responses=answers(openapi.DOCUMENT, problems.UNKNOWN_COMMENT, stores=(ELASTICSEARCH,)),
)
async def one_comment(
    comment_id: Annotated[str, Query(min_length=1, description="The comment's id.", examples=["c-1001"])],
    stores: StoresOf,
) -> Any:
    """Return the comment of an id; a parameter and no part of the path, since ids may hold `/`."""
    found = await stores.elasticsearch.ask(ElasticsearchClientV2.get_comment, comment_id)
    if found is None:
        raise ApiProblem(
            problems.UNKNOWN_COMMENT, f"{ELASTICSEARCH} holds no comment {comment_id!r}.", parameter="comment_id"
        )
    return found


async def _require_known(stores: Stores, program_id: str | None) -> None:
    """Return where Elasticsearch holds any comment of the program; raises UnknownProgram where it does not."""
    if program_id is not None and not await stores.elasticsearch.ask(ElasticsearchClientV2.count_comments, program_id):
        raise unknown_program(ELASTICSEARCH, program_id, "comment")


def _invalid(parameter: str, detail: str) -> ApiProblem:
    return ApiProblem(problems.INVALID_PARAMETER, detail, parameter=parameter)
