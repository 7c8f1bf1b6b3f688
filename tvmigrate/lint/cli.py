"""`tvmigrate lint FILE…`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tvmigrate.errors import ExitCode, UsageError
from tvmigrate.lint.hazard import Severity
from tvmigrate.lint.hazards import HAZARDS
from tvmigrate.lint.read.files import read_file
from tvmigrate.lint.run import Choice, Report
from tvmigrate.lint.run import lint as judge
from tvmigrate.lint.tell import as_json, as_sarif, as_text, listing


@click.command()
@click.argument("files", metavar="FILE…", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["text", "json", "sarif"]), default="text", help="How it is told.")
@click.option(
    "--severity",
    type=click.Choice([one.value for one in Severity]),
    default=Severity.INFO.value,
    help="Tell only what is at least so severe. [default: info]",
)
@click.option("--select", metavar="CODE", multiple=True, help="Look for this code, or group (TVM1), alone; repeatable.")
@click.option("--ignore", metavar="CODE", multiple=True, help="Leave this code, or group, out; repeatable.")
@click.option("--may-be-empty", is_flag=True, help="Where no statement is recognised there is nothing wrong.")
@click.option("--list", "listed", is_flag=True, help="Print all codes, and read no file.")
def lint(files: tuple[Path, ...], form: str, may_be_empty: bool, listed: bool, **chosen: Any) -> int:
    """Find hazards in the text of a migration, before anything runs.

    FILE is a shell script, SQL, Redis commands, requests, Python, or a Markdown guide. Files given together are judged
    together, a rollback after the migration. Exit code 0: none; 1: hazards; 2: a file or option is wrong; 4: no
    statement was recognised in any file.
    """
    if listed:
        for line in listing(HAZARDS):
            click.echo(line)
        return ExitCode.PASS
    if not files:
        raise UsageError("No file was given. Give the files of a migration: tvmigrate lint migrate.sh rollback.sh")
    choice = Choice(Severity(chosen["severity"]), _codes(chosen["select"]), _codes(chosen["ignore"]))
    report = judge([read_file(path, str(path), (Path(),)) for path in dict.fromkeys(files)], choice)
    click.echo(_told(report, form))
    return _exit_code(report, may_be_empty)


def _told(report: Report, form: str) -> str:
    match form:
        case "json":
            return as_json(report)
        case "sarif":
            return as_sarif(report, HAZARDS)
        case _:
            return as_text(report)


def _codes(named: tuple[str, ...]) -> frozenset[str]:
    for code in named:
        if not any(hazard.code.startswith(code) for hazard in HAZARDS):
            raise UsageError(f"There is no code {code}. `tvmigrate lint --list` prints all.")
    return frozenset(named)


def _exit_code(report: Report, may_be_empty: bool) -> ExitCode:
    if report.of(Severity.ERROR) or report.of(Severity.WARNING):
        return ExitCode.DIFFERENT
    if report.statements or may_be_empty:
        return ExitCode.PASS
    click.echo(
        "No statement was recognised in any file, so nothing was checked. Give files that speak to Redis, ClickHouse "
        "or Elasticsearch.",
        err=True,
    )
    return ExitCode.NOTHING_TO_CHECK
