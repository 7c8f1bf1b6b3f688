"""A piece of a file: its text, where it starts, and what is known of its surroundings."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace

from tvmigrate.lint.statement import Place

# Returns the text of a file that a script names (`cat x.sql | …`), and the path to tell; None: it is not there.
Opener = Callable[[str], "tuple[str, str] | None"]


def nothing_opens(name: str) -> None:
    """Be the opener of a text that stands alone."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a reader has to know of where its text stands."""

    path: str
    rollback: bool = False
    script: bool = False  # a shell file, not lines to paste
    many: bool = False  # within a loop
    group: str = ""
    opener: Opener = nothing_opens


@dataclass(frozen=True, slots=True)
class Text:
    """A text and the line and column (from 1) of its first character."""

    value: str
    line: int
    column: int
    around: Around

    def place(self, offset: int = 0) -> Place:
        """Return the place of the character at `offset`."""
        before = self.value[:offset]
        rows = before.count("\n")
        column = self.column + offset if rows == 0 else offset - before.rfind("\n")
        return Place(self.around.path, self.line + rows, column, self.around.rollback)

    def locate(self) -> Callable[[int], Place]:
        """Return what `place` does, made for many offsets of one long text."""
        starts = [0, *(found.end() for found in re.finditer("\n", self.value))]
        around = self.around

        def place(offset: int) -> Place:
            row = bisect_right(starts, offset) - 1
            column = offset - starts[row] + (self.column if row == 0 else 1)
            return Place(around.path, self.line + row, column, around.rollback)

        return place

    def part(self, start: int, end: int) -> Text:
        """Return the text from `start` to before `end`."""
        place = self.place(start)
        return replace(self, value=self.value[start:end], line=place.line, column=place.column)
