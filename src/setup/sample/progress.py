"""How far the seeding is: a bar on a terminal, a plain line at every tenth without one."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self, TextIO

from rich import progress
from rich.console import Console


class Progress:
    """Tells how many of `total` things are done, on stderr: stdout is for what came of it."""

    def __init__(self, what: str, total: int, stream: TextIO | None = None) -> None:
        self._what, self._total, self._done, self._told = what, total, 0, 0
        self._stream = sys.stderr if stream is None else stream
        self._bar: progress.Progress | None = None
        if self._stream.isatty():
            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TimeRemainingColumn(),
                console=Console(file=self._stream),
            )
            self._task = self._bar.add_task(what, total=total)

    def advance(self, number: int) -> None:
        """Count `number` more as done."""
        self._done += number
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)
        elif self._done * 10 // self._total > self._told:
            self._told = self._done * 10 // self._total
            self._stream.write(f"{self._what}: {self._done:,} of {self._total:,}\n")
            self._stream.flush()

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
