"""Workers: the same results in the same order wherever partitions run, few at once, and no process left behind."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path

import elastic_transport
import elasticsearch
import psutil
import pytest
import redis
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.tool.workers import parts
from tvmigrate.errors import ExitCode, TvmigrateError
from tvmigrate.workers import ALONE, PartFailed, WorkerLost, Workers, portable, usual_size

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def two() -> Iterator[Workers]:
    """Two workers for all tests here that do not end them, since a process takes long to start."""
    with Workers(2) as workers:
        yield workers


def test_results_come_in_the_order_of_the_parts(two):
    assert list(two.each(parts.slower_the_earlier, range(9))) == list(range(9))


def test_parts_are_shared_out_among_processes(two):
    done_by = set(two.each(parts.process, range(8)))
    assert os.getpid() not in done_by
    assert len(done_by) <= 2


def test_one_worker_is_this_process():
    assert set(ALONE.each(parts.process, range(3))) == {os.getpid()}


@pytest.mark.parametrize("number", [0, 1])
def test_less_than_two_parts_stay_in_this_process(number):
    with Workers(2) as workers:
        assert list(workers.each(parts.process, range(number))) == [os.getpid()] * number
        assert psutil.Process().children() == [] or workers._pool is None


def test_small_data_is_done_in_this_process():
    with Workers(2, patience=60) as workers:
        assert set(workers.each(parts.process, range(9))) == {os.getpid()}


def test_processes_are_started_once_the_patience_of_all_calls_together_has_run_out():
    with Workers(2, patience=0.3) as workers:
        assert set(workers.each(parts.slow_process, range(2))) == {os.getpid()}
        done_by = list(workers.each(parts.slow_process, range(6)))
    assert done_by[0] == os.getpid()
    assert os.getpid() not in done_by[1:]


def test_an_error_of_a_part_done_here_is_raised_after_the_results_before_it():
    results = Workers(2, patience=60).each(parts.refused, range(9))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three is not wanted"):
        next(results)


@pytest.mark.parametrize(
    "module", ["tvmigrate.migrate.redis_parts", "tvmigrate.verify.redis_plain", "tvmigrate.verify.redis_plain_live"]
)
def test_a_worker_of_redis_parts_imports_no_other_driver(module):
    """Assert that it does not: each takes as long to import as thousands of keys to judge."""
    asked = f"import {module}, sys; print(sorted({{'elasticsearch', 'clickhouse_connect', 'chdb'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_a_worker_imports_the_elasticsearch_client_without_what_it_offers_to_others():
    with Workers(2) as workers:
        assert list(workers.each(parts.imported_with_the_client, range(2))) == [[], []]


def test_a_command_imports_neither_what_the_client_offers_to_others():
    """Assert that it does not, whichever of its modules comes to the client first."""
    asked = (
        "from tvmigrate.lean import import_lean; import_lean(); import tvmigrate.migrate.cli, sys;"
        "print(sorted({'aiohttp', 'httpx', 'numpy', 'pyarrow', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_what_the_client_was_not_to_find_can_be_imported_after_it():
    asked = (
        "from tvmigrate.lean import import_lean; import_lean(); import elasticsearch, sys;"
        "print('pyarrow' in sys.modules); import pyarrow; print(elasticsearch.__spec__.loader.name, pyarrow.int8())"
    )
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    assert done.stdout == "False\nelasticsearch int8\n"


def test_at_most_twice_as_many_parts_as_workers_are_taken_ahead(two):
    taken = 0

    def counted() -> Iterator[int]:
        nonlocal taken
        for number in range(40):
            taken += 1
            yield number

    for number, result in enumerate(two.each(parts.doubled, counted())):
        assert result == 2 * number
        assert taken <= number + 4


class OneByOne(Executor):
    """An executor that does a part only when it is told to."""

    def __init__(self) -> None:
        self.given: list[tuple[Future[object], Callable[[], object]]] = []
        self.is_shut = False

    def submit(self, function, /, *arguments, **named):
        future: Future[object] = Future()
        self.given.append((future, lambda: function(*arguments, **named)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.is_shut = True

    def do(self, number: int) -> None:
        future, call = self.given[number]
        if future.set_running_or_notify_cancel():
            future.set_result(call())


def test_an_executor_that_is_given_does_a_single_part_too_and_is_shut_at_the_end():
    executor = OneByOne()
    with Workers(2, executor) as workers:
        results = workers.each(parts.doubled, [21])
        waiting = threading.Timer(0.05, lambda: executor.do(0))
        waiting.start()
        assert list(results) == [42]
        waiting.join()
    assert executor.is_shut


def test_after_an_error_no_further_part_is_begun():
    executor = OneByOne()
    results = Workers(2, executor).each(parts.refused, [3, 4, 5, 6])
    threading.Timer(0.05, lambda: executor.given[0][0].set_exception(ValueError("no"))).start()
    with pytest.raises(ValueError, match="no"):
        next(results)
    assert [future.cancelled() for future, _ in executor.given] == [False, True, True, True]


@pytest.mark.parametrize("size", [1, 2])
def test_an_error_of_a_part_is_raised_after_the_results_before_it(size, request):
    workers = ALONE if size == 1 else request.getfixturevalue("two")
    results = workers.each(parts.refused, range(9))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three is not wanted"):
        next(results)


def test_workers_go_on_after_an_error(two):
    with pytest.raises(ValueError, match="three is not wanted"):
        list(two.each(parts.refused, range(9)))
    assert list(two.each(parts.doubled, range(3))) == [0, 2, 4]


def test_an_error_that_cannot_be_sent_says_what_it_said(two):
    with pytest.raises(PartFailed) as raised:
        list(two.each(parts.odd, range(2)))
    assert str(raised.value) == "429: too many"


def test_a_sentence_that_cannot_be_sent_keeps_its_words_and_its_exit_code(two):
    with pytest.raises(TvmigrateError) as raised:
        list(two.each(parts.odd_sentence, range(2)))
    assert str(raised.value) == "a number is wrong in a part."
    assert raised.value.exit_code is ExitCode.USAGE


def _api_error() -> elasticsearch.ApiError:
    node = elastic_transport.NodeConfig("http", "127.0.0.1", 9200)
    meta = elastic_transport.ApiResponseMeta(429, "1.1", elastic_transport.HttpHeaders(), 0.1, node)
    return elasticsearch.ApiError("too many", meta, {"error": {"type": "es_rejected_execution_exception"}})


@pytest.mark.parametrize(
    "error",
    [
        _api_error(),
        elastic_transport.ConnectionTimeout("no answer within 3 s"),
        redis.ConnectionError("Connection refused."),
        DatabaseError("Code: 241. Memory limit exceeded"),
        OSError(28, "No space left on device"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_of_the_drivers_keep_their_words_in_another_process(error):
    """Assert that a step's sentence tells what the store said, wherever the store was asked."""
    sent = pickle.loads(pickle.dumps(portable(error)))  # noqa: S301 - our own
    assert str(sent) == str(error)
    assert isinstance(sent, type(error) | PartFailed)


