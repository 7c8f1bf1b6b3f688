"""A looking from the first record to the last doubt: each record once, and again what differed, until it stays so."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice

from tvmigrate.dataset.load import DRIVER_ERRORS
from tvmigrate.events import Advanced, Finished, Listener, Started, ignore
from tvmigrate.throttle import Throttle
from tvmigrate.verify.errors import VerificationError
from tvmigrate.verify.stopped import why
from tvmigrate.verify_live.asked import Asked
from tvmigrate.verify_live.checkpoint import Checkpoint, Pending
from tvmigrate.verify_live.model import Part, State
from tvmigrate.verify_live.outcome import RECHECKS, Parts, told

_BATCH = 500
_RESTLESS = 10  # times the rounds, after which a record that differs otherwise each time is given up
_CHANGING = "it was otherwise each time that it was looked at"


class OutOfTime(Exception):  # noqa: N818 - no error: the time that was given is over
    """The time that was given is over."""


@dataclass(slots=True)
class Looking:
    """The parts of one looking, and what it knows so far."""

    parts: Sequence[Part]
    asked: Asked
    checkpoint: Checkpoint
    listener: Listener = ignore
    deadline: float | None = None
    stopped: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    def run(self) -> Parts:
        """Look at what was not looked at yet, then again at what differs; say what it came to."""
        try:
            for part in self.parts:
                with self._told(part.about.id, part.about.unit), self._timed(part.about.id):
                    self._first_look(part)
                if self.stopped:
                    break
            self._settle()
        except OutOfTime:
            self.stopped = f"the {self.asked.max_time:g} seconds of --max-time were over"
        is_whole = not self.stopped and not self.errors
        self.checkpoint.note("over", is_whole)
        return told(self.parts, self.checkpoint, self.asked, self.stopped, self.errors)

    def _first_look(self, part: Part) -> None:
        name = part.about.id
        position, is_done = self.checkpoint.position(name)
        if is_done:
            return
        throttle = Throttle(self.asked.max_rate)
        try:
            total = part.total()
            if total is None:  # what is there is another each time, and begins anew
                self.checkpoint.forget(name)
                position = 0
            self.checkpoint.begun(name, total)
            self.listener(Started(name, total, part.about.unit))
            with closing(part.due(position)) as due:
                while batch := list(islice(due, _BATCH)):
                    self._mind_the_time()
                    began = time.monotonic()
                    seen = part.look(batch)
                    position += len(batch)
                    self.checkpoint.looked(name, batch, seen, position)
                    self.listener(Advanced(name, position))
                    throttle.took(len(batch), time.monotonic() - began)
                    if self._are_enough():
                        return
        except (*DRIVER_ERRORS, VerificationError) as problem:
            self.errors[name] = why(problem)
            return
        self.checkpoint.done(name)

    def _are_enough(self) -> bool:
        """Return whether as many records differ, and stay so, as are to be found."""
        if self.checkpoint.pending_count() < self.asked.max_findings:
            return False
        self._settle()
        if self.checkpoint.pending_count() < self.asked.max_findings:
            return False
        self.stopped = f"{self.asked.max_findings:,} records differ, as many as --max-findings asks for"
        return True

    def _settle(self) -> None:
        """Look again at what differs until it has stayed so for all rounds, or differs no more."""
        by_name = {part.about.id: part for part in self.parts}
        while left := [one for one in self.checkpoint.pending(below=self.asked.rounds) if one.part not in self.errors]:
            self._mind_the_time(self.asked.recheck)
            with self._timed(RECHECKS):
                time.sleep(self.asked.recheck)
                for name, part in by_name.items():
                    some = [one for one in left if one.part == name]
                    for start in range(0, len(some), _BATCH):
                        self._again(part, some[start : start + _BATCH])

    def _again(self, part: Part, some: Sequence[Pending]) -> None:
        try:
            seen = part.look([one.due for one in some])
        except (*DRIVER_ERRORS, VerificationError) as problem:
            self.errors[part.about.id] = why(problem)
            return
        for one, what in zip(some, seen, strict=True):
            restless = one.looks >= _RESTLESS * self.asked.rounds and what.findings != one.findings
            if what.state is State.DIFFERENT and restless:
                self.checkpoint.give_up(one, _CHANGING)
            else:
                self.checkpoint.looked_again(one, what)

    def _mind_the_time(self, more: float = 0.0) -> None:
        if self.deadline is not None and time.monotonic() + more > self.deadline:
            raise OutOfTime

    @contextmanager
    def _timed(self, task: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.checkpoint.took(task, time.monotonic() - began)

    @contextmanager
    def _told(self, task: str, unit: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        tally = self.checkpoint.tally(task)
        note = ", ".join(f"{n:,} {state}" for state, n in sorted(tally.items()))
        self.listener(Finished(task, time.monotonic() - began, note or f"no {unit}"))
