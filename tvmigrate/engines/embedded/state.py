"""What `engines up` writes down in its directory, so that `status` and `down` find those very processes."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tvmigrate.engines.embedded.engines import NAMES, EmbeddedEngines
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.errors import EngineError
from tvmigrate.engines.process_record import ProcessRecord

STATE_FILE = "engines.json"
_LOOK_EVERY = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class State:
    """The engines that run in a directory: who keeps them, their processes by name, where they answer."""

    keeper: ProcessRecord
    engines: dict[str, ProcessRecord]
    guards: dict[str, ProcessRecord]
    endpoints: Endpoints

    @classmethod
    def of(cls, engines: EmbeddedEngines) -> State:
        """Return the state of `engines`, which run and which this process keeps."""
        return cls(
            ProcessRecord.of(os.getpid()),
            {name: ProcessRecord.of(pid) for name, pid in engines.processes.items()},
            {name: ProcessRecord.of(pid) for name, pid in engines.guards.items()},
            engines.endpoints,
        )

    @classmethod
    def read(cls, directory: Path) -> State | None:
        """Return what is written down in `directory`, None where nothing is.

        Raises:
            EngineError: the file is there but is not one of ours.
        """
        path = directory / STATE_FILE
        try:
            text = path.read_text()
        except FileNotFoundError:
            return None
        try:
            fields = json.loads(text)
            state = cls(
                ProcessRecord(**fields["keeper"]),
                {name: ProcessRecord(**record) for name, record in fields["engines"].items()},
                {name: ProcessRecord(**record) for name, record in fields["guards"].items()},
                Endpoints(**fields["endpoints"]),
            )
            for name in NAMES:
                _ = state.of_engine(name)[0]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise EngineError(
                f"{path} does not say which engines run there ({error!r}). "
                "If none do, remove it; else stop them by hand first."
            ) from error
        return state

    def of_engine(self, name: str) -> list[ProcessRecord]:
        """Return the processes of one engine: of a cluster those of all its servers, `redis-1` and so on."""
        return [record for one, record in self.engines.items() if one == name or one.startswith(f"{name}-")]

    def all_alive(self, name: str) -> bool:
        """Return whether every process of one engine still runs."""
        return all(process.alive() for process in self.of_engine(name))

    def write(self, directory: Path) -> None:
        """Write this down in `directory`, whole or not at all."""
        part = directory / f"{STATE_FILE}.part"
        part.write_text(json.dumps(asdict(self), indent=1) + "\n")
        part.replace(directory / STATE_FILE)

    def processes(self) -> list[ProcessRecord]:
        """Return every process written down: the keeper, the engines, their guards."""
        return [self.keeper, *self.engines.values(), *self.guards.values()]


def end(directory: Path, state: State, patience: float = 60) -> bool:
    """End what `state` names, the keeper first, since it stops the engines in order; return whether any ran.

    Only processes that are still the ones written down get a signal.

    Raises:
        EngineError: one of them does not end.
    """
    ran = any(process.alive() for process in state.processes())
    state.keeper.send(signal.SIGTERM)
    _await_end([state.keeper], patience)
    for process in state.processes():
        process.send(signal.SIGKILL)
    if left := _await_end(state.processes(), 10):
        numbers = ", ".join(str(process.pid) for process in left)
        raise EngineError(f"Processes {numbers} of {directory} do not end, not even by SIGKILL.")
    (directory / STATE_FILE).unlink(missing_ok=True)
    return ran


def _await_end(processes: list[ProcessRecord], patience: float) -> list[ProcessRecord]:
    deadline = time.monotonic() + patience
    while (left := [process for process in processes if process.alive()]) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY)
    return left
