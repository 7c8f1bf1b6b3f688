"""What a person sees: the call as it was made, a table or records, notes, errors; or a line of JSON for each result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from src.agent.calls import Call
from src.agent.formats import as_text
from src.agent.results import Table, ToolResult, printable

START_HINT = (
    "Start the stores with `docker-compose up -d`, or embedded ones with "
    '`eval "$(tvmigrate engines up --detach --dir DIR)"`; or say where they are: REDIS_URL, CLICKHOUSE_URL, '
    "ELASTICSEARCH_URL."
)
_PLAIN_WIDTH = 200  # columns where the output is no terminal, and nobody says COLUMNS
_WRAPS_FROM = 40  # a text longer than this may be wrapped within its column


class Screen:
    """Writes to a terminal, a pipe or a file.

    Args:
        out: where results go.
        err: where a batch's errors go.
        as_json: write each result as one line of JSON, and nothing else to `out`.
        width: columns; by default the terminal's.
    """

    def __init__(self, out: TextIO, err: TextIO, *, as_json: bool = False, width: int | None = None) -> None:
        self.as_json = as_json
        self._out = self._console(out, width)
        self._err = self._console(err, width)

    @staticmethod
    def _console(file: TextIO, width: int | None) -> Console:
        console = Console(file=file, width=width, highlight=False, emoji=False, markup=False)
        if width is None and not console.is_terminal and "COLUMNS" not in console._environ:
            console.width = _PLAIN_WIDTH
        return console

    def call(self, call: Call, prefix: str = "→") -> None:
        """Echo a call before it is made."""
        if not self.as_json:
            self._out.print(Text(f"{prefix} {call.typed()}", style="bold cyan"), soft_wrap=True)

    def result(self, result: ToolResult, **about: Any) -> None:
        """Show a result; in JSON, `about` (such as the line's number) stands first in its object."""
        if self.as_json:
            self.json({**about, **json.loads(as_text(result))})
            return
        if result.error is not None:
            self.error(str(result.error))
            return
        if result.rows:
            self._out.print(_shown(result.table(), self._out.width))
        for note in result.notes:
            self.note(note)

    def json(self, value: Mapping[str, Any]) -> None:
        """Write an object as one line of JSON."""
        self._out.file.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
        self._out.file.flush()

    def say(self, text: str, style: str = "") -> None:
        """Write a line of text, unless results are JSON."""
        if not self.as_json:
            self._out.print(Text(_lines(text), style=style), soft_wrap=not self._out.is_terminal)

    def note(self, text: str) -> None:
        """Write a remark."""
        self.say(text, "dim")

    def error(self, text: str) -> None:
        """Write an error among the results, as the interactive session does."""
        if self.as_json:
            self.json({"ok": False, "error": {"message": text}})
        else:
            self.say(text, "red")

    def complain(self, text: str) -> None:
        """Write an error to the error stream, as the batch does."""
        self._err.print(Text(_lines(text), style="red"), soft_wrap=True)

    def remark(self, text: str) -> None:
        """Write a line that is neither result nor error to the error stream."""
        self._err.print(Text(_lines(text)), soft_wrap=True)

    def rows(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write a table of text without lines, such as a list of tools."""
        table = RichTable(box=None, show_header=False, padding=(0, 2, 0, 0))
        for place in range(len(columns)):
            table.add_column(overflow="fold", no_wrap=place == 0)
        for row in rows:
            table.add_row(*map(Text, row))
        if not self.as_json:
            self._out.print(table)


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def _shown(table: Table, width: int) -> RichTable:
    """Return a table if it fits into `width` with its long texts wrapped, else its records one below the other."""
    widest = [
        max(len(cells) for cells in (name, *(row[place] for row in table.rows)))
        for place, name in enumerate(table.columns)
    ]
    needed = sum(min(one, _WRAPS_FROM) + 3 for one in widest) + 1
    return _as_table(table, widest) if needed <= width else _as_records(table)


def _as_table(table: Table, widest: Sequence[int]) -> RichTable:
    shown = RichTable(box=box.ROUNDED, header_style="bold")
    for name, numeric, wide in zip(table.columns, table.numeric, widest, strict=True):
        shown.add_column(
            Text(name),
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=wide <= _WRAPS_FROM,
            min_width=min(wide, _WRAPS_FROM),
        )
    for row in table.rows:
        shown.add_row(*map(Text, row))
    return shown


def _as_records(table: Table) -> RichTable:
    shown = RichTable(box=box.ROUNDED, show_header=False)
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(overflow="fold")
    for row in table.rows:
        for name, text in zip(table.columns, row, strict=True):
            shown.add_row(Text(name), Text(text))
        shown.add_section()
    return shown
