"""The process that owns detached engines, and the talk between it and the `engines up` that started it.

Run as `python -m tvmigrate.engines.embedded.keeper --dir DIR`. On stdout it gives one JSON line for each
event, then one that says ready or names the error. Until it reads `detach` on stdin, it belongs to whoever
started it and ends with it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from tvmigrate import events
from tvmigrate.engines.embedded.engines import EmbeddedEngines
from tvmigrate.engines.embedded.process import indented, python_environ, python_module
from tvmigrate.engines.embedded.redis_cluster import Shape
from tvmigrate.engines.embedded.state import STATE_FILE, State
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.errors import EngineError
from tvmigrate.errors import ExitCode, TvmigrateError, UsageError
from tvmigrate.events import Event, Listener

_DETACH = "detach"


def start_detached(  # noqa: PLR0913, PLR0917 - what the command was given
    directory: Path,
    listener: Listener,
    ports: Mapping[str, int],
    heap: str | None,
    redis_cluster: Shape | None = None,
    elasticsearch_nodes: int = 1,
) -> Endpoints:
    """Start engines in `directory` that outlive this process, and return where they answer once they do.

    Raises:
        EngineError, UsageError: what `EmbeddedEngines.start` raises, brought over from the keeper.
    """
    directory = directory.expanduser().absolute()
    logs = directory / "logs"
    try:
        logs.mkdir(parents=True, exist_ok=True)
        log = (logs / "keeper.log").open("a")
    except OSError as error:
        raise EngineError(f"{error.filename} cannot hold the engines' data: {error.strerror}.") from error
    options = [f"--{name}-port={port}" for name, port in ports.items()] + ([f"--heap={heap}"] if heap else [])
    options += [f"--redis-cluster={redis_cluster}"] if redis_cluster else []
    options += [f"--elasticsearch-nodes={elasticsearch_nodes}"]
    command = python_module("tvmigrate.engines.embedded.keeper", "--dir", str(directory), *options)
    with (
        log,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=directory,
            env={**os.environ, **python_environ()},
            start_new_session=True,
        ) as keeper,
    ):
        if keeper.stdin is None or keeper.stdout is None:
            raise AssertionError("both were asked for as pipes")
        for line in keeper.stdout:
            said = json.loads(line)
            if "event" in said:
                listener(getattr(events, said["event"])(**said["fields"]))
            elif "error" in said:
                kind = UsageError if said["exit"] == ExitCode.USAGE else EngineError
                raise kind(said["error"])
            else:
                keeper.stdin.write(f"{_DETACH}\n")
                keeper.stdin.close()
                keeper.stdout.close()
                keeper.returncode = 0  # it goes on without us: `with` is not to wait for it
                return Endpoints(**said["ready"])
        tail = "\n".join((logs / "keeper.log").read_text().splitlines()[-15:])
        raise EngineError(f"The keeper of the engines ended. Its log, {log.name}, ends with:\n{indented(tail)}")


def keep(engines: EmbeddedEngines) -> None:
    """Write down running `engines` and watch them until a signal's exception, or EngineDied if one ends."""
    State.of(engines).write(engines.directory)
    while True:
        engines.check()
        threading.Event().wait(0.5)


def leave_on_signals(*numbers: signal.Signals) -> None:
    """Make the signals `numbers` raise SystemExit in the main thread, so that `with` is left in order."""

    def leave(number: int, _frame: FrameType | None) -> NoReturn:
        for other in numbers:  # a second one must not interrupt the stopping
            signal.signal(other, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in numbers:
        signal.signal(number, leave)


def main() -> None:
    """Own engines until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--heap")
    parser.add_argument("--redis-cluster", type=Shape.parse)
    parser.add_argument("--elasticsearch-nodes", type=int, default=1)
    for name in ("redis", "clickhouse", "elasticsearch"):
        parser.add_argument(f"--{name}-port", type=int)
    options = parser.parse_args()
    given = {name: getattr(options, f"{name}_port") for name in ("redis", "clickhouse", "elasticsearch")}
    ports = {name: port for name, port in given.items() if port is not None}
    leave_on_signals(signal.SIGTERM)
    detached = threading.Event()
    threading.Thread(target=_end_with_starter, args=(detached,), daemon=True).start()
    try:
        with EmbeddedEngines(
            options.dir,
            _tell_event,
            ports=ports,
            heap=options.heap,
            redis_cluster=options.redis_cluster,
            elasticsearch_nodes=options.elasticsearch_nodes,
        ) as engines:
            State.of(engines).write(engines.directory)
            try:
                _tell({"ready": asdict(engines.endpoints)})
                detached.wait()
                _turn_away_from_starter()
                while True:
                    signal.pause()
            finally:
                (engines.directory / STATE_FILE).unlink(missing_ok=True)
    except TvmigrateError as error:
        _tell({"error": str(error), "exit": int(error.exit_code)})
        sys.exit(error.exit_code)


def _end_with_starter(detached: threading.Event) -> None:
    if sys.stdin.readline().strip() == _DETACH:
        detached.set()
    else:
        os.kill(os.getpid(), signal.SIGTERM)


def _turn_away_from_starter() -> None:
    """Let go of the pipes, whose other ends are gone: from now on, output goes to the log."""
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)


def _tell_event(event: Event) -> None:
    _tell({"event": type(event).__name__, "fields": asdict(event)})


def _tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
