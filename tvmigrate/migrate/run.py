"""The commands as functions: plan, apply, status, rollback, finish, each with the journal in hand."""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import elastic_transport
import elasticsearch as elasticsearch_driver
import redis as redis_driver
import urllib3
from clickhouse_connect.driver.exceptions import ClickHouseError

from tvmigrate.contract import new, old
from tvmigrate.contract.outcome import LedgerLine
from tvmigrate.contract.policy import Policy
from tvmigrate.engines.clients import Clients, check_reachable, masked
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import UsageError
from tvmigrate.events import Finished, Listener, Started
from tvmigrate.migrate import clickhouse, elasticsearch, ledger, redis
from tvmigrate.migrate.clickhouse_tables import rows, uuids
from tvmigrate.migrate.errors import Blocked, MigrationError, RolledBackNoMore
from tvmigrate.migrate.journal import Journal, Run, State
from tvmigrate.migrate.lock import locked
from tvmigrate.migrate.plan import FINISH, REVERSE, STEPS, Step
from tvmigrate.migrate.redis_keys import now_ms
from tvmigrate.migrate.spool import Spool
from tvmigrate.migrate.work import Found, Work

_ENGINE_ERRORS = (
    redis_driver.RedisError,
    ClickHouseError,
    elasticsearch_driver.ApiError,
    elastic_transport.TransportError,
    urllib3.exceptions.HTTPError,
    sqlite3.Error,
    OSError,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What `apply` would do: nothing of it was written."""

    blockers: list[str]
    remarks: list[str]
    counts: dict[str, int]
    ledger: list[LedgerLine]
    reasons: list[tuple[str, str, str, int]]
    extras: list[tuple[str, str, str, int]]
    shared: list[tuple[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended: whether it changed anything, and what there is to say."""

    changed: bool
    text: str
    run: Run | None = None
    ledger: list[LedgerLine] = field(default_factory=list)


def plan(endpoints: Endpoints, policy: Policy, existing: str | None, state: Path, listener: Listener) -> Plan:
    """Look at the live stores and say what `apply` would do; nothing is written anywhere.

    Raises:
        EngineUnreachable, UnsupportedVersion: a store cannot be worked with.
        MigrationError: a store stopped answering.
    """
    check_reachable(endpoints)
    with Clients(endpoints) as clients, _sentences("The plan"):
        before = _latest(clients, state)
        blockers = []
        if (
            before is not None
            and before.state not in {State.ROLLED_BACK, State.FINISHED}
            and not _lost(clients, state, before)
        ):
            blockers.append(
                f"The run {before.id} is {before.state} in {state}. Go on with `tvmigrate apply`, or go back with "
                "`tvmigrate rollback`, before another run begins."
            )
        found = _look(endpoints, clients, policy, existing, listener)
        found.blockers[:0] = blockers
        return found


def apply(endpoints: Endpoints, policy: Policy | None, existing: str | None, state: Path, listener: Listener) -> Done:
    """Migrate; go on where an interrupted run stopped; do nothing after a success.

    `policy` may be None to go on with the run's own.

    Raises:
        Blocked: the plan has blockers; nothing was written.
        UsageError: no policy for a new run, or another than the run's.
        MigrationError: a step stopped.
    """
    check_reachable(endpoints)
    with locked(state), Clients(endpoints) as clients, _sentences("The migration"), Journal(state) as journal:
        run = _current(clients, journal, listener)
        if run is not None and run.state is State.APPLIED:
            text = f"The run {run.id} is applied already; nothing was changed."
            return Done(False, text, run, ledger.read(journal.noted(run.id, "ledger")))
        if run is not None and run.state is State.FINISHED and not _old_layout(clients):
            return Done(False, f"The run {run.id} is applied and finished for good; nothing was changed.", run)
        if run is not None and run.state in {State.ROLLING_BACK, State.FINISHING}:
            command = "rollback" if run.state is State.ROLLING_BACK else "finish"
            raise MigrationError(f"The run {run.id} is {run.state}; run `tvmigrate {command}` until it ends.")
        if run is None or run.state is not State.APPLYING:
            if policy is None:
                Policy()  # raises the sentence that says what is missing
                raise AssertionError
            blockers = _look(endpoints, clients, policy, existing, listener).blockers
            if blockers:
                raise Blocked(blockers)
            run = journal.begin(_system(clients), policy, existing, _masked(endpoints))
        elif policy is not None and policy != run.policy:
            raise UsageError(
                f"The interrupted run {run.id} was begun with {_said(run.policy)}, this command says {_said(policy)}. Go "
                "on with the same options, or run `tvmigrate rollback` first."
            )
        with _work(endpoints, clients, journal, run, state, listener) as work:
            _take(work, STEPS)
            journal.set_state(run.id, State.APPLIED)
            text = f"The run {run.id} is applied. Its backup and journal are in {work.folder}."
            return Done(True, text, run, ledger.read(work.noted("ledger")))


def status(endpoints: Endpoints, state: Path) -> str:
    """Return one sentence or two: not begun, in progress (which step; how to go on), applied, rolled back, finished."""
    check_reachable(endpoints)
    with Clients(endpoints) as clients, _sentences("The status"):
        run = _latest(clients, state)
        if run is None:
            return f"Not begun: {state} knows of no run on these stores. `tvmigrate plan` says what would be done."
        if _lost(clients, state, run):
            return f"Not begun: these stores were filled anew since the run {run.id}."
        with Journal(state) as journal:
            if run.state is State.APPLYING:
                waiting = next((step.name for step in STEPS if not journal.done(run.id, step.name)), STEPS[-1].name)
                return (
                    f"In progress: the run {run.id} is at the step {waiting}. `tvmigrate apply` goes on, `tvmigrate "
                    "rollback` goes back."
                )
            if run.state is State.ROLLING_BACK:
                waiting = next((step.name for step in REVERSE if not journal.done(run.id, step.name)), REVERSE[-1].name)
                return f"Rolling back: the run {run.id} is at the step {waiting}. `tvmigrate rollback` goes on."
        return {
            State.APPLIED: f"Applied: the run {run.id}. `tvmigrate rollback` goes back, `tvmigrate finish` drops the kept "
            "copies.",
            State.ROLLED_BACK: f"Rolled back: the run {run.id}. `tvmigrate apply` begins anew.",
            State.FINISHING: f"Finishing: the run {run.id}. `tvmigrate finish` goes on.",
            State.FINISHED: f"Finished for good: the run {run.id}; the kept copies are gone.",
        }[run.state]


def rollback(endpoints: Endpoints, state: Path, listener: Listener) -> Done:
    """Bring the old data back, from whatever step the last run had reached; a second time does nothing.

    Raises:
        RolledBackNoMore: the run was finished.
        MigrationError: a step stopped; the command may be run again.
    """
    check_reachable(endpoints)
    if not state.is_dir():
        return Done(False, f"There is nothing to roll back: {state} knows of no run on these stores.")
    with locked(state), Clients(endpoints) as clients, _sentences("The rollback"), Journal(state) as journal:
        run = _current(clients, journal, listener)
        if run is None:
            return Done(False, f"There is nothing to roll back: {state} knows of no run on these stores.")
        if run.state is State.ROLLED_BACK:
            return Done(False, f"The run {run.id} is rolled back already; nothing was changed.", run)
        if run.state in {State.FINISHED, State.FINISHING}:
            raise RolledBackNoMore(
                f"The run {run.id} was finished: `tvmigrate finish` dropped the kept copies, so there is no way back by "
                f"itself. The old data are in the backup {state / 'runs' / run.id / 'backup'}; `tvmigrate load` fills "
                "empty stores from it."
            )
        journal.set_state(run.id, State.ROLLING_BACK)
        with _work(endpoints, clients, journal, run, state, listener) as work:
            _take(work, REVERSE)
        journal.set_state(run.id, State.ROLLED_BACK)
        return Done(True, f"The run {run.id} is rolled back: the old data are as its backup has them.", run)


def finish(endpoints: Endpoints, state: Path, listener: Listener) -> Done:
    """Drop the kept copies of an applied run; after that there is no rollback.

    Raises:
        MigrationError: there is no applied run.
    """
    check_reachable(endpoints)
    with locked(state), Clients(endpoints) as clients, _sentences("The end"), Journal(state) as journal:
        run = _current(clients, journal, listener)
        if run is not None and run.state is State.FINISHED:
            return Done(False, f"The run {run.id} is finished already; nothing was changed.", run)
        if run is None or run.state not in {State.APPLIED, State.FINISHING}:
            found = "no run on these stores" if run is None else f"the run {run.id}, which is {run.state}"
            raise MigrationError(f"{state} knows of {found}; `tvmigrate finish` is for a run that is applied.")
        journal.set_state(run.id, State.FINISHING)
        with _work(endpoints, clients, journal, run, state, listener) as work:
            _take(work, FINISH)
        journal.set_state(run.id, State.FINISHED)
        return Done(True, f"The run {run.id} is finished for good: the kept copies are gone, the backup stays.", run)


def _look(endpoints: Endpoints, clients: Clients, policy: Policy, existing: str | None, listener: Listener) -> Plan:
    spool = Spool(None)
    try:
        blockers, remarks, counts = [], [], {}
        looks: tuple[tuple[str, Callable[[], Found]], ...] = (
            ("redis", lambda: redis.inspect(clients, policy, spool, existing, time.time_ns())),
            ("clickhouse", lambda: clickhouse.inspect(clients.clickhouse, policy, spool)),
            (
                "elasticsearch",
                lambda: elasticsearch.inspect(clients.elasticsearch, endpoints.elasticsearch, policy, spool),
            ),
        )
        for store, look in looks:
            begun = time.monotonic()
            listener(Started(f"plan.{store}"))
            found = look()
            blockers += found.blockers
            remarks += found.remarks
            counts.update(found.counts)
            listener(Finished(f"plan.{store}", time.monotonic() - begun))
        lines = ledger.of(spool, now_ms(clients.redis))
        return Plan(blockers, remarks, counts, lines, spool.reasons(), spool.extras(), list(spool.shared_programs()))
    finally:
        spool.close()


def _take(work: Work, steps: tuple[Step, ...]) -> None:
    for step in steps:
        if work.journal.done(work.run.id, step.name):
            continue
        begun = time.monotonic()
        work.listener(Started(step.name))
        with _sentences(f"The step {step.name} of the run {work.run.id}"):
            step.run(work)
        work.journal.mark(work.run.id, step.name)
        work.listener(Finished(step.name, time.monotonic() - begun))


@contextmanager
def _work(
    endpoints: Endpoints, clients: Clients, journal: Journal, run: Run, state: Path, listener: Listener
) -> Iterator[Work]:
    folder = state / "runs" / run.id
    folder.mkdir(parents=True, exist_ok=True)
    spool = Spool(folder / "spool.sqlite")
    try:
        yield Work(endpoints, clients, run, folder, journal, spool, listener)
    finally:
        spool.close()


@contextmanager
def _sentences(what: str) -> Iterator[None]:
    """Turn what a driver, the disk or SQLite raises into one sentence."""
    try:
        yield
    except _ENGINE_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        full = getattr(error, "errno", None) == errno.ENOSPC or "disk is full" in reason
        advice = "Make room on the disk, then" if full else "See to that, then"
        raise MigrationError(
            f"{what} stopped: {reason.rstrip('.')[:500]}. {advice} run the command again: it goes on where it stopped; "
            "`tvmigrate rollback` goes back."
        ) from error


def _system(clients: Clients) -> str:
    """Return what identifies these stores across restarts and other ports."""
    cluster = str(clients.elasticsearch.info()["cluster_uuid"])
    server = str(rows(clients.clickhouse, "SELECT toString(serverUUID())")[0][0])
    return f"{cluster} {server}"


def _latest(clients: Clients, state: Path) -> Run | None:
    if not (state / "journal.sqlite").is_file():
        return None
    with Journal(state) as journal:
        return journal.latest(_system(clients))


def _current(clients: Clients, journal: Journal, listener: Listener) -> Run | None:
    """Return the newest run of these stores; runs whose data are gone from them are put aside."""
    while (run := journal.latest(_system(clients))) is not None:
        if not _gone(clients, journal, run):
            return run
        journal.set_state(run.id, State.LOST)
    return None


def _lost(clients: Clients, state: Path, run: Run) -> bool:
    with Journal(state) as journal:
        return _gone(clients, journal, run)


def _gone(clients: Clients, journal: Journal, run: Run) -> bool:
    """Return whether someone filled the stores anew: neither the old tables nor the kept index of the run are there."""
    if run.state in {State.ROLLED_BACK, State.FINISHED, State.FINISHING}:
        return False
    noted = [journal.noted(run.id, f"clickhouse.uuid.{table.name}") for table in old.TABLES]
    if None in noted:
        return False
    there = set(uuids(clients.clickhouse).values())
    kept = new.kept_index(old.INDEX.name, run.id)
    return not there & set(noted) and not clients.elasticsearch.indices.exists(index=kept)


def _old_layout(clients: Clients) -> bool:
    return old.COMMENTS.name in uuids(clients.clickhouse)


def _masked(endpoints: Endpoints) -> dict[str, str]:
    return {name: masked(url) for name, url in endpoints.environ().items()}


def _said(policy: Policy) -> str:
    words = "--keep-entities" if policy.keep_entities else f"--show {policy.show}"
    zero = " --missing-counts zero" if policy.zero_missing_counts else ""
    mapped = f" --entity-map with {len(policy.entity_map)} entities" if policy.entity_map else ""
    return f"{words} --timezone {policy.timezone}{zero}{mapped}"
