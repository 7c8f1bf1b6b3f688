"""`tvmigrate rehearse`: load a dataset, migrate, verify, roll back, verify, and report (contract §5)."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import Any

import click

from tvmigrate import settings
from tvmigrate.errors import ExitCode
from tvmigrate.executors import workers_options
from tvmigrate.options import command_options, dataset_option, engines_option, policy_options, report_option


@click.command()
@dataset_option
@policy_options
@engines_option("embedded", "containers", "live", "auto")
@click.option("--keep", is_flag=True, help="Let the containers run on, and use those of an earlier run, emptied.")
@click.option(
    "--redis-cluster",
    metavar="MASTERSxREPLICAS",
    help="A Redis Cluster in place of the embedded Redis server, such as 3x1.",
)
@click.option(
    "--elasticsearch-nodes",
    type=click.IntRange(1, 5),
    default=1,
    show_default=True,
    metavar="N",
    help="Nodes of the embedded Elasticsearch; the second and later ones hold data alone.",
)
@command_options
@click.option(
    "--second-round", is_flag=True, help="Then roll back again, migrate again, and roll that back, looking each time."
)
@click.option(
    "--max-findings",
    type=click.IntRange(min=1),
    default=settings.DEFAULT_MAX_FINDINGS,
    show_default=True,
    metavar="N",
    help="Findings to keep of each check; all are counted.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=settings.DEFAULT_TIMEOUT,
    show_default="300",
    envvar=settings.TIMEOUT,
    metavar="SECONDS",
    help=f"How long the verification waits for an answer of a store, else {settings.TIMEOUT}.",
)
@workers_options
@click.option("--only", multiple=True, metavar="CHECK", help="Run this check alone; may be given again.")
@report_option("verdict.json, junit.xml, report.html and summary.md go")
@click.option("--show-values", is_flag=True, help="Show comment texts and user names.")
@click.option(
    "--annotations",
    type=click.Choice(["github", "gitlab"]),
    help="Tell a build server what did not pass: lines on stdout for GitHub, a code quality report for GitLab.",
)
@click.pass_context
def rehearse(ctx: click.Context, /, **options: Any) -> None:
    """Load a dataset, migrate, verify, roll back, verify.

    The migration under test is a shell command, the tool's own unless given. It finds the stores and the policy in
    its environment: REDIS_URL, CLICKHOUSE_URL, ELASTICSEARCH_URL, TVMIGRATE_SHOW or TVMIGRATE_KEEP_ENTITIES=1,
    TVMIGRATE_ENTITY_MAP, TVMIGRATE_TIMEZONE, TVMIGRATE_MISSING_COUNTS, TVMIGRATE_OLD_LAYOUT.
    """
    ctx.exit(int(run_and_report(settings.Asked(**options))))


def run_and_report(asked: settings.Asked) -> ExitCode:
    """Rehearse what was asked for: progress to stderr, the outcome to stdout and into the report's directory.

    Raises:
        TvmigrateError: it could not begin, or the report could not be written.
    """
    # Imported here, so that what only lists commands and options needs none of it.

    from tvmigrate.progress import on_stderr  # noqa: PLC0415
    from tvmigrate.report import annotations  # noqa: PLC0415
    from tvmigrate.report.console import print_verdict, stdout_console  # noqa: PLC0415
    from tvmigrate.report.files import require_writable  # noqa: PLC0415
    from tvmigrate.report.outcome import claims, write_reports  # noqa: PLC0415
    from tvmigrate.verify.rehearsal import rehearse as run_rehearsal  # noqa: PLC0415

    asked, chosen = asked.settled()
    if chosen:
        click.echo(chosen, err=True)
    job = asked.job()
    require_writable(asked.report)
    is_github = asked.annotations == "github"
    with annotations.nothing_obeyed(click.echo) if is_github else nullcontext():
        with on_stderr() as listener:
            verdict = run_rehearsal(job, listener)
        redactor = asked.redactor(os.environ)
        written = write_reports(verdict, asked.report, asked.repeat, redactor)
        paths = [*written.paths]
        if asked.annotations == "gitlab":
            paths.append(annotations.write_gitlab(written.view, asked.dataset, asked.report))
        print_verdict(stdout_console(), redactor.verdict(verdict), claims(verdict), asked.repeat, paths)
    if is_github:
        for line in annotations.github(written.view, asked.dataset):
            click.echo(line)
    return verdict.exit_code
