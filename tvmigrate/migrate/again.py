"""A step done again while a store is away or refuses everything for now: with pauses, and not for ever.

What is repeated is what an interrupted run repeats: the step from what the journal says, which comes to the same.
"""

from __future__ import annotations

from collections.abc import Callable

import tenacity

from tvmigrate.engines.failing import passes, told
from tvmigrate.migrate.errors import ShardsAway
from tvmigrate.workers import PartFailed

PATIENCE_SECONDS = 120.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0  # seconds


def patiently(do: Callable[[], None], what: str, patience: float, say: Callable[[str], None]) -> None:
    """Do something, again after a failure that passes by itself: 0.5 s later, then twice as long, up to 15 s.

    Args:
        do: what has the same effect when it is done twice, or in part and then whole.
        what: what it is, for the sentence that each pause is told by.
        patience: how long all pauses together may take, in seconds.
        say: takes that sentence.

    Raises:
        Whatever `do` raises that does not pass by itself, or did not within that time.
    """

    def tell(state: tenacity.RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome else None
        if failure is not None:
            say(f"{words(failure)}. {what} is done again in {state.upcoming_sleep:.1f} s.")

    tenacity.Retrying(
        retry=tenacity.retry_if_exception(_passes),
        wait=tenacity.wait_exponential(multiplier=_FIRST_PAUSE, max=_LONGEST_PAUSE)
        + tenacity.wait_random(0, _FIRST_PAUSE),
        stop=lambda state: state.idle_for + state.upcoming_sleep > patience,
        before_sleep=tell,
        reraise=True,
    )(do)


def words(error: BaseException) -> str:
    """Return what happened in a few words, the store first, wherever it happened; without a full stop."""
    return error.told if isinstance(error, PartFailed) else told(error)


def _passes(error: BaseException) -> bool:
    if isinstance(error, PartFailed):
        return error.passes
    return isinstance(error, ShardsAway) or passes(error)
