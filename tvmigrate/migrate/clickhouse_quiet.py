"""Statements of this run that may still be at work in ClickHouse, from a connection or a process that ended meanwhile.

The server goes on with an INSERT … SELECT, a RENAME or an EXCHANGE whose client is gone. Before a step is done again
they have to have ended: else rows could come twice, or tables change places twice.
"""

from __future__ import annotations

import time

from tvmigrate.contract.layout import literal
from tvmigrate.migrate.clickhouse_tables import rows
from tvmigrate.migrate.errors import MigrationError
from tvmigrate.migrate.work import Work

_PATIENCE_SECONDS = 600.0
_LONGEST_PAUSE = 5.0


def wait_until_quiet(work: Work) -> None:
    """Return when no statement that names a table of this run is at work, but for those that only read.

    Raises:
        MigrationError: one still is after ten minutes.
    """
    # Every table that a run makes or puts aside has the run's id in its name.
    asked = (
        "SELECT query FROM system.processes WHERE query_kind != 'Select' AND query_id != queryID()"
        f" AND position(query, {literal(work.run.id)}) > 0 LIMIT 1"
    )
    deadline, pause = time.monotonic() + _PATIENCE_SECONDS, 0.1
    while found := rows(work.clients.clickhouse, asked):
        statement = " ".join(str(found[0][0]).split())[:200]
        if time.monotonic() > deadline:
            raise MigrationError(
                f"A statement of the run {work.run.id} that was sent before is still at work in ClickHouse: "
                f"{statement}. Nothing was changed meanwhile. Wait until it is gone from system.processes, then run "
                "the command again: it goes on where it stopped."
            )
        if pause < 0.2:
            work.say(f"Waiting for a statement that was sent before and still is at work in ClickHouse: {statement}.")
        time.sleep(pause)
        pause = min(_LONGEST_PAUSE, 2 * pause)
