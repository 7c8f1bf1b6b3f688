"""The tool over trends (Redis)."""

from __future__ import annotations

from src.agent.stores import Stores
from src.agent.tools.parameters import MAX_ROWS, TIME_RANGE, limit, offset
from src.agent.tools.tool import Answer, Arguments, Tool


async def _trends(stores: Stores, arguments: Arguments) -> Answer:
    time_range, most, first = arguments["time_range"], arguments["limit"], arguments["offset"]
    trends = await stores.redis(lambda client: client.get_top_trends(time_range, limit=most, offset=first))
    notes = [] if trends else [f"There are no trends of {time_range}{' after that offset' if first else ''}."]
    return Answer([{"rank": first + 1 + place, **trend} for place, trend in enumerate(trends)], notes)


TOP_TRENDS = Tool(
    name="top_trends",
    description="Give the topics that trend in the last 5 minutes, 15 minutes or hour, over all programs, highest "
    "score first. From Redis. For the topics of one program take topics.",
    parameters={
        "time_range": TIME_RANGE,
        "limit": limit(10, MAX_ROWS, "topics"),
        "offset": offset(1_000_000, "topics"),
    },
    required=("time_range",),
    run=_trends,
    example="top_trends time_range=15min limit=5",
)
