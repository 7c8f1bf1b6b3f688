"""Which workers a person asked for, with `--workers` and `--executor`, and what opens them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import click

from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import UsageError
from tvmigrate.workers import PATIENCE_SECONDS, Workers, usual_size

WORKERS = "TVMIGRATE_WORKERS"  # the variable of `--workers`
EXECUTOR = "TVMIGRATE_EXECUTOR"  # the variable of `--executor`
_DASK = re.compile(r"dask(?:\+(?P<tls>tls))?://(?P<place>(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5})/?")

Command = Callable[..., Any]


def workers_options(command: Command) -> Command:
    """Add --workers and --executor."""
    options = (
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            envvar=WORKERS,
            metavar="N",
            help="Processes that share partitions out.  [default: one for each core, up to 8; small data gets none]",
        ),
        click.option(
            "--executor",
            envvar=EXECUTOR,
            metavar="URL",
            help="Share partitions out on a Dask cluster instead: dask://HOST:PORT of its scheduler.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


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


def open_workers(workers: int | None, executor: str | None, endpoints: Endpoints) -> Workers:
    """Return the workers asked for, to be closed by whoever asks.

    `workers` None is the usual number, on a cluster as many as it has. They have to reach the stores.

    Raises:
        UsageError: `executor` is no address of a scheduler, or see `DaskExecutor`.
        TvmigrateError: a worker of the cluster does not reach the stores.
    """
    if executor is None:
        return Workers(usual_size(), patience=PATIENCE_SECONDS) if workers is None else Workers(workers)
    found = _DASK.fullmatch(executor)
    if found is None:
        raise UsageError(
            f"--executor is {executor!r}; expected is the address of a Dask scheduler, dask://HOST:PORT, or "
            "dask+tls://HOST:PORT where Dask's own settings name the certificates."
        )
    from tvmigrate.dask_executor import DaskExecutor  # noqa: PLC0415 - an extra

    cluster = DaskExecutor(f"{found['tls'] or 'tcp'}://{found['place']}", endpoints)
    return Workers(cluster.size if workers is None else workers, cluster)


def variables(workers: int | None, executor: str | None) -> dict[str, str]:
    """Return the variables that ask a command of ours for the same."""
    asked = {WORKERS: None if workers is None else str(workers), EXECUTOR: executor}
    return {name: value for name, value in asked.items() if value is not None}
