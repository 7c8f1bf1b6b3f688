"""--state, the directory of a migration's journal, for the commands that have it in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

STATE = "TVMIGRATE_STATE"  # the variable of the directory that `tvmigrate apply` keeps its journal in
Command = Callable[..., Any]


def state_option(says: str = "Directory of the migration's journal and its backups.") -> Callable[[Command], Command]:
    """Return the decorator that adds --state with the help text `says`."""
    return click.option(
        "--state",
        envvar=STATE,
        type=click.Path(path_type=Path, file_okay=False),
        default=Path(".tvmigrate"),
        show_default=True,
        metavar="DIR",
        help=says,
    )
