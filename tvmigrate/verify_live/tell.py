"""A looking's outcome on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tvmigrate.report.prose import repeat_lines
from tvmigrate.verify_live.files import JSON
from tvmigrate.verify_live.model import State
from tvmigrate.verify_live.outcome import Outcome, Told
from tvmigrate.verify_live.sample import CONFIDENCE

_SHOWN = 10
NOT_LOOKED_AT = (
    "Not looked at: archived fields, quarantine rows, tables' and indices' layout, tables and indices that are not "
    "migrated."
)


def lines(outcome: Outcome, repeat: Callable[[str], str]) -> Iterator[str]:
    """Yield what is said of it, line by line; `repeat(part)` is the command that looks at that part alone."""
    width = max((len(part.about.id) for part in outcome.parts), default=0)
    for part in outcome.parts:
        yield f"{part.about.id:<{width}}  {part.state:<5}  {_counts(part)}"
    for part in outcome.parts:
        yield from _part(part)
        if part.different or part.error:
            yield from repeat_lines(repeat(part.about.id)).split("\n")
    if outcome.stopped:
        yield f"Stopped: {outcome.stopped}. The same command goes on where it stopped."
    yield NOT_LOOKED_AT
    yield f"verdict: {outcome.state}"


def _counts(part: Told) -> str:
    of = "" if part.total is None else f" of {part.total:,}"
    words = [f"{part.looked:,}{of} {part.about.unit} looked at"]
    words += [f"{n:,} {state}" for state, n in sorted(part.seen.items()) if state is not State.SAME]
    if part.different:
        words.append(f"{len(part.different):,} different")
    if part.unsettled:
        words.append(f"{part.unsettled:,} different when last looked at, and not settled")
    if part.at_most is not None:
        words.append(f"of all at most {part.at_most:,} are wrong, at {CONFIDENCE:.0%} confidence")
    return ", ".join(words)


def _part(part: Told) -> Iterator[str]:
    if part.error:
        yield f"ERROR {part.about.id}: {part.error}"
    for one in part.different[:_SHOWN]:
        yield f"FAIL {part.about.id}: {one.due.name}, so for {one.age_seconds:.0f} s, {one.rounds} looks"
        for finding in one.findings[:_SHOWN]:
            yield f"  {finding.direction}: {finding.note}"
    if len(part.different) > _SHOWN:
        yield f"  and {len(part.different) - _SHOWN:,} more, in {JSON}"
    for why, n in part.reasons.items():
        yield f"unchecked, {part.about.id}: {n:,}: {why}"
    if part.unchecked:
        yield f"  such as {', '.join(part.unchecked[:3])}"
    if part.moved_on:
        yield f"moved on, {part.about.id}: such as {', '.join(part.moved_on[:3])}"
