"""What is going on, told as it happens: bars on a terminal, plain lines elsewhere, or one line of JSON an event.

Bars and lines have counts, rates and, where the total is known, the time left.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text

from tvmigrate.events import Advanced, Event, Finished, Printed, Said, Started
from tvmigrate.printable import one_line, printable

_QUIET_SECONDS = 2.0  # between two plain lines about one task, at first
_LONGEST_QUIET = 60.0  # and when it has been under way for long
_QUIET_SHARE = 10  # a line for each so much of the time it has taken
_SURE_AFTER = 1.0  # seconds from which a rate says how long the rest will take
TEXT, JSON = "text", "json"  # of `--log-format`


Ending = Callable[[Finished, int, str], str]


class Watch(Protocol):
    """A listener for `with`: what it shows live is put away on leaving."""

    def __call__(self, event: Event) -> None:
        """Take one event; called by one thread at a time."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def watch(console: Console, ended: Ending | None = None) -> Watch:
    """Return bars if `console` is a terminal, plain lines if not; JSON if the command line asked for it.

    `ended` says in plain lines what is told of a task that ended, as `ending` does. Where the command line asked for
    metrics, they are served for as long as the watch is entered.

    Raises:
        UsageError: metrics were asked for, and cannot be served.
    """
    asked = _asked()
    shown: Watch
    if asked.get("log_format") == JSON:
        shown = JsonLines(console)
    elif console.is_terminal and not console.is_dumb_terminal:
        shown = _Bars(console)
    else:
        shown = _Lines(console, ended or ending)
    port = asked.get("metrics_port")
    if port is None:
        return shown
    from tvmigrate.metrics import Metered  # noqa: PLC0415 - an extra

    return Metered(shown, int(port))


def on_stderr(ended: Ending | None = None) -> Watch:
    """Return what shows on stderr how far a command is; raises UsageError as `watch` does."""
    return watch(Console(stderr=True, highlight=False), ended)


def lines(console: Console) -> Watch:
    """Return plain lines, whatever `console` is."""
    return _Lines(console, ending)


def _asked() -> Mapping[str, Any]:
    """Return the options before the command's name, none outside of the command line."""
    context = click.get_current_context(silent=True)
    return {} if context is None else context.find_root().params


def amount(done: int, total: int | None, unit: str, seconds: float) -> str:
    """Return `1,200 of 3,150 comments, 24,000/s`."""
    text = f"{done:,}" + (f" of {total:,}" if total is not None else "") + (f" {unit}" if unit else "")
    text += f", {done / seconds:,.0f}/s" if seconds > 0.05 and done else ""
    left = seconds_left(done, total, seconds)
    return text if left is None else f"{text}, {duration(left)} left"


def seconds_left(done: int, total: int | None, seconds: float) -> float | None:
    """Return how long the rest takes if it goes on as until now; None where nothing says so."""
    if total is None or not 0 < done < total or seconds < _SURE_AFTER:
        return None
    return (total - done) * seconds / done


def duration(seconds: float) -> str:
    """Return `45 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


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

    def pace(self, task: str) -> dict[str, Any]:
        """Return total, unit, rate (a second) and seconds left of a task; None of what is not known."""
        seconds = time.monotonic() - self.began.get(task, time.monotonic())
        done, total = self.done[task], self.total.get(task)
        left = seconds_left(done, total, seconds)
        return {
            "total": total,
            "unit": self.unit.get(task, ""),
            "rate": round(done / seconds, 1) if seconds > 0.05 else None,
            "seconds_left": None if left is None else round(left, 1),
        }

    def told(self, task: str) -> str:
        seconds = time.monotonic() - self.began.get(task, time.monotonic())
        return amount(self.done[task], self.total.get(task), self.unit.get(task, ""), seconds)


def _write(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text), style=style), soft_wrap=True)


def _tell(console: Console, event: Event) -> None:
    match event:
        case Said(text=text, level="info"):
            _write(console, one_line(text))
        case Said(text=text, level=level):
            _write(console, f"{level}: {one_line(text)}", "bold red" if level == "error" else "yellow")
        case Printed(source=source, line=line):
            _write(console, f"  {source} | {line}", "dim")


class _Lines:
    """Plain lines; of a long task one every two seconds at first, then fewer: one for each tenth of its time."""

    def __init__(self, console: Console, ended: Ending) -> None:
        self._console = console
        self._ended = ended
        self._counts = _Counts()
        self._last: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        self._counts.take(event)
        match event:
            case Started(task=task):
                self._last[task] = time.monotonic()
            case Advanced(task=task) if time.monotonic() - self._last.get(task, 0.0) >= self._quiet(task):
                self._last[task] = time.monotonic()
                _write(self._console, f"{task}: {self._counts.told(task)}")
            case Finished(task=task):
                told = self._ended(event, self._counts.done.get(task, 0), self._counts.unit.get(task, ""))
                _write(self._console, told)
            case _:
                _tell(self._console, event)

    def _quiet(self, task: str) -> float:
        taken = time.monotonic() - self._counts.began.get(task, time.monotonic())
        return min(_LONGEST_QUIET, max(_QUIET_SECONDS, taken / _QUIET_SHARE))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class JsonLines:
    """One JSON object a line, an event each: `at` (UTC), `event`, and what the event says; rate and time left too."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._counts = _Counts()

    def __call__(self, event: Event) -> None:
        """Write one line."""
        self._counts.take(event)
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said = {"at": at, "event": type(event).__name__.lower(), **asdict(event)}
        if isinstance(event, Advanced):
            said |= self._counts.pace(event.task)
        # Not through the console's own print, which may break a line or colour it.
        self._console.file.write(json.dumps(said, ensure_ascii=True) + "\n")
        self._console.file.flush()

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
