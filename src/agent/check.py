"""The check of an installation: every tool is called once on what the stores hold. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from src.agent.calls import Call
from src.agent.dispatcher import Agent
from src.agent.exits import Exit, exit_of
from src.agent.names import RANGES
from src.agent.results import ToolResult
from src.agent.screen import START_HINT, Screen
from src.agent.stores import CLICKHOUSE, REDIS
from src.errors import StoreUnavailable

_FEW = 5


async def run_check(agent: Agent, screen: Screen) -> Exit:
    """Call every tool and say how each fared; see `exit_of` for the exit code."""
    listed = await _call(agent, screen, Call("list_programs", {"limit": 1_000}))
    results = [listed]
    asked = {"list_programs"}
    for call in _calls(listed.rows):
        asked.add(call.tool)
        results.append(await _call(agent, screen, call))
    for tool in agent.tools:
        if tool.name not in asked:
            why = "no program is known that it could be asked for" if listed.ok else "the programs are not known"
            screen.note(f"{'not asked':<10}{tool.name}: {why}.")
    if listed.ok and not listed.rows:
        screen.note("The stores are empty. `python scripts/seed_sample_data_v2.py --count 100` writes sample data.")
    if exit_of(results) is Exit.STORE_AWAY:
        screen.note(START_HINT)
    good = sum(result.ok and not result.missing for result in results)
    screen.remark(f"{good} of {len(results)} calls succeeded, {len(asked)} of {len(agent.tools)} tools were asked.")
    return exit_of(results)


def _calls(programs: Sequence[dict[str, Any]]) -> Iterator[Call]:
    """Yield a call of each tool that can be asked for something, given the rows of list_programs."""
    current = [row["program_id"] for row in programs if REDIS in row["stores"]]
    past = [row["program_id"] for row in programs if CLICKHOUSE in row["stores"]]
    if current:
        yield Call("current_eaos", {"program_id": current[0]})
    if len(current) > 1:
        yield Call("compare_programs", {"program_ids": current[:_FEW]})
    if past:
        yield Call("eaos_history", {"program_id": past[0], "limit": _FEW})
        yield Call("topics", {"program_id": past[0], "limit": _FEW})
    for time_range in RANGES:
        yield Call("top_trends", {"time_range": time_range, "limit": _FEW})
    yield Call("search_comments", {"limit": _FEW})
    yield Call("anomalies", {"limit": _FEW})


async def _call(agent: Agent, screen: Screen, call: Call) -> ToolResult:
    result = await agent.call(call.tool, call.arguments)
    if screen.as_json:
        screen.result(result)
    elif result.error is not None:
        word = "away" if isinstance(result.error, StoreUnavailable) else "failed"
        screen.say(f"{word:<10}{call.typed()}: {result.error}", "red")
    else:
        rows = f"{len(result.rows)} row{'' if len(result.rows) == 1 else 's'}"
        screen.say(f"{'partly' if result.missing else 'ok':<10}{call.typed()}: {rows}")
        for note in result.notes if result.missing else ():
            screen.say(f"{'':<10}{note}", "yellow")
    return result
