"""What ClickHouse reckons over comments and metrics: topics and anomalies."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from src.api import models, openapi, problems
from src.api.openapi import answers
from src.api.paging import Page, page
from src.api.parameters import Limit, Offset, OptionalProgramId, PeriodOf, ProgramId
from src.api.routes.access import StoresOf, require_known_to_clickhouse
from src.api.stores import CLICKHOUSE
from src.storage.clickhouse_client_v2 import ClickHouseClientV2

router = APIRouter(prefix="/v2", tags=["Topics and anomalies"])

# The client ranks topics from the first; what lies before the page is read and left out.
_MAX_TOPIC_OFFSET = 8_000


@router.get(
    "/topics",
    response_model=models.page_of(models.TopicCount, "TopicCount"),
    responses=answers(
        openapi.page(openapi.TOPIC_COUNT), problems.UNKNOWN_PROGRAM, problems.BAD_RANGE, stores=(CLICKHOUSE,)
    ),
)
async def topics(
    *,
    request: Request,
    program_id: ProgramId,
    within: PeriodOf,
    stores: StoresOf,
    limit: Limit = 20,
    offset: Annotated[int, Query(ge=0, le=_MAX_TOPIC_OFFSET, description="How many topics come before the page.")] = 0,
) -> Page:
    """Return the topics of the program's comments, the most frequent first, with the mean sentiment of each."""
    found = await stores.clickhouse.ask(
        ClickHouseClientV2.get_topics, program_id, within.start, within.end, offset + limit + 1
    )
    if not found:
        await require_known_to_clickhouse(stores, program_id)
    return page(request, found[offset:], limit, offset)


@router.get(
    "/anomalies",
    response_model=models.page_of(models.Anomaly, "Anomaly"),
    responses=answers(
        openapi.page(openapi.ANOMALY), problems.UNKNOWN_PROGRAM, problems.BAD_RANGE, stores=(CLICKHOUSE,)
    ),
)
async def anomalies(
    *,
    request: Request,
    within: PeriodOf,
    stores: StoresOf,
    program_id: OptionalProgramId = None,
    severity: Annotated[
        str | None, Query(min_length=1, description="Only those of this severity.", examples=["high"])
    ] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page:
    """Return anomalies, of one program or of all."""
    found = await stores.clickhouse.ask(
        ClickHouseClientV2.get_anomalies, program_id, within.start, within.end, severity, limit + 1, offset
    )
    if not found:
        await require_known_to_clickhouse(stores, program_id)
    return page(request, found, limit, offset)
