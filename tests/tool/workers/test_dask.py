"""Dask: the results of processes of our own, a worker's death made up for, unfit clusters refused in a sentence."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from importlib import metadata

import pytest

from tests.tool.workers import parts
from tests.tool.workers.cluster import Cluster, wait_until
from tvmigrate import dask_executor
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import ExitCode, TvmigrateError, UsageError
from tvmigrate.executors import open_workers
from tvmigrate.workers import PartFailed, WorkerLost, Workers

VERSION = metadata.version("tvmigrate")
SECRET = "a-password-of-nobody"  # noqa: S105


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """A scheduler with two workers."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as started:
        started.add_worker()
        started.add_worker()
        yield started


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Iterator[Cluster]:
    """A scheduler without a worker."""
    with Cluster(tmp_path_factory.mktemp("bare")) as started:
        yield started


@pytest.fixture
def workers(cluster, engines) -> Iterator[Workers]:
    with open_workers(None, cluster.address, engines) as opened:
        yield opened


def test_there_are_as_many_workers_as_the_cluster_has(workers):
    assert workers.size == 2


def test_results_come_in_the_order_of_the_parts_from_processes_of_the_cluster(workers):
    assert list(workers.each(parts.slower_the_earlier, range(9))) == list(range(9))
    done_by = set(workers.each(parts.process, range(8)))
    assert len(done_by) == 2
    assert os.getpid() not in done_by


def test_a_single_part_is_done_by_the_cluster_too(workers):
    assert os.getpid() not in set(workers.each(parts.process, range(1)))


def test_errors_are_those_of_a_local_worker(workers):
    with pytest.raises(ValueError, match=r"^three is not wanted$"):
        list(workers.each(parts.refused, range(9)))
    with pytest.raises(PartFailed, match=r"^429: too many$"):
        list(workers.each(parts.odd, range(2)))
    with pytest.raises(TvmigrateError, match=r"^a number is wrong in a part\.$") as raised:
        list(workers.each(parts.odd_sentence, range(2)))
    assert raised.value.exit_code is ExitCode.USAGE


def test_what_was_begun_is_ended_before_the_cluster_is_left(cluster, engines, tmp_path):
    """Assert that whoever runs the command again at once does not meet it in the stores."""
    with (
        pytest.raises(ValueError, match="the first is not wanted"),
        open_workers(None, cluster.address, engines) as workers,
    ):
        list(workers.each(parts.slept_then_marked, [(tmp_path, number) for number in range(2)]))
    assert (tmp_path / "ended1").exists()


def test_credentials_are_in_no_log_and_in_no_name(cluster, workers, engines):
    secret = Endpoints(engines.redis.replace("//", f"//{SECRET}@"), SECRET, SECRET)
    with pytest.raises(PartFailed):
        list(workers.each(parts.odd, [secret, secret]))
    list(workers.each(parts.process, [secret, secret]))
    keys = workers._given._client.run_on_scheduler(lambda dask_scheduler: [str(key) for key in dask_scheduler.tasks])  # type: ignore[union-attr]
    assert SECRET not in cluster.logs() + " ".join(keys) + repr(dask_executor._seal(parts.odd, (secret,), {}))


def test_a_worker_that_is_killed_has_its_part_done_by_another(bare, engines, tmp_path):
    started = [bare.add_worker(), bare.add_worker()]
    with open_workers(None, bare.address, engines) as workers:
        results = workers.each(parts.killed_once, [(tmp_path, number) for number in range(9)])
        assert list(results) == list(range(9))
    assert (tmp_path / "killed").exists()
    wait_until(lambda: any(one.poll() is not None for one in started))
    assert sorted(one.poll() is None for one in started) == [False, True]
    bare.stop(*started)


