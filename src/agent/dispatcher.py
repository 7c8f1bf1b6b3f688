"""The agent: it takes a call of a tool, by its name and arguments, and gives back a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from src.agent.calls import read_arguments
from src.agent.results import ToolResult, jsonable
from src.agent.stores import SECONDS, Stores
from src.agent.tools import TOOLS, Tool
from src.agent.tools.programs import known_programs
from src.agent.validation import check, find_tool
from src.errors import AppError
from src.settings import Urls


class Agent:
    """A set of tools over clients of its own.

    Args:
        urls: where the stores answer; by default as `REDIS_URL`, `CLICKHOUSE_URL` and `ELASTICSEARCH_URL` say.
        timeout: seconds that one call of a store may take.
        tools: the tools that there are.
    """

    def __init__(self, urls: Urls | None = None, *, timeout: float = SECONDS, tools: Sequence[Tool] = TOOLS) -> None:
        self.stores = Stores(urls, timeout=timeout)
        self.tools = tuple(tools)

    async def call(self, name: str, arguments: Mapping[str, Any] | str | None = None) -> ToolResult:
        """Call a tool.

        What can be wrong with a call is in the result, so that a model that made it can be told: `result.error` is an
        `UnknownTool`, `InvalidArguments`, `UnreadableCall`, `UnknownProgram`, or an error of a store that names it.

        Args:
            name: the tool's name.
            arguments: its arguments, or their JSON text as models send it.
        """
        given: Mapping[str, Any] = arguments if isinstance(arguments, Mapping) else {}
        try:
            tool = find_tool(name, self.tools)
            given = read_arguments(arguments) if isinstance(arguments, str) else given
            given = check(tool, given)
            answer = await tool.run(self.stores, given)
        except AppError as error:
            return ToolResult(name, jsonable(given), error=error)
        rows = tuple(jsonable(row) for row in answer.rows)
        return ToolResult(name, jsonable(given), rows, tuple(answer.notes), tuple(answer.missing))

    async def programs(self) -> list[str]:
        """Return the ids of the programs that Redis and ClickHouse know, as far as they answer, sorted."""
        try:
            known, _ = await known_programs(self.stores)
        except AppError:
            return []
        return sorted(known)

    async def health(self) -> dict[str, AppError | None]:
        """Return what is wrong with each store, by its name; None where it answers."""
        return await self.stores.health()

    async def close(self) -> None:
        """Close the clients."""
        await self.stores.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
