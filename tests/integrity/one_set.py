"""Many rehearsals on one set of running engines, which are emptied in between: to start them anew takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tvmigrate.contract.policy import Policy
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.live import LiveEngines
from tvmigrate.events import Listener, ignore
from tvmigrate.migrate import store_lock
from tvmigrate.verify import rehearsal as rehearsals
from tvmigrate.verify.findings import Verdict
from tvmigrate.verify.rehearsal import Job, Rehearsal

SHOW = Policy(show="the_voice")
_SYSTEM_DATABASES = {"system", "default", "information_schema", "INFORMATION_SCHEMA"}


def empty(endpoints: Endpoints) -> None:
    """Remove everything from the three engines."""
    with Clients(endpoints) as clients:
        clear(clients)


def clear(clients: Clients) -> None:
    """Remove every key, table and index, whichever test has left it, and the lock of a run that ended in the middle."""
    clients.redis.flushall()
    for (database,) in clients.clickhouse.query("SELECT name FROM system.databases").result_rows:
        if database not in _SYSTEM_DATABASES:
            clients.clickhouse.command(f"DROP DATABASE `{database}` SYNC")
    indices = clients.elasticsearch.indices
    names = list(indices.get(index="*", expand_wildcards=["open", "closed"]))
    if names:
        indices.delete(index=names)
    clients.elasticsearch.options(ignore_status=404).indices.delete(index=store_lock.INDEX)


def migrate_on(endpoints: Endpoints, dataset: Path, listener: Listener = ignore, **job: object) -> Verdict:
    """Empty the engines, migrate on them, and return the verdict on the migration; `job` are fields of `Job`."""
    with rehearsal_on(endpoints, dataset, listener, **job) as rehearsal:
        rehearsal.migrated()
        return rehearsal.verdict()


def rehearse_on(endpoints: Endpoints, dataset: Path, listener: Listener = ignore, **job: object) -> Verdict:
    """Empty the engines, migrate and roll back on them, and return the verdict; `job` are fields of `Job`."""
    with rehearsal_on(endpoints, dataset, listener, **job) as rehearsal:
        rehearsal.rolled_back()
        return rehearsal.verdict()


@contextmanager
def rehearsal_on(
    endpoints: Endpoints, dataset: Path, listener: Listener = ignore, **job: object
) -> Iterator[Rehearsal]:
    """Empty the engines, load the dataset, and yield a rehearsal whose steps can be asked for."""
    empty(endpoints)
    asked = replace(Job(dataset, SHOW, engines="live", second_round=False), **job)
    with _named(endpoints), Rehearsal(asked, listener) as rehearsal:
        yield rehearsal


@contextmanager
def lent(endpoints: Endpoints) -> Iterator[None]:
    """Have each rehearsal that would start engines of its own be given these, emptied."""

    def opened(*_: object, **of_a_start: object) -> LiveEngines:
        empty(endpoints)
        return LiveEngines()

    with _named(endpoints) as patch:
        patch.setattr(rehearsals, "open_engines", opened)
        yield


@contextmanager
def _named(endpoints: Endpoints) -> Iterator[pytest.MonkeyPatch]:
    """Have the environment name these engines."""
    with pytest.MonkeyPatch.context() as patch:
        for name, url in endpoints.environ().items():
            patch.setenv(name, url)
        yield patch
