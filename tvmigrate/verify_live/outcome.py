"""What a looking came to, as a value: the verdict, what differs and for how long, what moved on, what is unchecked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tvmigrate.contract import values
from tvmigrate.errors import ExitCode
from tvmigrate.made import choices
from tvmigrate.verify.findings import EXIT_CODES
from tvmigrate.verify.findings import State as Verdict
from tvmigrate.verify.provenance import Provenance
from tvmigrate.verify_live.asked import Asked
from tvmigrate.verify_live.checkpoint import Checkpoint, Pending
from tvmigrate.verify_live.model import About, Part, State
from tvmigrate.verify_live.sample import CONFIDENCE, Sample, most_wrong
from tvmigrate.verify_live.source import Source

RECHECKS = "rechecks"  # what the time of looking again is kept under
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Told:
    """What one part came to.

    `total` is how many records the old system has of it (None: not known), `looked` how many were looked at, `seen`
    how many of them in which state. `different` are records that differ and stayed so, `unsettled` how many others
    differed when last looked at. `reasons` counts why records are unchecked. `at_most` is how many of all are wrong at
    most, if only a sample was looked at. `seconds` is how long the first look at all of them took.
    """

    about: About
    total: int | None
    looked: int
    is_done: bool
    seen: Mapping[State, int]
    different: Sequence[Pending]
    unsettled: int
    reasons: Mapping[str, int]
    moved_on: Sequence[str]
    unchecked: Sequence[str]
    at_most: int | None
    seconds: float
    error: str = ""

    @property
    def state(self) -> Verdict:
        """The part's verdict: an unsettled or unfinished one is no pass."""
        if self.different:
            return Verdict.FAIL
        if self.error or not self.is_done or self.unsettled:
            return Verdict.ERROR
        return Verdict.PASS if self.looked else Verdict.EMPTY


@dataclass(frozen=True, slots=True)
class Rechecks:
    """How often all that differed was looked at again, and for how many seconds, with the waiting between."""

    rounds: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Parts:
    """What all parts came to; `stopped` says why it is not whole, empty if it is."""

    parts: Sequence[Told]
    stopped: str
    rechecks: Rechecks


@dataclass(frozen=True, slots=True)
class How:
    """What was compared with what, how, and when.

    `engines` are the stores' versions. `made` says of what, by what and when this command began; `first_began` when the
    looking was begun that it went on with, `ended` when it was over: RFC 3339, UTC.
    """

    source: Source
    asked: Asked
    engines: Mapping[str, str]
    made: Provenance
    first_began: str
    ended: str

    def as_json(self) -> dict[str, Any]:
        """Return it as `live.json` has it."""
        source = self.source
        return {
            "reference": {
                "name": source.name,
                "is_complete": source.is_complete,
                "migrated_from": values.rfc3339(source.began_ns),
                "migrated_until": values.rfc3339(source.ended_ns),
            },
            "policy": choices(source.policy),
            "asked": self.asked.as_json(),
            "engines": dict(self.engines),
            "first_began": self.first_began,
            "ended": self.ended,
            "made": asdict(self.made),
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a looking came to; `stopped` says why it is not whole, empty if it is."""

    parts: Sequence[Told]
    stopped: str
    rechecks: Rechecks
    how: How

    @property
    def state(self) -> Verdict:
        """The verdict: fail before error before empty before pass; empty only if every part is."""
        states = {part.state for part in self.parts}
        if self.stopped and Verdict.FAIL not in states:
            return Verdict.ERROR
        order = (Verdict.FAIL, Verdict.ERROR, Verdict.PASS, Verdict.EMPTY)
        return next((state for state in order if state in states), Verdict.EMPTY)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the verdict."""
        return EXIT_CODES[self.state]

    def as_json(self) -> dict[str, Any]:
        """Return it as `live.json` has it."""
        return {
            "verdict": self.state,
            "stopped": self.stopped,
            "parts": [_part_json(part) for part in self.parts],
            "rechecks": {"rounds": self.rechecks.rounds, "seconds": round(self.rechecks.seconds, 3)},
            **self.how.as_json(),
        }


def _part_json(part: Told) -> dict[str, Any]:
    return {
        "id": part.about.id,
        "store": part.about.store,
        "rule": part.about.rule,
        "claim": part.about.claim,
        "unit": part.about.unit,
        "state": part.state,
        "total": part.total,
        "looked": part.looked,
        "done": part.is_done,
        "seen": {str(state): n for state, n in part.seen.items()},
        "different": [
            {
                "name": one.due.name,
                "age_seconds": round(one.age_seconds, 1),
                "rounds": one.rounds,
                "findings": [finding.as_json() for finding in one.findings],
            }
            for one in part.different
        ],
        "unsettled": part.unsettled,
        "unchecked": dict(part.reasons),
        "wrong_at_most": part.at_most,
        "confidence": CONFIDENCE if part.at_most is not None else None,
        "seconds": round(part.seconds, 3),
        "error": part.error or None,
    }


def told(parts: Sequence[Part], checkpoint: Checkpoint, asked: Asked, stopped: str, errors: Mapping[str, str]) -> Parts:
    """Return what is known of all parts so far."""
    seconds, rounds = checkpoint.time_of(RECHECKS)
    each = [_told(part, checkpoint, asked.sample, asked.rounds, errors) for part in parts]
    return Parts(each, stopped, Rechecks(rounds, seconds))


def _told(part: Part, checkpoint: Checkpoint, sample: Sample, rounds: int, errors: Mapping[str, str]) -> Told:
    name = part.about.id
    looked, is_done = checkpoint.position(name)
    pending = list(checkpoint.pending(name))
    stayed = [one for one in pending if one.rounds >= rounds]
    total = checkpoint.total(name)
    # Of a part that was not looked at to its end nothing is said: what is left was not drawn by chance.
    bound = None
    if not sample.is_all and is_done and total is not None and total >= looked:
        bound = most_wrong(total, looked, len(stayed))
    return Told(
        part.about,
        total,
        looked,
        is_done,
        checkpoint.tally(name),
        stayed,
        len(pending) - len(stayed),
        checkpoint.reasons(name),
        [name for _, name, _ in checkpoint.listed(State.MOVED_ON, name, _NAMED)],
        [name for _, name, _ in checkpoint.listed(State.UNCHECKED, name, _NAMED)],
        bound,
        checkpoint.time_of(name)[0],
        errors.get(name, ""),
    )
