"""One process at a time in a state directory."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tvmigrate.errors import UsageError
from tvmigrate.migrate.errors import StateBusy


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold the lock of the state directory `state`, which is made if it is not there.

    The kernel lets go of the lock when the process ends, however it ends.

    Raises:
        UsageError: the directory cannot be made or written to.
        StateBusy: another process holds the lock.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        file = (state / "lock").open("w")
    except OSError as error:
        raise UsageError(
            f"The state directory {state} cannot be used: {error.strerror or error}. It holds the journal and the "
            "backup; name a directory that can be written to with --state DIR or TVMIGRATE_STATE."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateBusy(
                f"Another tvmigrate process works with the state directory {state}; wait until it has ended."
            ) from None
        yield
