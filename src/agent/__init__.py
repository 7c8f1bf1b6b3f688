"""The agent: tools over the V2 clients for a model or a person; docs/agent.md says how to use it."""

from __future__ import annotations

from src.agent.calls import Call
from src.agent.dispatcher import Agent
from src.agent.errors import AgentError, InvalidArguments, Problem, UnknownTool, UnreadableCall
from src.agent.formats import anthropic_tools, mcp_tools, openai_tools
from src.agent.planner import Plan, Planner
from src.agent.questions.rules import RulePlanner
from src.agent.results import Table, ToolResult
from src.agent.tools import TOOLS, Tool

__all__ = [
    "TOOLS",
    "Agent",
    "AgentError",
    "Call",
    "InvalidArguments",
    "Plan",
    "Planner",
    "Problem",
    "RulePlanner",
    "Table",
    "Tool",
    "ToolResult",
    "UnknownTool",
    "UnreadableCall",
    "anthropic_tools",
    "mcp_tools",
    "openai_tools",
]
