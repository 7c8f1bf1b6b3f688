"""The kinds of trials, each as a list that is worked off: what is struck, and how it is tried."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.crash.matrix import APPLY, FINISH, ROLLBACK, SIDE_BY_SIDE, WAYS, WORKERS, Ground, Trial, trials
from tests.crash.trap import Moment, Point, Strike, Whom
from tvmigrate.stopping import ASKING

_SEED = 0
_TWICE = 60
_WORKERS = 12
_SIDE_BY_SIDE = {APPLY: 90, ROLLBACK: 40}


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


def every_finish(ground: Ground) -> Listed:
    """Return the same of `finish`, and both ways on: another finish, and a rollback."""
    points = ground.count_finish()
    return points, [Named(t.name, lambda g, t=t: g.try_finish(t)) for t in trials(FINISH, points)]


def every_signal(ground: Ground) -> Listed:
    """Return the writes of both commands, and a trial of each: asked to stop just after it, by each signal in turn."""
    points: list[Point] = []
    found: list[Named] = []
    for command in (APPLY, ROLLBACK):
        for point in (counted := ground.count(command)):
            number = ASKING[point.n % len(ASKING)]
            then = APPLY if command == APPLY and point.n % 2 else ROLLBACK
            trial = Trial(command, Strike(point.n, Moment.AFTER, number), then)
            name = f"{command} {point.n} {number.name} {then}"
            found.append(Named(name, lambda g, t=trial: g.try_signal(t)))
        points += counted
    return points, random.Random(_SEED).sample(found, len(found))  # noqa: S311 - an order, no secret


def every_packed(ground: Ground) -> Listed:
    """Return the writes that pack and unpack a backup that is compressed, and every trial of each."""
    points: list[Point] = []
    found: list[Named] = []
    for command, step in ((APPLY, "backup.pack"), (ROLLBACK, "backup.unpack")):
        with ground.compressing():
            counted = [point for point in ground.count(command) if point.step == step]
        points += counted
        found += [Named(t.name, lambda g, t=t: _try_packed(g, t)) for t in trials(command, counted)]
    return points, found


def _try_packed(ground: Ground, trial: Trial) -> None:
    with ground.compressing():
        (ground.try_apply if trial.command == APPLY else ground.try_rollback)(trial)


def some_twice(ground: Ground) -> Listed:
    """Return pairs of writes, drawn by a seed: one where an apply is killed, one where the apply that goes on is."""
    points = ground.count(APPLY)
    chance = random.Random(_SEED)  # noqa: S311 - a sample, no secret
    found = []
    for number in range(_TWICE):
        first = chance.randrange(1, len(points))
        second = chance.randrange(1, max(2, len(points) - first))
        then = (APPLY, ROLLBACK)[number % 2]
        strikes = Strike(first, Moment.AFTER), Strike(second, Moment.AFTER)
        found.append(Named(f"{first} {second} {then}", lambda g, s=strikes, t=then: g.try_twice(*s, t)))
    return points, found


def some_workers(ground: Ground) -> Listed:
    """Return writes of workers, evenly drawn, at which a worker or the command itself is killed."""
    points = [point for point in ground.count(APPLY, WORKERS) if point.worker]
    apart = max(1, len(points) // _WORKERS)
    found = []
    for index, turn in enumerate(range(1, len(points) + 1, apart)):
        then = (APPLY, ROLLBACK)[index % 2]
        for whom in (Whom.WORKER, Whom.PARENT):
            strike = Strike(turn, Moment.AFTER, whom=whom)
            found.append(Named(f"{turn} {whom} {then}", lambda g, s=strike, t=then: g.try_worker(s, t)))
    return points, found


def some_side_by_side(ground: Ground) -> Listed:
    """Return writes of both commands with the steps of different stores at once, drawn by a seed, and every way on.

    Which write comes when is not the same each time, so that a draw is of a moment and not of a write.
    """
    points: list[Point] = []
    found = []
    chance = random.Random(_SEED)  # noqa: S311 - a sample, no secret
    for command, some in _SIDE_BY_SIDE.items():
        counted = ground.count(command, SIDE_BY_SIDE)
        for n in sorted(chance.sample(range(1, len(counted) - 5), some // len(WAYS[command]))):
            for then in WAYS[command]:
                trial = Trial(command, Strike(n, Moment.AFTER), then)
                found.append(Named(trial.name, lambda g, t=trial: _try_side_by_side(g, t)))
        points += counted
    return points, chance.sample(found, len(found))


def _try_side_by_side(ground: Ground, trial: Trial) -> None:
    (ground.try_apply if trial.command == APPLY else ground.try_rollback)(trial, SIDE_BY_SIDE)


KINDS: dict[str, Callable[[Ground], Listed]] = {
    "apply": every_apply,
    "rollback": every_rollback,
    "compressed": every_packed,
    "resumed": some_twice,
    "workers": some_workers,
    "side by side": some_side_by_side,
    "signals": every_signal,
    "finish": every_finish,  # last: after it the old data are gone
}
