"""The commands as functions: plan, apply, status, rollback, finish, each with the journal in hand."""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import elastic_transport
import elasticsearch
import redis
import urllib3
from clickhouse_connect.driver.exceptions import ClickHouseError

from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.contract.outcome import LedgerLine
from tvmigrate.contract.policy import Policy
from tvmigrate.engines.clients import Clients, check_reachable, masked
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import UsageError
from tvmigrate.events import Finished, Listener, Said, Started
from tvmigrate.migrate import after, backup, backup_pack, clickhouse_cluster, ledger, look, moved, room, source, system
from tvmigrate.migrate import gate as gates
from tvmigrate.migrate.again import PATIENCE_SECONDS, patiently, words
from tvmigrate.migrate.errors import Blocked, MigrationError, RolledBackNoMore
from tvmigrate.migrate.gate import Gate
from tvmigrate.migrate.journal import Journal, Run, State
from tvmigrate.migrate.lanes import Lanes
from tvmigrate.migrate.lock import locked
from tvmigrate.migrate.plan import FINISH_STAGES, REVERSE_STAGES, STAGES, Stages, Step, steps
from tvmigrate.migrate.private import private, tighten
from tvmigrate.migrate.spool import Spools
from tvmigrate.migrate.store_lock import StoreLock, held
from tvmigrate.migrate.work import Work
from tvmigrate.side_by_side import one_at_a_time
from tvmigrate.stopping import Ended, Stopped
from tvmigrate.workers import ALONE, PartFailed, Workers

