"""A typed line as a call: `tool name=value …`, `tool {json}`, or the JSON of a call as one of the APIs writes it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from src.agent.calls import Call, read_arguments, read_json
from src.agent.errors import UnreadableCall
from src.agent.tools import Tool
from src.agent.tools.tool import Schema

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_PAIR = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_-]*)=(?P<value>.*)", re.DOTALL)
_FORM = "a call is typed as `tool name=value …`, such as `top_trends time_range=15min limit=5`"


def read_call(line: str, tools: Sequence[Tool]) -> Call | None:
    """Read a line as a call; None where it does not look like one, and may be a question.

    Raises:
        UnreadableCall: it looks like a call and cannot be read.
    """
    line = line.strip()
    if line.startswith("{"):
        return _of_json(read_json(line))
    name, _, rest = line.partition(" ")
    rest = rest.strip()
    if not _NAME.fullmatch(name):
        return None
    known = {tool.name: tool for tool in tools}
    if rest.startswith("{") and rest.endswith("}"):
        return Call(name, read_arguments(rest))
    if not rest:
        return Call(name) if name in known else None
    try:
        words = shlex.split(rest)
    except ValueError as error:
        if _PAIR.match(rest):
            raise UnreadableCall(f"{line:.80} cannot be read: {error}. Quotes come in pairs.") from error
        return None
    pairs = [_PAIR.fullmatch(word) for word in words]
    if pairs[0] is None and not (name in known and any(pairs)):
        return None
    return Call(name, _arguments(words, known.get(name)))


def read_call_or_fail(line: str, tools: Sequence[Tool]) -> Call:
    """Read a line that has to be a call.

    Raises:
        UnreadableCall: it is none.
    """
    call = read_call(line, tools)
    if call is not None:
        return call
    if _NAME.fullmatch(line.strip()):
        return Call(line.strip())  # no such tool: the dispatcher says so, and which are near
    raise UnreadableCall(f"{line.strip():.80} is not a call: {_FORM}.")


def _arguments(words: Sequence[str], tool: Tool | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in words:
        pair = _PAIR.fullmatch(word)
        if pair is None:
            raise UnreadableCall(f"{word:.80} is not name=value: {_FORM}. A value with blanks stands in quotes.")
        name = pair["name"]
        value = _value(pair["value"], tool.parameters.get(name) if tool else None)
        if isinstance(value, list) and isinstance(found.get(name), list):
            found[name] = found[name] + value  # program_ids=a program_ids=b
        elif name in found:
            raise UnreadableCall(f"{name} is given twice, as {found[name]!r} and as {value!r}: give it once.")
        else:
            found[name] = value
    return found


def _value(text: str, schema: Schema | None) -> Any:
    """Read a value as its schema would have it; what does not fit stays text, for the check to name."""
    kind = schema["type"] if schema else "string"
    if kind == "integer":
        return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else text
    if kind == "array":
        if text.startswith("["):
            return read_json(text)
        return [one.strip() for one in text.split(",") if one.strip()]
    return text


def _of_json(value: Any) -> Call:
    """Read the JSON of a call: `name` or `tool` with `arguments` or `input`, also inside OpenAI's `function`."""
    if isinstance(value, Mapping) and isinstance(value.get("function"), Mapping):
        value = value["function"]
    name = value.get("name", value.get("tool")) if isinstance(value, Mapping) else None
    if not isinstance(name, str):
        raise UnreadableCall(
            'The JSON names no tool: expected is {"name": "current_eaos", "arguments": {"program_id": "…"}}.'
        )
    arguments: Any = next((value[key] for key in ("arguments", "input") if key in value), {})
    if isinstance(arguments, str):
        return Call(name, read_arguments(arguments))
    if not isinstance(arguments, Mapping):
        raise UnreadableCall(f"The arguments of {name} are {arguments!r:.80}: expected is a JSON object.")
    return Call(name, arguments)
