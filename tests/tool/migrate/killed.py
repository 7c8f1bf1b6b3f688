"""A migration that kills itself: `python -m tests.tool.migrate.killed apply|rollback WHERE STATE`.

WHERE is the name of a step, to die as it begins, or `module.function#n`, to die as that function of
tvmigrate.migrate is called for the n-th time.
"""

from __future__ import annotations

import importlib
import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tvmigrate.contract.policy import Policy
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.events import Event, Started
from tvmigrate.migrate import run


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _set_trap(where: str) -> None:
    path, _, nth = where.partition("#")
    module_name, _, function_name = path.rpartition(".")
    module = importlib.import_module(f"tvmigrate.migrate.{module_name}")
    function = getattr(module, function_name)
    calls = itertools.count(1)

    def trapped(*arguments: Any, **named: Any) -> Any:
        if next(calls) == int(nth):
            _die()
        return function(*arguments, **named)

    setattr(module, function_name, trapped)


def main() -> None:
    command, where, state = sys.argv[1:]
    if "#" in where:
        _set_trap(where)

    def listen(event: Event) -> None:
        if event == Started(where):
            _die()

    endpoints = Endpoints.from_environ()
    if command == "apply":
        run.apply(endpoints, Policy(show="the_voice"), None, Path(state), listen)
    else:
        run.rollback(endpoints, Path(state), listen)


if __name__ == "__main__":
    main()
