"""The built-in planner: from what a question says to a call, or to saying that it was not understood."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from typing import Any

from src.agent.calls import Call
from src.agent.names import RANGES
from src.agent.planner import Plan
from src.agent.questions.reading import Reading, read
from src.agent.questions.scan import Word
from src.agent.questions.words import EXAMPLES
from src.agent.tools import Tool
from tvmigrate.contract.values import TIME_RANGES

_RANGE_OF = {f"{minutes}min": name for minutes, name in TIME_RANGES.items()} | {"1h": TIME_RANGES["60"]}
_CAN_ASK = "\n  ".join(["What can be asked, for example:", *EXAMPLES])


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


class _LacksError(Exception):
    """What a call needs and the question does not say, as a sentence."""


def _planned(tool: Tool, found: Reading) -> Plan:
    try:
        arguments = _arguments(tool, found)
    except _LacksError as lack:
        return _not_understood(str(lack))
    calls: tuple[Call, ...] = (Call(tool.name, arguments),)
    if "program_id" in tool.parameters and len(found.programs) > 1:
        calls = tuple(Call(tool.name, {"program_id": program} | arguments) for program in found.programs)
    return Plan(calls, tuple(_passed_over(tool, found, calls[0])))


def _arguments(tool: Tool, found: Reading) -> dict[str, Any]:
    """Return the arguments that the question gives `tool`; raises _LacksError."""
    takes = tool.parameters
    arguments = _programs(tool, found)
    if "time_range" in takes:
        arguments["time_range"] = _time_range(tool, found)
    if "query" in takes and (query := found.query()):
        arguments["query"] = query
        _use(found.left())
    if "contains" in takes and (names := found.programs[:1] or [word.text for word in found.left()[:1]]):
        arguments["contains"] = names[0]
        if not found.programs:
            _use(found.left()[:1])
    if "start" in takes:
        arguments |= found.period
    for name in ("sentiment", "topic", "severity", "limit", "sort"):
        if name in takes and getattr(found, name) is not None:
            arguments[name] = getattr(found, name)
    return arguments


def _programs(tool: Tool, found: Reading) -> dict[str, Any]:
    if "program_ids" in tool.parameters:
        if len(found.programs) < 2:
            _take_names(found, 20)
        if len(found.programs) < 2:
            raise _LacksError(
                f"{tool.name} needs two programs or more, such as the_voice/contestant_1 and the_voice/contestant_2."
            )
        return {"program_ids": found.programs}
    if "program_id" not in tool.parameters:
        return {}
    if not found.programs and "query" not in tool.parameters:  # what a search has left is its query
        _take_names(found, 1)
    if not found.programs and "program_id" in tool.required:
        raise _LacksError(f"{tool.name} needs a program, such as the_voice/contestant_1.")
    return {"program_id": found.programs[0]} if len(found.programs) == 1 else {}


def _time_range(tool: Tool, found: Reading) -> str:
    if found.last not in _RANGE_OF:
        asked = f" There is none of {found.last}." if found.last else ""
        raise _LacksError(f"{tool.name} needs a time range, one of {', '.join(RANGES)}.{asked}")
    return _RANGE_OF[found.last]


def _take_names(found: Reading, most: int) -> None:
    """Take what is left for names of programs, if they are `most` or fewer: the store will say if it knows them."""
    names = found.names()
    if len(names) <= most:
        _use(names)
        found.programs += [name for name in dict.fromkeys(word.text for word in names) if name not in found.programs]


def _use(words: Sequence[Word]) -> None:
    for word in words:
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
    return Plan(notes=(f"I did not understand that. {why}", _CAN_ASK))
