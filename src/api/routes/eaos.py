"""EAOS: a program's state now, its latest stored value, and its history."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from src.api import models, openapi, problems
from src.api.openapi import answers
from src.api.paging import Page, page
from src.api.parameters import Limit, Offset, PeriodOf, ProgramId
from src.api.routes.access import StoresOf, require_known_to_clickhouse, unknown_program
from src.api.stores import CLICKHOUSE, REDIS
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.redis_client_v2 import RedisClientV2

router = APIRouter(prefix="/v2/eaos", tags=["EAOS"])


@router.get(
    "/current",
    response_model=models.EaosState,
    responses=answers(openapi.EAOS_STATE, problems.UNKNOWN_PROGRAM, stores=(REDIS,)),
)
async def current_eaos(program_id: ProgramId, stores: StoresOf) -> Any:
    """Return the program's EAOS now, as Redis holds it."""
    state = await stores.redis.ask(RedisClientV2.get_current_eaos, program_id)
    if state is None:
        raise unknown_program(REDIS, program_id, "current EAOS")
    return state


@router.get(
    "/latest",
    response_model=models.EaosMetric,
    responses=answers(openapi.EAOS_METRIC, problems.UNKNOWN_PROGRAM, stores=(CLICKHOUSE,)),
)
async def latest_eaos(program_id: ProgramId, stores: StoresOf) -> Any:
    """Return the last value of the program's history, as ClickHouse holds it."""
    row = await stores.clickhouse.ask(ClickHouseClientV2.get_latest_eaos, program_id)
    if row is None:
        raise unknown_program(CLICKHOUSE, program_id, "EAOS")
    return row


@router.get(
    "/history",
    response_model=models.page_of(models.EaosMetric, "EaosMetric"),
    responses=answers(
        openapi.page(openapi.EAOS_METRIC), problems.UNKNOWN_PROGRAM, problems.BAD_RANGE, stores=(CLICKHOUSE,)
    ),
)
async def eaos_history(
    *,
    request: Request,
    program_id: ProgramId,
    within: PeriodOf,
    stores: StoresOf,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page:
    """Return the program's EAOS over time, oldest first; both ends of the period belong to it."""
    found = await stores.clickhouse.ask(
        ClickHouseClientV2.get_eaos_history, program_id, within.start, within.end, limit + 1, offset
    )
    if not found:
        await require_known_to_clickhouse(stores, program_id)
    return page(request, found, limit, offset)
