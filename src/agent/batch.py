"""The batch: a script of calls, one a line, run in order; what failed is named with its line."""

from __future__ import annotations

from collections.abc import Iterable

from src.agent.dispatcher import Agent
from src.agent.exits import Exit, exit_of
from src.agent.lines import read_call_or_fail
from src.agent.results import ToolResult, error_as_json
from src.agent.screen import Screen
from src.errors import AppError


async def run_batch(agent: Agent, lines: Iterable[str], name: str, screen: Screen) -> Exit:
    """Run each line of `lines` that is neither blank nor begins with `#`; go on after a failure.

    Results go to the screen as they come; a failure is written as `NAME:LINE: …` to its error stream, and with JSON
    also stands among the results, each of which has its `line`.

    Returns:
        FAILED where a call failed or a line was no call, STORE_AWAY where only stores were away, USAGE where there was
        no call at all.
    """
    results: list[ToolResult | None] = []
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if line and not line.startswith("#"):
            results.append(await _run(agent, line, number, name, screen))
    if not results:
        screen.complain(f"{name} holds no call: nothing was run. A line is a call, such as list_programs limit=5.")
        return Exit.USAGE
    code = exit_of(results)
    good = sum(result is not None and result.ok for result in results)
    screen.remark(f"{name}: {good} of {len(results)} calls succeeded.")
    return code


async def _run(agent: Agent, line: str, number: int, name: str, screen: Screen) -> ToolResult | None:
    try:
        call = read_call_or_fail(line, agent.tools)
    except AppError as error:
        screen.complain(f"{name}:{number}: {error}")
        if screen.as_json:
            screen.json({"line": number, "ok": False, "error": error_as_json(error)})
        return None
    screen.call(call, f"{number}:")
    result = await agent.call(call.tool, call.arguments)
    if result.error is not None:
        screen.complain(f"{name}:{number}: {result.error}")
    for store in result.missing:
        screen.complain(f"{name}:{number}: {store} was away; what it alone knows is missing.")
    if result.error is None or screen.as_json:
        screen.result(result, line=number)
    return result
