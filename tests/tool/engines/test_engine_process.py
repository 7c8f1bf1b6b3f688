"""One engine's process and its guard: it ends with its owner, however that ends, and its log says why."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tvmigrate.engines.embedded.process import EngineProcess, Launch
from tvmigrate.engines.errors import EngineDied

from .processes import left_in, processes_in, python

SLEEP = ("sleep", "600")


Start = Callable[..., EngineProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a command in `tmp_path` as if it were an engine; none is left after the test."""
    started: list[EngineProcess] = []

    def begin(*command: str) -> EngineProcess:
        started.append(EngineProcess(Launch("engine", command, tmp_path), tmp_path / "engine.log"))
        return started[-1]

    yield begin
    for process in started:
        process.kill()


def await_end(process: EngineProcess) -> None:
    deadline = time.monotonic() + 60
    while process.running:
        assert time.monotonic() < deadline, "the engine never ended"
        time.sleep(0.02)


def test_the_error_of_a_dead_engine_holds_status_and_last_lines(start: Start, tmp_path: Path) -> None:
    process = start("sh", "-c", "seq 1 40; echo at last >&2; exit 7")
    await_end(process)
    lines = "\n".join(f"    {line}" for line in [*range(27, 41), "at last"])
    assert str(process.died("ended unasked")) == (
        f"engine ended unasked (exit status 7). The last lines of its log, {tmp_path / 'engine.log'}:\n{lines}"
    )


def test_the_log_of_an_earlier_run_is_not_taken_for_this_one(start: Start, tmp_path: Path) -> None:
    (tmp_path / "engine.log").write_text("an earlier run\n")
    process = start("sh", "-c", "echo this run")
    await_end(process)
    assert process.tail() == "this run"


def test_a_full_disk_in_the_log_is_put_in_words(start: Start, tmp_path: Path) -> None:
    process = start("sh", "-c", "cat /proc/version > /dev/full")
    await_end(process)
    assert "The disk is full: free some space, or give another directory." in str(process.died("ended"))


def test_a_command_that_is_not_there_says_so(start: Start, tmp_path: Path) -> None:
    with pytest.raises(EngineDied) as raised:
        start(str(tmp_path / "no-such-program"))
    assert str(raised.value).startswith("engine could not be started (exit status 127).")
    assert "No such file or directory" in str(raised.value)


def test_stop_lets_the_engine_end_in_order(start: Start, tmp_path: Path) -> None:
    script = "trap 'echo in order; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    process = start("sh", "-c", script)
    while process.tail() != "up":
        time.sleep(0.02)
    process.stop()
    assert process.tail() == "up\nin order"
    assert process.status == 0


def test_kill_leaves_nothing_that_the_engine_forked(start: Start, tmp_path: Path) -> None:
    process = start("sh", "-c", "sleep 600 & echo $!; wait")
    while not process.tail():
        time.sleep(0.02)
    process.kill()
    assert left_in(tmp_path) == []


def test_an_engine_ends_when_its_guard_is_killed(start: Start, tmp_path: Path) -> None:
    process = start(*SLEEP)
    os.kill(process.guard_pid, signal.SIGKILL)
    assert left_in(tmp_path) == []


def test_an_engine_ends_when_its_owner_forgets_it(start: Start, tmp_path: Path) -> None:
    process = start(*SLEEP)
    pid = process.pid
    process._orders.close()  # what the garbage collector does
    assert left_in(tmp_path) == []
    assert not psutil.pid_exists(pid)
    process.kill()


OWNER = """
import os, sys, time
from pathlib import Path
from tvmigrate.engines.embedded.process import EngineProcess, Launch
directory = Path(sys.argv[1])
engine = EngineProcess(Launch("engine", ("sleep", "600"), directory), directory / "engine.log", remove=directory)
heir = os.fork()  # has the owner's ends of all pipes
if heir:
    print(heir, flush=True)
time.sleep(600)
"""


@pytest.fixture
def orphaned(tmp_path: Path, environ: dict[str, str]) -> Path:
    """A temporary directory whose owner was killed while a child that it had forked lives on."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    with subprocess.Popen(
        python("-c", OWNER, str(directory)), stdout=subprocess.PIPE, env=environ, cwd=tmp_path
    ) as owner:
        assert owner.stdout is not None
        heir = int(owner.stdout.readline())
        owner.kill()
        owner.wait()
        try:
            assert psutil.pid_exists(heir)
            deadline = time.monotonic() + 10
            while len(processes_in(directory)) > 1 and time.monotonic() < deadline:
                time.sleep(0.02)
            assert [line.partition(":")[0] for line in processes_in(directory)] == [str(heir)]
        finally:
            os.kill(heir, signal.SIGKILL)
    return directory


def test_an_engine_ends_with_its_owner_though_a_fork_holds_the_pipe(orphaned: Path) -> None:
    assert left_in(orphaned) == []


def test_a_temporary_directory_goes_with_a_killed_owner(orphaned: Path) -> None:
    left_in(orphaned)
    assert not orphaned.exists()
