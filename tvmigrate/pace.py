"""How much is sent to a store at once: a little more while it answers in time, half of it when it does not.

Additive increase, multiplicative decrease, as TCP has it (RFC 5681). What counts as too much: an answer that took
longer than the target, a refusal (429, a circuit breaker, a memory limit), and memory that runs out on this machine.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Generic, TypeVar

import psutil  # type: ignore[import-untyped]

from tvmigrate.errors import TvmigrateError

T = TypeVar("T")
_STEPS = 16  # from the least to the most, so many answers in time
_SCARCE = 0.05  # of this machine's memory


class Overloaded(TvmigrateError):  # noqa: N818 - it says what is the matter
    """A store refused everything for longer than we wait."""


def memory_left() -> float:
    """Return which share of this machine's memory is still to be had."""
    memory = psutil.virtual_memory()
    return float(memory.available / memory.total)


@dataclass(slots=True)
class Pace:
    """How heavy the next batch may be, between `least` and `most` of whatever unit (records, bytes).

    `target` is the longest an answer should take, `patience` how long refusals are borne, in seconds.
    """

    size: int
    least: int
    most: int
    target: float = 1.0
    patience: float = 60.0
    left: Callable[[], float] = memory_left
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _pause: float = field(default=0.0, init=False)
    _refused_since: float | None = field(default=None, init=False)

    def answered(self, weight: int, seconds: float) -> None:
        """Take in that a batch of `weight` was answered after so many seconds."""
        self._refused_since, self._pause = None, 0.0
        if seconds > self.target or self.left() < _SCARCE:
            self._halve()
        elif 2 * weight > self.size:  # a small batch says nothing about larger ones
            self.size = min(self.most, self.size + max(1, (self.most - self.least) // _STEPS))

    def refused(self, store: str, why: str, *, in_part: bool = False) -> None:
        """Take in that a batch was refused, and wait before the next: 0.2 s, then twice as long each time, up to 5 s.

        Raises:
            Overloaded: nothing was taken for `patience` seconds.
        """
        now = self.clock()
        if self._refused_since is None or in_part:
            self._refused_since = now
        if now - self._refused_since >= self.patience:
            raise Overloaded(
                f"{store} has taken nothing for {self.patience:g} s, not even batches of {self.size}; it says: "
                f"{why.rstrip('.')}. Give it memory or less other work, then run the command again: it goes on where "
                "it stopped."
            )
        self._halve()
        self._pause = min(5.0, 2 * self._pause or 0.2)
        self.sleep(self._pause)

    def _halve(self) -> None:
        self.size = max(self.least, self.size // 2)


@dataclass(frozen=True, slots=True)
class Refusal(Generic[T]):
    """Items that a store did not take for now, and what it said."""

    items: Sequence[T]
    why: str


def paced(
    pace: Pace,
    store: str,
    items: Iterable[T],
    deliver: Callable[[list[T]], Refusal[T] | None],
    weigh: Callable[[T], int] = lambda item: 1,
) -> Iterator[int]:
    """Deliver all items in order, in batches that `pace` allows; yield after each how many are delivered so far.

    `deliver` returns None, or what the store refused for now, which is sent again: items refused come later than those
    after them that were taken. A batch holds one item at least.

    Raises:
        Overloaded: see `Pace.refused`.
        Whatever `deliver` raises.
    """
    coming = iter(items)
    again: deque[T] = deque()
    done = 0
    while True:
        batch, weight = _batch(pace.size, again, coming, weigh)
        if not batch:
            return
        began = pace.clock()
        refusal = deliver(batch)
        if refusal is None:
            pace.answered(weight, pace.clock() - began)
            done += len(batch)
            yield done
        else:
            again.extendleft(reversed(refusal.items))
            done += len(batch) - len(refusal.items)
            pace.refused(store, refusal.why, in_part=len(refusal.items) < len(batch))


def _batch(size: int, again: deque[T], coming: Iterator[T], weigh: Callable[[T], int]) -> tuple[list[T], int]:
    batch: list[T] = []
    weight = 0
    for item in chain(_emptied(again), coming):
        more = weigh(item)
        if batch and weight + more > size:
            again.appendleft(item)
            break
        batch.append(item)
        weight += more
    return batch, weight


def _emptied(items: deque[T]) -> Iterator[T]:
    while items:
        yield items.popleft()
