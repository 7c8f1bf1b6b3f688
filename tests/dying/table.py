"""The table of failures: which failure of which store at which step of `apply`, and at which of `rollback`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

import pytest

from tests import profiles
from tests.dying.answers import REFUSALS, Instead
from tests.dying.between import Cut

STORES = ("redis", "clickhouse", "elasticsearch")
APPLY = {
    "redis": ("backup.redis", "build.redis", "compare.redis", "switch.redis", "remove.redis"),
    "clickhouse": (
        *("backup.clickhouse", "build.clickhouse", "build.quarantine", "compare.quarantine", "compare.clickhouse"),
        *("switch.clickhouse", "remove.clickhouse"),
    ),
    "elasticsearch": ("backup.elasticsearch", "build.elasticsearch", "compare.elasticsearch", "switch.elasticsearch"),
}
ROLLBACK = {store: (f"restore.{store}", f"clean.{store}") for store in STORES}


@dataclass(frozen=True)
class Case:
    """A failure of `store`: what is done to a request of the step `apply`, and to one of the step `rollback`."""

    store: str
    failure: str
    apply: str
    rollback: str

    @property
    def trouble(self) -> Cut | Instead:
        """Return what is done to the request that is struck."""
        return REFUSALS[self.store].get(self.failure) or Cut(self.failure)

    def __str__(self) -> str:
        return f"{self.store}: {self.failure}, {self.apply} and {self.rollback}"


def cases() -> Iterator[Case]:
    """Yield the whole table."""
    for store in STORES:
        back = cycle(ROLLBACK[store])
        for failure in (*(cut.value for cut in Cut), *REFUSALS[store]):
            for step in APPLY[store]:
                yield Case(store, failure, step, next(back))
            next(back)  # so that the next failure meets them the other way about


def lasting() -> Iterator[Case]:
    """Yield a case for each failure of each store, to be struck without an end."""
    steps = {store: cycle(zip(APPLY[store], cycle(ROLLBACK[store]), strict=False)) for store in STORES}
    for store in STORES:
        for failure in (*(cut.value for cut in Cut if cut is not Cut.LATE), *REFUSALS[store]):
            yield Case(store, failure, *next(steps[store]))


SINGLE_TURNS = 10


def in_turn(number: int) -> pytest.MarkDecorator:
    """Mark a test that stands for itself: a long run runs all of them, a short one those of the commit's turn."""
    return profiles.in_turn(number, SINGLE_TURNS)
