"""`tvmigrate backup verify` and `restore`."""

from __future__ import annotations

from pathlib import Path

import click

from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import ExitCode
from tvmigrate.migrate import backup_check
from tvmigrate.migrate.private import private
from tvmigrate.migrate.restore import restore as restore_backup
from tvmigrate.progress import on_stderr

_directory = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))


@click.group()
def backup() -> None:
    """Check the backup of a run, or fill empty stores from it."""


@backup.command()
@_directory
def verify(directory: Path) -> int:
    """Read the whole backup in DIR, the folder of a run, and compare it with what was written. No store is asked.

    Exit code 1 if it is truncated, has other content, is of another run or of another version's form.
    """
    folder = backup_check.find(directory)
    found = backup_check.check(folder)
    for part in found.parts:
        click.echo(f"{part.file}: {part.records:,} records, {part.bytes:,} bytes, sha256 {part.sha256}")
    click.echo(f"Whole: the backup of the run {found.run} in {folder}, made by tvmigrate {found.tvmigrate}.")
    return ExitCode.PASS


@backup.command()
@_directory
def restore(directory: Path) -> int:
    """Fill three empty stores, those of the environment, from the backup in DIR, and read all of it back."""
    endpoints = Endpoints.from_environ()
    with private(), on_stderr() as shown:
        done = restore_backup(endpoints, directory, shown)
    report = done.report
    expired = f" Keys whose time had run out, and which are not there: {done.expired}." if done.expired else ""
    click.echo(
        f"Restored from the run {done.run}, and read back: {report.redis_keys - done.expired} keys,"
        f" {sum(report.rows.values())} rows, {sum(report.documents.values())} documents.{expired}"
    )
    return ExitCode.PASS
