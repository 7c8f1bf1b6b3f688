"""The built-in planner: from what a question says to a call, or to saying that it was not understood."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from typing import Any

from src.agent.calls import Call
from src.agent.names import RANGES
from src.agent.planner import Plan
from src.agent.questions.reading import Reading, read
from src.agent.questions.words import EXAMPLES
from src.agent.tools import Tool

_RANGE_OF = {"5min": "5min", "15min": "15min", "60min": "1hour", "1h": "1hour"}
_CAN_ASK = "What can be asked, for example: " + "; ".join(EXAMPLES)


class RulePlanner:
    """Reads questions by rules, in English and in Vietnamese with or without its marks.

    It guesses nothing that it does not say: a question that names no tool, several, or not all that a tool needs
    becomes no call, and words that it passed over are in the notes.

    Args:
        programs: gives the ids of the programs that are known at the moment; a program id of several parts is
            recognised by its `/` without it.
        now: gives the local time.
    """

    def __init__(
        self,
        programs: Callable[[], Collection[str]] = tuple,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now().astimezone(),
    ) -> None:
        self._programs = programs
        self._now = now

    async def plan(self, question: str, tools: Sequence[Tool]) -> Plan:
        """Return the calls that answer `question`; see `Planner`."""
        found = read(question, self._programs(), self._now())
        names = {tool.name: tool for tool in tools}
        intents = [name for name in found.intents if name in names]
        if not intents:
            if found.programs and not found.left():
                return _not_understood("It names a program, but not what of it is asked for.")
            return _not_understood("It names nothing that I know.")
        if len(intents) > 1:
            return _not_understood(f"It may mean {' or '.join(intents)}: ask for one of them at a time.")
        name = intents[0]
        if name == "current_eaos" and found.period and "eaos_history" in names:
            name = "eaos_history"  # the EAOS of a period is its history
        return _planned(names[name], found)


def _planned(tool: Tool, found: Reading) -> Plan:
    arguments, problem = _arguments(tool, found)
    if problem:
        return _not_understood(problem)
    per_program = "program_id" in tool.parameters and len(found.programs) > 1
    calls = (
        [Call(tool.name, {"program_id": program} | arguments) for program in found.programs]
        if per_program
        else [Call(tool.name, arguments)]
    )
    return Plan(tuple(calls), tuple(_passed_over(tool, found, calls[0])))


def _arguments(tool: Tool, found: Reading) -> tuple[dict[str, Any], str]:
    """Return the arguments that the question gives `tool`, and what it lacks, as a sentence."""
    takes = tool.parameters
    arguments: dict[str, Any] = {}
    if "program_id" in takes:
        if not found.programs and ("program_id" in tool.required or "query" not in takes):
            _take_names(found, 1)
        if len(found.programs) == 1:
            arguments["program_id"] = found.programs[0]
        elif not found.programs and "program_id" in tool.required:
            return {}, f"{tool.name} needs a program, such as the_voice/contestant_1."
    if "program_ids" in takes:
        _take_names(found, 20)
        if len(found.programs) < 2:
            return (
                {},
                f"{tool.name} needs two programs or more, such as the_voice/contestant_1 and the_voice/contestant_2.",
            )
        arguments["program_ids"] = found.programs
    if "time_range" in takes:
        time_range = _RANGE_OF.get(found.last or "")
        if time_range is None:
            asked = f" There is none of {found.last}." if found.last else ""
            return {}, f"{tool.name} needs a time range, one of {', '.join(RANGES)}.{asked}"
        arguments["time_range"] = time_range
    if "query" in takes and (query := found.query()):
        arguments["query"] = query
        _use(found)
    if "contains" in takes:
        part = found.programs[:1] or [word.text for word in found.left()[:1]]
        if part:
            arguments["contains"] = part[0]
            for word in found.left()[:1] if not found.programs else []:
                word.used = True
    if "start" in takes:
        arguments |= found.period
    for name in ("sentiment", "topic", "severity", "limit", "sort"):
        if name in takes and getattr(found, name) is not None:
            arguments[name] = getattr(found, name)
    return arguments, ""


def _take_names(found: Reading, most: int) -> None:
    """Take what is left of the question for names of programs, if it can be: the store will say whether it knows them."""
    names = found.names()
    if len(names) <= most:
        for word in names:
            word.used = True
            if word.text not in found.programs:
                found.programs.append(word.text)


def _use(found: Reading) -> None:
    for word in found.left():
        word.used = True


def _passed_over(tool: Tool, found: Reading, call: Call) -> list[str]:
    """Return what the question says and the call does not."""
    used = set(call.arguments) | ({"last"} if "time_range" in call.arguments else set())
    said = {name: getattr(found, name) for name in ("sentiment", "topic", "severity", "limit", "start", "end", "last")}
    unused = [f"{name} {value}" for name, value in said.items() if value is not None and name not in used]
    if found.programs and not {"program_id", "program_ids", "contains"} & set(tool.parameters):
        unused += found.programs
    notes = [f"{tool.name} takes no such thing, so it was passed over: {', '.join(unused)}."] if unused else []
    if left := found.left():
        notes.append(f"Not understood, and passed over: {', '.join(word.text for word in left)}.")
    return notes


def _not_understood(why: str) -> Plan:
    return Plan(notes=(f"I did not understand that. {why}", f"{_CAN_ASK}."))
