"""What a tool is: a name, a description, a JSON schema of its arguments, and the function that answers."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from src.agent.stores import Stores

Schema = Mapping[str, Any]
Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool found: rows as objects, notes about them, and the stores that were away."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool over the stores' clients; it only reads.

    Args:
        name: letters and underscores; every format's limit of 64 characters holds.
        description: what it answers, from where, and when to take another tool.
        parameters: schema of each argument by name; each has a `description`.
        required: the arguments that have to be given.
        run: answers a call whose arguments were checked and filled with the defaults.
        example: a line as a person types it.
    """

    name: str
    description: str
    parameters: Mapping[str, Schema]
    required: tuple[str, ...]
    run: Callable[[Stores, Arguments], Awaitable[Answer]]
    example: str

    @property
    def schema(self) -> dict[str, Any]:
        """The arguments' JSON schema (draft 2020-12), a copy that the caller may change."""
        return {
            "type": "object",
            "properties": copy.deepcopy({name: dict(schema) for name, schema in self.parameters.items()}),
            "required": list(self.required),
            "additionalProperties": False,
        }

    @property
    def defaults(self) -> dict[str, Any]:
        """The values of the arguments that are not given and have a default."""
        return {name: schema["default"] for name, schema in self.parameters.items() if "default" in schema}

    @property
    def summary(self) -> str:
        """The description's first sentence."""
        return self.description.partition(". ")[0].rstrip(".") + "."
