"""Which workers a person asked for, with `--workers` and `--executor`, and what opens them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from tvmigrate.errors import UsageError
from tvmigrate.workers import Workers, usual_size

WORKERS = "TVMIGRATE_WORKERS"  # the variable of `--workers`

Command = Callable[..., Any]


def workers_options(command: Command) -> Command:
    """Add --workers."""
    return click.option(
        "--workers",
        type=click.IntRange(min=1),
        envvar=WORKERS,
        metavar="N",
        help="Processes that share the partitions out; small data needs none.  [default: one for each core, up to 8]",
    )(command)


def workers_of(environ: Mapping[str, str]) -> int | None:
    """Return the number that `TVMIGRATE_WORKERS` names, None unless it is set.

    Raises:
        UsageError: it is no whole number above 0.
    """
    text = environ.get(WORKERS)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise UsageError(f"{WORKERS} is {text!r}; expected is a whole number above 0, such as 2.")
    return int(text)


def open_workers(workers: int | None) -> Workers:
    """Return the workers asked for, to be closed by whoever asks; None is the usual number."""
    return Workers(usual_size() if workers is None else workers)
