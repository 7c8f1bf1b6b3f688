"""Which programs there are, and which stores know them."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request

from src.api import models, openapi
from src.api.openapi import answers
from src.api.paging import Page, page
from src.api.parameters import Limit, Offset
from src.api.routes.access import StoresOf
from src.api.stores import CLICKHOUSE, REDIS
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.redis_client_v2 import RedisClientV2

router = APIRouter(prefix="/v2", tags=["Programs"])


class Source(StrEnum):
    """Where programs are looked for."""

    ALL = "all"
    REDIS = REDIS
    CLICKHOUSE = CLICKHOUSE


@router.get(
    "/programs",
    response_model=models.page_of(models.Program, "Program"),
    responses=answers(
        openapi.page({"program_id": "the_voice/contestant_1", "stores": [REDIS, CLICKHOUSE]}),
        stores=(REDIS, CLICKHOUSE),
    ),
)
async def programs(
    request: Request,
    stores: StoresOf,
    source: Annotated[Source, Query(description="Which stores are asked. With `all` both must answer.")] = Source.ALL,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page:
    """Return the programs in order of their ids, and which of the asked stores know each.

    A list of one store would pass for the whole list, so that a store which is away fails the request; ask the other
    one alone by `source`.
    """
    asked = {
        REDIS: lambda: stores.redis.ask(RedisClientV2.programs),
        CLICKHOUSE: lambda: stores.clickhouse.ask(ClickHouseClientV2.programs),
    }
    chosen = [name for name in asked if source in {Source.ALL, name}]
    lists = await asyncio.gather(*(asked[name]() for name in chosen))
    known: dict[str, list[str]] = {}
    for name, ids in zip(chosen, lists, strict=True):
        for program_id in ids:
            known.setdefault(program_id, []).append(name)
    listed = [{"program_id": program_id, "stores": known[program_id]} for program_id in sorted(known)]
    return page(request, listed[offset : offset + limit + 1], limit, offset)
