"""A call of a tool, and the line a person would type for it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from src.agent.errors import UnreadableCall
from src.agent.results import printable


@dataclass(frozen=True, slots=True)
class Call:
    """A tool's name and its arguments, not yet checked."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def typed(self) -> str:
        """Return the line that makes this call: `current_eaos program_id=the_voice/contestant_1`."""
        return " ".join([self.tool, *(f"{name}={_word(value)}" for name, value in self.arguments.items())])


def _word(value: Any) -> str:
    if isinstance(value, list | tuple) and all(isinstance(one, str) and "," not in one for one in value):
        value = ",".join(value)
    text = printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    plain = text and not any(char.isspace() or char in "'\"\\" for char in text)
    return text if plain else shlex.quote(text)


def read_arguments(text: str) -> dict[str, Any]:
    """Read a JSON object of arguments, as models send them; an empty text is no arguments.

    Raises:
        UnreadableCall: it is no JSON object, names an argument twice, or holds NaN or Infinity.
    """
    if not text.strip():
        return {}
    value = read_json(text)
    if not isinstance(value, dict):
        raise UnreadableCall(f'The arguments are {text:.80}: expected is a JSON object, such as {{"limit": 5}}.')
    return value


def read_json(text: str) -> Any:
    """Read JSON strictly.

    Raises:
        UnreadableCall: it is not JSON, names a key twice, or holds NaN or Infinity.
    """
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise UnreadableCall(f"{text:.80} is not the JSON of a call: {error}.") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} is there twice")
        found[name] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
