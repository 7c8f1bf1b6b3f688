"""Commands that are struck at a write: what `status` says then, and where `apply` and `rollback` lead."""

from __future__ import annotations

import dataclasses
import itertools
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.crash import child, trap
from tests.crash.trap import Moment, Point, Strike, Whom
from tests.integrity.one_set import rehearsal_on
from tests.tool.migrate.stores import FIXTURES, Picture, Stores, different, meaning
from tvmigrate.contract import new
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import ExitCode
from tvmigrate.migrate import system
from tvmigrate.migrate.journal import Journal
from tvmigrate.migrate.plan import REVERSE, STEPS
from tvmigrate.migrate.system import JOURNAL
from tvmigrate.verify.findings import Phase, State

APPLY, ROLLBACK, FINISH = "apply", "rollback", "finish"
OPTIONS = {APPLY: ("--yes", "--show", "the_voice"), ROLLBACK: ("--yes",), FINISH: ("--yes",)}
WAYS = {
    APPLY: (APPLY, ROLLBACK),
    ROLLBACK: (APPLY,),
    FINISH: (FINISH, ROLLBACK),
}  # that are tried from where it was struck
ALONE = ("--workers", "1")
WORKERS = ("--workers", "2")
SIDE_BY_SIDE = ("--workers", "3")  # steps of different stores are taken at once; few or none is started for so little
WORKER_LOST = "A worker process ended before its part was done"
_PART_BYTES = 8192  # with workers that are


