"""A rehearsal: engines up, old data in, the migration under test, checks, its rollback, checks, and the verdict."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.contract.outcome import LedgerLine, QuarantineLine, Store
from tvmigrate.dataset.load import load
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.errors import EngineError
from tvmigrate.engines.live import EngineSource, open_engines
from tvmigrate.engines.practice import rehearsing
from tvmigrate.errors import UsageError
from tvmigrate.events import Listener, Said, ignore
from tvmigrate.executors import open_workers, variables
from tvmigrate.made import NO_ROLLBACK, OTHER_CHECKS, choices
from tvmigrate.verify import command
from tvmigrate.verify.balance import BALANCE
from tvmigrate.verify.check import Check, Examination, Registry
from tvmigrate.verify.checks import REGISTRY
from tvmigrate.verify.context import Reference
from tvmigrate.verify.errors import NotReady
from tvmigrate.verify.examiner import Examiner, Window
from tvmigrate.verify.exits import MIGRATION_EXIT, ROLLBACK_EXIT, judge_exit
from tvmigrate.verify.findings import CheckResult, NotJudged, Phase, State, Verdict
from tvmigrate.verify.job import DEFAULT_MAX_FINDINGS, MIGRATION_COMMAND, ROLLBACK_COMMAND, Job
from tvmigrate.verify.kept import Kept
from tvmigrate.verify.ledger import Book
from tvmigrate.verify.named import require_named
from tvmigrate.verify.provenance import dataset_digest, provenance
from tvmigrate.verify.reference import load_reference, read_baseline
from tvmigrate.workers import ALONE, Workers

# What is added to the ids of checks that look a second time.
TWICE = ".twice"
SECOND_MIGRATION = ".second-migration"
AFTER_SECOND_MIGRATION = ".after-second-migration"
SECOND_LOOKS = (TWICE, SECOND_MIGRATION, AFTER_SECOND_MIGRATION)

# Documents in all up to which an Elasticsearch that starts fast is done sooner than one that runs fast.
_QUICK_START_BYTES = 64 * 2**20
# A dataset's files up to which a look at the stores is mostly waiting.
_SIDE_BY_SIDE_BYTES = 16 * 2**20


class Rehearsal:
    """One job, step by step, for `with`: the engines run from `__enter__` on and are stopped when it is left.

    Each step runs once, when it is first asked for, and is remembered; a later step brings about the earlier ones.
    """

    def __init__(self, job: Job, listener: Listener = ignore, registry: Registry = REGISTRY) -> None:
        """Say what is to be rehearsed; nothing is started yet.

        Raises:
            DatasetError: the dataset cannot be opened.
            UsageError: `job.only` names a check that does not exist; the policy's entity map or layout has no file.
        """
        self.job = job
        self._listener = listener
        self._registry = registry
        self._dataset = Dataset.open(job.dataset)
        self._refuse_unknown_checks()
        if job.policy.entity_map and job.entity_map is None:
            raise UsageError("The policy has an entity map, but no file of it that the migration could read.")
        if job.policy.layout != CONTRACT and job.old_layout is None:
            raise UsageError("The policy has an old layout, but no file of it that the migration could read.")
        self._opened: ExitStack | None = None
        self._engines: EngineSource | None = None
        self._reference: Reference | None = None
        self._workers: Workers = ALONE
        self._work = Path()
        self._migrated: list[CheckResult] | None = None
        self._rolled_back: list[CheckResult] | None = None
        self._ledger: list[LedgerLine] = []
        self._inconsistencies: list[Any] = []
        self._quarantine: list[QuarantineLine] = []
        self._not_judged: list[NotJudged] = []
        self._began = datetime.now(UTC)
        self._digest = ""
        self._seconds: dict[str, float] = {}
        self._windows: dict[Phase, Window] = {}
        self._is_empty = False

    # ------------------------------------------------------------------------------------------------ its life

    def __enter__(self) -> Self:
        """Start the engines, load the dataset, build the reference.

        Raises:
            TvmigrateError: an engine does not start, or the dataset cannot be loaded or is of another layout; nothing
                is left running.
        """
        with ExitStack() as opened:
            self._work = self._make_directories(opened)
            with self._timed("engines"), ThreadPoolExecutor(1, thread_name_prefix="reference") as pool:
                # The verifier's own ClickHouse takes the rows while Elasticsearch is still starting.
                tables = pool.submit(load_reference, self._dataset)
                digest = pool.submit(dataset_digest, self._dataset.path)
                opened.callback(lambda: None if tables.exception() else tables.result().close())
                self._engines = opened.enter_context(self._open_engines())
                opened.push(self._keep_logs)
            self._digest = digest.result()
            require_named(self._dataset, tables.result(), self.job.policy.layout)
            with self._timed("load"):
                report = load(self._dataset, self.endpoints, self._listener)
                with Clients(self.endpoints, self.job.timeout) as clients:
                    baseline = read_baseline(self._dataset, clients, opened)
                databases = {name: table.database for name, table in self._dataset.tables.items()}
                tables.result().require_rows({(databases[name], name): n for name, n in report.rows.items()})
                tables.result().answers_within(self.job.timeout)
                self._is_empty = not (report.redis_keys or any(report.rows.values()) or any(report.documents.values()))
                kept = opened.enter_context(Kept())
                self._workers = opened.enter_context(open_workers(self.job.workers, self.job.executor, self.endpoints))
                self._reference = Reference(self._dataset, report.redis_epoch_ms, tables.result(), baseline, kept)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.__exit__(kind, error, trace)

    def close(self) -> None:
        """Stop the engines and remove what is not kept; a second call does nothing."""
        self.__exit__(None, None, None)

    @property
    def endpoints(self) -> Endpoints:
        """Where the three engines answer; raises NotReady outside `with`."""
        if self._engines is None:
            raise NotReady("The rehearsal has not been started: use it in a with statement.")
        return self._engines.endpoints

    @property
    def reference(self) -> Reference:
        """The old data as the verifier holds it; raises NotReady outside `with`."""
        if self._reference is None or self._opened is None:
            raise NotReady("The rehearsal is not running: use it in a with statement.")
        return self._reference

    # ------------------------------------------------------------------------------------------------ its steps

    def migrated(self) -> list[CheckResult]:
        """Run the migration command and every check of the migration; return what came of them."""
        if self._migrated is None:
            book = self._book()
            self._migrated = self._migrate("", book)
            self._ledger = book.lines()
            self._inconsistencies = book.inconsistencies
            self._quarantine = book.reasons
        return self._migrated

    def rolled_back(self) -> list[CheckResult]:
        """Run the rollback command and every check of the rollback; return what came of them.

        With `second_round` then: the rollback again (ids end in `.twice`), the migration again (`.second-migration`),
        and its rollback (`.after-second-migration`).
        """
        if self._rolled_back is None:
            self.migrated()
            results = self._roll_back("")
            if self.job.second_round:
                results += self._roll_back(TWICE)
                results += self._migrate(SECOND_MIGRATION, self._book())
                results += self._roll_back(AFTER_SECOND_MIGRATION)
            self._rolled_back = results
        return self._rolled_back

    def look(
        self, phase: Phase, run_window: Window | None = None, listener: Listener = ignore
    ) -> tuple[list[CheckResult], list[LedgerLine]]:
        """Look once more at the stores as they are now, with every examination of `phase`; run no command.

        `run_window` says when the command to be judged ran; unless given, it is when the last one of this phase did.
        What `verdict` says stays as it is, and only `listener` hears of it. Returns the results, of those that the job
        asks for, and the ledger, which is empty after a rollback.

        Raises:
            NotReady: no command of this phase has run yet and no `run_window` says when, or the rehearsal is over.
        """
        window = run_window or self._windows.get(phase)
        if window is None:
            raise NotReady(f"There is nothing to look at yet: no {phase} has run in this rehearsal.")
        book = self._book()
        return self._examine(phase, "", window, book, listener), book.lines()

    def verdict(self) -> Verdict:
        """Return the verdict over all that has run so far; raises NotReady before the first step."""
        if self._migrated is None:
            raise NotReady("There is no verdict yet: nothing was migrated.")
        engines = self._engines.versions() if self._engines is not None else {}
        policy, job = self.job.policy, self.job
        return Verdict(
            show=policy.show,
            policy={
                **choices(policy),
                "old": str(job.old_end_state),
                "quarantine": str(job.quarantine),
                "migration": job.migration,
                "rollback": job.rollback,
                "dataset": self._dataset.name,
            },
            engines=engines,
            checks=[*self._migrated, *(self._rolled_back or [])],
            ledger=self._ledger,
            inconsistencies=self._inconsistencies,
            seconds={name: round(seconds, 3) for name, seconds in self._seconds.items()},
            quarantine=self._quarantine,
            not_judged=[*self._not_judged, *self._not_asked()],
            made=provenance(self._digest, self._began, self._dataset),
        )

    # -------------------------------------------------------------------------------------------------- inside

    def _not_asked(self) -> Iterator[NotJudged]:
        every = {check.id: check.phase for check in [MIGRATION_EXIT, *self._registry.checks(), ROLLBACK_EXIT]}
        if (only := self.job.only) is not None:
            yield NotJudged(tuple(check for check in every if check not in only), OTHER_CHECKS)
        if self._rolled_back is None:
            back = (check for check, phase in every.items() if phase is Phase.ROLLBACK)
            yield NotJudged(tuple(back), NO_ROLLBACK)

    def _migrate(self, suffix: str, book: Book) -> list[CheckResult]:
        run = self._run(Phase.MIGRATION, suffix)
        results = self._exit(MIGRATION_EXIT, suffix, run)
        return results + self._verify(Phase.MIGRATION, suffix, book)

    def _roll_back(self, suffix: str) -> list[CheckResult]:
        run = self._run(Phase.ROLLBACK, suffix)
        if suffix == TWICE:
            # Refusing to roll back what is rolled back is as good as doing nothing: only the state is judged.
            results = []
            if run.exit_code:
                self._listener(Said(f"The second rollback {run.how}; what counts is that it changed nothing."))
        else:
            results = self._exit(ROLLBACK_EXIT, suffix, run)
        return results + self._verify(Phase.ROLLBACK, suffix, self._book())

    def _run(self, phase: Phase, suffix: str) -> command.Run:
        text, task = self.job.migration if phase is Phase.MIGRATION else self.job.rollback, f"{phase}{suffix}"
        environ = self.endpoints.environ() | self.job.policy.environ(
            str(self.job.entity_map.absolute()) if self.job.entity_map else None,
            str(self.job.old_layout.absolute()) if self.job.old_layout else None,
        )
        environ |= variables(self.job.workers, self.job.executor)
        if self._opened is None:
            raise NotReady("The rehearsal is over: its engines are stopped.")
        with self._timed(task), rehearsing(self.endpoints, self._work) as named:
            run = command.run(text, task, self._work, environ | named, self._listener)
        self._windows[phase] = (run.began_ns, run.ended_ns)
        return run

    def _exit(self, check: Check, suffix: str, run: command.Run) -> list[CheckResult]:
        result = judge_exit(check, run, self.job.max_findings, self._dead_engine() if run.exit_code else None)
        return self._reported([result], suffix)

    def _verify(self, phase: Phase, suffix: str, book: Book) -> list[CheckResult]:
        with self._timed(f"verify {phase}{suffix}"):
            results = self._examine(phase, suffix, self._windows[phase], book, self._listener)
        if not suffix:
            self._not_judged += book.unjudged
        return results

    def _examine(self, phase: Phase, suffix: str, window: Window, book: Book, listener: Listener) -> list[CheckResult]:
        examiner = Examiner(
            self.endpoints, self.job, self.reference, window, listener, book, self._workers, self._dead_engine, suffix,
            side_by_side=self._is_small(_SIDE_BY_SIDE_BYTES, "*"),
        )  # fmt: skip
        return self._reported(examiner.run(self._wanted(phase)), suffix)

    def _dead_engine(self) -> str | None:
        """Return the sentence about an engine that has ended, None if all run."""
        if self._engines is None:
            return None
        try:
            self._engines.check()
        except EngineError as dead:
            return str(dead)
        return None

    def _wanted(self, phase: Phase) -> list[Examination]:
        """Return the examinations to run, by store; the balance last, since it is of what others wrote down."""
        only, stores = self.job.only, list(Store)

        def asked_for(one: Examination) -> bool:
            return only is None or BALANCE.id in only or any(check.id in only for check in one.checks)

        def place(one: Examination) -> tuple[bool, int]:
            return any(check is BALANCE for check in one.checks), stores.index(one.checks[0].store)

        return sorted(
            (e for e in self._registry.examinations if e.checks[0].phase is phase and asked_for(e)), key=place
        )

    def _reported(self, results: list[CheckResult], suffix: str) -> list[CheckResult]:
        only = self.job.only
        results = [replace(r, id=r.id + suffix) for r in results if only is None or r.id in only]
        if not self._is_empty:
            return results
        # Of an old system without a record nothing is proved by a command that ends well and tables that are empty.
        return [replace(r, state=State.EMPTY, examined=0) if r.state is State.PASS else r for r in results]

    def _refuse_unknown_checks(self) -> None:
        known = [check.id for check in self._registry.checks()] + [MIGRATION_EXIT.id, ROLLBACK_EXIT.id]
        unknown = sorted((self.job.only or frozenset()) - set(known))
        if unknown:
            raise UsageError(f"There is no check {', '.join(unknown)}; the checks are {', '.join(known)}.")

    def _open_engines(self) -> EngineSource:
        job = self.job
        if job.logs is not None:
            for store in Store:
                for log in job.logs.glob(f"{store}*.log"):  # of an earlier run that failed
                    log.unlink(missing_ok=True)
        return open_engines(
            job.engines, None, self._listener,
            quick_start=self._is_small(_QUICK_START_BYTES, "elasticsearch/*"), keep=job.keep, logs=job.logs,
            redis_cluster=job.redis_cluster, elasticsearch_nodes=job.elasticsearch_nodes,
        )  # fmt: skip

    def _keep_logs(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Save the engines' logs if an error ends the rehearsal, or something was not as it should be."""
        results = [*(self._migrated or []), *(self._rolled_back or [])]
        failed = error is not None or any(one.state in {State.FAIL, State.ERROR} for one in results)
        if failed and self._engines is not None and self.job.logs is not None:
            self._engines.save_logs(self.job.logs)

    def _is_small(self, limit: int, files: str) -> bool:
        return sum(path.stat().st_size for path in self._dataset.path.rglob(files) if path.is_file()) < limit

    def _book(self) -> Book:
        return Book(self.job.max_findings)

    def _make_directories(self, opened: ExitStack) -> Path:
        try:
            if self.job.directory is not None:
                self.job.directory.mkdir(parents=True, exist_ok=True)
            place = Path(tempfile.mkdtemp(prefix="rehearsal-", dir=self.job.directory))
            (place / command.WORK).mkdir()
        except OSError as error:
            raise UsageError(
                f"{self.job.directory or tempfile.gettempdir()} cannot hold the rehearsal's files: {error.strerror}. "
                "Give a writable directory."
            ) from error
        if self.job.directory is None:
            opened.callback(shutil.rmtree, place, ignore_errors=True)
        return place

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + time.monotonic() - began


def rehearse(job: Job, listener: Listener = ignore) -> Verdict:
    """Do the whole rehearsal of `job` and return its verdict; the engines are stopped however it ends.

    Raises:
        TvmigrateError: it could not begin (engines, dataset, options); what is found once it runs is in the verdict.
    """
    with Rehearsal(job, listener) as rehearsal:
        rehearsal.migrated()
        rehearsal.rolled_back()
        return rehearsal.verdict()


__all__ = [
    "AFTER_SECOND_MIGRATION",
    "DEFAULT_MAX_FINDINGS",
    "MIGRATION_COMMAND",
    "MIGRATION_EXIT",
    "ROLLBACK_COMMAND",
    "ROLLBACK_EXIT",
    "SECOND_LOOKS",
    "SECOND_MIGRATION",
    "TWICE",
    "Job",
    "Rehearsal",
    "rehearse",
]
