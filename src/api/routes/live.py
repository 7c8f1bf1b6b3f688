"""What Redis holds beside the EAOS: trends by time range, and events by day."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from src.api import models, openapi, problems
from src.api.openapi import answers
from src.api.paging import Page, page
from src.api.parameters import Limit, Offset, ProgramId, TimeRange, UtcDate
from src.api.routes.access import StoresOf, unknown_program
from src.api.stores import REDIS, Stores
from src.storage.redis_client_v2 import RedisClientV2

router = APIRouter(prefix="/v2", tags=["Trends and events"])


@router.get(
    "/trends",
    response_model=models.page_of(models.Trend, "Trend"),
    responses=answers(
        openapi.page(openapi.TREND, "/v2/trends?time_range=15min&limit=1&offset=1"),
        problems.UNKNOWN_TIME_RANGE,
        problems.OLD_VALUE,
        stores=(REDIS,),
    ),
)
async def trends(
    request: Request, time_range: TimeRange, stores: StoresOf, limit: Limit = 10, offset: Offset = 0
) -> Page:
    """Return the topics of a time range, the highest score first."""
    found = await stores.redis.ask(RedisClientV2.get_top_trends, time_range, limit + 1, offset)
    return page(request, found, limit, offset)


@router.get(
    "/events",
    response_model=models.page_of(models.Event, "Event"),
    responses=answers(openapi.page(openapi.EVENT), problems.UNKNOWN_PROGRAM, stores=(REDIS,)),
)
async def events(
    *,
    request: Request,
    program_id: ProgramId,
    date: UtcDate,
    stores: StoresOf,
    event_type: Annotated[
        str | None, Query(min_length=1, description="Only events of this type.", examples=["metric"])
    ] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page:
    """Return the program's events of a UTC day, in the order in which they came in."""
    found = await stores.redis.ask(
        RedisClientV2.get_events, program_id, date, limit=limit + 1, offset=offset, event_type=event_type
    )
    if not found:
        await _require_known(stores, program_id)
    return page(request, found, limit, offset)


@router.get(
    "/events/dates",
    response_model=models.page_of(str, "Date"),
    responses=answers(openapi.page("2025-11-20"), problems.UNKNOWN_PROGRAM, stores=(REDIS,)),
)
async def event_dates(
    request: Request, program_id: ProgramId, stores: StoresOf, limit: Limit = 100, offset: Offset = 0
) -> Page:
    """Return the UTC days of which Redis holds events of the program."""
    found = await stores.redis.ask(RedisClientV2.event_dates, program_id)
    if not found:
        await _require_known(stores, program_id)
    return page(request, found[offset : offset + limit + 1], limit, offset)


async def _require_known(stores: Stores, program_id: str) -> None:
    """Return where Redis holds events or a current EAOS of the program; raises UnknownProgram where it does not."""
    if await stores.redis.ask(RedisClientV2.get_current_eaos, program_id):
        return
    if not await stores.redis.ask(RedisClientV2.event_dates, program_id):
        raise unknown_program(REDIS, program_id, "event and no current EAOS")
