"""`tvmigrate rehearse` as a process: what it prints and writes, and that nothing of it is left, however it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from jsonschema import Draft202012Validator

from tvmigrate.report.schema import schema

CLEAN = Path(__file__).parents[3] / "fixtures" / "clean"


@pytest.fixture
def start(tmp_path):
    """Start a rehearsal whose temporary files lie in a folder of the test's own."""
    (tmp_path / "tmp").mkdir()
    started = []

    def run(*options):
        with (tmp_path / "err").open("wb") as err, (tmp_path / "out").open("wb") as out:
            started.append(
                subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "tvmigrate",
                        "rehearse",
                        "--dataset",
                        str(CLEAN),
                        "--show",
                        "the_voice",
                        "--report",
                        str(tmp_path / "report"),
                        *options,
                    ],
                    stdout=out,
                    stderr=err,
                    env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
                    start_new_session=True,
                )
            )
        return started[0]

    yield run
    for process in started:
        process.kill()
        process.wait()


def left_of(folder, patience=15):
    """Return the processes that were given `folder`, or work in it, after up to `patience` seconds."""
    deadline = time.monotonic() + patience
    while True:
        found = [line for process in psutil.process_iter() if (line := _in(process, str(folder)))]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def _in(process, folder):
    try:
        command = " ".join(process.cmdline())
        inside = folder in command or process.cwd().startswith(folder)
        return command if inside and process.status() != psutil.STATUS_ZOMBIE else ""
    except psutil.Error:
        return ""


def test_a_whole_rehearsal_passes_reports_and_leaves_nothing(start, tmp_path):
    process = start("--annotations", "gitlab")
    assert process.wait(300) == 0, (tmp_path / "err").read_text()
    printed = (tmp_path / "out").read_text()
    assert "verdict: pass" in printed.splitlines()[-1]
    assert "balanced" in printed
    verdict = json.loads((tmp_path / "report" / "verdict.json").read_bytes())
    assert verdict["verdict"] == "pass"
    assert {check["phase"] for check in verdict["checks"]} == {"migration", "rollback"}
    Draft202012Validator(schema()).validate(verdict)
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        "verdict.json", "junit.xml", "report.html", "summary.md", "gl-code-quality-report.json",
    }  # fmt: skip
    assert left_of(tmp_path / "tmp") == []
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "Stopped on your word (Ctrl-C); whatever this command had started is stopped too."),
        (signal.SIGTERM, 143, "Stopped by SIGTERM; whatever this command had started is stopped too."),
        (signal.SIGKILL, -9, ""),
    ],
    ids=["ctrl-c", "terminated", "killed-with-9"],
)
def test_a_rehearsal_that_is_ended_leaves_no_process(start, tmp_path, number, code, said):
    """Assert that engines go with their owner, also when it had no time to say goodbye."""
    process = start()
    deadline = time.monotonic() + 120
    while "load redis" not in (tmp_path / "err").read_text():
        assert process.poll() is None, (tmp_path / "err").read_text()
        assert time.monotonic() < deadline, (tmp_path / "err").read_text()
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(60) == code
    if said:
        assert (tmp_path / "err").read_text().splitlines()[-1] == said
    assert left_of(tmp_path / "tmp") == []
