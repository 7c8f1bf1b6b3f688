"""How fast a live system is read: no faster than was said, and slower as soon as it answers more slowly than before."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

_SLOW = 4.0  # times the usual seconds a record
_NOTICED = 0.05  # seconds; quicker answers say little
_LONGEST_REST = 5.0
_FORGETS = 1.02  # a server that stays slower is slower from then on


@dataclass(slots=True)
class Throttle:
    """The rate of reading one store: at most `max_rate` records a second; None: as fast as it answers."""

    max_rate: float | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _usual: float | None = field(default=None, init=False)
    _due: float | None = field(default=None, init=False)

    def took(self, records: int, seconds: float) -> None:
        """Take in that so many records were answered in so many seconds, and wait before the next as long as is due.

        After an answer that took much longer for each record than answers before it, that is as long as it took.
        """
        if not records:
            return
        rest = self._rest(seconds / records, seconds)
        if self.max_rate is not None:
            now = self.clock()
            # What was not used up earlier is not caught up with.
            self._due = max(self._due or now - seconds, now - seconds) + records / self.max_rate
            rest = max(rest, self._due - now)
        if rest > 0:
            self.sleep(rest)

    def _rest(self, each: float, seconds: float) -> float:
        usual = self._usual
        self._usual = each if usual is None else min(each, usual * _FORGETS)
        if usual is None or seconds < _NOTICED or each <= _SLOW * usual:
            return 0.0
        return min(seconds, _LONGEST_REST)
