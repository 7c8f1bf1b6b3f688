"""Whatever a model or a person sends, a call comes to a result that is JSON: rows, or an error that is named."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from src.agent import TOOLS, Agent, Tool
from src.agent.tools.tool import Schema
from src.errors import InvalidValue, UnknownProgram
from tests.app.agent.stock import ONE, TWO

_TEXTS = st.sampled_from([ONE, TWO, "*", " ", "'", "\0", "a" * 40_000, "\\", "{a}", "%s", "🎤"]) | st.text()
_TIMES = st.sampled_from(["2025-11-20", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31", "2300-01-01"])


def _values(name: str, schema: Schema) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    if schema["type"] == "array":
        return st.lists(_TEXTS, min_size=2, max_size=4, unique=True)
    if name == "last":
        return st.from_regex(schema["pattern"], fullmatch=True)
    return _TIMES if name in {"start", "end"} else _TEXTS


def _arguments(tool: Tool) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    each = {name: _values(name, schema) for name, schema in tool.parameters.items()}
    needed = {name: each.pop(name) for name in tool.required}
    return st.tuples(st.just(tool.name), st.fixed_dictionaries(needed, optional=each))


@given(st.sampled_from(TOOLS).flatmap(_arguments))
@example(("eaos_history", {"program_id": ONE, "last": "99999w"}))
@example(("search_comments", {"last": "99999w"}))
@example(("search_comments", {"query": " "}))
@example(("anomalies", {"start": "0001-01-01T00:00:00Z", "end": "9999-12-31T23:59:59Z"}))
async def test_any_arguments_that_fit_the_schema_come_to_rows_or_a_named_error(
    agent: Agent, call: tuple[str, dict[str, Any]]
) -> None:
    result = await agent.call(*call)
    json.dumps(result.as_json(), allow_nan=False).encode()
    assert result.ok or isinstance(result.error, InvalidValue | UnknownProgram) or hasattr(result.error, "problems")
    result.table()
