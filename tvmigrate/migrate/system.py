"""Which stores these are, and which run of the journal is theirs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from tvmigrate.contract import new
from tvmigrate.contract.old_layout import OldLayout
from tvmigrate.engines.clients import Clients
from tvmigrate.migrate.clickhouse_tables import DATABASE, rows, uuids
from tvmigrate.migrate.journal import Journal, Run, State

JOURNAL = "journal.sqlite"
_JOINED = ", "
LAST_STEP = "ledger"  # of a migration, in `plan.STEPS`


def identify(clients: Clients) -> str:
    """Return what tells these stores from others, across restarts, other ports and other host names.

    Redis has no lasting id of its own; ClickHouse's is all zeros where the server has none.
    """
    cluster = str(clients.elasticsearch.info()["cluster_uuid"])
    server = str(rows(clients.clickhouse, "SELECT toString(serverUUID())")[0][0])
    return f"{cluster} {server}"


def current(clients: Clients, journal: Journal) -> Run | None:
    """Return the newest run of these stores that is still theirs; others are put aside in the journal."""
    while (run := journal.latest(identify(clients))) is not None:
        if not _lost(clients, journal, run):
            return run
        journal.set_state(run.id, State.LOST)
    return None


def glance(clients: Clients, state: Path) -> tuple[Run | None, list[str]]:
    """Return the newest run of these stores and the steps that it is at, and change nothing; no run if there is none.

    There are none unless the run is under way.
    """
    if not (state / JOURNAL).is_file():
        return None, []
    with Journal(state) as journal:
        run = journal.latest(identify(clients))
        if run is None or _lost(clients, journal, run):
            return None, []
        return run, steps_at(journal, run)


def note_steps(journal: Journal, run: Run, names: Iterable[str]) -> None:
    """Keep which steps are taken now."""
    journal.note(run.id, "step", _JOINED.join(names))


def steps_at(journal: Journal, run: Run) -> list[str]:
    """Return those steps taken last that are not done; the last of them if all are."""
    names = str(journal.noted(run.id, "step") or "").split(_JOINED)
    begun = [name for name in names if name]
    return [name for name in begun if not journal.done(run.id, name)] or begun[-1:]


def noted(state: Path, run: Run, name: str) -> Any:
    """Return what the journal in `state` has noted of a run, None if nothing."""
    with Journal(state) as journal:
        return journal.noted(run.id, name)


def applied_at(clients: Clients, state: Path) -> datetime | None:
    """Return when the run of these stores that stands was done, None where none does; nothing is changed."""
    if not (state / JOURNAL).is_file():
        return None
    with Journal(state) as journal:
        run = journal.latest(identify(clients))
        if (
            run is None
            or run.state not in {State.APPLIED, State.FINISHING, State.FINISHED}
            or _lost(clients, journal, run)
        ):
            return None
        return journal.done_at(run.id, LAST_STEP)


def old_layout(clients: Clients, layout: OldLayout) -> bool:
    """Return whether an old table is there under its name."""
    return layout.comments.name in uuids(clients.clickhouse, layout.database)


def _lost(clients: Clients, journal: Journal, run: Run) -> bool:
    """Return whether someone filled the stores anew: neither the old tables nor the kept index of the run are there."""
    if run.state in {State.ROLLED_BACK, State.FINISHED, State.FINISHING}:
        return False
    layout = run.policy.layout
    noted = {journal.noted(run.id, f"clickhouse.uuid.{table.name}") for table in layout.tables}
    if None in noted:
        return False
    kept = new.kept_index(layout.index, run.id)
    there = {uuid for database in {DATABASE, layout.database} for uuid in uuids(clients.clickhouse, database).values()}
    return not noted & there and not clients.elasticsearch.indices.exists(index=kept)
