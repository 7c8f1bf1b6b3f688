"""The process: it keeps what it acknowledged, ends in order, and says in one sentence why it cannot start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .serving import STARTS_WITHIN, Server, free_port, start, stop

COMMAND = [sys.executable, "-m", "tvmigrate.engines.embedded.clickhouse_server"]


def fail_to_start(*options: str) -> str:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=STARTS_WITHIN, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    return done.stderr


def test_what_was_acknowledged_is_there_after_kill_9(tmp_path: Path) -> None:
    first = start(tmp_path)
    assert first.ask("CREATE DATABASE d").status == 200
    assert first.ask("CREATE TABLE d.t (n UInt32) ENGINE = MergeTree ORDER BY n").status == 200
    for n in range(30):
        assert first.ask(f"INSERT INTO d.t VALUES ({n})").status == 200
    assert first.ask("INSERT INTO d.t SELECT number FROM numbers(30, 1000)").status == 200
    first.process.kill()
    first.process.communicate()
    second = start(tmp_path)
    assert second.ask("SELECT count(), sum(n) FROM d.t").text == f"1030\t{sum(range(1030))}\n"
    assert stop(second) == (0, "")


def test_data_is_there_after_a_clean_stop_on_another_port(tmp_path: Path) -> None:
    first = start(tmp_path)
    first.ask("CREATE TABLE t (n UInt32) ENGINE = MergeTree ORDER BY n")
    first.ask("INSERT INTO t VALUES (7)")
    assert stop(first) == (0, "")
    second = start(tmp_path)
    assert second.ask("SELECT * FROM t").text == "7\n"
    assert stop(second) == (0, "")


def test_the_server_ends_when_standard_input_ends_if_told_so(tmp_path: Path) -> None:
    server = start(tmp_path)  # all tests give the option
    assert server.ask("SELECT 1").text == "1\n"
    _, errors = server.process.communicate(timeout=STARTS_WITHIN)
    assert (server.process.returncode, errors) == (0, "")


def test_the_password_may_come_from_the_environment(tmp_path: Path) -> None:
    server = start(tmp_path, environ={"TVMIGRATE_CLICKHOUSE_PASSWORD": "s3cret"})
    assert server.ask("SELECT 1").status == 403
    assert server.ask("SELECT 1", user="default", password="s3cret").text == "1\n"  # noqa: S106
    assert stop(server) == (0, "")


def test_a_taken_port_is_named(server: Server, tmp_path: Path) -> None:
    assert fail_to_start("--data", str(tmp_path / "d"), "--port", str(server.port)) == (
        f"The ClickHouse server cannot listen on 127.0.0.1:{server.port}: Address already in use. "
        "Choose a free port with --port.\n"
    )
    assert not (tmp_path / "d").exists()


def test_a_data_directory_in_use_is_named(server: Server) -> None:
    assert fail_to_start("--data", str(server.data), "--port", str(free_port())) == (
        f"Another ClickHouse server already runs in the data directory {server.data}. "
        "Stop it, or choose another directory with --data.\n"
    )


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs a place where nobody, not even root, may write")
def test_an_unwritable_data_directory_is_named() -> None:
    assert fail_to_start("--data", "/proc/nowhere", "--port", str(free_port())) == (
        "The ClickHouse server cannot write in its data directory /proc/nowhere: No such file or directory. "
        "Choose a directory of your own with --data.\n"
    )


def test_a_missing_password_file_is_named(tmp_path: Path) -> None:
    options = ("--data", str(tmp_path / "d"), "--port", str(free_port()), "--password-file", str(tmp_path / "none"))
    assert fail_to_start(*options) == (
        f"The password file {tmp_path / 'none'} cannot be read: No such file or directory.\n"
    )
