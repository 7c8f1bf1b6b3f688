"""A migration that kills itself, in a process of its own.

WHERE is the name of a step, to die as it begins, or `module.function#n`, to die as that function of
tvmigrate.migrate is called for the n-th time.
"""

from __future__ import annotations

import importlib
import itertools
import multiprocessing
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


def _run(command: str, where: str, state: Path, endpoints: Endpoints, log: Path) -> None:
    sys.stderr = log.open("w", encoding="utf-8")  # an exception's traceback goes there
    if "#" in where:
        _set_trap(where)

    def listen(event: Event) -> None:
        if event == Started(where):
            _die()

    if command == "apply":
        run.apply(endpoints, Policy(show="the_voice"), None, state, listen)
    else:
        run.rollback(endpoints, state, listen)


def killed(command: str, where: str, state: Path, endpoints: Endpoints, log: Path) -> int:
    """Run `apply` or `rollback` until it kills itself at `where`; return how it ended, as `Popen.returncode` has it.

    The processes are forked from one that has imported all they need, which takes longer than what they do.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_run, args=(command, where, state, endpoints, log))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode
