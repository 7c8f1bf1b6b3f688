"""What `help` and `help TOOL` say."""

from __future__ import annotations

from collections.abc import Sequence

from src.agent.questions.words import EXAMPLES
from src.agent.screen import Screen
from src.agent.tools import Tool
from src.agent.tools.tool import Schema
from src.agent.validation import allowed, find_tool

COMMANDS = {
    "help": "what can be typed; help TOOL: a tool's arguments",
    "quit": "end (also exit, Ctrl-D)",
}


def overview(screen: Screen, tools: Sequence[Tool]) -> None:
    """Show the tools, the forms of a call, and examples of questions."""
    screen.say("Tools (help TOOL tells its arguments):", "bold")
    screen.rows(("tool", "about"), [(f"  {tool.name}", tool.summary) for tool in tools])
    screen.say("\nA call, in either form; a value with blanks stands in quotes:", "bold")
    screen.say("  top_trends time_range=15min limit=5")
    screen.say('  {"name": "top_trends", "arguments": {"time_range": "15min", "limit": 5}}')
    screen.say("\nQuestions, in English or Vietnamese; the call that is made of one is shown:", "bold")
    for example in EXAMPLES:
        screen.say(f"  {example}")
    screen.say("\nOther lines:", "bold")
    screen.rows(("line", "about"), [(f"  {name}", about) for name, about in COMMANDS.items()])


def help_on(screen: Screen, name: str, tools: Sequence[Tool]) -> None:
    """Show a tool's description, its arguments and an example.

    Raises:
        UnknownTool: there is no such tool.
    """
    tool = find_tool(name, tools)
    screen.say(tool.name, "bold")
    screen.say(tool.description)
    screen.say("\nArguments:", "bold")
    screen.rows(
        ("argument", "about"),
        [(f"  {name}", _about(schema, needed=name in tool.required)) for name, schema in tool.parameters.items()],
    )
    screen.say("\nExample:", "bold")
    screen.say(f"  {tool.example}")


def _about(schema: Schema, *, needed: bool) -> str:
    default = f" Unless given: {schema['default']}." if "default" in schema else ""
    return f"{'Needed: ' if needed else ''}{allowed(schema)}. {schema['description']}{default}"
