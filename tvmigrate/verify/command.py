"""A command under test, run to its end: what it printed, how it ended, when it ran."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tvmigrate.contract import policy as policy_names
from tvmigrate.engines.embedded import guard
from tvmigrate.engines.secrets import BESIDE
from tvmigrate.events import Finished, Listener, Printed, Started

WORK = "work"
_LAST_LINES = 20
_LONGEST_LINE = 4000
_LOOK_EVERY = 0.05  # seconds
_POLICY = (
    policy_names.SHOW,
    policy_names.KEEP_ENTITIES,
    policy_names.ENTITY_MAP,
    policy_names.OLD_LAYOUT,
    policy_names.TIMEZONE,
    policy_names.MISSING_COUNTS,
)
_NOT_PASSED = BESIDE.union(_POLICY)


@dataclass(frozen=True, slots=True)
class Run:
    """How a command ended: its exit code (128 + the signal if one killed it), its last lines, when it ran (ns)."""

    command: str
    exit_code: int
    last_lines: tuple[str, ...]
    began_ns: int
    ended_ns: int

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_ns - self.began_ns) / 1e9

    @property
    def how(self) -> str:
        """How it ended, in words."""
        if self.exit_code == 127:
            return "could not be started (exit code 127)"
        if self.exit_code > 128:
            with suppress(ValueError):
                return f"was killed by {signal.Signals(self.exit_code - 128).name} (exit code {self.exit_code})"
        return f"ended with exit code {self.exit_code}"


def run(command: str, task: str, place: Path, environ: Mapping[str, str], listener: Listener) -> Run:
    """Run the shell command `command` in `place/work` and wait for its end.

    Its environment is ours without any policy variable or password of ours, plus `environ`; programs installed beside
    this one are found last. Each line of its output, both streams, is told as `Printed(task, line)` and kept in
    `place/{task}.log`. It runs
    under a guard: nothing that it started outlives it, nor us.
    """
    log = place / f"{task}.log"
    began_ns = time.time_ns()
    listener(Started(task))
    start = log.stat().st_size if log.exists() else 0
    wanted = ["/bin/sh", "-c", command]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(guard.__file__), "--owner", str(os.getpid()), "--log", str(log),
             "--grace", "5", "--", *wanted],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=output, cwd=place / WORK,
            env=_environ(environ), start_new_session=True,
        )  # fmt: skip
    last: deque[str] = deque(maxlen=_LAST_LINES)
    try:
        with log.open("rb") as printed:
            printed.seek(start)
            rest = b""
            ended = False
            while not ended:
                ended = process.poll() is not None
                rest = _tell(printed.read(), rest, task, last, listener)
                if not ended:
                    time.sleep(_LOOK_EVERY)
            if rest:
                _tell(b"\n", rest, task, last, listener)
    finally:
        # Closing its stdin tells the guard that we are gone; it then ends the command and all that it started.
        if process.stdin is not None:
            process.stdin.close()
        process.wait()
    done = Run(command, process.returncode, tuple(last), began_ns, time.time_ns())
    listener(Finished(task, done.seconds, done.how))
    return done


def _tell(more: bytes, rest: bytes, task: str, last: deque[str], listener: Listener) -> bytes:
    *lines, rest = (rest + more).split(b"\n")
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r")[:_LONGEST_LINE]
        last.append(line)
        listener(Printed(task, line))
    return rest


def _environ(added: Mapping[str, str]) -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED}
    scripts = sysconfig.get_path("scripts")
    environ["PATH"] = os.pathsep.join(filter(None, [environ.get("PATH", os.defpath), scripts]))
    return {**environ, **added}
