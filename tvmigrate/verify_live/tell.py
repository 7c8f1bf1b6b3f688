"""A looking's outcome for people, and as files: `live.json`, and each record that moved on or is unchecked by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tvmigrate.contract.exact_json import dump
from tvmigrate.errors import UsageError
from tvmigrate.report.plain import as_json_text
from tvmigrate.report.redact import Redactor
from tvmigrate.verify_live.checkpoint import Checkpoint
from tvmigrate.verify_live.model import State
from tvmigrate.verify_live.outcome import Outcome, Told
from tvmigrate.verify_live.sample import CONFIDENCE

JSON, LISTED = "live.json", "live-listed.ndjson"
_SHOWN = 10
NOT_LOOKED_AT = (
    "Not looked at: archived fields, quarantine rows, tables' and indices' layout, tables and indices that are not "
    "migrated."
)


def safe(outcome: Outcome, redactor: Redactor) -> Outcome:
    """Return the outcome without the values that are not shown."""
    return replace(
        outcome,
        parts=[
            replace(
                part,
                different=[
                    replace(one, findings=tuple(redactor.values(part.about.id, found) for found in one.findings))
                    for one in part.different
                ],
            )
            for part in outcome.parts
        ],
    )


def lines(outcome: Outcome) -> Iterator[str]:
    """Yield what is said of it, line by line."""
    width = max((len(part.about.id) for part in outcome.parts), default=0)
    for part in outcome.parts:
        yield f"{part.about.id:<{width}}  {part.state:<5}  {_counts(part)}"
    for part in outcome.parts:
        yield from _part(part)
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


def write(outcome: Outcome, checkpoint: Path, folder: Path) -> list[Path]:
    """Write the files into `folder` and return them; raises UsageError where that cannot be."""
    paths = [folder / JSON, folder / LISTED]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths[0].write_text(as_json_text(outcome.as_json(), indent=2) + "\n", encoding="utf-8")
        with paths[1].open("w", encoding="utf-8") as file, Checkpoint(checkpoint) as known:
            for state in (State.MOVED_ON, State.UNCHECKED):
                for part, name, why in known.listed(state):
                    file.write(dump({"part": part, "name": name, "state": str(state), "why": why or None}) + "\n")
    except OSError as error:
        raise UsageError(f"{folder} cannot take the report: {error.strerror}. Name another with --report.") from error
    return paths
