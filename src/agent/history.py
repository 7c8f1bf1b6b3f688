"""The lines that were typed, kept for the next session where only the user can read them."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_state_path
from prompt_toolkit.history import FileHistory, History, InMemoryHistory

APPLICATION = "tv_analytics"
NAME = "agent_history"


def history_path() -> Path:
    """Return the file of the history, in the user's state directory (`$XDG_STATE_HOME/tv_analytics` on Linux)."""
    return user_state_path(APPLICATION, appauthor=False) / NAME


def open_history(path: Path | None = None) -> tuple[History, str]:
    """Return the history at `path` (mode 0600), and why it is kept in memory alone where it cannot be kept there."""
    path = path or history_path()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.fchmod(descriptor, 0o600)  # also one that somebody made readable to others
        finally:
            os.close(descriptor)
    except OSError as error:
        return InMemoryHistory(), f"What you type is not kept for the next session: {error}."
    return FileHistory(path), ""