def test_who_asks_every_process_to_stop_asks_the_command_alone(two):
    """Assert that workers go on: a terminal or a service manager sends its signal to them too."""
    assert list(two.each(parts.asked_to_stop, range(4))) == [0, 1, 2, 3]


def test_a_killed_worker_is_told_and_the_next_partitions_get_another():
    with Workers(2) as workers:
        with pytest.raises(WorkerLost) as raised:
            list(workers.each(parts.killed, range(9)))
        assert str(raised.value) == (
            "A worker process ended before its part was done; was it killed, or short of memory? Run the command "
            "again: it goes on where it stopped. With --workers 1 there are none."
        )
        assert list(workers.each(parts.doubled, range(3))) == [0, 2, 4]


def test_no_process_is_left_when_workers_are_closed():
    with Workers(2) as workers:
        processes = {psutil.Process(pid) for pid in workers.each(parts.process, range(4))}
    assert [process for process in processes if process.is_running()] == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_workers_end_with_the_process_that_has_them(number, tmp_path):
    """Assert that they do in the middle of a part, whether or not the process could say so."""
    parent = subprocess.Popen(
        [sys.executable, "-m", "tests.tool.workers.parts", str(tmp_path)], cwd=ROOT, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    with parent:
        _wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
        workers = [psutil.Process(int(path.name)) for path in tmp_path.iterdir()]
        # The terminal's Ctrl-C goes to all of them, the others to the one that they are meant for.
        os.killpg(parent.pid, number) if number == signal.SIGINT else parent.send_signal(number)
        _, errors = parent.communicate(timeout=60)
    _wait_for(lambda: not any(worker.is_running() for worker in workers))
    assert parent.returncode == -number
    assert errors.count(b"Traceback") == (number == signal.SIGINT)  # the parent's own


def _wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_there_are_as_many_workers_as_cores_that_may_be_used_but_not_more_than_eight(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(3)))
    assert usual_size() == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    assert usual_size() == 8
