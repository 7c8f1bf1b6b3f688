"""Load, apply, verify, roll back, verify, again and again, with commands that are interrupted at random."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

import tvmigrate
from tests.integrity.one_set import rehearsal_on
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.verify.findings import Phase, State
from tvmigrate.verify.rehearsal import Rehearsal

ROOT = Path(tvmigrate.__file__).parent.parent
APPLY, ROLLBACK = ("apply", "--yes", "--show", "the_voice"), ("rollback", "--yes")
GRACE_S = 60


@dataclass
class Soak:
    """Cycles over one dataset on engines that run; `done` counts what was done, by name."""

    endpoints: Endpoints
    dataset: Path
    folder: Path
    chance: random.Random
    most: int = 3  # interruptions of one command
    done: Counter[str] = field(default_factory=Counter)
    largest_mb: int = 0  # of any command that was run

    def cycle(self) -> None:
        """Go there and back once; raises AssertionError where something is lost, left or wrong."""
        state = self.folder / f"state-{self.done['cycles']}"
        with rehearsal_on(self.endpoints, self.dataset) as rehearsal:
            began = time.time_ns()
            self._until_done(APPLY, state)
            self._look(rehearsal, Phase.MIGRATION, began)
            began = time.time_ns()
            self._until_done(ROLLBACK, state)
            self._look(rehearsal, Phase.ROLLBACK, began)
        left = _started_for(state)
        assert left == [], f"processes of ended commands are left: {left}"
        self.done["cycles"] += 1

    def _look(self, rehearsal: Rehearsal, phase: Phase, began: int) -> None:
        results, ledger = rehearsal.look(phase, (began, time.time_ns()))
        wrong = [(one.id, one.error, one.findings[:2]) for one in results if one.state in {State.FAIL, State.ERROR}]
        assert wrong == [], f"after {phase}: {wrong}"
        assert [line for line in ledger if not line.balanced] == []
        self.done[f"looks after {phase}"] += 1

    def _until_done(self, words: tuple[str, ...], state: Path) -> None:
        for _ in range(self.chance.randint(0, self.most)):
            if self._interrupted(words, state) == 0:
                return
        with self._started(words, state) as process:
            said = process.stderr.read() if process.stderr else ""
            assert self._ended(process) == 0, said
        self.done[f"{words[0]} to its end"] += 1

    def _interrupted(self, words: tuple[str, ...], state: Path) -> int:
        """Run a command and end it at a random moment; return its exit code."""
        number = self.chance.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
        steps, more_s = self.chance.randint(0, 18), self.chance.random() * 0.3
        with self._started(words, state) as process:
            assert process.stderr is not None
            said = []
            while steps and (line := process.stderr.readline()):
                said.append(line)
                steps -= "done after" in line
            time.sleep(more_s)
            os.kill(process.pid, number)  # its own method would reap it, and say nothing of its memory
            said.append(process.stderr.read())
            code = self._ended(process)
        allowed = {0, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGINT}
        assert code in allowed, f"{words[0]} ended with {code}: {''.join(said)}"
        assert "Traceback" not in "".join(said), "".join(said)
        self.done[f"{words[0]} ended by {number.name}" if code else f"{words[0]} was faster than {number.name}"] += 1
        return code

    @contextmanager
    def _started(self, words: tuple[str, ...], state: Path) -> Iterator[subprocess.Popen[str]]:
        environ = {
            **os.environ,
            **self.endpoints.environ(),
            "PYTHONPATH": str(ROOT),
            "TVMIGRATE_STATE": str(state),
        }
        command = [sys.executable, "-P", "-m", "tvmigrate", *words]
        with subprocess.Popen(
            command, env=environ, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            yield process

    def _ended(self, process: subprocess.Popen[str]) -> int:
        deadline = time.monotonic() + GRACE_S
        while True:
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
            if pid:
                self.largest_mb = max(self.largest_mb, used.ru_maxrss // 1024)
                process.returncode = os.waitstatus_to_exitcode(status)
                return process.returncode
            assert time.monotonic() < deadline, f"it did not end within {GRACE_S} s"
            time.sleep(0.02)


def _started_for(state: Path, patience_s: float = 10) -> list[str]:
    """Return the processes that were started with this state directory and are still there after a while."""
    deadline = time.monotonic() + patience_s
    while (found := list(_with_state(str(state)))) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _with_state(state: str) -> Iterator[str]:
    for process in psutil.process_iter(["pid", "name"]):
        try:
            if process.environ().get("TVMIGRATE_STATE") == state:
                yield f"{process.pid} {process.name()}"
        except psutil.Error:
            continue
