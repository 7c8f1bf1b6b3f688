"""How the command ends."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from src.agent.results import ToolResult
from src.errors import StoreUnavailable


class Exit(IntEnum):
    """The exit codes, those of the contract's §5 where they mean the same."""

    DONE = 0
    FAILED = 1  # a call failed or was wrong
    USAGE = 2
    STORE_AWAY = 3


def exit_of(results: Iterable[ToolResult | None]) -> Exit:
    """Return how a run of these results ends; None is a line that was no call. A failure outweighs a store away."""
    code = Exit.DONE
    for result in results:
        if result is not None and (isinstance(result.error, StoreUnavailable) or (result.ok and result.missing)):
            code = max(code, Exit.STORE_AWAY)
        elif result is None or not result.ok:
            return Exit.FAILED
    return code
