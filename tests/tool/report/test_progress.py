"""Long work shows itself: rates, counts and time left; lines at intervals; an event a line of JSON; metrics."""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import click
import pytest
from rich.console import Console

from tvmigrate import progress
from tvmigrate.engines.embedded.ports import free_ports
from tvmigrate.errors import UsageError
from tvmigrate.events import Advanced, Event, Finished, Printed, Said, Started
from tvmigrate.metrics import Metered
from tvmigrate.progress import JsonLines, amount, duration, lines, watch

ROOT = Path(__file__).parents[3]
EVENTS: tuple[Event, ...] = (
    Started("build.redis", 10, "keys"),
    Advanced("build.redis", 4),
    Said("Nhìn đây\nnow", "warning"),
    Printed("apply", "a \u202e line"),
    Finished("build.redis", 2.0, "well"),
)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (amount(250, 1000, "keys", 10.0), "250 of 1,000 keys, 25/s, 30 s left"),
        (amount(250, 1000, "keys", 0.5), "250 of 1,000 keys, 500/s"),
        (amount(1000, 1000, "keys", 10.0), "1,000 of 1,000 keys, 100/s"),
        (amount(250, None, "keys", 10.0), "250 keys, 25/s"),
        (amount(0, 1000, "keys", 10.0), "0 of 1,000 keys"),
    ],
    ids=["under-way", "too-early-to-tell", "done", "no-total", "not-begun"],
)
def test_the_time_left_is_told_where_a_rate_and_a_total_are_known(told: str, text: str) -> None:
    assert told == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (7500, "2 h 5 min")],
)
def test_a_duration_is_told_in_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_plain_lines_come_at_intervals_that_grow_with_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    out = io.StringIO()
    listener = lines(Console(file=out, highlight=False))
    listener(Started("copy", 10_000, "keys"))
    for second in range(1, 1001):
        now[0] = float(second)
        listener(Advanced("copy", second))
    told = [int(line.split()[1].replace(",", "")) for line in out.getvalue().splitlines()]
    assert told[:3] == [2, 4, 6]
    gaps = [after - before for before, after in pairwise(told)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == 60


def test_an_event_is_one_line_of_json_with_its_instant() -> None:
    out = io.StringIO()
    with JsonLines(Console(file=out)) as listener:
        for event in EVENTS:
            listener(event)
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert all(datetime.fromisoformat(one.pop("at")).utcoffset() is not None for one in told)
    del told[1]["rate"]  # of a moment
    assert told == [
        {"event": "started", "task": "build.redis", "total": 10, "unit": "keys"},
        {"event": "advanced", "task": "build.redis", "done": 4, "total": 10, "unit": "keys", "seconds_left": None},
        {"event": "said", "text": "Nhìn đây\nnow", "level": "warning"},
        {"event": "printed", "source": "apply", "line": "a \u202e line"},
        {"event": "finished", "task": "build.redis", "seconds": 2.0, "note": "well"},
    ]
    assert out.getvalue().isascii()


def test_the_command_line_says_in_which_form() -> None:
    @click.command()
    @click.option("--log-format")
    def command(log_format: str) -> None:
        assert isinstance(watch(Console(file=io.StringIO())), JsonLines) == (log_format == "json")

    for form in ("json", "text"):
        command.main(["--log-format", form], standalone_mode=False)


def test_a_whole_command_tells_nothing_but_json_on_stderr(tmp_path: Path) -> None:
    words = ["--log-format", "json", "rehearse", "--dataset", str(ROOT / "fixtures/clean"), "--show", "s",
             "--only", "redis.eaos", "--migration", "false", "--rollback", "true",
             "--report", str(tmp_path)]  # fmt: skip
    done = subprocess.run([sys.executable, "-m", "tvmigrate", *words], capture_output=True, text=True, check=False)
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"started", "finished"} <= {one["event"] for one in told}
    assert {"engines", "load", "migration"} & {one.get("task") for one in told}


def served(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    return {found[1]: float(found[2]) for found in re.finditer(r"^(tvmigrate_\S+) (\S+)$", text, re.MULTILINE)}


def test_metrics_are_served_while_a_command_runs_and_no_longer() -> None:
    (port,) = free_ports(1)
    threads = threading.active_count()
    with Metered(lines(Console(file=io.StringIO())), port) as listener:
        for event in EVENTS[:3]:
            listener(event)
        found = served(port)
        assert found['tvmigrate_task_done{task="build.redis"}'] == 4
        assert found['tvmigrate_task_total{task="build.redis"}'] == 10
        assert found['tvmigrate_task_running{task="build.redis"}'] == 1
        assert found['tvmigrate_said_total{level="warning"}'] == 1
        listener(EVENTS[-1])
        assert served(port)['tvmigrate_task_seconds{task="build.redis"}'] == 2
        assert served(port)['tvmigrate_task_running{task="build.redis"}'] == 0
    assert threading.active_count() == threads
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_port_that_is_taken_is_a_usage_error_and_metrics_are_off_unless_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"--metrics-port is {port}, and 127.0.0.1:{port} cannot be listened on"):
            Metered(lines(Console(file=io.StringIO())), port).__enter__()
    assert not isinstance(watch(Console(file=io.StringIO())), Metered)
