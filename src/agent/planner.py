"""The seam for a model: what turns a question into calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from src.agent.calls import Call
from src.agent.tools import Tool


@dataclass(frozen=True, slots=True)
class Plan:
    """What a planner made of a question.

    Args:
        calls: to be made in this order; none where the question was not understood.
        notes: what the person has to know: words that were passed over, why there is no call, what can be asked.
    """

    calls: tuple[Call, ...] = ()
    notes: tuple[str, ...] = ()


class Planner(Protocol):
    """Turns a question into calls of tools.

    A planner may ask a model: `src.agent.formats` gives the tools as its API takes them, and the calls it answers with
    become `Call(name, arguments)`. They need no check of their own: the dispatcher checks every call. Whoever plans
    makes no call and prints nothing, so that a person sees each call as it is made.
    """

    async def plan(self, question: str, tools: Sequence[Tool]) -> Plan:
        """Return the calls that answer `question`."""
