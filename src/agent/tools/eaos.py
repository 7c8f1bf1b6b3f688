"""The tools over EAOS: the current one (Redis), its history (ClickHouse), and programs compared."""

from __future__ import annotations

import asyncio
from typing import Any

from src.agent.stores import CLICKHOUSE, REDIS, Stores
from src.agent.tools.parameters import MAX_ROWS, PERIOD, PROGRAM_ID, PROGRAM_IDS, limit, offset
from src.agent.tools.period import Period, read_period
from src.agent.tools.programs import require_known, unknown_program
from src.agent.tools.tool import Answer, Arguments, Tool
from src.storage.records import EaosMetric


async def _current(stores: Stores, arguments: Arguments) -> Answer:
    program = arguments["program_id"]
    state = await stores.redis(lambda client: client.get_current_eaos(program))
    if state is None:
        await require_known(stores, program, REDIS, "current EAOS")
        return Answer(notes=[f"{program} has no current EAOS any more: it went while it was read."])
    return Answer([dict(state)])


async def _history(stores: Stores, arguments: Arguments) -> Answer:
    program, most, first = arguments["program_id"], arguments["limit"], arguments["offset"]
    period = read_period("eaos_history", arguments)
    rows = await stores.clickhouse(
        # One more than is wanted says whether there are more.
        lambda client: client.get_eaos_history(program, period.start, period.end, limit=most + 1, offset=first)
    )
    if not rows:
        await require_known(stores, program, CLICKHOUSE, "EAOS history")
    notes = [] if rows else [f"{program} has no EAOS in that period{' after that offset' if first else ''}."]
    if len(rows) > most:
        notes.append(f"There are more: offset={first + most} gives those after these.")
    return Answer([dict(row) for row in rows[:most]], notes)


async def _compare(stores: Stores, arguments: Arguments) -> Answer:
    period = read_period("compare_programs", arguments)
    if period:
        return await _compare_history(stores, arguments["program_ids"], period)
    return await _compare_current(stores, arguments["program_ids"])


async def _compare_current(stores: Stores, programs: list[str]) -> Answer:
    states = await stores.redis(lambda client: client.get_current_eaos_many(programs))
    found = [state for program in programs if (state := states[program]) is not None]
    absent = [program for program in programs if states[program] is None]
    if not found:
        known = await stores.redis(lambda client: client.programs())
        raise unknown_program(absent[0], REDIS, "current EAOS", known)
    found.sort(key=lambda state: -state["score"])
    best = found[0]["score"]
    rows: list[dict[str, Any]] = [
        {
            "rank": 1 + sum(other["score"] > state["score"] for other in found),
            "program_id": state["program_id"],
            "score": state["score"],
            "behind_best": best - state["score"],
            "positive_share": _share(state["positive"], state["total"]),
            "negative_share": _share(state["negative"], state["total"]),
            "total": state["total"],
            "updated_at": state["updated_at"],
        }
        for state in found
    ]
    return Answer(rows, [f"{REDIS} has no current EAOS of {program}." for program in absent])


async def _compare_history(stores: Stores, programs: list[str], period: Period) -> Answer:
    histories = await asyncio.gather(
        *(
            stores.clickhouse(
                lambda client, one=program: client.get_eaos_history(  # type: ignore[misc]
                    one, period.start, period.end, limit=_COMPARED
                )
            )
            for program in programs
        )
    )
    found = [(program, rows) for program, rows in zip(programs, histories, strict=True) if rows]
    absent = [program for program, rows in zip(programs, histories, strict=True) if not rows]
    if not found:
        await require_known(stores, absent[0], CLICKHOUSE, "EAOS history")
    rows = sorted((_summed(program, rows) for program, rows in found), key=lambda row: -row["mean_score"])
    notes = [f"{CLICKHOUSE} has no EAOS of {program} in that period." for program in absent]
    notes += [
        f"Only the first {_COMPARED} measurements of {program} are counted; ask for a shorter period."
        for program, measured in found
        if len(measured) == _COMPARED
    ]
    return Answer([{"rank": 1 + place} | row for place, row in enumerate(rows)], notes)


_COMPARED = 10_000  # the most rows that the client gives at once


def _summed(program: str, rows: list[EaosMetric]) -> dict[str, Any]:
    scores = [row["score"] for row in rows]
    return {
        "program_id": program,
        "mean_score": sum(scores) / len(scores),
        "first_score": scores[0],
        "last_score": scores[-1],
        "change": scores[-1] - scores[0],
        "lowest": min(scores),
        "highest": max(scores),
        "measurements": len(scores),
        "first_at": rows[0]["timestamp"],
        "last_at": rows[-1]["timestamp"],
    }


def _share(part: int, total: int) -> float | None:
    return part / total if total else None


CURRENT_EAOS = Tool(
    name="current_eaos",
    description="Give a program's EAOS as it is now: the score, the counts of positive, negative and neutral comments "
    "and their total, and when it was updated. From Redis. For an earlier time take eaos_history.",
    parameters={"program_id": PROGRAM_ID},
    required=("program_id",),
    run=_current,
    example="current_eaos program_id=the_voice/contestant_1",
)
EAOS_HISTORY = Tool(
    name="eaos_history",
    description="Give the measurements of a program's EAOS over time, oldest first, with the counts behind each score. "
    "From ClickHouse. Without a period it begins with the oldest there is.",
    parameters={
        "program_id": PROGRAM_ID,
        **PERIOD,
        "limit": limit(100, MAX_ROWS, "measurements"),
        "offset": offset(1_000_000, "measurements"),
    },
    required=("program_id",),
    run=_history,
    example="eaos_history program_id=the_voice/contestant_1 last=7d",
)
COMPARE_PROGRAMS = Tool(
    name="compare_programs",
    description="Compare the EAOS of two to twenty programs, best first: as it is now (from Redis), with the shares of "
    "positive and negative comments; or, where a period is given, its mean, change, lowest and highest in that period "
    "(from ClickHouse).",
    parameters={"program_ids": PROGRAM_IDS, **PERIOD},
    required=("program_ids",),
    run=_compare,
    example="compare_programs program_ids=the_voice/contestant_1,the_voice/contestant_2",
)
