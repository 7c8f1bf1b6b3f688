"""Old data that moved while a run was at work: named before the switch, which stops it; listed and kept after it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tvmigrate.contract.outcome import Store
from tvmigrate.dataset.write import PartWriter
from tvmigrate.migrate.journal import Journal
from tvmigrate.migrate.work import Work

FOLDER = "moved"
ADDED, CHANGED, DELETED = "added", "changed", "deleted"
SHOWN: Final = 5
_NOTED = "moved."


@dataclass(frozen=True, slots=True)
class Moved:
    """An old record that is not as its backup has it: `record` is its name (contract §7.11), `what` became of it."""

    place: str
    record: str
    what: str


@dataclass(slots=True)
class Told:
    """How many records moved, and the first of them."""

    count: int = 0
    first: list[Moved] | None = None

    def take(self, found: Iterable[Moved]) -> Iterator[Moved]:
        """Yield `found` and count them."""
        self.first = self.first or []
        for one in found:
            self.count += 1
            if len(self.first) < SHOWN:
                self.first.append(one)
            yield one

    def __str__(self) -> str:
        named = ", ".join(f"{one.record} ({one.what})" for one in self.first or ())
        return f"{self.count}, such as {named}" if self.count else "none that is not as it was by now"


def told(found: Iterable[Moved]) -> Told:
    """Count records, and keep the first."""
    words = Told()
    for _ in words.take(found):
        pass
    return words


def folder(work: Work) -> Path:
    """Return where what moved after the switch is kept."""
    return work.folder / FOLDER


def keep(work: Work, store: Store, found: Iterable[Moved]) -> None:
    """List what moved after the switch in `moved/{store}.ndjson`, count it in the journal, and say so."""
    words = Told()
    with PartWriter(folder(work) / f"{store}.list.ndjson") as part:
        for one in words.take(found):
            line = {"store": store, "place": one.place, "record": one.record, "what": one.what}
            part._append(json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n", 1)
    path = part.close().path
    work.note(f"{_NOTED}{store}", words.count)
    if not words.count:
        path.unlink()
        return
    work.say(f"Old records in {store} moved after they were compared: {words}. All are listed in {path}.", "warning")


def counts(journal: Journal, run: str) -> dict[str, int]:
    """Return how many old records of each store moved after the switch of `run`."""
    noted = {store.value: journal.noted(run, f"{_NOTED}{store}") for store in Store}
    return {store: count for store, count in noted.items() if count}
