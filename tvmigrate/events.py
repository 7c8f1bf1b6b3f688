"""What the tool is doing, as one stream of typed events; the console, JSON and JUnit reports only consume it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events, so that a listener's type says what it takes."""


@dataclass(frozen=True, slots=True)
class Started(Event):
    """A piece of work began; `task` names it until `Finished` with the same name. `total` counts `unit`s."""

    task: str
    total: int | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Advanced(Event):
    """`done` units of `task` are done so far (absolute, not a step); `total` may become known on the way."""

    task: str
    done: int
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """`task` ended well after `seconds`; `note` says what came out of it, in a few words."""

    task: str
    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Said(Event):
    """A sentence for the person watching. `level` is `info`, `warning` or `error`."""

    text: str
    level: str = "info"


@dataclass(frozen=True, slots=True)
class Printed(Event):
    """One line that a command under test (`source`) wrote to its output."""

    source: str
    line: str


Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Take an event and do nothing: for callers that watch nothing."""
