"""The tools' schemas, and the forms in which models' APIs take them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from src.agent import TOOLS, Tool, ToolResult, UnknownTool, anthropic_tools, mcp_tools, openai_tools
from src.agent.formats import anthropic_result, mcp_result, openai_result
from src.agent.lines import read_call
from src.agent.validation import check
from tvmigrate.contract.values import TIME_RANGES, Sentiment

each_tool = pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)

SCHEMA_OBJECT = {
    "type": "object",
    "properties": {
        "type": {"const": "object"},
        "properties": {"type": "object", "additionalProperties": {"type": "object"}},
        "required": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["type"],
    # Neither API takes these at the top of a tool's schema.
    "not": {"anyOf": [{"required": [word]} for word in ("oneOf", "anyOf", "allOf", "enum", "not")]},
}
NAME = {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}
# openai-openapi: ChatCompletionTool and FunctionObject.
# https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools
OPENAI = {
    "type": "object",
    "properties": {
        "type": {"const": "function"},
        "function": {
            "type": "object",
            "properties": {
                "name": NAME,
                "description": {"type": "string"},
                "parameters": SCHEMA_OBJECT,
                "strict": {"type": ["boolean", "null"]},
            },
            "required": ["name"],
            "additionalProperties": False,
        },
    },
    "required": ["type", "function"],
    "additionalProperties": False,
}
# anthropic-sdk-python, types/tool_param.py. https://docs.anthropic.com/en/api/messages#body-tools
ANTHROPIC = {
    "type": "object",
    "properties": {
        "name": NAME,
        "description": {"type": "string"},
        "input_schema": SCHEMA_OBJECT,
        "type": {"enum": ["custom", None]},
        "cache_control": {"type": ["object", "null"]},
    },
    "required": ["name", "input_schema"],
    "additionalProperties": False,
}
# MCP 2025-06-18, schema.json, definition Tool.
MCP = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "title": {"type": "string"},
        "description": {"type": "string"},
        "inputSchema": SCHEMA_OBJECT,
        "outputSchema": {"type": "object"},
        "annotations": {"type": "object"},
        "_meta": {"type": "object"},
    },
    "required": ["name", "inputSchema"],
    "additionalProperties": False,
}


@each_tool
def test_a_tools_schema_is_of_draft_2020_12_and_closed(tool: Tool) -> None:
    Draft202012Validator.check_schema(tool.schema)
    assert tool.schema["type"] == "object"
    assert tool.schema["additionalProperties"] is False
    assert set(tool.schema["required"]) <= set(tool.schema["properties"])


@each_tool
def test_every_argument_is_described_and_every_default_is_allowed(tool: Tool) -> None:
    assert len(tool.description) > 60
    for name, schema in tool.schema["properties"].items():
        assert schema["description"].endswith("."), name
        if "default" in schema:
            Draft202012Validator(schema).validate(schema["default"])


@each_tool
def test_a_tools_example_is_a_call_of_it(tool: Tool) -> None:
    call = read_call(tool.example, TOOLS)
    assert call is not None
    assert call.tool == tool.name
    assert set(tool.required) <= set(check(tool, call.arguments))


def test_the_enums_are_the_contracts() -> None:
    enums = {
        (tool.name, name): schema["enum"]
        for tool in TOOLS
        for name, schema in tool.schema["properties"].items()
        if "enum" in schema
    }
    assert enums == {
        ("top_trends", "time_range"): list(TIME_RANGES.values()),
        ("search_comments", "sentiment"): [label.value for label in Sentiment],
        ("search_comments", "sort"): ["relevance", "newest", "oldest"],
    }


def test_a_schema_that_a_caller_changes_leaves_the_tool_as_it_was() -> None:
    tool = TOOLS[0]
    tool.schema["properties"]["limit"]["maximum"] = 1
    assert tool.schema["properties"]["limit"]["maximum"] == 1_000


@pytest.mark.parametrize(
    ("shape", "given"),
    [(OPENAI, openai_tools()), (ANTHROPIC, anthropic_tools()), (MCP, mcp_tools())],
    ids=["openai", "anthropic", "mcp"],
)
def test_the_tools_are_in_the_published_shape(shape: dict[str, Any], given: list[dict[str, Any]]) -> None:
    for tool in json.loads(json.dumps(given)):
        Draft202012Validator(shape).validate(tool)


def test_the_three_forms_say_the_same() -> None:
    theirs = [tool["function"] for tool in openai_tools()]
    said = [(tool["name"], tool["description"], tool["parameters"]) for tool in theirs]
    assert said == [(tool.name, tool.description, tool.schema) for tool in TOOLS]
    assert said == [tuple(tool.values()) for tool in anthropic_tools()]
    assert said == [tuple(tool.values()) for tool in mcp_tools()]


def test_a_failed_result_is_told_to_a_model_as_an_error() -> None:
    result = ToolResult("eaos", {}, error=UnknownTool("eaos", ["current_eaos"], ["current_eaos", "topics"]))
    text = json.dumps(result.as_json())
    assert json.loads(text)["error"] == {
        "type": "UnknownTool",
        "message": "There is no tool 'eaos'. Nearest: current_eaos.",
        "nearest": ["current_eaos"],
    }
    assert anthropic_result("toolu_1", result) == {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "content": text,
        "is_error": True,
    }
    assert openai_result("call_1", result) == {"role": "tool", "tool_call_id": "call_1", "content": text}
    assert mcp_result(result) == {
        "content": [{"type": "text", "text": text}],
        "structuredContent": result.as_json(),
        "isError": True,
    }


def test_a_name_fits_every_api() -> None:
    assert all(re.fullmatch(NAME["pattern"], tool.name) for tool in TOOLS)
