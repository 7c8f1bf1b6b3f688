"""A whole migration on a Dask cluster comes to the same as in one process, also where a worker is killed on the way."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests import profiles
from tests.tool.migrate.stores import FIXTURES, POLICY, ROOT, Stores
from tests.tool.workers.cluster import Cluster, wait_until
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.events import Advanced, Event, Printed
from tvmigrate.executors import open_workers
from tvmigrate.migrate import redis_parts, run
from tvmigrate.verify.findings import State
from tvmigrate.verify.rehearsal import Job, Rehearsal
from tvmigrate.workers import ALONE, Workers

SMALL = 4096  # bytes, so that a fixture has many parts
# `tvmigrate apply` or `rollback`, whose parts are that small.
OURS = shlex.join(["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "tests.tool.workers.small_parts"])


def kill_one(cluster: Cluster) -> None:
    """Kill a worker, and see it dead."""
    for guard in cluster._guards[1:]:
        if guard.poll() is None:
            (worker,) = psutil.Process(guard.pid).children()
            worker.kill()
            wait_until(lambda: guard.poll() is not None)  # noqa: B023 - it is called here
            return
    pytest.fail("There is no worker to kill.")


class Migrated:
    """What a migration of fixtures/standard came to, on workers that are told of while it is at the new Redis keys."""

    def __init__(self, endpoints: Endpoints, folder: Path, workers: Workers, cluster: Cluster | None = None) -> None:
        self.killed = 0

        def hear(event: Event) -> None:
            if isinstance(event, Advanced) and event.task == "build.redis" and cluster and not self.killed:
                self.killed += 1
                kill_one(cluster)

        with Clients(endpoints) as clients:
            stores = Stores(endpoints, clients, folder)
            stores.fill("standard")
            stores.outlive_brief_keys("standard")
            done = run.apply(endpoints, POLICY, None, folder, hear, workers=workers)
            self.ledger, self.quarantine = done.ledger, stores.quarantine()


def test_a_run_on_a_cluster_that_loses_a_worker_comes_to_the_same(engines, tmp_path, monkeypatch):
    monkeypatch.setattr(redis_parts, "_PART_BYTES", SMALL)
    alone = Migrated(engines, tmp_path / "alone", ALONE)
    with Cluster(tmp_path) as cluster:
        cluster.add_worker()
        cluster.add_worker()
        with open_workers(None, cluster.address, engines) as workers:
            there = Migrated(engines, tmp_path / "there", workers, cluster)
    assert there.killed == 1
    assert there.ledger == alone.ledger
    assert there.quarantine == alone.quarantine


@pytest.mark.skipif(not profiles.is_nightly(), reason="two whole rehearsals, which tox -e nightly has the time for")
def test_a_rehearsal_on_a_cluster_that_loses_a_worker_is_judged_the_same(tmp_path):
    job = Job(
        FIXTURES / "standard", POLICY, migration=f"{OURS} apply --yes", rollback=f"{OURS} rollback --yes", workers=2
    )

    def judged(job: Job, cluster: Cluster | None = None) -> tuple[object, ...]:
        def hear(event: Event) -> None:
            if cluster and isinstance(event, Printed) and event.line.startswith("backup.verify: done"):
                kill_one(cluster)

        with Rehearsal(replace(job, second_round=False), hear) as rehearsal:
            rehearsal.migrated()
            rehearsal.rolled_back()
            verdict = rehearsal.verdict()
        assert verdict.state is State.PASS
        return [(one.id, one.state, one.examined) for one in verdict.checks], verdict.ledger

    with Cluster(tmp_path) as cluster:
        cluster.add_worker()
        cluster.add_worker()
        there = judged(replace(job, workers=None, executor=cluster.address), cluster)
        assert sorted(guard.poll() is None for guard in cluster._guards[1:]) == [False, True]
    assert there == judged(job)
