"""The kinds of trials, each as a list that is worked off: what is struck, and how it is tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.crash.matrix import APPLY, ROLLBACK, Ground, trials
from tests.crash.trap import Point


@dataclass(frozen=True, slots=True)
class Named:
    """A trial by its name, and what tries it; it raises whatever is not as it should be."""

    name: str
    run: Callable[[Ground], object]


Listed = tuple[list[Point], list[Named]]


def every_apply(ground: Ground) -> Listed:
    """Return the writes of `apply`, and a trial of every moment of each and both ways on."""
    points = ground.count(APPLY)
    return points, [Named(t.name, lambda g, t=t: g.try_apply(t)) for t in trials(APPLY, points)]


def every_rollback(ground: Ground) -> Listed:
    """Return the same of `rollback`."""
    points = ground.count(ROLLBACK)
    return points, [Named(t.name, lambda g, t=t: g.try_rollback(t)) for t in trials(ROLLBACK, points)]


KINDS: dict[str, Callable[[Ground], Listed]] = {"apply": every_apply, "rollback": every_rollback}
