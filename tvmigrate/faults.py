"""`tvmigrate faults`: plant known mistakes in what a migration left, and demand that the checks name each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tvmigrate import settings
from tvmigrate.errors import ExitCode, UsageError
from tvmigrate.options import command_options, dataset_option, engines_option, policy_options, report_option

if TYPE_CHECKING:
    from tvmigrate.verify.faults.model import Fault


def _list(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    from tvmigrate.verify.faults.all import CATALOGUE  # noqa: PLC0415 - only who lists them waits for the import

    for fault in CATALOGUE:
        click.echo(f"{fault.id}: {fault.says}")
    ctx.exit()


@click.command()
@dataset_option
@policy_options
@engines_option("embedded", "containers", "auto")
@command_options
@click.option("--only", multiple=True, metavar="ID", help="Plant this fault alone; may be given again.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that share the faults out, each with three engines of its own (about 2 GB).",
)
@report_option("faults.json goes")
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="Tell all faults, and do no more."
)
@click.pass_context
def faults(ctx: click.Context, /, only: tuple[str, ...], jobs: int, report: Path, **options: Any) -> None:
    """Plant faults in what a migration left, and demand that the checks name each.

    The dataset is migrated once; then one fault after another is planted, every check looks, and the fault is undone.
    It is caught if the checks find just what it declares: that they find nothing else is demanded too.

    Exit codes: 0 all that were planted are caught, 1 one is not, 3 it could not be told, 4 the dataset has nothing in
    which any of them could be planted.
    """
    ctx.exit(int(run_and_report(settings.Asked(**options), only, jobs, report)))


def run_and_report(asked: settings.Asked, only: Sequence[str], jobs: int, report: Path) -> ExitCode:
    """Judge the faults `only` (empty: all) with `jobs` processes; the outcome goes to stdout and into `report`.

    Raises:
        UsageError: there is no such fault.
        TvmigrateError: nothing could be judged, or the report could not be written.
    """
    # Imported here, so that what only lists commands and options needs none of it.

    from tvmigrate.progress import on_stderr  # noqa: PLC0415
    from tvmigrate.report import faults as told  # noqa: PLC0415
    from tvmigrate.report.console import stdout_console  # noqa: PLC0415
    from tvmigrate.report.files import require_writable  # noqa: PLC0415
    from tvmigrate.verify.faults.all import CATALOGUE  # noqa: PLC0415
    from tvmigrate.verify.faults.pool import judge_side_by_side  # noqa: PLC0415

    if asked.old_layout is not None:
        raise UsageError(
            "The faults are planted under the contract's own names: leave --old-layout out, and give a dataset of the "
            "contract's layout such as fixtures/standard."
        )
    chosen = _chosen(CATALOGUE.faults, only)
    asked, told_choice = asked.settled()
    if told_choice:
        click.echo(told_choice, err=True)
    job = replace(asked.job(), logs=None)  # that checks fail is no failure here
    require_writable(report)
    with on_stderr() as listener:
        tally = told.Tally(chosen, listener)
        for outcome in judge_side_by_side(job, chosen, jobs, listener):
            tally.take(outcome)
    path = told.write(tally, job, report)
    told.print_tally(stdout_console(), tally, path)
    return tally.exit_code


def _chosen(known: dict[str, Fault], only: Sequence[str]) -> list[Fault]:
    if unknown := sorted(set(only) - set(known)):
        raise UsageError(f"There is no fault {', '.join(unknown)}; `tvmigrate faults --list` tells them all.")
    return [fault for name, fault in known.items() if not only or name in only]
