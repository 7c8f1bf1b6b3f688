"""`tvmigrate apply`, run whole, and a turn of one store's step out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bench.model import BenchError, Turn
from bench.stand import SHOW, Run, Stand
from tvmigrate.dataset.generate import Recipe

BAD = 0.01
SEED = 7
_DONE = re.compile(r"(?P<step>[a-z]+(?:\.[a-z_.]+)?): done after (?P<seconds>[0-9.]+) s")


def apply(stand: Stand, recipe: Recipe, store: str, records: int) -> Turn:
    """Migrate fresh data of `recipe`; the turn is that of the step that builds `store`, the others are beside it.

    Where it is only to be seen that all works, one run is that of every store: `growth` migrates all three.
    """
    run = stand.applied
    if run is None:
        stand.fill(recipe)
        state = stand.folder_of("state")
        run = stand.tvmigrate("apply", "--show", SHOW, "--yes", "--state", str(state), records=records)
        stand.applied = run if stand.once else None
    done = dict(_steps(run))
    name = f"build.{store}"
    if name not in done:
        raise BenchError(f"`tvmigrate apply` told no step {name}; it told {', '.join(done)}.")
    seconds, at = done[name]
    beside = {step: spent for step, (spent, _) in done.items()}
    return run.turn(seconds, at, beside | {"apply": run.wall})


def _steps(run: Run) -> Iterator[tuple[str, tuple[float, float]]]:
    for at, line in run.err:
        if match := _DONE.match(line):
            yield match["step"], (float(match["seconds"]), at)
