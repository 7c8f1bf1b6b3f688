"""`tvmigrate` in a process of its own, with the trap set in it and in its workers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.crash import trap
from tvmigrate.engines.endpoints import Endpoints

FOLDER = "TVMIGRATE_TEST_TRAP"  # where the trap's files are, for the workers
_LONGEST_S = 300
_ROOT = Path(__file__).parents[2]
_SITE = Path(__file__).with_name("site")  # what makes workers count too


def set_trap(*, worker: bool) -> None:
    """Set the trap in this process."""
    trap.Trap(Path(os.environ[FOLDER]), Endpoints.from_environ(), worker=worker).install()


def _run(words: Sequence[str], environ: dict[str, str], folder: Path, part_bytes: int | None) -> None:
    os.environ.update(environ | {FOLDER: str(folder), "PYTHONPATH": f"{_SITE}{os.pathsep}{_ROOT}"})
    output = os.open(folder / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(output, number)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who starts us may ignore it
    from tvmigrate import cli  # noqa: PLC0415
    from tvmigrate.migrate import elasticsearch_map, redis_parts  # noqa: PLC0415

    if part_bytes is not None:
        redis_parts._PART_BYTES = elasticsearch_map.PART_BYTES = part_bytes
    set_trap(worker=False)
    sys.exit(cli.run(words))


def run(
    words: Sequence[str],
    environ: dict[str, str],
    folder: Path,
    strike: trap.Strike | None = None,
    part_bytes: int | None = None,
) -> int:
    """Run a command with the trap's files in `folder`; return how it ended, as `Popen.returncode` has it.

    With `part_bytes` the partitions are of that size, so that a fixture has many. The processes are forked from one
    that has imported all they need, which takes longer than what they do.
    """
    trap.prepare(folder, strike)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "tvmigrate.migrate.cli", "tvmigrate.executors"])
    process = context.Process(target=_run, args=(words, environ, folder, part_bytes))
    process.start()
    process.join(_LONGEST_S)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError(f"It did not end within {_LONGEST_S} s:\n{said(folder)}")
    return process.exitcode


def said(folder: Path) -> str:
    """Return what the command wrote."""
    return (folder / "said").read_text(encoding="utf-8", errors="replace")
