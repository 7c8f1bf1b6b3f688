"""One engine's process as its owner sees it: started through a guard, stopped, killed, asked why it died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import tvmigrate
from tvmigrate.engines.errors import EngineDied

_GUARD = Path(__file__).with_name("guard.py")
_LAST_LINES = 15
_LAST_BYTES = 16_384
# What an engine says in its log, and what it means for whoever reads our error.
_CAUSES = (
    ("No space left on device", "The disk is full: free some space, or give another directory."),
    ("Address already in use", "Another process has taken its port in the meantime: start again."),
    ("BindHttpException", "Another process has taken its port in the meantime: start again."),
    (
        "Cannot allocate memory",
        "The machine is out of memory: end other programs, or lower TVMIGRATE_ES_HEAP.",
    ),
    ("Could not reserve enough space", "The heap does not fit the memory: lower TVMIGRATE_ES_HEAP."),
)


@dataclass(frozen=True, slots=True)
class Launch:
    """What it takes to start one engine: its command, its directory, variables added to the environment."""

    name: str
    command: Sequence[str]
    data: Path
    environ: Mapping[str, str] = field(default_factory=dict)


def python_module(module: str, *arguments: str) -> list[str]:
    """Return the command that runs `module` of this package with this interpreter; see `python_environ`."""
    return [sys.executable, "-P", "-m", module, *arguments]


def python_environ() -> dict[str, str]:
    """Return what a child interpreter needs to find this package, also when it is run from a checkout."""
    root = str(Path(tvmigrate.__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    return {
        "PYTHONPATH": os.pathsep.join([root, inherited] if inherited else [root]),
        "PYTHONUNBUFFERED": "1",
    }


class EngineProcess:
    """A running engine and its guard; both end when this process ends or the object is dropped."""

    def __init__(self, launch: Launch, log: Path, *, lock: int | None = None, remove: Path | None = None) -> None:
        """Start the engine.

        Args:
            launch: what to start.
            log: file that takes the engine's output, appended to.
            lock: descriptor that the guard holds as long as the engine lives, so that its lock ends with it.
            remove: a temporary directory that the guard removes if this process is killed.

        Raises:
            EngineDied: the command cannot be executed.
        """
        self.name = launch.name
        self.log = log
        self._log_from = log.stat().st_size if log.exists() else 0
        command = [sys.executable, "-I", "-S", str(_GUARD), "--owner", str(os.getpid()), "--log", str(log)]
        if remove is not None:
            command += ["--remove", str(remove)]
        with log.open("ab") as output:
            self._guard = subprocess.Popen(
                [*command, "--", *launch.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                cwd=launch.data,
                env={**os.environ, **launch.environ},
                pass_fds=() if lock is None else (lock,),
                start_new_session=True,
            )
        if self._guard.stdout is None or self._guard.stdin is None:
            raise AssertionError("both were asked for as pipes")
        self._orders = self._guard.stdin
        with self._guard.stdout as said:
            word, _, pid = said.readline().decode().partition(" ")
        if word != "started":
            self._guard.wait()
            self._orders.close()
            raise self.died("could not be started")
        self.pid = int(pid)
        self.guard_pid = self._guard.pid

    @property
    def running(self) -> bool:
        """Whether the engine has not ended."""
        return self._guard.poll() is None

    @property
    def status(self) -> int | None:
        """The engine's exit status, 128 + the signal's number if one ended it, None while it runs."""
        return self._guard.poll()

    def kill(self) -> None:
        """End the engine with SIGKILL and wait for its end; nothing happens if it has ended."""
        self._order(b"K")
        self._reap(10)

    def stop(self, grace: float = 20) -> None:
        """End the engine in order: SIGTERM, after 20 s SIGKILL; return when it has ended."""
        self._order(b"T")
        self._reap(grace + 5)

    def died(self, when: str) -> EngineDied:
        """Return the error that says how the engine ended, with the last lines of its log."""
        status = self._guard.poll()
        how = "" if status is None else f" ({_status(status)})"
        tail = self.tail()
        cause = next((f" {sentence}" for sign, sentence in _CAUSES if sign in tail), "")
        return EngineDied(f"{self.name} {when}{how}.{cause} The last lines of its log, {self.log}:\n{indented(tail)}")

    def tail(self) -> str:
        """Return the last 15 lines that this run of the engine wrote to its log."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(self._log_from, self.log.stat().st_size - _LAST_BYTES))
            return "\n".join(file.read().decode(errors="replace").rstrip().splitlines()[-_LAST_LINES:])

    def _order(self, order: bytes) -> None:
        if not self.running:
            return
        with suppress(BrokenPipeError):  # the engine, and so its guard, ended in this moment
            self._orders.write(order)
            self._orders.flush()

    def _reap(self, seconds: float) -> None:
        try:
            self._guard.wait(seconds)
        except subprocess.TimeoutExpired:
            self._guard.kill()  # the kernel then kills the engine
            self._guard.wait()
        with suppress(BrokenPipeError):
            self._orders.close()


def indented(text: str) -> str:
    """Return `text` with every line set in, or a word where there is none."""
    return "\n".join(f"    {line}" for line in text.splitlines()) or "    (nothing)"


def _status(status: int) -> str:
    if status > 128:
        try:
            return f"killed by {signal.Signals(status - 128).name}"
        except ValueError:
            pass
    return f"exit status {status}"
