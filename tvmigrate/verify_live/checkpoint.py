"""What a looking knows so far, kept in a local file: it goes on there, and nothing is kept in the stores."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvmigrate.sqlite_file import NotedFile
from tvmigrate.verify.findings import Finding
from tvmigrate.verify_live.model import Due, Seen, State

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS part (name TEXT PRIMARY KEY, position INT, done INT, total INT) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS tally (part TEXT, state TEXT, n INT, PRIMARY KEY (part, state)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS listed (
        part TEXT, name TEXT, state TEXT, why TEXT, PRIMARY KEY (part, name)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS pending (
        part TEXT, name TEXT, due BLOB, first_ns INT, rounds INT, looks INT, findings BLOB,
        PRIMARY KEY (part, name)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS took (task TEXT PRIMARY KEY, seconds REAL, times INT) WITHOUT ROWID;
    """


@dataclass(frozen=True, slots=True)
class Pending:
    """A record that differs so far: for `rounds` rounds in the same way, of `looks`, first seen at `first_ns`."""

    part: str
    due: Due
    first_ns: int
    rounds: int
    looks: int
    findings: tuple[Finding, ...]

    @property
    def age_seconds(self) -> float:
        """How long ago it was first seen to differ."""
        return (time.time_ns() - self.first_ns) / 1e9


