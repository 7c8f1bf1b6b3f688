"""Signals that ask a command to end: the first is heeded at the next safe point, the second at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

from tvmigrate.errors import TvmigrateError
from tvmigrate.events import Advanced, Event, Finished, Listener, Started

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SAFE = (Started, Advanced, Finished)


class Ended(BaseException):
    """A signal that asks to end arrived; as an exception, so that what is open is closed on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Stopped(TvmigrateError):  # noqa: N818 - it says what happened
    """A command stopped at a safe point because a signal asked for it; ends it with 128 plus the signal's number."""

    def __init__(self, number: int, where: str = "; nothing was begun.") -> None:
        super().__init__(f"{asked_by(number)}{where}")
        self.number = number
        self.exit_code = 128 + number

    def at(self, where: str) -> Self:
        """Return the same with the words that say where it stopped and how to go on."""
        return type(self)(self.number, where)


def asked_by(number: int) -> str:
    """Return who asked to stop, in words."""
    return "Stopped on your word (Ctrl-C)" if number == signal.SIGINT else f"Stopped by {signal.Signals(number).name}"


def end_at_once(number: int, frame: FrameType | None) -> None:
    """Raise what ends the command here and now: a handler of signals."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Ended(number)


@contextmanager
def heeded(numbers: tuple[int, ...], handler: signal.Handlers | object) -> Iterator[None]:
    """Let `handler` take these signals, but for those that whoever started us has us ignore, as `nohup` does."""
    before = {number: signal.getsignal(number) for number in numbers}
    for number, was in before.items():
        if was is not signal.SIG_IGN:
            signal.signal(number, handler)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, was in before.items():
            if was is not None:  # None: it was not set from Python, and cannot be set again from there
                signal.signal(number, was)


@contextmanager
def at_safe_points(listener: Listener) -> Iterator[Listener]:
    """Yield a listener that tells `listener`, and raises Stopped where work begins, advances or ends once we are asked.

    There everything that was begun is either done or will be done again. A second signal does not wait for that.
    """
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if asked:
            end_at_once(number, frame)
        asked.append(number)
        # Not by a buffered stream, which may be in the middle of a line.
        os.write(2, b"Stopping at the next safe point; asked once more, at once.\n")

    def tell(event: Event) -> None:
        listener(event)
        if asked and isinstance(event, _SAFE):
            raise Stopped(asked[0])

    with heeded(ASKING, ask):
        yield tell
