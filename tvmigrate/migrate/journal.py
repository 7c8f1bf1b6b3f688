"""The journal: which run, with which choices, and which of its steps are done; synced before a step counts as done."""

from __future__ import annotations

import json
import secrets
import string
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from tvmigrate import old_layout_document
from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.contract.policy import Policy
from tvmigrate.sqlite_file import SqliteFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (
    id TEXT PRIMARY KEY, system TEXT NOT NULL, state TEXT NOT NULL, started_ns TEXT NOT NULL,
    policy TEXT NOT NULL, existing TEXT, endpoints TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS step (run TEXT, name TEXT, done_at TEXT NOT NULL, PRIMARY KEY (run, name));
CREATE TABLE IF NOT EXISTS note (run TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (run, name));
"""


class State(StrEnum):
    """How far a run is."""

    APPLYING = "applying"
    APPLIED = "applied"
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"
    FINISHING = "finishing"
    FINISHED = "finished"
    LOST = "lost"  # the stores no longer hold anything of it: they were filled anew


@dataclass(frozen=True, slots=True)
class Run:
    """One migration of one system: `system` identifies the stores, `started_ns` is its instant, ns since the epoch."""

    id: str
    system: str
    state: State
    started_ns: int
    policy: Policy
    existing: str | None
    endpoints: dict[str, str]


def new_run_id() -> str:
    """Return an id of lower case letters, digits and underscores that sorts by time: a part of table names."""
    random = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(4))
    return f"{datetime.now(UTC):%Y%m%d_%H%M%S}_{random}"


class Journal(SqliteFile):
    """The SQLite file `journal.sqlite` of a state directory; steps of several threads may use it."""

    def __init__(self, state: Path) -> None:
        """Open or make the journal in the directory `state`, which must be there; raises sqlite3.Error."""
        # FULL: a step that the journal calls done must be so after a power cut (https://sqlite.org/pragma.html).
        super().__init__(state / "journal.sqlite", _SCHEMA, "synchronous = FULL", check_same_thread=False)
        self._using = threading.Lock()  # nothing of another thread comes into a transaction

    def _ask(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        """Run one statement, which changes something or has one row at most; return that row."""
        with self._using:
            row: tuple[Any, ...] | None = self.db.execute(statement, values).fetchone()
            return row

    def begin(self, system: str, policy: Policy, existing: str | None, endpoints: dict[str, str]) -> Run:
        """Record a new run in state `applying` and return it."""
        run = Run(new_run_id(), system, State.APPLYING, time.time_ns(), policy, existing, endpoints)
        self._ask(
            "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?)",
            run.id,
            system,
            run.state,
            str(run.started_ns),
            _policy_json(policy),
            existing,
            json.dumps(endpoints),
        )
        return run

    def latest(self, system: str) -> Run | None:
        """Return the newest run of the stores `system`."""
        row = self._ask(
            "SELECT * FROM run WHERE system = ? AND state != ? ORDER BY CAST(started_ns AS INTEGER) DESC LIMIT 1",
            system,
            State.LOST,
        )
        if row is None:
            return None
        return Run(row[0], row[1], State(row[2]), int(row[3]), _policy(row[4]), row[5], json.loads(row[6]))

    def set_state(self, run: str, state: State) -> None:
        """Record the state of a run."""
        self._ask("UPDATE run SET state = ? WHERE id = ?", state, run)

    def done(self, run: str, step: str) -> bool:
        """Return whether `step` was finished."""
        return self._ask("SELECT 1 FROM step WHERE run = ? AND name = ?", run, step) is not None

    def done_at(self, run: str, step: str) -> datetime | None:
        """Return when `step` was finished, None if it was not."""
        row = self._ask("SELECT done_at FROM step WHERE run = ? AND name = ?", run, step)
        return None if row is None else datetime.fromisoformat(row[0])

    def mark(self, run: str, step: str) -> None:
        """Record that `step` is finished."""
        now = datetime.now(UTC).isoformat()
        self._ask("INSERT OR REPLACE INTO step VALUES (?, ?, ?)", run, step, now)

    def done_at_ns(self, run: str, step: str) -> int | None:
        """Return when `step` was finished, in nanoseconds since the epoch; None if it was not."""
        moment = self.done_at(run, step)
        return None if moment is None else int(moment.timestamp() * 10**6) * 1000

    def forget(self, run: str, *prefixes: str) -> None:
        """Take back the steps and notes whose names begin with one of `prefixes`: they must be done again."""
        with self._using, self.together() as db:
            for prefix in prefixes:
                for table in ("step", "note"):
                    db.execute(
                        f"DELETE FROM {table} WHERE run = ? AND substr(name, 1, ?) = ?", (run, len(prefix), prefix)
                    )

    def note(self, run: str, name: str, value: Any) -> None:
        """Keep a JSON value under `name`: a digest, an id, how far a step is."""
        self._ask("INSERT OR REPLACE INTO note VALUES (?, ?, ?)", run, name, json.dumps(value))

    def noted(self, run: str, name: str) -> Any:
        """Return the value kept under `name`; None if there is none."""
        row = self._ask("SELECT value FROM note WHERE run = ? AND name = ?", run, name)
        return None if row is None else json.loads(row[0])


def _policy_json(policy: Policy) -> str:
    return json.dumps(
        {
            "show": policy.show,
            "keep_entities": policy.keep_entities,
            "entity_map": dict(policy.entity_map),
            "timezone": policy.timezone,
            "zero_missing_counts": policy.zero_missing_counts,
            "layout": old_layout_document.document_of(policy.layout),
        }
    )


def _policy(text: str) -> Policy:
    choices = json.loads(text)
    told = choices.pop("layout", None)  # a run of an earlier version has the contract's
    layout = CONTRACT if told is None else old_layout_document.parse(told, "the journal")
    return Policy(**choices, layout=layout)