_ENGINE_ERRORS = (
    redis.RedisError,
    ClickHouseError,
    elasticsearch.ApiError,
    elastic_transport.TransportError,
    urllib3.exceptions.HTTPError,
    sqlite3.Error,
    OSError,
    PartFailed,
)
_APPLY, _ROLLBACK, _FINISH = "apply", "rollback", "finish"
_CALLED = {_APPLY: "The migration", _ROLLBACK: "The rollback", _FINISH: "The end of the migration"}
_ON_OR_BACK = "`tvmigrate apply` goes on, `tvmigrate rollback` goes back."
_ON_BACK = "`tvmigrate rollback` goes on."
_OVER = {State.ROLLED_BACK, State.FINISHED}
_UNTRUSTED = (
    "Nothing was changed: the new data stand. Put the folder back as it was, from a copy of it, then run `tvmigrate "
    "rollback` again. Where only files of ClickHouse or Elasticsearch are damaged, `tvmigrate rollback "
    "--accept-damaged-backup` goes back without them: those two stores hold kept copies."
)


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended: whether it changed anything, and what there is to say."""

    changed: bool
    text: str
    run: Run | None = None
    ledger: list[LedgerLine] = field(default_factory=list)
    moved: int = 0  # old records that moved after they were compared, and are not in the new layout as they are now


@dataclass(frozen=True, slots=True)
class Manner:
    """How a command meets trouble.

    `patience` is how many seconds a step waits, all in all, for a store that is away or refuses everything for now;
    `take_over` takes the stores from another run that holds their lock.
    """

    patience: float = PATIENCE_SECONDS
    take_over: bool = False


MANNER = Manner()


@dataclass(frozen=True, slots=True)
class _Open:
    """What a command that changes something holds while it runs."""

    endpoints: Endpoints
    state: Path
    listener: Listener
    clients: Clients
    journal: Journal
    workers: Workers
    lock: StoreLock
    patience: float

    def take(self, run: Run, stages: Stages, go_on: str) -> None:
        """Take the steps of `run` that the journal does not call done; `go_on` says how, where it is asked to stop.

        With one worker, or one spool for all stores, they are taken one after the other, else those of a stage side by
        side.
        """
        self.lock.tell(run.id)
        try:
            with self.work(run) as work:
                together = self.workers.size > 1 and work.spools.apart
                for stage in stages:
                    due = [step for step in stage if not self.journal.done(run.id, step.name)]
                    if len(due) > 1 and together:
                        system.note_steps(self.journal, run, [step.name for step in due])
                        Lanes(work, self.lock).take({step.name: partial(self._take_one, step) for step in due})
                        continue
                    for step in due:
                        system.note_steps(self.journal, run, [step.name])
                        self._take_one(step, work)
        except Stopped as stopped:
            where = _at(system.steps_at(self.journal, run), stages)
            raise stopped.at(f" at {where} of the run {run.id}. {go_on}") from None
        except (KeyboardInterrupt, Ended) as at_once:
            at_once.add_note(go_on)
            raise

    @contextmanager
    def work(self, run: Run) -> Iterator[Work]:
        """Open what the steps of `run` get."""
        folder = self.state / "runs" / run.id
        folder.mkdir(parents=True, exist_ok=True)
        with Spools(folder) as spools:
            yield Work(
                self.endpoints,
                self.clients,
                run,
                folder,
                self.journal,
                spools,
                self.listener,
                self.workers,
                self.lock.require,
            )

    def require_trusted(self, run: Run, why: str) -> None:
        """Return if the backup of `run`, if it has a whole one, is what was written; raises BackupRefused."""
        if self.journal.done(run.id, "backup.verify"):
            with self.work(run) as work:
                backup.require_trusted(work, why)

    def _take_one(self, step: Step, work: Work) -> None:
        begun = time.monotonic()
        work = work.of(step.store)
        self.listener(Started(step.name))
        name = f"The step {step.name}"

        def do() -> None:
            work.hold()
            step.run(work)

        with _sentences(f"{name} of the run {work.run.id}"):
            patiently(do, name, self.patience, lambda sentence: work.say(sentence, "warning"))
        self.journal.mark(work.run.id, step.name)
        self.listener(Finished(step.name, time.monotonic() - begun))


def plan(  # noqa: PLR0913 - they are the command's own
    endpoints: Endpoints,
    policy: Policy,
    existing: str | None,
    state: Path,
    listener: Listener,
    *,
    cluster: str | None = None,
) -> look.Plan:
    """Look at the live stores and say what `apply` would do; nothing is written anywhere.

    `cluster` is the ClickHouse cluster on which tables would be made.

    Raises:
        EngineUnreachable, UnsupportedVersion: a store cannot be worked with.
        MigrationError: a store stopped answering.
    """
    endpoints = endpoints.read_only()
    check_reachable(endpoints)
    with Clients(endpoints) as clients, _sentences("The plan"):
        run, _ = system.glance(clients, state)
        found = look.look(endpoints, clients, policy, existing, listener, ALONE)
        there = room.look(endpoints, clients, policy.layout, state)
        found.remarks.append(there.told)
        found.blockers.extend(there.blockers)
        if run is not None and run.state not in _OVER:
            sentence = (
                f"The run {run.id} is {run.state}, says the journal in {state}. Go on with `tvmigrate apply`, or go "
                "back with `tvmigrate rollback`, before another run begins."
            )
            found.blockers.insert(0, sentence)
        _plan_cluster(clients, policy, cluster, found)
        return found


def _plan_cluster(clients: Clients, policy: Policy, cluster: str | None, found: look.Plan) -> None:
    if cluster is None:
        found.remarks.extend(clickhouse_cluster.seen(clients.clickhouse))
        return
    found.blockers.extend(clickhouse_cluster.in_the_way(clients.clickhouse, cluster, policy.layout))
    for known in clickhouse_cluster.clusters(clients.clickhouse):
        if known.name == cluster:
            found.statements.extend(clickhouse_cluster.statements(policy, known, "RUN"))


def apply(  # noqa: PLR0913 - they are the command's own
    endpoints: Endpoints,
    policy: Policy | None,
    existing: str | None,
    state: Path,
    listener: Listener,
    *,
    workers: Workers = ALONE,
    cluster: str | None = None,
    compress: str | None = None,
    assume_room: bool = False,
    gate: Gate | None = None,
    manner: Manner = MANNER,
    forward: bool = False,
) -> Done:
    """Migrate; go on where an interrupted run stopped; do nothing after a success.

    `policy` may be None to go on with the run's own. `workers` do the partitions; whoever made them closes them.
    `cluster` is the ClickHouse cluster on which tables are made; None is one server, or the interrupted run's own.
    `compress` is `zstd` or `gzip` for a backup that is compressed in the end. With `assume_room` it does not matter
    whether the backup seems to fit on the disk. `gate` is what a new run has to show first; None asks for nothing.
    With `forward`, after a rollback, what V2 had written before that is brought forward too.

    Raises:
        StoresBusy: another run works with them.
        Blocked: the plan has blockers; nothing was written.
        UsageError: no policy for a new run, or another than the interrupted run's.
        MigrationError: a step stopped.
        WorkerLost: a worker was killed; the command may be run again.
    """
    with _opened(endpoints, state, listener, _APPLY, workers, manner=manner) as opened:
        run = system.current(opened.clients, opened.journal)
        if run is not None and run.state is State.APPLIED:
            lines = ledger.read(opened.journal.noted(run.id, "ledger"))
            count, words = _moved(opened.journal, run, state)
            return Done(False, f"The run {run.id} is applied already; nothing was changed.{words}", run, lines, count)
        if run is not None and run.state is State.FINISHED and not system.old_layout(opened.clients, run.policy.layout):
            return Done(False, f"The run {run.id} is applied and finished for good; nothing was changed.", run)
        before = run
        if forward and (before is None or before.state not in {State.ROLLED_BACK, State.APPLYING}):
            raise MigrationError(
                f"{state} knows of no run on these stores that was rolled back; `tvmigrate reapply` is for what V2 had "
                "written before a rollback. Migrate with `tvmigrate apply`."
            )
        if forward and policy is None and before is not None:
            policy = before.policy
        run = _to_apply(opened, run, policy, existing, cluster, assume_room=assume_room, gate=gate)
        if before is not None and before.id != run.id and after.waiting(opened.journal, before.id):
            if forward:
                opened.journal.note(run.id, after.FROM, before.id)
            else:
                listener(Said(_waiting(before, state), "warning"))
        if compress is not None:
            opened.journal.note(run.id, backup_pack.NOTED, compress)
        opened.require_trusted(run, "Nothing more was changed; run `tvmigrate rollback`.")
        with opened.work(run) as work:
            source.begin_again(work)
        opened.take(run, STAGES, _ON_OR_BACK)
        opened.journal.set_state(run.id, State.APPLIED)
        count, words = _moved(opened.journal, run, state)
        words += gates.remark(opened.journal.noted(run.id, gates.NOTED))
        text = f"The run {run.id} is applied. Its backup and journal are in {state / 'runs' / run.id}.{words}"
        return Done(True, text, run, ledger.read(opened.journal.noted(run.id, "ledger")), count)


def status(endpoints: Endpoints, state: Path) -> str:
    """Return how far it is: not begun, in progress (which step; how to go on), applied, rolled back, finished.

    A second line says who works with the stores, if anybody does.
    """
    endpoints = endpoints.read_only()
    check_reachable(endpoints)
    with Clients(endpoints) as clients, _sentences("The status"):
        run, at = system.glance(clients, state)
        holder = held(clients.elasticsearch)
        remark = "" if run is None else gates.remark(system.noted(state, run, gates.NOTED))
    return "\n".join(line for line in (_how_far(run, at, state) + remark, holder) if line)


def _how_far(run: Run | None, at: list[str], state: Path) -> str:
    if run is None:
        return f"Not begun: {state} knows of no run on these stores. `tvmigrate plan` says what would be done."
    return {
        State.APPLYING: f"In progress: the run {run.id} is at {_at(at, STAGES)}. {_ON_OR_BACK}",
        State.APPLIED: f"Applied: the run {run.id}. `tvmigrate rollback` goes back, `tvmigrate finish` drops what is "
        "kept for that.",
        State.ROLLING_BACK: f"Rolling back: the run {run.id} is at {_at(at, REVERSE_STAGES)}. {_ON_BACK}",
        State.ROLLED_BACK: f"Rolled back: the run {run.id}. `tvmigrate apply` begins anew.",
        State.FINISHING: f"Finishing: the run {run.id}. `tvmigrate finish` goes on.",
        State.FINISHED: f"Finished for good: the run {run.id}; what was kept for a rollback is gone.",
    }[run.state]


def rollback(  # noqa: PLR0913 - they are the command's own
    endpoints: Endpoints,
    state: Path,
    listener: Listener,
    workers: Workers = ALONE,
    *,
    accept_damaged: bool = False,
    manner: Manner = MANNER,
    carry_back: bool = False,
) -> Done:
    """Bring the old data back, from whatever step the last run had reached; a second time does nothing.

    With `accept_damaged` a backup of which something is damaged that this rollback need not read is no reason to stop:
    it reads that of Redis alone, while ClickHouse and Elasticsearch hold the kept copies. With `carry_back` what V2
    wrote since the switch is in the old layout then, where a rule has an inverse.

    Raises:
        StoresBusy: another run works with the stores.
        RolledBackNoMore: the run was finished.
        BackupRefused: the backup is not what was written; nothing was changed.
        MigrationError: a step stopped; the command may be run again.
        WorkerLost: a worker was killed; likewise.
    """
    with _opened(endpoints, state, listener, _ROLLBACK, workers, manner=manner) as opened:
        run = system.current(opened.clients, opened.journal)
        if run is None:
            return Done(False, f"There is nothing to roll back: {state} knows of no run on these stores.")
        if run.state is State.ROLLED_BACK:
            return Done(False, f"The run {run.id} is rolled back already; nothing was changed.", run)
        if run.state in {State.FINISHED, State.FINISHING}:
            raise RolledBackNoMore(
                f"The run {run.id} was finished: `tvmigrate finish` dropped the kept copies, and there is no way back "
                f"without them. The old data are in the backup {state / 'runs' / run.id / 'backup'}; `tvmigrate load` "
                "fills empty stores from it."
            )
        if not accept_damaged and not opened.journal.done(run.id, "restore.redis"):
            opened.require_trusted(run, _UNTRUSTED)
        if carry_back and not opened.journal.noted(run.id, after.CARRY):
            if opened.journal.done(run.id, "carry.redis"):
                raise MigrationError(
                    f"The rollback of the run {run.id} was begun without --carry-back and has come too far for it. End "
                    "it with `tvmigrate rollback`; `tvmigrate reapply` brings forward what V2 had written."
                )
            opened.journal.note(run.id, after.CARRY, True)
        opened.journal.set_state(run.id, State.ROLLING_BACK)
        opened.take(run, REVERSE_STAGES, _ON_BACK)
        opened.journal.set_state(run.id, State.ROLLED_BACK)
        count = sum(moved.counts(opened.journal, run.id).values())
        but = f", but for {count} that moved after they had been compared: these are as they were left" if count else ""
        text = f"The run {run.id} is rolled back: the old data are as its backup has them{but}."
        if opened.journal.noted(run.id, after.CARRY):
            text = f"The run {run.id} is rolled back: the old data are as its backup has them and V2 carried them on."
        if after.waiting(opened.journal, run.id):
            text += f" {_waiting(run, state)}"
        return Done(True, text, run)


def finish(
    endpoints: Endpoints,
    state: Path,
    listener: Listener,
    *,
    manner: Manner = MANNER,
) -> Done:
    """Drop the kept copies of an applied run; after that there is no rollback.

    Raises:
        StoresBusy: another run works with the stores.
        MigrationError: there is no applied run.
    """
    with _opened(endpoints, state, listener, _FINISH, manner=manner) as opened:
        run = system.current(opened.clients, opened.journal)
        if run is not None and run.state is State.FINISHED:
            return Done(False, f"The run {run.id} is finished already; nothing was changed.", run)
        if run is None or run.state not in {State.APPLIED, State.FINISHING}:
            found = "no run on these stores" if run is None else f"the run {run.id}, which is {run.state}"
            raise MigrationError(f"{state} knows of {found}; `tvmigrate finish` is for a run that is applied.")
        opened.require_trusted(run, "The kept copies stay: without a whole backup they are all there is.")
        opened.journal.set_state(run.id, State.FINISHING)
        opened.take(run, FINISH_STAGES, "`tvmigrate finish` goes on.")
        opened.journal.set_state(run.id, State.FINISHED)
        return Done(True, f"The run {run.id} is finished for good: the kept copies are gone, the backup stays.", run)


def _to_apply(  # noqa: PLR0913 - they are the command's own
    opened: _Open,
    run: Run | None,
    policy: Policy | None,
    existing: str | None,
    cluster: str | None,
    *,
    assume_room: bool,
    gate: Gate | None,
) -> Run:
    """Return the interrupted run to go on with, or a new one."""
    if run is not None and run.state in {State.ROLLING_BACK, State.FINISHING}:
        command = "rollback" if run.state is State.ROLLING_BACK else "finish"
        raise MigrationError(f"The run {run.id} is {run.state}; run `tvmigrate {command}` until it ends.")
    if run is not None and run.state is State.APPLYING:
        if policy is not None and policy != run.policy:
            raise UsageError(
                f"The interrupted run {run.id} was begun with {_said(run.policy)}, and now it is {_said(policy)}. Go "
                "on with the same options, or run `tvmigrate rollback` first."
            )
        noted = opened.journal.noted(run.id, clickhouse_cluster.NOTED)
        if cluster is not None and cluster != noted:
            raise UsageError(
                f"The interrupted run {run.id} was begun {_on(noted)}, and now it is {_on(cluster)}. Go on with the "
                "same options, or run `tvmigrate rollback` first."
            )
        return run
    if policy is None:
        policy = Policy()  # raises the sentence that says what is missing
    blockers = look.blockers(opened.endpoints, opened.clients, policy, existing, opened.listener, opened.workers)
    if cluster is not None:
        blockers += clickhouse_cluster.in_the_way(opened.clients.clickhouse, cluster, policy.layout)
    there = room.look(opened.endpoints, opened.clients, policy.layout, opened.state)
    opened.listener(Said(there.told))
    if not assume_room:
        blockers += there.blockers
    which = system.identify(opened.clients)
    lacking, shown = ([], None) if gate is None else gate.look(which, policy)
    blockers += lacking
    if blockers:
        raise Blocked(blockers)
    urls = {name: masked(url) for name, url in opened.endpoints.environ().items()}
    begun = opened.journal.begin(which, policy, existing, urls)
    if cluster is not None:
        opened.journal.note(begun.id, clickhouse_cluster.NOTED, cluster)
    if shown is not None:
        opened.journal.note(begun.id, gates.NOTED, shown)
    return begun


@contextmanager
def _opened(  # noqa: PLR0913 - what the commands are given
    endpoints: Endpoints,
    state: Path,
    listener: Listener,
    command: str,
    workers: Workers = ALONE,
    *,
    manner: Manner,
) -> Iterator[_Open]:
    check_reachable(endpoints)
    with (
        private(),
        locked(state),
        Clients(endpoints) as clients,
        _sentences(_CALLED[command]),
        StoreLock(endpoints.elasticsearch, command, listener, take_over=manner.take_over) as lock,
        Journal(state) as journal,
    ):
        tighten(state)
        yield _Open(endpoints, state, one_at_a_time(listener), clients, journal, workers, lock, manner.patience)


@contextmanager
def _sentences(what: str) -> Iterator[None]:
    """Turn what a driver, the disk or SQLite raises into one sentence."""
    try:
        yield
    except _ENGINE_ERRORS as error:
        reason = words(error)
        full = getattr(error, "errno", None) == errno.ENOSPC or "disk is full" in reason
        advice = "Make room on the disk, then" if full else "See to that, then"
        raise MigrationError(
            f"{what} stopped: {reason}. {advice} run the command again: it goes on where it stopped; "
            "`tvmigrate rollback` goes back."
        ) from error


def _at(names: list[str], stages: Stages) -> str:
    """Return in words the steps that a run is at; the first of `stages` where those noted are of the way there."""
    known = [step.name for step in steps(stages)]
    at = [name for name in names if name in known] or known[:1]
    return f"the step {at[0]}" if len(at) == 1 else f"the steps {' and '.join(at)}"


def _moved(journal: Journal, run: Run, state: Path) -> tuple[int, str]:
    """Return how many old records moved after the switch, and the sentences that say so."""
    counts = moved.counts(journal, run.id)
    if not counts:
        return 0, ""
    listed = ", ".join(f"{count} in {store}" for store, count in counts.items())
    return sum(counts.values()), (
        f" Old data moved after they had been compared, {listed}: they are kept aside and listed in "
        f"{state / 'runs' / run.id / moved.FOLDER}, and are not in the new layout as they are now. Stop what writes to "
        "them; to take them along, run `tvmigrate rollback`, then `tvmigrate apply`."
    )


def _waiting(run: Run, state: Path) -> str:
    return (
        f"What V2 wrote after the switch is archived in {state / 'runs' / run.id / 'after_switch'}; `tvmigrate "
        "reapply` migrates again and brings it forward."
    )


def _on(cluster: str | None) -> str:
    return "without --clickhouse-cluster" if cluster is None else f"with --clickhouse-cluster {cluster}"


def _said(policy: Policy) -> str:
    words = "--keep-entities" if policy.keep_entities else f"--show {policy.show}"
    zero = " --missing-counts zero" if policy.zero_missing_counts else ""
    mapped = f" --entity-map with {len(policy.entity_map)} entities" if policy.entity_map else ""
    layout = "" if policy.layout == CONTRACT else f" --old-layout of {policy.layout.database}, {policy.layout.index}"
    return f"{words} --timezone {policy.timezone}{zero}{mapped}{layout}"
