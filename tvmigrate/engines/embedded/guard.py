"""The process between an owner and one engine: it ends the engine when the owner ends, however that is.

Run by path with `python -I -S`, so it uses the standard library alone. Three ties, since each has a gap:

- the owner holds the write end of this process's stdin; its end of file is the owner's end, also after
  `kill -9`. The gap: a child that the owner forked without exec holds that end too;
- the parent's pid is looked at, which catches that, since an orphan has another parent;
- the engine gets SIGKILL from the kernel when this process dies (PR_SET_PDEATHSIG). It is set here, where
  there is only one thread, because the kernel ties it to the parent's *thread* (man 2 prctl).

On stdin: `T` ends the engine in order (SIGTERM, after `--grace` seconds SIGKILL), `K` at once. On stdout:
`started PID`. The exit status is the engine's own, or 128 + the signal's number.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LOOK_EVERY = 0.2  # seconds


def main() -> int:
    """Start the engine, wait until it ends or has to end, and return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--owner", type=int, required=True, help="pid of the process that the engine belongs to")
    parser.add_argument("--log", required=True, help="file that takes the engine's output")
    parser.add_argument("--grace", type=float, default=20.0, help="seconds between SIGTERM and SIGKILL")
    parser.add_argument("--remove", help="temporary directory to remove if the owner was killed")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    # The terminal's Ctrl-C is for the owner, which then stops the engines in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Path(options.log).open("ab", buffering=0) as log:
        try:
            engine = subprocess.Popen(
                options.command[1:],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - this process has one thread
            )
        except OSError as error:
            log.write(f"cannot be started: {error}\n".encode())
            return 127
    os.write(1, f"started {engine.pid}\n".encode())
    orphaned = _watch(engine, options.owner, options.grace)
    with suppress(ProcessLookupError):
        os.killpg(engine.pid, signal.SIGKILL)  # whatever the engine itself had forked
    if orphaned and options.remove:
        # The other engines' guards do the same; the last one finds no writer left, and leaves nothing.
        shutil.rmtree(options.remove, ignore_errors=True)
    return engine.returncode if engine.returncode >= 0 else 128 - engine.returncode


def _die_with(guard: int) -> Callable[[], None]:
    """Return what runs between fork and exec: the engine is killed when process `guard` dies."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:  # it died before the call above
            os._exit(1)

    return tie


def _watch(engine: subprocess.Popen[bytes], owner: int, grace: float) -> bool:
    """Wait for the engine's end, bringing it about where asked; return whether the owner was gone."""
    kill_at: float | None = None
    waits_for: list[int] = [0]
    with suppress(AttributeError, OSError):  # where the system has none, the engine's end is seen at the next look
        waits_for.append(os.pidfd_open(engine.pid))
    while engine.poll() is None:
        said = os.read(0, 1) if 0 in select.select(waits_for, [], [], _LOOK_EVERY)[0] else None
        if said == b"" or os.getppid() != owner:
            engine.kill()
            engine.wait()
            return True
        if said == b"K" or (kill_at is not None and time.monotonic() > kill_at):
            engine.kill()
            engine.wait()
        elif said == b"T":
            engine.terminate()
            kill_at = time.monotonic() + grace
    return False


if __name__ == "__main__":
    sys.exit(main())
