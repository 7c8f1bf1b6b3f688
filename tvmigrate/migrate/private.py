"""Files that only their owner reads: backups and journals hold what the stores hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FILE, _FOLDER = 0o600, 0o700


@contextmanager
def private() -> Iterator[None]:
    """Make every file with 0600 and every directory with 0700 while the `with` block runs."""
    before = os.umask(0o777 & ~_FOLDER)
    try:
        yield
    finally:
        os.umask(before)


def tighten(state: Path) -> None:
    """Give what an older version left in the state directory the same modes; raises OSError."""
    runs = state / "runs"
    for path in (state / "journal.sqlite", runs, *(runs.rglob("*") if runs.is_dir() else ())):
        if path.exists() and path.stat().st_mode & 0o077:
            path.chmod(_FOLDER if path.is_dir() else _FILE)
