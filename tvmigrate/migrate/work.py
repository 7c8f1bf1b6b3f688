"""What every step gets: the clients, the choices, the run and where it keeps what it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tvmigrate.contract.old_layout import OldLayout
from tvmigrate.contract.outcome import Store
from tvmigrate.contract.policy import Policy
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.events import Advanced, Listener, Said
from tvmigrate.migrate.journal import Journal, Run
from tvmigrate.migrate.spool import Spool, Spools
from tvmigrate.workers import Workers

if TYPE_CHECKING:
    from tvmigrate.engines.clients import Clients  # a worker of Redis's parts needs no other driver

P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")
KEEP, REPLACE = "keep", "replace"


@dataclass(frozen=True, slots=True)
class Work:
    """A run at work. `folder` holds its backup, its spools and what a rollback saved; `pool` does its partitions.

    `store` is the one that a step is of, if it is of one. `hold` returns if the stores are this run's alone, and raises
    LockLost if not: whoever takes a client or gives a partition to a worker has made sure of it.
    """

    endpoints: Endpoints
    stores: Clients
    run: Run
    folder: Path
    journal: Journal
    spools: Spools
    listener: Listener
    pool: Workers
    hold: Callable[[], None]
    store: Store | None = None

    def of(self, store: Store | None) -> Work:
        """Return the same for a step of `store`."""
        return replace(self, store=store)

    @property
    def spool(self) -> Spool:
        """The spool of the store that the step is of."""
        if self.store is None:
            raise TypeError("a step of no one store has no spool of its own")
        return self.spools.of(self.store)

    @property
    def clients(self) -> Clients:
        """The clients of the stores."""
        self.hold()
        return self.stores

    @property
    def workers(self) -> HeldWorkers:
        """What does the partitions of a step."""
        return HeldWorkers(self.pool, self.hold)

    @property
    def policy(self) -> Policy:
        """The choices the run was begun with."""
        return self.run.policy

    @property
    def layout(self) -> OldLayout:
        """The site's names of old data."""
        return self.run.policy.layout

    @property
    def backup(self) -> Path:
        """The folder of the backup, a dataset."""
        return self.folder / "backup"

    @property
    def after_switch(self) -> Path:
        """The folder for new data changed after the switch, which a rollback takes away."""
        return self.folder / "after_switch"

    def note(self, name: str, value: Any) -> None:
        """Keep a JSON value in the journal."""
        self.journal.note(self.run.id, name, value)

    def noted(self, name: str) -> Any:
        """Return a value kept in the journal, or None."""
        return self.journal.noted(self.run.id, name)

    def forget(self, *prefixes: str) -> None:
        """Take back steps and notes in the journal."""
        self.journal.forget(self.run.id, *prefixes)

    def redo(self, store: str) -> None:
        """Take back what was done with one store's data before the switch: its backup is no longer what is there."""
        steps = (f"{step}.{store}" for step in ("backup", "build", "compare"))
        self.forget(*steps, "backup.verify", "build.quarantine", "compare.quarantine", "compare.source")

    def say(self, text: str, level: str = "info") -> None:
        """Tell the person watching."""
        self.listener(Said(text, level))

    def advanced(self, task: str, done: int, total: int | None = None) -> None:
        """Report how far a step is, and make sure that it may go on."""
        self.hold()
        self.listener(Advanced(task, done, total))


@dataclass(frozen=True, slots=True)
class HeldWorkers:
    """Workers that are given a partition only while the stores are the run's alone."""

    workers: Workers
    hold: Callable[[], None]

    def each(self, function: Callable[[P], R], parts: Iterable[P]) -> Iterator[R]:
        """Do each part: see `Workers.each`."""
        return self.workers.each(function, self._held(parts))

    def _held(self, parts: Iterable[P]) -> Iterator[P]:
        for part in parts:
            self.hold()
            yield part


@dataclass(slots=True)
class Found:
    """What `inspect` of one store found: blockers and remarks as whole sentences, record counts by name."""

    blockers: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield `items` in lists of `size`, the last one maybe shorter."""
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch
