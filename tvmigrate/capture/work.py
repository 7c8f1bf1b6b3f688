"""What the parts of a capture share: the stores, what was asked for, where it goes, and how it is told."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from tvmigrate.capture.mask import Mask
from tvmigrate.capture.notes import Notes
from tvmigrate.capture.sample import Sample
from tvmigrate.contract.old_layout import CONTRACT, OldLayout
from tvmigrate.dataset.write import Part
from tvmigrate.engines.clients import Clients
from tvmigrate.events import Advanced, Finished, Listener, Said, Started
from tvmigrate.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be captured: which share, masked or not, how fast (records a second; None: as fast as it goes).

    Old data have the names of `layout`: by them are programs told, and what a mask leaves to the rules.
    """

    sample: Sample = field(default_factory=lambda: Sample(1.0))
    mask: Mask | None = None
    max_rate: float | None = None
    layout: OldLayout = CONTRACT


@dataclass(slots=True)
class Work:
    """A capture under way; `folder` is the dataset's."""

    clients: Clients
    asked: Asked
    folder: Path
    notes: Notes
    listener: Listener
    began: float = field(default_factory=time.monotonic)

    def throttle(self) -> Throttle:
        """Return a new rate for the reading of one thing."""
        return Throttle(self.asked.max_rate)

    def started(self, task: str, unit: str, total: int | None = None) -> None:
        """Tell that a task begins."""
        self.began = time.monotonic()
        self.listener(Started(task, total, unit))

    def advanced(self, task: str, done: int) -> None:
        """Tell how far a task is."""
        self.listener(Advanced(task, done))

    def finished(self, task: str, note: str) -> None:
        """Tell that a task ended well."""
        self.listener(Finished(task, time.monotonic() - self.began, note))

    def left_out(self, what: str, why: str) -> None:
        """Tell, now and in the dataset's note, what is not in the dataset."""
        if self.notes.noted(f"left out.{what}") != why:
            self.notes.note(f"left out.{what}", why)
            self.listener(Said(f"Not captured: {what}: {why}.", "warning"))

    def is_written(self, name: str) -> int | None:
        """Return how many records a file of the dataset has that was written whole, None if it is yet to be."""
        records: int | None = self.notes.noted(f"part.{name}")
        return records if records is not None and (self.folder / name).is_file() else None

    def written(self, part: Part) -> None:
        """Keep in mind that a file was written whole."""
        self.notes.note(f"part.{part.path.relative_to(self.folder)}", part.records)
