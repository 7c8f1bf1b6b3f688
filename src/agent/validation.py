"""Whether a call's arguments fit the tool's schema, and what is said where they do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from src.agent.errors import InvalidArguments, Problem, UnknownTool
from src.agent.names import RENAMED
from src.agent.nearest import nearest
from src.agent.tools.tool import Schema, Tool
from tvmigrate.contract.values import TIME_RANGES


def find_tool(name: str, tools: Sequence[Tool]) -> Tool:
    """Return the tool of that name.

    Raises:
        UnknownTool: there is none; those of a like name are named.
    """
    for tool in tools:
        if tool.name == name:
            return tool
    names = [tool.name for tool in tools]
    raise UnknownTool(name, nearest(name, names), names)


def check(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with the defaults filled in, after the schema.

    An argument that is null and may be left out counts as left out: models write it so.

    Raises:
        InvalidArguments: one or more are wrong, unknown or missing; all of them are named.
    """
    given = {name: value for name, value in arguments.items() if value is not None or name not in tool.parameters}
    problems = [*_unknown(tool, given), *_missing(tool, given)]
    for name, value in given.items():
        if name in tool.parameters:
            problems += _wrong(name, value, tool.parameters[name])
    if problems:
        raise InvalidArguments(tool.name, problems)
    checked = {name: _whole(value) for name, value in given.items()}
    return checked | {name: value for name, value in tool.defaults.items() if name not in checked}


def _unknown(tool: Tool, given: Mapping[str, Any]) -> Iterator[Problem]:
    for name in given:
        if name not in tool.parameters:
            yield Problem(name, ", ".join(tool.parameters), given[name], "unknown", _now(name, tool))


def _now(name: str, tool: Tool) -> str:
    """Return what to write instead of a name that `tool` does not have."""
    renamed = RENAMED.get(name)
    if renamed in tool.parameters:
        return f"It is called {renamed} now."
    alike = nearest(name, tool.parameters)
    return f"Is {alike[0]} meant?" if alike else ""


def _missing(tool: Tool, given: Mapping[str, Any]) -> Iterator[Problem]:
    for name in tool.required:
        if name not in given:
            yield Problem(name, allowed(tool.parameters[name]), kind="missing")


def _wrong(name: str, value: Any, schema: Schema) -> list[Problem]:
    if not Draft202012Validator(schema).is_valid(value):
        return [Problem(name, allowed(schema), value, hint=_hint(value, schema))]
    if any(_has_surrogate(text) for text in (value if isinstance(value, list) else [value])):
        return [Problem(name, "Unicode text without lone surrogates", ascii(value))]
    return []


def _hint(value: Any, schema: Schema) -> str:
    """Return what an old value is called now: 15 is `15min`."""
    now = TIME_RANGES.get(str(value).removesuffix("m"))
    return f"{value} is written {now} now." if now in schema.get("enum", ()) else ""


def allowed(schema: Schema) -> str:
    """Return in words what a schema of this project allows."""
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if "pattern" in schema:
        return "a number and min, h, d or w, such as 15min, 24h or 7d"
    if schema["type"] == "integer":
        return f"a whole number from {schema['minimum']:,} to {schema['maximum']:,}"
    if schema["type"] == "array":
        return f"a list of {schema['minItems']} to {schema['maxItems']} different texts"
    return "text that is not empty" if schema.get("minLength") else "text"


def _whole(value: Any) -> Any:
    # JSON schema counts 10.0 as an integer, and some models write it so.
    return int(value) if isinstance(value, float) else value


def _has_surrogate(value: Any) -> bool:
    return isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value)
