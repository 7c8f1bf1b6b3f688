"""What V2 wrote after the switch, as files of the run: archived by a rollback, carried back, brought forward again.

`after_switch/{store}.changes.ndjson` has a line for each new, changed or deleted key or document: `v2` is what V2 left,
`base` what the next migration gives in its place unless somebody writes to the old data meanwhile.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.dataset.write import PartWriter
from tvmigrate.migrate.journal import Journal
from tvmigrate.migrate.work import Work

NEW, CHANGED, DELETED = "new", "changed", "deleted"
CARRY, CARRIED = "after.carry_back", "carried.json"
FROM = "forward.from"  # the run whose rollback archived what is to be brought forward
_SHOWN = 5


@dataclass(slots=True)
class Carried:
    """What became of V2's records on the way back: (rule, what, why) → records; `what` is one of the three below."""

    WHOLE = "carried back"
    PARTLY = "carried back, and not wholly"
    KEPT = "kept in the archive alone"
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def take(self, rule: Rule, what: str, why: str = "", n: int = 1) -> None:
        """Count records."""
        self.counts[rule, what, why] += n

    def back(self, rule: Rule, lost: str) -> None:
        """Count one that was carried back, wholly if nothing is `lost`."""
        self.take(rule, self.PARTLY if lost else self.WHOLE, lost)


def note(work: Work, store: Store, carried: Carried) -> None:
    """Keep what became of a store's records in the journal, and all of it as JSON in the run's folder; and say it."""
    rows = [[*key, n] for key, n in sorted(carried.counts.items())]
    work.note(f"after.carried.{store}", rows)
    listed = [row for one in Store for row in work.noted(f"after.carried.{one}") or ()]
    with PartWriter(work.after_switch / CARRIED) as part:
        told = [{"rule": rule, "what": what, "why": why, "records": n} for rule, what, why, n in listed]
        part._append(
            json.dumps({"run": work.run.id, "carried": told}, indent=2, ensure_ascii=False).encode() + b"\n", 0
        )
    for rule, what, why, n in rows:
        work.say(f"{rule}: {n} {what}{f' ({why})' if why else ''}.")


def counted(work: Work, store: Store, counts: Mapping[str, int], path: Path) -> None:
    """Note how many records of a store V2 wrote, and say so; nothing if there are none."""
    work.note(f"after.counts.{store}", dict(counts))
    if not any(counts.values()):
        return
    listed = ", ".join(f"{n} {what}" for what, n in counts.items() if n)
    work.say(f"Written to {store} after the switch: {listed}; archived in {path}.", "warning")


def write(path: Path, lines: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Write lines, and return how many there are by their `what`; no file if there are none."""
    counts: Counter[str] = Counter()
    with PartWriter(path) as part:
        for line in lines:
            counts[line["what"]] += 1
            part._append(json.dumps(line).encode() + b"\n", 1)
    if not counts:
        path.unlink()
    return counts


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a file, none if it is not there; a byte that is not UTF-8 is half a surrogate pair in them."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            yield json.loads(line.decode("utf-8", "surrogateescape"))


def waiting(journal: Journal, run: str) -> bool:
    """Return whether the rollback of `run` archived anything."""
    return any(sum((journal.noted(run, f"after.counts.{store}") or {}).values()) for store in Store)


def changes(work: Work, store: Store) -> Path:
    """Return the file of what V2 wrote to a store."""
    return work.after_switch / f"{store}.changes.ndjson"


def to_bring(work: Work, store: Store) -> Path:
    """Return the file of what a run brings forward: of the run that was rolled back before it."""
    return _carried_file(work.folder.parent / work.noted(FROM) / work.after_switch.name, store)


def forward(work: Work, store: Store) -> Path:
    """Return the file in which a way back that carries says what is to be brought forward later."""
    return work.after_switch / f"{store}.forward.ndjson"


def _carried_file(folder: Path, store: Store) -> Path:
    after_carrying = folder / f"{store}.forward.ndjson"
    return after_carrying if after_carrying.is_file() else folder / f"{store}.changes.ndjson"


def not_brought(work: Work, store: Store, places: Iterable[str]) -> None:
    """List what was not brought forward, since somebody wrote to the old data meanwhile; and say so."""
    path = work.folder / "not_brought_forward" / f"{store}.ndjson"
    first: list[str] = []

    def lines() -> Iterator[dict[str, str]]:
        for place in places:
            if len(first) < _SHOWN:
                first.append(place)
            yield {"what": "left", "place": place}

    count = write(path, lines()).total()
    work.note(f"after.not_brought.{store}", count)
    if count:
        work.say(
            f"Not brought forward in {store}, since old data were written there after the rollback: {count}, such as "
            f"{', '.join(first)}. All are listed in {path}.",
            "warning",
        )
