"""A looking from the first record to the last doubt: each record once, and again what differed, until it stays so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from tvmigrate.dataset.load import DRIVER_ERRORS
from tvmigrate.engines.clients import Clients, check_reachable
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import UsageError
from tvmigrate.events import Advanced, Finished, Listener, Started, ignore
from tvmigrate.migrate.system import identify
from tvmigrate.throttle import Throttle
from tvmigrate.verify.context import Baseline, Context, OldEndState, Reference
from tvmigrate.verify.errors import VerificationError
from tvmigrate.verify.kept import Kept
from tvmigrate.verify.redis_expected import Expected
from tvmigrate.verify.redis_state import DumpedStates
from tvmigrate.verify.reference import load_reference
from tvmigrate.verify.stopped import why
from tvmigrate.verify_live import clickhouse_part, elasticsearch_part, redis_part
from tvmigrate.verify_live.checkpoint import Checkpoint, Pending
from tvmigrate.verify_live.model import Part, State, Times
from tvmigrate.verify_live.outcome import Outcome, Told, told
from tvmigrate.verify_live.sample import Sample
from tvmigrate.verify_live.source import Source

_BATCH = 500
_RESTLESS = 10  # times the rounds, after which a record that differs otherwise each time is given up
_CHANGING = "it was otherwise each time that it was looked at"


@dataclass(frozen=True, slots=True)
class Asked:
    """How to look.

    `rounds` is how often in a row a record has to differ in the same way, `recheck` how many seconds lie between.
    `max_rate` is in records a second, `max_time` in seconds, None: no limit. Where `max_findings` records differ, no
    more are looked for. `no_writers`: nobody has written since the migration, and every difference is one. `only` are
    the ids of the parts to look at, empty: all.
    """

    sample: Sample = field(default_factory=Sample)
    max_rate: float | None = None
    max_time: float | None = None
    max_findings: int = 1000
    rounds: int = 3
    recheck: float = 2.0
    no_writers: bool = False
    old_end_state: OldEndState = OldEndState.REMOVED
    only: frozenset[str] = frozenset()


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

    def run(self) -> Outcome:
        """Look at what was not looked at yet, then again at what differs; say what it came to."""
        try:
            for part in self.parts:
                with self._told(part.about.id, part.about.unit):
                    self._first_look(part)
                if self.stopped:
                    break
            self._settle()
        except OutOfTime:
            self.stopped = f"the {self.asked.max_time:g} seconds of --max-time were over"
        is_whole = not self.stopped and not self.errors
        self.checkpoint.note("over", is_whole)
        return told(self.parts, self.checkpoint, self.asked.sample, self.asked.rounds, self.stopped, self.errors)

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
    def _told(self, task: str, unit: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        tally = self.checkpoint.tally(task)
        note = ", ".join(f"{n:,} {state}" for state, n in sorted(tally.items()))
        self.listener(Finished(task, time.monotonic() - began, note or f"no {unit}"))


def verify(
    endpoints: Endpoints,
    find: Callable[[Clients], Source],
    asked: Asked,
    checkpoint: Path,
    listener: Listener = ignore,
) -> Outcome:
    """Judge the stores by the old data that `find` gives of them.

    Nothing is written to the stores; what is known so far is kept in the file `checkpoint`.

    Raises:
        UsageError: the reference is none, or the checkpoint is of another looking that is not over.
        EngineUnreachable, UnsupportedVersion: a store does not answer, or cannot be worked with.
        ReferenceFailed: the old rows cannot be loaded into the verifier's own ClickHouse.
    """
    deadline = None if asked.max_time is None else time.monotonic() + asked.max_time
    endpoints = endpoints.read_only()
    check_reachable(endpoints)
    with ExitStack() as opened:
        clients = opened.enter_context(Clients(endpoints))
        source = find(clients)
        known = opened.enter_context(Checkpoint(checkpoint))
        about = {
            "stores": identify(clients),
            **source.as_json(),
            "sample": asked.sample.share,
            "no_writers": asked.no_writers,
            "old": str(asked.old_end_state),
            "only": sorted(asked.only),
        }
        if differs := known.begin(about):
            raise UsageError(
                f"{checkpoint} is of a verification that is not over and was begun with another "
                f"{', '.join(differs)}. Go on as it was begun, or name another file with --checkpoint."
            )
        context = _context(opened, clients, source, asked, listener)
        redis_part.remember_states(context)
        times = Times(source.began_ns, source.ended_ns, asked.no_writers)
        look = redis_part.Look(
            context,
            opened.enter_context(Expected(context)),
            times,
            asked.sample,
            opened.enter_context(DumpedStates()),
            source.is_complete,
        )
        parts = [
            *(redis_part.parts(look) if source.dataset.redis is not None else []),
            *clickhouse_part.parts(context, times, asked.sample),
            *elasticsearch_part.parts(context, times, asked.sample),
        ]
        ids = [part.about.id for part in parts]
        if unknown := sorted(asked.only.difference(ids)):
            known.note("over", True)
            raise UsageError(f"There is no part {', '.join(unknown)} here; the parts are {', '.join(ids)}.")
        wanted = [part for part in parts if not asked.only or part.about.id in asked.only]
        return Looking(wanted, asked, known, listener, deadline).run()


def _context(opened: ExitStack, clients: Clients, source: Source, asked: Asked, listener: Listener) -> Context:
    dumps = opened.enter_context(DumpedStates())
    # The old rows are needed for ClickHouse alone.
    rows = source.dataset if _of_clickhouse(asked) else replace(source.dataset, tables={})
    tables = opened.enter_context(load_reference(rows))
    reference = Reference(
        source.dataset, source.epoch_ms, tables, Baseline({}, {}, frozenset(), dumps), opened.enter_context(Kept())
    )
    # Rows are counted by the loaded tables themselves: nobody else says how many there should be.
    counted = {
        (table.database, table.name): int(
            next(iter(tables.query(f"SELECT count() AS n FROM `{table.database}`.`{table.name}`")))["n"]
        )
        for table in rows.tables.values()
    }
    tables.require_rows(counted)
    return Context(clients, reference, source.policy, source.began_ns, source.ended_ns, listener, asked.old_end_state)


def _of_clickhouse(asked: Asked) -> bool:
    return not asked.only or any(name.startswith("live.clickhouse") for name in asked.only)


__all__ = ["Asked", "Looking", "Outcome", "Told", "verify"]
