"""What is going on, told as it happens: bars on a terminal, plain lines elsewhere; counts and rates in both."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text

from tvmigrate.events import Advanced, Event, Finished, Printed, Said, Started
from tvmigrate.printable import printable

_QUIET_SECONDS = 2.0  # between two plain lines about one task


class Watch(Protocol):
    """A listener for `with`: what it shows live is put away on leaving."""

    def __call__(self, event: Event) -> None:
        """Take one event; called by one thread at a time."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def watch(console: Console) -> Watch:
    """Return bars if `console` is a terminal, plain lines if not."""
    return _Bars(console) if console.is_terminal and not console.is_dumb_terminal else _Lines(console)


def lines(console: Console) -> Watch:
    """Return plain lines, whatever `console` is."""
    return _Lines(console)


def amount(done: int, total: int | None, unit: str, seconds: float) -> str:
    """Return `1,200 of 3,150 comments, 24,000/s`."""
    text = f"{done:,}" + (f" of {total:,}" if total is not None else "") + (f" {unit}" if unit else "")
    return text + (f", {done / seconds:,.0f}/s" if seconds > 0.05 and done else "")


def ending(event: Finished, done: int, unit: str) -> str:
    """Return what is said of a task that ended: its note, else its count, with seconds and rate."""
    told = amount(done, None, unit, event.seconds) if done else event.note or "done"
    if done and event.note and f"{done:,}" not in event.note and str(done) not in event.note:
        told = f"{event.note}; {told}"
    return f"{event.task}: {told} ({event.seconds:.1f} s)"


class _Counts:
    """When each task began, in what it counts, and how far it is."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}
        self.unit: dict[str, str] = {}
        self.done: dict[str, int] = {}
        self.total: dict[str, int | None] = {}

    def take(self, event: Event) -> None:
        match event:
            case Started(task=task, total=total, unit=unit):
                self.began[task], self.unit[task] = time.monotonic(), unit
                self.done[task], self.total[task] = 0, total
            case Advanced(task=task, done=done, total=total):
                self.done[task] = done
                self.total[task] = total if total is not None else self.total.get(task)

    def told(self, task: str) -> str:
        seconds = time.monotonic() - self.began.get(task, time.monotonic())
        return amount(self.done[task], self.total.get(task), self.unit.get(task, ""), seconds)


def _write(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text), style=style), soft_wrap=True)


def _tell(console: Console, event: Event) -> None:
    match event:
        case Said(text=text, level="info"):
            _write(console, text)
        case Said(text=text, level=level):
            _write(console, f"{level}: {text}", "bold red" if level == "error" else "yellow")
        case Printed(source=source, line=line):
            _write(console, f"  {source} | {line}", "dim")


class _Lines:
    """Plain lines; of a long task one every two seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._counts = _Counts()
        self._last: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        self._counts.take(event)
        match event:
            case Started(task=task):
                self._last[task] = time.monotonic()
            case Advanced(task=task) if time.monotonic() - self._last.get(task, 0.0) >= _QUIET_SECONDS:
                self._last[task] = time.monotonic()
                _write(self._console, f"{task}: {self._counts.told(task)}")
            case Finished(task=task):
                _write(self._console, ending(event, self._counts.done.get(task, 0), self._counts.unit.get(task, "")))
            case _:
                _tell(self._console, event)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class _Amount(ProgressColumn):
    """Count, unit and rate of a task."""

    def render(self, task: Task) -> Text:
        done = int(task.completed)
        total = None if task.total is None else int(task.total)
        if not done and total is None:
            return Text(f"{task.elapsed or 0:.0f} s")
        return Text(amount(done, total, task.fields["unit"], task.elapsed or 0))


class _Bars:
    """A bar for each task that runs; a line for each that ended stays above them."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), _Amount(), console=console,
            transient=True,
        )  # fmt: skip
        self._tasks: dict[str, TaskID] = {}
        self._counts = _Counts()

    def __call__(self, event: Event) -> None:
        self._counts.take(event)
        match event:
            case Started(task=task, total=total, unit=unit):
                self._drop(task)
                self._tasks[task] = self._progress.add_task(printable(task), total=total, unit=unit)
            case Advanced(task=task, done=done, total=total) if task in self._tasks:
                if total is None:
                    self._progress.update(self._tasks[task], completed=done)
                else:
                    self._progress.update(self._tasks[task], completed=done, total=total)
            case Finished(task=task):
                self._drop(task)
                done, unit = self._counts.done.get(task, 0), self._counts.unit.get(task, "")
                _write(self._progress.console, ending(event, done, unit))
            case _:
                _tell(self._progress.console, event)

    def _drop(self, task: str) -> None:
        if (known := self._tasks.pop(task, None)) is not None:
            self._progress.remove_task(known)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
