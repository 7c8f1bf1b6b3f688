"""`tvmigrate engines`: up, status and down as a person or a script meets them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tvmigrate.engines.clients import Clients, check_reachable
from tvmigrate.engines.embedded import NAMES
from tvmigrate.engines.embedded.state import STATE_FILE, State
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.process_record import ProcessRecord

from .processes import left_in, processes_in, python


class Command:
    """Runs `tvmigrate engines …` with one directory."""

    def __init__(self, directory: Path, environ: dict[str, str]) -> None:
        self.directory = directory
        self._environ = environ

    def line(self, *arguments: str) -> list[str]:
        return python("-m", "tvmigrate", "engines", *arguments)

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = self.line(*arguments, "--dir", str(self.directory))
        return subprocess.run(command, env=self._environ, capture_output=True, text=True, timeout=120, check=False)

    def open(self, *arguments: str) -> subprocess.Popen[str]:
        command = self.line(*arguments, "--dir", str(self.directory))
        return subprocess.Popen(
            command, env=self._environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )


@pytest.fixture
def command(tmp_path: Path, environ: dict[str, str]) -> Iterator[Command]:
    """The command with a directory of its own; whatever still runs there at the end is stopped."""
    run = Command(tmp_path / "it's a dir", environ)
    yield run
    run("down")
    assert left_in(tmp_path) == []


def exported(text: str) -> Endpoints:
    """Return the endpoints of `export` lines, read as a shell reads them."""
    lines = [shlex.split(line) for line in text.splitlines()]
    assert [words[0] for words in lines] == ["export"] * 3
    return Endpoints.from_environ(dict(words[1].split("=", 1) for words in lines))


def test_detached_engines_from_up_to_down(command: Command) -> None:
    """Assert in one life of the engines what each command prints, since every start takes seconds."""
    up = command("up", "--detach")
    assert up.returncode == 0, up.stderr
    endpoints = exported(up.stdout)
    assert "engines: done after " in up.stderr
    versions = check_reachable(endpoints)

    again = command("up", "--detach")
    assert (again.returncode, again.stdout) == (0, up.stdout)
    assert again.stderr == f"They already run in {command.directory}.\n"

    status = command("status")
    assert status.returncode == 0
    for name, line in zip(NAMES, status.stdout.splitlines(), strict=True):
        assert line.startswith(f"{name}: running, {versions[name]} at {getattr(endpoints, name)} (process ")

    with Clients(endpoints) as clients:
        clients.redis.set("kept", "yes")
    state = State.read(command.directory)
    assert state is not None
    os.kill(state.engines["elasticsearch"].pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(state.guards["elasticsearch"].pid)], timeout=60)
    status = command("status")
    assert status.returncode == 3
    redis, clickhouse, elasticsearch = status.stdout.splitlines()
    assert redis.startswith("redis: running, ")
    assert clickhouse.startswith("clickhouse: running, ")
    assert elasticsearch == (
        f"elasticsearch: not running; its process {state.engines['elasticsearch'].pid} has ended, "
        f"see {command.directory}/logs/elasticsearch.log"
    )

    revived = command("up", "--detach")
    assert revived.returncode == 0, revived.stderr
    assert revived.stderr.startswith(f"Not all of them ran in {command.directory}: the others were stopped")
    with Clients(exported(revived.stdout)) as clients:
        assert clients.redis.get("kept") == b"yes"

    down = command("down")
    assert (down.returncode, down.stdout) == (0, "")
    assert down.stderr == f"The engines in {command.directory} are stopped.\n"
    assert processes_in(command.directory) == []


def test_down_where_nothing_runs_says_so_and_succeeds(command: Command) -> None:
    down = command("down")
    assert (down.returncode, down.stdout) == (0, "")
    assert down.stderr == f"No engines ran in {command.directory}.\n"


def test_status_where_nothing_runs_names_each_engine(command: Command) -> None:
    status = command("status")
    assert status.returncode == 3
    assert status.stdout.splitlines() == [f"{name}: not running" for name in NAMES]


def test_engines_in_the_foreground_stop_on_sigterm(command: Command) -> None:
    with command.open("up") as up:
        assert up.stdout is not None
        endpoints = exported("".join(up.stdout.readline() for _ in range(3)))
        check_reachable(endpoints)
        up.terminate()
        assert up.wait(60) == 128 + signal.SIGTERM
    assert processes_in(command.directory) == []


def test_detached_engines_end_with_a_keeper_that_is_killed(command: Command) -> None:
    assert command("up", "--detach").returncode == 0
    state = State.read(command.directory)
    assert state is not None
    os.kill(state.keeper.pid, signal.SIGKILL)
    assert left_in(command.directory) == []


def test_nothing_is_left_of_a_detached_start_that_was_killed(command: Command) -> None:
    with command.open("up", "--detach") as up:
        assert up.stderr is not None
        for line in up.stderr:
            if line.startswith("elasticsearch: starting"):
                break
        assert processes_in(command.directory) != []
        up.kill()
    assert left_in(command.directory) == []


def test_down_never_signals_a_process_that_took_over_a_number(command: Command) -> None:
    """Assert that a state left by a crash is harmless, though its process ids belong to others by now."""
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        other = ProcessRecord(bystander.pid, "another boot:1")
        command.directory.mkdir()
        names = dict.fromkeys(NAMES, other)
        State(other, names, names, Endpoints("redis://h:1", "http://h:1", "http://h:1")).write(command.directory)
        down = command("down")
        assert down.returncode == 0
        assert bystander.poll() is None
        assert not (command.directory / STATE_FILE).exists()
    finally:
        bystander.kill()
        bystander.wait()


def test_a_process_is_known_by_its_start_as_well_as_its_number() -> None:
    record = ProcessRecord.of(os.getpid())
    assert record.alive()
    assert not ProcessRecord(record.pid, f"{record.began}0").alive()


def test_a_state_file_of_another_kind_is_named(command: Command) -> None:
    command.directory.mkdir()
    path = command.directory / STATE_FILE
    path.write_text(json.dumps({"keeper": 1}))
    status = command("status")
    path.unlink()
    assert status.returncode == 3
    assert status.stderr.startswith(f"Error: {path} does not say which engines run there (")


def test_detach_without_a_directory_is_a_usage_error(command: Command, environ: dict[str, str]) -> None:
    up = subprocess.run(
        command.line("up", "--detach"), env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert (up.returncode, up.stdout) == (2, "")
    assert up.stderr == (
        "Error: --detach needs --dir DIR: that is where `engines status` and `engines down` find them.\n"
    )


def test_a_taken_port_reaches_the_terminal_from_the_keeper(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        up = command("up", "--detach", "--redis-port", str(port))
    assert (up.returncode, up.stdout) == (3, "")
    assert f"Error: redis cannot listen on 127.0.0.1:{port}: " in up.stderr
    assert "Traceback" not in up.stderr
