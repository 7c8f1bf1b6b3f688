"""Whether the API and its stores are there: for people, for monitors and for load balancers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response, status

from src.api import models, openapi
from src.api.openapi import answers
from src.api.routes.access import StoresOf
from src.api.stores import CLICKHOUSE, ELASTICSEARCH, REDIS

router = APIRouter(tags=["Health"])

_UP = {"status": "up", "latency_ms": 1.4, "error": None}
_AWAY = {"status": "down", "latency_ms": 2000.1, "error": "clickhouse did not answer within 2 s. …"}
_HEALTHY = {"status": "up", "stores": {REDIS: _UP, CLICKHOUSE: _UP, ELASTICSEARCH: _UP}}
_ILL = {"status": "down", "stores": {REDIS: _UP, CLICKHOUSE: _AWAY, ELASTICSEARCH: _UP}}


def _instead(description: str, model: type[Any], example: dict[str, Any]) -> openapi.Responses:
    return {
        503: {
            "description": description,
            "model": model,
            "content": {"application/json": {"example": openapi.keep_nulls(example)}},
        }
    }


@router.get(
    "/health",
    response_model=models.Health,
    responses=answers(_HEALTHY, takes_parameters=False) | _instead("A store is away", models.Health, _ILL),
)
async def health(request: Request, stores: StoresOf, response: Response) -> Any:
    """Return how each store answers a ping; the status is 503 when one does not."""
    pings = await stores.pings()
    is_up = not any(ping.error for ping in pings)
    if not is_up:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return {
        "status": "up" if is_up else "down",
        "stores": {
            ping.store: {
                "status": "down" if ping.error else "up",
                "latency_ms": ping.latency_ms,
                "error": request.app.state.scrub(str(ping.error)) if ping.error else None,
            }
            for ping in pings
        },
    }


@router.get(
    "/ready",
    response_model=models.Readiness,
    responses=answers({"ready": True, "away": []}, takes_parameters=False)
    | _instead("No store answers", models.Readiness, {"ready": False, "away": [REDIS, CLICKHOUSE, ELASTICSEARCH]}),
)
async def ready(stores: StoresOf, response: Response) -> Any:
    """Return 200 while at least one store answers, since its endpoints do; 503 when none does."""
    pings = await stores.pings()
    away = [ping.store for ping in pings if ping.error]
    if len(away) == len(pings):
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return {"ready": len(away) < len(pings), "away": away}
