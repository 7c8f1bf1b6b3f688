"""The tools, and their results, in the forms that the usual tool-calling APIs take. No package of theirs is needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from src.agent.results import ToolResult
from src.agent.tools import TOOLS, Tool

JsonObject = dict[str, Any]


def openai_tools(tools: Sequence[Tool] = TOOLS) -> list[JsonObject]:
    """Return `tools` for the `tools` of an OpenAI chat completion, and of the many APIs of that form.

    https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools
    """
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema},
        }
        for tool in tools
    ]


def anthropic_tools(tools: Sequence[Tool] = TOOLS) -> list[JsonObject]:
    """Return `tools` for the `tools` of an Anthropic message: https://docs.anthropic.com/en/api/messages#body-tools."""
    return [{"name": tool.name, "description": tool.description, "input_schema": tool.schema} for tool in tools]


def mcp_tools(tools: Sequence[Tool] = TOOLS) -> list[JsonObject]:
    """Return `tools` for an MCP `tools/list`: https://modelcontextprotocol.io/specification/2025-06-18/server/tools."""
    return [{"name": tool.name, "description": tool.description, "inputSchema": tool.schema} for tool in tools]


FORMATS = {"openai": openai_tools, "anthropic": anthropic_tools, "mcp": mcp_tools}


def openai_result(tool_call_id: str, result: ToolResult) -> JsonObject:
    """Return the message that answers an OpenAI tool call."""
    return {"role": "tool", "tool_call_id": tool_call_id, "content": as_text(result)}


def anthropic_result(tool_use_id: str, result: ToolResult) -> JsonObject:
    """Return the content block that answers an Anthropic `tool_use` block."""
    return {
        "type": "tool_result",
        "tool_use_id": tool_use_id,
        "content": as_text(result),
        "is_error": not result.ok,
    }


def mcp_result(result: ToolResult) -> JsonObject:
    """Return the result of an MCP `tools/call`."""
    return {
        "content": [{"type": "text", "text": as_text(result)}],
        "structuredContent": result.as_json(),
        "isError": not result.ok,
    }


def as_text(result: ToolResult) -> str:
    """Return the result as JSON text, on one line."""
    return json.dumps(result.as_json(), ensure_ascii=False, allow_nan=False)
