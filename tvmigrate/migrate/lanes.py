"""The steps of a stage side by side: each has a store of its own, and a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from tvmigrate.migrate.store_lock import StoreLock
from tvmigrate.migrate.work import Work
from tvmigrate.side_by_side import GivenUp, at_once
from tvmigrate.stopping import Stopped

_LETS_GO_SECONDS = 5.0  # that steps get to see that they are to end, where the command is ended at once


class Lanes:
    """Takes steps side by side. Where one fails the others end before their next write, and are gone on with later."""

    def __init__(self, work: Work, lock: StoreLock) -> None:
        self._work = replace(work, hold=self._hold)
        self._lock = lock
        self._given_up = threading.Event()
        self._failed: list[Exception] = []

    def take(self, steps: Mapping[str, Callable[[Work], None]]) -> None:
        """Take all of `steps`, by their names.

        Raises:
            Stopped: somebody asked to stop.
            Whatever failed first; what fails after it is told as a warning.
            KeyboardInterrupt, Ended: the command is to end at once. Where a step has not, it ends with the process,
                and the stores stay locked until then.
        """
        ended = {name: threading.Event() for name in steps}
        try:
            at_once({name: partial(self._take, step, ended[name]) for name, step in steps.items()})
        except BaseException:
            self._given_up.set()
            self._lock.stays(True)
            until = time.monotonic() + _LETS_GO_SECONDS
            self._lock.stays(not all(event.wait(max(0.0, until - time.monotonic())) for event in ended.values()))
            raise
        if self._failed:
            first = next((one for one in self._failed if isinstance(one, Stopped)), self._failed[0])
            for other in self._failed:
                if other is not first and not isinstance(other, Stopped):
                    self._work.say(str(other), "warning")
            raise first

    def _take(self, step: Callable[[Work], None], ended: threading.Event) -> None:
        try:
            step(self._work)
        except GivenUp:
            return
        except Exception as error:  # noqa: BLE001 - raised by who waits for all
            self._failed.append(error)
            self._given_up.set()
        finally:
            ended.set()

    def _hold(self) -> None:
        if self._given_up.is_set():
            raise GivenUp
        self._lock.require()
