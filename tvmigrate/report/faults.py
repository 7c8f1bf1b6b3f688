"""What came of planted faults: one line each as they are judged, the sum of them, and `faults.json`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from tvmigrate.errors import ExitCode
from tvmigrate.events import Advanced, Finished, Listener, Said, Started
from tvmigrate.printable import printable
from tvmigrate.report.files import write_whole
from tvmigrate.report.plain import as_json_text
from tvmigrate.verify.faults.judge import Caught, Outcome
from tvmigrate.verify.faults.model import Fault
from tvmigrate.verify.job import Job

FILE = "faults.json"
_TASK = "faults"
_SHOWN = 6  # sentences about one fault on the terminal; faults.json has all


class Tally:
    """The outcomes so far; tells a listener of each."""

    def __init__(self, faults: Sequence[Fault], listener: Listener) -> None:
        """Begin to count; `faults` are those that will be judged."""
        self.faults = {fault.id: fault for fault in faults}
        self._listener = listener
        self._began = time.monotonic()
        self._outcomes: dict[str, Outcome] = {}
        listener(Started(_TASK, len(faults), "faults"))

    def take(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self._outcomes[outcome.fault] = outcome
        level = "info" if outcome.caught in {Caught.CAUGHT, Caught.NOT_PLANTED} else "error"
        self._listener(Said(_line(outcome), level))
        self._listener(Advanced(_TASK, len(self._outcomes), len(self.faults)))
        if len(self._outcomes) == len(self.faults):
            self._listener(Finished(_TASK, time.monotonic() - self._began, self.sum))

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes, in the order of the catalogue."""
        return [self._outcomes[name] for name in self.faults if name in self._outcomes]

    @property
    def counts(self) -> Counter[Caught]:
        """How many faults came to what."""
        return Counter(outcome.caught for outcome in self._outcomes.values())

    @property
    def planted(self) -> int:
        """How many faults were tried, whatever came of it."""
        return sum(self.counts.values()) - self.counts[Caught.NOT_PLANTED]

    @property
    def sum(self) -> str:
        """One line: caught of planted, wrong attributions, and what could not be told."""
        counts = self.counts
        text = f"caught {counts[Caught.CAUGHT]} of {self.planted} planted, wrong attributions {counts[Caught.WRONG]}"
        others = {
            "missed": counts[Caught.MISSED],
            "could not be told": counts[Caught.ERROR],
            "not planted": counts[Caught.NOT_PLANTED],
            "not judged": len(self.faults) - len(self._outcomes),
        }
        return ", ".join([text, *(f"{what} {count}" for what, count in others.items() if count)])

    @property
    def exit_code(self) -> ExitCode:
        """The exit code: a fault that is missed or blamed on something else counts before one that was not judged."""
        counts = self.counts
        if counts[Caught.MISSED] or counts[Caught.WRONG]:
            return ExitCode.DIFFERENT
        if counts[Caught.ERROR] or len(self._outcomes) < len(self.faults):
            return ExitCode.COULD_NOT_CHECK
        return ExitCode.PASS if counts[Caught.CAUGHT] else ExitCode.NOTHING_TO_CHECK

    def as_json(self, job: Job) -> dict[str, Any]:
        """Return the content of `faults.json`."""
        counts = self.counts
        return {
            "dataset": job.dataset.name,
            "policy": job.policy.environ("" if job.entity_map is None else str(job.entity_map)),
            "migration": job.migration,
            "rollback": job.rollback,
            "planted": self.planted,
            **{str(caught): counts[caught] for caught in Caught},
            "faults": [self._as_json(outcome) for outcome in self.outcomes],
        }

    def _as_json(self, outcome: Outcome) -> dict[str, Any]:
        fault = self.faults[outcome.fault]
        return {
            "id": fault.id,
            "says": fault.says,
            "phase": str(fault.phase),
            "declares": [str(finds) for finds in fault.finds],
            "outcome": str(outcome.caught),
            "told": list(outcome.told),
            "checks": list(outcome.checks),
            "findings": outcome.findings,
            "sample": None if outcome.sample is None else outcome.sample.as_json(),
            "seconds": round(outcome.seconds, 3),
        }


def print_tally(console: Console, tally: Tally, report: Path) -> None:
    """Print what is not as declared, in full sentences, and the sum."""
    for outcome in tally.outcomes:
        if outcome.caught is Caught.CAUGHT:
            continue
        fault = tally.faults[outcome.fault]
        console.print(Text(f"{str(outcome.caught).upper()} {fault.id}: {fault.says}"), soft_wrap=True)
        for sentence in outcome.told[:_SHOWN]:
            console.print(Text(f"  {printable(sentence)}"), soft_wrap=True)
        if (left := len(outcome.told) - _SHOWN) > 0:
            console.print(Text(f"  … and {left:,} more; {report} has them."), soft_wrap=True)
    console.print(Text(f"report: {report}"), soft_wrap=True)
    console.print(Text(f"faults: {tally.sum}", "green" if tally.exit_code is ExitCode.PASS else "bold red"))


def write(tally: Tally, job: Job, directory: Path) -> Path:
    """Write `faults.json` into `directory`, whole or not at all, and return its path; raises ReportUnwritable."""
    path = directory / FILE
    write_whole(path, (as_json_text(tally.as_json(job), indent=2) + "\n").encode())
    return path


def _line(outcome: Outcome) -> str:
    by = f" by {', '.join(outcome.checks)}" if outcome.checks else ""
    return f"{outcome.caught}: {outcome.fault}{by}"
