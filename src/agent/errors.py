"""What can be wrong with a call: an unknown tool, wrong arguments, text that is no call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from src.errors import AppError


class AgentError(AppError):
    """The root of the agent's own errors; a store's errors are those of `src.errors`."""


class UnknownTool(AgentError):
    """A tool was asked for that there is not.

    Args:
        name: the name that was given.
        nearest: names of tools that look like it, best first.
        known: names of all tools.
    """

    def __init__(self, name: str, nearest: Sequence[str], known: Sequence[str]) -> None:
        self.name, self.nearest = name, tuple(nearest)
        hint = f"Nearest: {', '.join(nearest)}." if nearest else f"There are: {', '.join(known)}."
        super().__init__(f"There is no tool {name!r}. {hint}")


class UnreadableCall(AgentError):
    """A typed line or a JSON text that cannot be read as a call."""


Kind = Literal["wrong", "missing", "unknown"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One argument that is wrong, missing or unknown: its name, what is allowed, in words, and what was given."""

    argument: str
    allowed: str
    given: Any = None
    kind: Kind = "wrong"
    hint: str = ""

    def sentence(self) -> str:
        """Return the problem as a sentence."""
        hint = f" {self.hint}" if self.hint else ""
        if self.kind == "missing":
            return f"{self.argument} is missing; allowed is {self.allowed}.{hint}"
        if self.kind == "unknown":
            return f"there is no argument {self.argument} (given was {_shown(self.given)}), only {self.allowed}.{hint}"
        return f"{self.argument} is {_shown(self.given)}; allowed is {self.allowed}.{hint}"

    def as_json(self) -> dict[str, Any]:
        """Return `argument`, `problem`, `given`, `allowed`, and `hint` where there is one, as a JSON object."""
        told = {"argument": self.argument, "problem": self.kind, "given": self.given, "allowed": self.allowed}
        return told | ({"hint": self.hint} if self.hint else {})


class InvalidArguments(AgentError):
    """A call's arguments do not fit the tool's schema; `problems` names each of them."""

    def __init__(self, tool: str, problems: Sequence[Problem]) -> None:
        self.tool, self.problems = tool, tuple(problems)
        super().__init__(f"{tool}: {' '.join(problem.sentence() for problem in problems)}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:119]}…"
