"""How far one store's part of a load is, as events; and how the others are stopped when one fails."""

from __future__ import annotations

import time
from threading import Event as Flag

from tvmigrate.events import Advanced, Finished, Listener, Said, Started
from tvmigrate.side_by_side import GivenUp

SHOWN = 5  # names in a sentence about many


class Progress:
    """Counts the records of one task and tells a listener."""

    def __init__(self, task: str, unit: str, listener: Listener, stop: Flag) -> None:
        self._task = task
        self._unit = unit
        self._listener = listener
        self._stop = stop
        self._done = 0
        self._started = 0.0

    def start(self, total: int | None) -> None:
        """Say that the task begins, with `total` records if that is known."""
        self._started = time.monotonic()
        self._listener(Started(self._task, total, self._unit))

    def step(self, records: int) -> None:
        """Count `records` more as done; raises GivenUp if another part failed."""
        self.check()
        self._done += records
        self._listener(Advanced(self._task, self._done))

    def check(self) -> None:
        """Raise GivenUp if another part failed."""
        if self._stop.is_set():
            raise GivenUp

    def warn(self, text: str) -> None:
        """Say what a person should know of, in a sentence."""
        self._listener(Said(text, "warning"))

    def finish(self) -> None:
        """Say that the task ended well."""
        self._listener(Finished(self._task, time.monotonic() - self._started, f"{self._done} {self._unit}"))