class Checkpoint(NotedFile):
    """A SQLite file; each batch is kept whole or not at all. Whoever may read it sees what differs."""

    def __init__(self, path: Path) -> None:
        """Open or make the file `path`; raises OSError, sqlite3.Error."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        super().__init__(path, _SCHEMA, "journal_mode = WAL", "synchronous = NORMAL")

    def begin(self, about: Mapping[str, Any], now: str) -> list[str]:
        """Go on with what is kept of a looking that was asked for as `about` says and is not over, else begin anew.

        Returns the names of what was asked for otherwise in one that is not over; nothing is done then.
        """
        before = self.noted("about")
        if before is not None and not self.noted("over"):
            differs = [name for name in about if about[name] != before.get(name)]
            if differs:
                return differs
        if before is None or self.noted("over"):
            for table in ("note", "part", "tally", "listed", "pending", "took"):
                self.db.execute(f"DELETE FROM {table}")
            self.note("about", dict(about))
            self.note("began", now)
        return []

    def position(self, part: str) -> tuple[int, bool]:
        """Return how many records of a part were looked at, and whether it is done."""
        found = self.db.execute("SELECT position, done FROM part WHERE name = ?", (part,)).fetchone()
        return (0, False) if found is None else (found[0], bool(found[1]))

    def total(self, part: str) -> int | None:
        """Return how many records a part has, None if that is not known."""
        found = self.db.execute("SELECT total FROM part WHERE name = ?", (part,)).fetchone()
        return None if found is None else found[0]

    def forget(self, part: str) -> None:
        """Forget all that is kept of a part."""
        found = (("part", "name"), ("tally", "part"), ("listed", "part"), ("pending", "part"), ("took", "task"))
        for table, column in found:
            self.db.execute(f"DELETE FROM {table} WHERE {column} = ?", (part,))

    def begun(self, part: str, total: int | None) -> None:
        """Note that a part is begun, and how many records it has."""
        self.db.execute("INSERT OR IGNORE INTO part VALUES (?, 0, 0, ?)", (part, total))

    def done(self, part: str) -> None:
        """Note that all of a part was looked at."""
        self.db.execute("UPDATE part SET done = 1 WHERE name = ?", (part,))

    def took(self, task: str, seconds: float) -> None:
        """Note that a task was worked at once more, for so long."""
        self.db.execute(
            "INSERT INTO took VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET seconds = seconds + ?2, times = times + 1",
            (task, seconds),
        )

    def time_of(self, task: str) -> tuple[float, int]:
        """Return how long a task was worked at in all, and how often."""
        found = self.db.execute("SELECT seconds, times FROM took WHERE task = ?", (task,)).fetchone()
        return (0.0, 0) if found is None else (found[0], found[1])

    def looked(self, part: str, due: Sequence[Due], seen: Sequence[Seen], position: int) -> None:
        """Keep what a first look at some records came to, and how far it is."""
        now = time.time_ns()
        with self.together():
            for one, what in zip(due, seen, strict=True):
                if what.state is State.DIFFERENT:
                    values = (part, one.name, pickle.dumps(one), now, 1, 1, pickle.dumps(what.findings))
                    self.db.execute("INSERT OR REPLACE INTO pending VALUES (?, ?, ?, ?, ?, ?, ?)", values)
                else:
                    self._settle(part, one.name, what)
            self.db.execute("UPDATE part SET position = ? WHERE name = ?", (position, part))

    def looked_again(self, pending: Pending, seen: Seen) -> None:
        """Keep what another look at a record came to."""
        key = (pending.part, pending.due.name)
        with self.together():
            if seen.state is State.DIFFERENT:
                # Only what differs in the same way is the same difference.
                rounds = pending.rounds + 1 if seen.findings == pending.findings else 1
                self.db.execute(
                    "UPDATE pending SET rounds = ?, looks = looks + 1, findings = ? WHERE part = ? AND name = ?",
                    (rounds, pickle.dumps(seen.findings), *key),
                )
            else:
                self.db.execute("DELETE FROM pending WHERE part = ? AND name = ?", key)
                self._settle(*key, seen)

    def give_up(self, pending: Pending, why: str) -> None:
        """Keep that a record never came to rest, and so is unchecked."""
        self.looked_again(pending, Seen(State.UNCHECKED, why=why))

    def _settle(self, part: str, name: str, seen: Seen) -> None:
        count = "INSERT INTO tally VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1"
        self.db.execute(count, (part, seen.state))
        if seen.state in {State.MOVED_ON, State.UNCHECKED}:
            values = (part, name, str(seen.state), seen.why)
            self.db.execute("INSERT OR REPLACE INTO listed VALUES (?, ?, ?, ?)", values)

    def pending(self, part: str | None = None, below: int | None = None) -> Iterator[Pending]:
        """Yield what differs so far, of one part or all; only what did for fewer than `below` rounds, if given."""
        found = self.db.execute(
            "SELECT part, due, first_ns, rounds, looks, findings FROM pending"
            " WHERE (?1 IS NULL OR part = ?1) AND (?2 IS NULL OR rounds < ?2) ORDER BY part, first_ns, name",
            (part, below),
        ).fetchall()
        for name, due, first_ns, rounds, looks, findings in found:
            yield Pending(name, pickle.loads(due), first_ns, rounds, looks, pickle.loads(findings))  # noqa: S301 - our own

    def pending_count(self) -> int:
        """Return how many records differ so far."""
        return int(self.db.execute("SELECT count(*) FROM pending").fetchone()[0])

    def tally(self, part: str) -> dict[State, int]:
        """Return how many records of a part were seen in which state; those that differ are not among them."""
        found = self.db.execute("SELECT state, n FROM tally WHERE part = ?", (part,))
        return {State(state): n for state, n in found}

    def reasons(self, part: str) -> dict[str, int]:
        """Return why records of a part are unchecked, and how many for each reason."""
        asked = "SELECT why, count(*) FROM listed WHERE part = ? AND state = ? GROUP BY why ORDER BY why"
        return dict(self.db.execute(asked, (part, str(State.UNCHECKED))))

    def listed(self, state: State, part: str | None = None, limit: int = -1) -> Iterator[tuple[str, str, str]]:
        """Yield (part, name, why) of the records in a state that is listed."""
        yield from self.db.execute(
            "SELECT part, name, why FROM listed WHERE state = ?1 AND (?2 IS NULL OR part = ?2)"
            " ORDER BY part, name LIMIT ?3",
            (str(state), part, limit),
        )
