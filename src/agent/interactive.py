"""The interactive session: a person types questions and calls, and sees tables."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from src.agent.calls import Call
from src.agent.dispatcher import Agent
from src.agent.helping import COMMANDS, help_on, overview
from src.agent.lines import read_call
from src.agent.planner import Planner
from src.agent.screen import START_HINT, Screen
from src.errors import AppError
from src.settings import masked

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

PROMPT = "eaos> "
_LEAVING = {"quit", "exit", "bye", "thoát"}


class Session:
    """One conversation.

    Args:
        agent: makes the calls.
        planner: turns questions into calls.
        screen: where all is shown.
        programs: ids of programs, kept up to date here, for completion and for the planner.
    """

    def __init__(self, agent: Agent, planner: Planner, screen: Screen, programs: set[str]) -> None:
        self._agent, self._planner, self._screen = agent, planner, screen
        self.programs = programs

    async def greet(self) -> None:
        """Say where the stores are and which of them are away; learn the programs."""
        self._screen.say("TV analytics agent. Type a question or a call. help says which, Tab completes, quit ends.")
        health = await self._agent.health()
        for store, error in health.items():
            if error is None:
                self._screen.note(f"  {store:<14}{masked(str(getattr(self._agent.stores.urls, store)))}")
            else:
                self._screen.say(f"  {store:<14}away: {error}", "yellow")
        if any(health.values()):
            self._screen.note(START_HINT)
        await self.learn()

    async def learn(self) -> None:
        """Learn the programs that there are, as far as the stores answer."""
        self.programs |= set(await self._agent.programs())

    async def handle(self, line: str) -> bool:
        """Do what a line says; return whether the session goes on."""
        line = line.strip()
        word, _, rest = line.partition(" ")
        if not line or line.startswith("#"):
            return True
        if line.lower() in _LEAVING:
            return False
        if word.lower() in {"help", "?"}:
            self._help(rest.strip())
            return True
        try:
            call = read_call(line, self._agent.tools)
        except AppError as error:
            self._screen.error(str(error))
            return True
        await (self._call(call) if call is not None else self._ask(line))
        return True

    def _help(self, name: str) -> None:
        try:
            help_on(self._screen, name, self._agent.tools) if name else overview(self._screen, self._agent.tools)
        except AppError as error:
            self._screen.error(str(error))

    async def _ask(self, question: str) -> None:
        plan = await self._planner.plan(question, self._agent.tools)
        for note in plan.notes:
            self._screen.note(note) if plan.calls else self._screen.say(note, "yellow")
        for call in plan.calls:
            await self._call(call)

    async def _call(self, call: Call) -> None:
        self._screen.call(call)
        result = await self._agent.call(call.tool, call.arguments)
        self.programs |= {row["program_id"] for row in result.rows if isinstance(row.get("program_id"), str)}
        self._screen.result(result)


async def at_terminal(session: Session, prompt: PromptSession[str], screen: Screen) -> int:
    """Hold a session at a terminal; Ctrl-C cancels a line or a call, Ctrl-D ends. Returns the exit code, 0."""
    await _cancellable(session.greet(), screen)
    while True:
        try:
            text = await prompt.prompt_async(PROMPT)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        for line in text.splitlines():  # a paste may hold several
            if not await _cancellable(session.handle(line), screen):
                return 0


async def at_pipe(session: Session, lines: TextIO, screen: Screen) -> int:
    """Hold a session over lines that no person types at this moment. Returns the exit code, 0."""
    # While a line is waited for, Ctrl-C has to end the program: asyncio's own handler would wait for the line.
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.default_int_handler)
    await session.learn()
    for line in lines:
        screen.say(f"{PROMPT}{line.rstrip()}")
        if not await _guarded(session.handle(line), screen):
            break
    return 0


async def _guarded(work: Awaitable[bool], screen: Screen) -> bool:
    """Return what `work` returns; the session outlives a fault of ours or of a planner's."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - a person's session does not end for one call
        screen.error(f"That is a fault of the agent, not yours: {type(error).__name__}: {error}")
        return True


async def _cancellable(work: Awaitable[bool] | Awaitable[None], screen: Screen) -> bool:
    """Do `work`, which Ctrl-C cancels; return False where it says that the session ends."""
    task = asyncio.ensure_future(work)
    with _on_interrupt(task.cancel):
        try:
            return await _guarded(task, screen) is not False  # type: ignore[arg-type]
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
            screen.note("Cancelled.")
            return True


@contextlib.contextmanager
def _on_interrupt(handler: Callable[[], object]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGINT, handler)
    except (NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


__all__ = ["COMMANDS", "PROMPT", "Session", "at_pipe", "at_terminal"]
