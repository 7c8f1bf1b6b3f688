"""Completion of what is typed: commands, tools, their arguments, the values of an enum, program ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from src.agent.tools import Tool
from src.agent.tools.tool import Schema

_WORD = re.compile(r"\S*\Z")
_SHOWN = 200  # more in a menu help nobody


class CallCompleter(Completer):
    """Completes a line up to the cursor.

    Args:
        tools: the tools that there are.
        commands: what else a line may begin with, and what it does.
        programs: gives the program ids that are known at the moment.
    """

    def __init__(
        self, tools: Sequence[Tool], commands: dict[str, str], programs: Callable[[], Collection[str]]
    ) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._commands = commands
        self._programs = programs

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield what the word before the cursor may become."""
        before = document.text_before_cursor.lstrip()
        match = _WORD.search(before)
        word = match[0] if match else ""
        earlier = before[: len(before) - len(word)].split()
        if not earlier:
            yield from self._first(word)
        elif earlier[0] == "help":
            yield from _starting(word, ((tool.name, tool.summary) for tool in self._tools.values()))
        elif earlier[0] in self._tools:
            yield from self._argument(self._tools[earlier[0]], word, earlier[1:])
        else:
            yield from self._in_question(word)

    def _first(self, word: str) -> Iterator[Completion]:
        yield from _starting(word, ((tool.name, tool.summary) for tool in self._tools.values()))
        yield from _starting(word, self._commands.items())

    def _argument(self, tool: Tool, word: str, earlier: Sequence[str]) -> Iterator[Completion]:
        name, equals, value = word.partition("=")
        if equals:
            yield from self._values(name, tool.parameters.get(name, {}), value)
            return
        given = {one.partition("=")[0] for one in earlier}
        for parameter, schema in tool.parameters.items():
            if parameter not in given and parameter.startswith(word):
                about = schema["description"].partition(". ")[0]
                needed = "needed: " if parameter in tool.required else ""
                yield Completion(f"{parameter}=", -len(word), display_meta=f"{needed}{about}")
        yield from self._in_question(word)

    def _values(self, name: str, schema: Schema, value: str) -> Iterator[Completion]:
        if name == "program_ids":
            value = value.rpartition(",")[2]
        if name in {"program_id", "program_ids"}:
            yield from self._program_ids(value)
        else:
            yield from _starting(value, ((str(one), "") for one in schema.get("enum", ())))

    def _program_ids(self, value: str) -> Iterator[Completion]:
        """Yield the ids that hold what was typed: the contestant's name finds `the_voice/contestant_1`."""
        typed = value.lstrip("'\"")
        found = [program for program in self._programs() if typed.casefold() in program.casefold()]
        for program in found[:_SHOWN]:
            blank = any(char.isspace() for char in program)
            yield Completion(f'"{program}"' if blank else program, -len(value), display=program)

    def _in_question(self, word: str) -> Iterator[Completion]:
        """Yield program ids in a question, once the word is long enough to be the beginning of one."""
        if len(word) >= 2:
            yield from self._program_ids(word)


def _starting(word: str, choices: Iterable[tuple[str, str]]) -> Iterator[Completion]:
    for name, about in choices:
        if name.startswith(word):
            yield Completion(name, -len(word), display_meta=about)


def tab_key(completer: Completer) -> KeyBindings:
    """Return what Tab does: put in the only completion there is, else show them, and go from one to the next.

    By itself prompt_toolkit puts the only one in if it begins with what was typed; a program may be found by its end.
    """
    keys = KeyBindings()

    @keys.add("tab")
    def complete(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state:
            buffer.complete_next()
            return
        found = list(completer.get_completions(buffer.document, CompleteEvent(completion_requested=True)))
        if len(found) == 1:
            buffer.apply_completion(found[0])
        else:
            buffer.start_completion(insert_common_part=True)

    return keys