def test_a_cluster_whose_workers_are_all_gone_is_told(bare, engines, monkeypatch):
    monkeypatch.setattr(dask_executor, "_LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(dask_executor, "_WITHOUT_WORKERS_S", 0.3)
    bare.add_worker()
    with open_workers(None, bare.address, engines) as workers, pytest.raises(WorkerLost) as raised:
        list(workers.each(parts.killed, [3]))
    assert str(raised.value) == (
        f"The Dask scheduler at {bare.address.replace('dask', 'tcp')} has had no worker for a minute. Run the command "
        "again: it goes on where it stopped."
    )


def test_a_scheduler_that_leaves_is_told(engines, tmp_path):
    with Cluster(tmp_path) as cluster:
        cluster.add_worker()
        with open_workers(None, cluster.address, engines) as workers:
            results = workers.each(parts.slower_the_earlier, range(100))
            next(results)
            cluster.stop(cluster._guards[0])
            with pytest.raises(WorkerLost) as raised:
                list(results)
        assert str(raised.value) == (
            f"The Dask scheduler at {cluster.address.replace('dask', 'tcp')} has left, and the partitions with it. Run "
            "the command again: it goes on where it stopped."
        )


# ------------------------------------------------------------------------------------------------ not fit to work


def refused(cluster: Cluster, endpoints: Endpoints) -> TvmigrateError:
    with pytest.raises(TvmigrateError) as raised:
        open_workers(None, cluster.address, endpoints)
    return raised.value


def test_a_scheduler_without_workers_says_how_to_start_one(bare, engines):
    address = bare.address.replace("dask", "tcp")
    problem = refused(bare, engines)
    assert isinstance(problem, UsageError)
    assert str(problem) == (
        f"The Dask scheduler at {address} has no worker. Start some, each with one thread: dask worker {address} "
        "--nthreads 1"
    )


def test_a_worker_of_several_threads_is_refused(bare, engines):
    worker = bare.add_worker("--nthreads", "2")
    problem = refused(bare, engines)
    bare.stop(worker)
    assert isinstance(problem, UsageError)
    assert re.fullmatch(
        r"Partitions are done one at a time in a process, and these Dask workers have several threads: "
        r"tcp://127\.0\.0\.1:\d+\. Start them with --nthreads 1, and as many of them as there are cores\.",
        str(problem),
    )


def test_a_worker_of_another_version_is_refused(bare, engines, tmp_path):
    (tmp_path / "tvmigrate-0.0.9.dist-info").mkdir()
    (tmp_path / "tvmigrate-0.0.9.dist-info" / "METADATA").write_text("Name: tvmigrate\nVersion: 0.0.9\n", "utf-8")
    worker = bare.add_worker(PYTHONPATH=str(tmp_path))
    problem = refused(bare, engines)
    bare.stop(worker)
    assert problem.exit_code is ExitCode.USAGE
    assert re.sub(r":\d+", ":PORT", str(problem)) == (
        "The Dask worker tcp://127.0.0.1:PORT cannot be used. A Dask worker has tvmigrate 0.0.9, and the partition is "
        f"from {VERSION}. Install the same there, and run the command again."
    )


def test_a_worker_without_the_tool_is_refused(bare, engines, tmp_path):
    (tmp_path / "tvmigrate.py").write_text("raise ModuleNotFoundError(\"No module named 'tvmigrate'\")\n", "utf-8")
    worker = bare.add_worker(PYTHONPATH=str(tmp_path))
    problem = refused(bare, engines)
    bare.stop(worker)
    assert isinstance(problem, UsageError)
    assert re.sub(r":\d+", ":PORT", str(problem)) == (
        f"The Dask worker tcp://127.0.0.1:PORT cannot run tvmigrate {VERSION}: No module named 'tvmigrate'. Install "
        "the same there."
    )


def test_a_worker_that_does_not_reach_the_stores_is_refused(cluster, engines):
    away = Endpoints("redis://:secret@127.0.0.1:1", engines.clickhouse, engines.elasticsearch)
    problem = refused(cluster, away)
    assert problem.exit_code is ExitCode.COULD_NOT_CHECK
    told = re.sub(r"127\.0\.0\.1:\d+", "HERE", str(problem))
    assert told.startswith(
        "The Dask worker tcp://HERE cannot be used. redis at redis://:***@HERE cannot be worked with"
    )
    assert "secret" not in cluster.logs()


def test_a_scheduler_that_does_not_answer_is_told(engines, monkeypatch):
    monkeypatch.setattr(dask_executor, "_ANSWERS_S", 1)
    with pytest.raises(UsageError) as raised:
        open_workers(None, "dask://127.0.0.1:1", engines)
    assert re.sub(r"\(.+\)", "(why)", str(raised.value)) == (
        "There is no Dask scheduler that answers at tcp://127.0.0.1:1 within 1 s (why). Start one with: dask scheduler"
    )


def test_dask_that_is_not_installed_is_told(engines, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError) as raised:
        open_workers(None, "dask://127.0.0.1:8786", engines)
    assert str(raised.value) == (
        "--executor needs Dask, which is not installed here (import of distributed halted; None in sys.modules). "
        "Install it with: pip install 'tvmigrate[dask]'"
    )


@pytest.mark.parametrize("text", ["127.0.0.1:8786", "dask://", "dask://host", "tcp://host:1", "dask://user:x@host:1"])
def test_an_address_that_is_none_says_what_is_expected(text, engines):
    with pytest.raises(UsageError) as raised:
        open_workers(None, text, engines)
    assert str(raised.value) == (
        f"--executor is {text!r}; expected is the address of a Dask scheduler, dask://HOST:PORT, or "
        "dask+tls://HOST:PORT where Dask's own settings name the certificates."
    )