@dataclass(frozen=True, slots=True)
class Trial:
    """A command is struck, and then another is run until it ends."""

    command: str
    strike: Strike
    then: str

    @property
    def name(self) -> str:
        """What it is called among the outcomes."""
        return f"{self.command} {self.strike.n} {self.strike.moment} {self.then}"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its code as `Popen.returncode` has it, what it said, its writes, what the journal holds."""

    code: int
    said: str
    points: list[Point]
    struck: bool
    state: str
    step: str


def require(holds: object, *told: object) -> None:
    """Fail with what is told unless it holds."""
    if not holds:
        raise AssertionError("\n".join(map(str, told)))


class Ground:
    """Engines that hold a dataset, and commands on them, each with a trap set."""

    def __init__(self, endpoints: Endpoints, dataset: str) -> None:
        self.endpoints = endpoints
        self.dataset = dataset
        self._opened = ExitStack()
        self._numbers = itertools.count(1)
        self._options = OPTIONS
        self._counted: dict[tuple[str, tuple[str, ...]], list[Point]] = {}
        self.renew()

    def renew(self) -> None:
        """Fill the engines anew, after something went wrong or for the first time."""
        self._opened.close()
        self.folder = Path(self._opened.enter_context(tempfile.TemporaryDirectory()))
        self.rehearsal = self._opened.enter_context(rehearsal_on(self.endpoints, FIXTURES / self.dataset))
        clients = self._opened.enter_context(Clients(self.endpoints))
        self.stores = Stores(self.endpoints, clients, self.folder)
        self.stores.outlive_brief_keys(self.dataset)
        self._picture: Picture | None = None  # of the old state, if nothing happened since
        self._finished = False  # the old data are gone for good
        self.new_state()
        self._right: Picture | None = None
        self.ends_well(APPLY)
        self.looks_right()
        self.ends_well(ROLLBACK)

    def close(self) -> None:
        """Let everything go but the engines."""
        self._opened.close()

    @contextmanager
    def compressing(self) -> Iterator[None]:
        """Let what is applied within compress its backup."""
        self._options, self._counted = OPTIONS | {APPLY: (*OPTIONS[APPLY], "--compress", "zstd")}, {}
        try:
            yield
        finally:
            self._options, self._counted = OPTIONS, {}

    def new_state(self) -> None:
        """Begin with a state directory of its own."""
        old = self.folder / "trial"
        if old.exists():
            shutil.rmtree(old)
        self.stores = dataclasses.replace(self.stores, state=old / "state")
        self._began = time.time_ns()
        self._journalled = ("", "")

    def run(self, command: str, strike: Strike | None = None, more: tuple[str, ...] = ALONE) -> Ended:
        """Run a command, and strike it."""
        folder = self.stores.state.with_name(f"{next(self._numbers)}-{command}")
        environ = {**self.endpoints.environ(), "TVMIGRATE_STATE": str(self.stores.state)}
        part_bytes = _PART_BYTES if more is WORKERS else None
        words = (command, *self._options[command], *(() if command == FINISH else more))
        code = child.run(words, environ, folder, strike, part_bytes)
        said = child.said(folder)
        require("Traceback" not in said, said)
        self._journalled = trap.journalled(folder, self._journalled)
        return Ended(code, said, trap.points(folder), trap.struck(folder), *self._journalled)

    def ends_well(self, command: str) -> Ended:
        """Run a command, which is to pass."""
        ended = self.run(command)
        require(ended.code == 0, f"{command} ended with {ended.code}:", ended.said)
        return ended

    def looks_right(self, n: int = 0) -> None:
        """Demand that what was migrated is what a run that nobody struck makes, which passes every check.

        They are equal record by record, the quarantine's and the archive's too. The checks themselves look at the
        first, and at every tenth `n` after it.
        """
        made = self._made()
        if self._right is None or n % 10 == 0:
            results, _ = self.rehearsal.look(Phase.MIGRATION, (self._began, time.time_ns()))
            bad = [result for result in results if result.state not in {State.PASS, State.EMPTY}]
            require(not bad, "What was migrated does not pass:", *bad)
        self._right = self._right or made
        found = different(self._right, made)
        require(not found, "Not all is as a run that nobody struck makes it:", *found.items())

    def _made(self) -> Picture:
        with Journal(self.stores.state) as journal:
            run = system.current(self.stores.clients, journal)
        require(run is not None, "There is no run.")
        found = meaning(self.stores.picture(), expiries=True, started_ns=run.started_ns)
        for table in new.OWN_TABLES:
            names = [name for name in table.column_names if name != "run_id" and not name.endswith("_at")]
            hashed = f"SELECT cityHash64(tuple({', '.join(names)})) AS hash FROM {new.DATABASE}.{table.name}"
            query = f"SELECT count(), sum(hash), groupBitXor(hash) FROM ({hashed})"
            found[f"clickhouse {table.name}"] = self.stores.clients.clickhouse.query(query).result_rows
        return found

    def status_is(self, ended: Ended) -> None:
        """Ask `status`, which is to say what the journal holds since the command's last commit."""
        first = {"applying": STEPS[0].name, "rolling back": REVERSE[0].name}
        at = self._words(ended.step or first.get(ended.state, ""))
        due = {
            "": "Not begun: ",
            "applying": f"In progress: the run RUN is at {at}. `tvmigrate apply` goes on, `tvmigrate",
            "applied": "Applied: the run RUN. ",
            "rolling back": f"Rolling back: the run RUN is at {at}. `tvmigrate rollback` goes on.",
            "rolled back": "Rolled back: the run RUN. ",
            "finishing": "Finishing: the run RUN. `tvmigrate finish` goes on.",
            "finished": "Finished for good: the run RUN; what was kept for a rollback is gone.",
        }[ended.state]
        runs = [path.name for path in self.stores.state.glob("runs/*")]
        said = self.stores.status()
        begins = any(
            said.startswith(due.replace("RUN", run)) for run in runs or [said[len("In progress: the run ") :][:20]]
        )
        require(begins, f"status says {said!r}, and is to begin with {due!r}")

    def _words(self, noted: str) -> str:
        """Return the steps under way as `status` is to name them: of those noted together, the ones not done yet."""
        names = noted.split(", ")
        if len(names) > 1:
            with closing(sqlite3.connect(self.stores.state / JOURNAL)) as journal:
                done = {name for (name,) in journal.execute("SELECT name FROM step")}
            names = [name for name in names if name not in done] or names[-1:]
        return f"the step {names[0]}" if len(names) == 1 else f"the steps {' and '.join(names)}"

    # ------------------------------------------------------------------------------------------------------- the trials

    def count(self, command: str, more: tuple[str, ...] = ALONE) -> list[Point]:
        """Return the writes of a command that nobody strikes; a rollback has an apply before it."""
        if (known := self._counted.get((command, more))) is not None:
            return known
        with self._back_where_it_was():
            ended = self.run(APPLY, more=more)
            require(ended.code == 0, ended.said)
            back = self.run(ROLLBACK, more=more)
            require(back.code == 0, back.said)
        self._counted |= {(APPLY, more): ended.points, (ROLLBACK, more): back.points}
        return self._counted[command, more]

    def try_apply(self, trial: Trial, more: tuple[str, ...] = ALONE) -> None:
        """Strike an apply of old stores; then `apply` is to finish it, or `rollback` to bring the old state back."""
        with self._back_where_it_was():
            ended = self.run(APPLY, trial.strike, more)
            self.was_killed(ended, or_worker=more is SIDE_BY_SIDE)
            self.status_is(ended)
            if trial.then == APPLY:
                self.ends_well(APPLY)
                self.looks_right(trial.strike.n)
            self.ends_well(ROLLBACK)

    def try_rollback(self, trial: Trial, more: tuple[str, ...] = ALONE) -> None:
        """Strike a rollback; `apply` is to do nothing until another rollback has brought the old state back."""
        with self._back_where_it_was():
            self.ends_well(APPLY)
            ended = self.run(ROLLBACK, trial.strike, more)
            self.was_killed(ended, or_worker=more is SIDE_BY_SIDE)
            self.status_is(ended)
            if trial.then == APPLY and ended.state == "rolling back":
                refused = self.run(APPLY)
                require(refused.code == 3, refused.said)
                require("run `tvmigrate rollback` until it ends" in refused.said, refused.said)
            elif trial.then == APPLY:
                done = self.ends_well(APPLY)
                require(("nothing was changed" in done.said) == (ended.state == "applied"), done.said)
                self.looks_right()
            self.ends_well(ROLLBACK)

    def count_finish(self) -> list[Point]:
        """Return the writes of a finish that nobody strikes."""
        if (FINISH, ALONE) not in self._counted:
            self._old_again()
            self.ends_well(APPLY)
            self._finished = True
            self._counted[FINISH, ALONE] = self.ends_well(FINISH).points
        return self._counted[FINISH, ALONE]

    def try_finish(self, trial: Trial) -> None:
        """Strike a finish; another is to end it, and all but the kept copies is what `apply` had made.

        A rollback is to bring the old state back if `status` still says applied, and else to change nothing.
        """
        self._old_again()
        old = self.stores.picture()
        self.ends_well(APPLY)
        applied = self.stores.picture()
        self._finished = True
        ended = self.run(FINISH, trial.strike)
        self.was_killed(ended)
        self.status_is(ended)
        if trial.then == ROLLBACK:
            if ended.state == "applied":
                self.ends_well(ROLLBACK)
                found = different(old, self.stores.picture())
                require(not found, "The old state is not back:", *found.items())
                return
            left = self.stores.picture()
            self._refuses(ROLLBACK, 3, "there is no way back without them")
            if ended.state == "finishing":
                self._refuses(APPLY, 3, "run `tvmigrate finish` until it ends")
            else:
                self._refuses(APPLY, 0, "is applied and finished for good; nothing was changed.")
            require(not different(left, self.stores.picture()), "What was refused changed something.")
        done = self.ends_well(FINISH)
        require(("nothing was changed" in done.said) == (ended.state == "finished"), done.said)
        self.status_is(done)
        kept = {name for name in applied if "_old_" in name}
        found = different(applied, self.stores.picture())
        require(found.keys() == kept, "Something else than the kept copies is gone or there:", *found.items())
        require(all(now is None for _, now in found.values()), "Kept copies were changed and not dropped.")

    def _refuses(self, command: str, code: int, says: str) -> None:
        refused = self.run(command)
        require((refused.code, says in refused.said) == (code, True), refused.said)

    def _old_again(self) -> None:
        """Begin with old stores, filled anew if the last trial had finished."""
        if self._finished:
            self.stores.fill(self.dataset)
            self.stores.outlive_brief_keys(self.dataset)
        self.new_state()

    def try_twice(self, first: Strike, second: Strike, then: str) -> bool:
        """Strike an apply, and the apply that goes on; return whether it came to the second strike."""
        with self._back_where_it_was():
            self.was_killed(self.run(APPLY, first))
            ended = self.run(APPLY, second)
            if ended.struck:
                self.was_killed(ended)
                self.status_is(ended)
            if then == APPLY:
                self.ends_well(APPLY)
                self.looks_right()
            self.ends_well(ROLLBACK)
        return ended.struck

    def try_worker(self, strike: Strike, then: str) -> None:
        """Strike a worker of an apply, or the apply itself while a worker writes; the other ends by itself."""
        with self._back_where_it_was():
            ended = self.run(APPLY, strike, WORKERS)
            require(ended.struck, "Nobody was killed.", ended.said)
            if strike.whom is Whom.WORKER:
                require(ended.code == 3, f"It ended with {ended.code}.", ended.said)
                require(WORKER_LOST in ended.said, ended.said)
            else:
                require(ended.code == -signal.SIGKILL, f"It ended with {ended.code}.", ended.said)
            self.status_is(ended)
            if then == APPLY:
                self.ends_well(APPLY)
                self.looks_right()
            self.ends_well(ROLLBACK)

    def try_signal(self, trial: Trial) -> None:
        """Ask a command to stop: it ends by the next safe point, says how to go on, and it does go on."""
        with self._back_where_it_was():
            if trial.command == ROLLBACK:
                self.ends_well(APPLY)
            ended = self.run(trial.command, trial.strike)
            self.was_stopped(trial, ended)
            self.status_is(ended)
            if trial.then == APPLY:
                self.ends_well(APPLY)
                self.looks_right(trial.strike.n)
            self.ends_well(ROLLBACK)

    def was_stopped(self, trial: Trial, ended: Ended) -> None:
        """Demand what is due of a command that was asked to stop: that it says so, or is done."""
        require(ended.struck, "Nobody asked it to stop.", ended.said)
        number, begun = trial.strike.number, ended.state in {"applying", "rolling back"}
        if ended.code == 0:
            require(ended.state in {"applied", "rolled back"}, "It ended well and is not done.", ended.said)
            return
        who = (
            "Stopped on your word (Ctrl-C)" if number == signal.SIGINT else f"Stopped by {signal.Signals(number).name}"
        )
        on = "`tvmigrate apply` goes on, `tvmigrate rollback` goes back."
        if trial.command == ROLLBACK:
            on = "`tvmigrate rollback` goes on."
        due = f"{who} at the step {ended.step} of the run RUN. {on}" if begun else f"{who}; nothing was begun."
        *_, last = trap.RUN.sub("RUN", ended.said).splitlines()
        require((ended.code, last) == (128 + number, due), f"due was {due}; it ended with {ended.code}:", ended.said)
        # No step was begun after the one at which it was asked, or which was about to begin.
        steps = [point.step for point in ended.points[trial.strike.n - 1 :]]
        require(len({*steps, ended.step}) <= 2, f"It went on through {steps}.", ended.said)

    def was_killed(self, ended: Ended, *, or_worker: bool = False) -> None:
        """Demand that the strike came and ended the command, or a worker of its, which is told then."""
        if or_worker and ended.code == ExitCode.COULD_NOT_CHECK and WORKER_LOST in ended.said:
            return
        require(
            ended.struck and ended.code == -signal.SIGKILL,
            f"It was not killed, and ended with {ended.code}.",
            ended.said,
        )

    @contextmanager
    def _back_where_it_was(self) -> Iterator[None]:
        """What happens within begins with old stores, and ends with them, bit for bit."""
        if self._finished:
            self.renew()
        self.new_state()
        before = self._picture or self.stores.picture()
        self._picture = None
        yield
        after = self.stores.picture()
        found = different(before, after)
        require(not found, "The old state is not back:", *found.items())
        self._picture = after


def trials(command: str, points: list[Point]) -> list[Trial]:
    """Return every trial of a command: each write, just before it, halfway, just after it, and the ways on from there.

    Nothing is written between a write and the next: just before the one is as just after the other, and comes last.
    Else their order is such that any beginning is a fair sample.
    """
    halfway = [Strike(point.n, Moment.HALFWAY) for point in points if point.halves]
    after = [Strike(point.n, Moment.AFTER) for point in points]
    before = [Strike(point.n, Moment.BEFORE) for point in points]
    chance = random.Random(0)  # noqa: S311 - an order, no secret
    found: list[Trial] = []
    for some in ([*halfway, *after], before):
        of_both = [Trial(command, strike, then) for strike in some for then in WAYS[command]]
        found += chance.sample(of_both, len(of_both))
    return found
