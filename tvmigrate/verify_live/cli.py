"""`tvmigrate verify`: judge a migration on live stores, afterwards."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path

import click

from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.contract.policy import Policy
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.entity_map import read_entity_map
from tvmigrate.errors import UsageError
from tvmigrate.old_layout import read_old_layout
from tvmigrate.options import policy_options, report_option
from tvmigrate.printable import one_line
from tvmigrate.settings import program
from tvmigrate.state_option import state_option
from tvmigrate.verify.context import OldEndState
from tvmigrate.verify_live.asked import Asked
from tvmigrate.verify_live.files import write
from tvmigrate.verify_live.results import safe
from tvmigrate.verify_live.run import verify as run_verify
from tvmigrate.verify_live.sample import Sample
from tvmigrate.verify_live.source import of_dataset, of_run
from tvmigrate.verify_live.tell import lines


@click.command()
@state_option("Compare with the backup of the run whose journal is in this directory.")
@click.option(
    "--dataset",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Compare with what was captured before the migration, instead.",
)
@policy_options
@click.option("--since", metavar="INSTANT", help="When the migration was over, with --dataset: what is later is V2's.")
@click.option(
    "--old",
    type=click.Choice(["removed", "kept"]),
    default="removed",
    show_default=True,
    help="What the migration was to leave of mapped old data.",
)
@click.option("--only", multiple=True, metavar="PART", help="Look at this part alone; may be given again.")
@click.option("--no-writers", is_flag=True, help="Nobody has written since the migration: every difference is one.")
@click.option(
    "--sample",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    metavar="P",
    help="Look at this share of the records, 0 to 1, and say how sure that makes.  [default: all]",
)
@click.option("--max-rate", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Records a second at most.")
@click.option(
    "--max-time",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Stop after so long; goes on later.",
)
@click.option(
    "--max-findings",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    metavar="N",
    help="Stop where so many records differ.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    metavar="N",
    help="Looks in which a record has to differ in the same way.",
)
@click.option(
    "--recheck",
    type=click.FloatRange(min=0),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between two looks at what differs.",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What is known so far, to go on with.  [default: verify.sqlite in --state]",
)
@report_option("live.json, live.html, live.md, live-junit.xml and live-listed.ndjson go")
@click.option("--show-values", is_flag=True, help="Show comment texts and user names.")
@click.pass_context
def verify(  # noqa: PLR0913, PLR0917 - one a option
    ctx: click.Context,
    state: Path,
    dataset: Path | None,
    show: str | None,
    keep_entities: bool,
    entity_map: Path | None,
    old_layout: Path | None,
    timezone: str,
    missing_counts: str,
    since: str | None,
    old: str,
    only: tuple[str, ...],
    no_writers: bool,
    sample: float,
    max_rate: float | None,
    max_time: float | None,
    max_findings: int,
    rounds: int,
    recheck: float,
    checkpoint: Path | None,
    report: Path,
    show_values: bool,
) -> None:
    """Judge a migration on the live stores, afterwards, while the new application writes to them.

    The stores are those that REDIS_URL, CLICKHOUSE_URL and ELASTICSEARCH_URL name. Nothing is written to them.
    """
    # Imported here, so that what only lists commands and options needs none of it.

    from tvmigrate.progress import on_stderr  # noqa: PLC0415
    from tvmigrate.report.files import require_writable  # noqa: PLC0415
    from tvmigrate.report.redact import Redactor, hosts_of  # noqa: PLC0415

    asked = Asked(
        Sample(sample), max_rate, max_time, max_findings, rounds, recheck, no_writers, OldEndState(old), frozenset(only)
    )
    given = show is not None or keep_entities or entity_map is not None or old_layout is not None
    if dataset is None:
        if given or since is not None:
            raise UsageError(
                "The journal knows the policy and when the run was over: --show, --keep-entities, --entity-map, "
                "--old-layout and --since are for --dataset."
            )
        find = partial(of_run, state=state)
    else:
        policy = Policy(
            show=show,
            keep_entities=keep_entities,
            entity_map={} if entity_map is None else read_entity_map(entity_map),
            timezone=timezone,
            zero_missing_counts=missing_counts == "zero",
            layout=CONTRACT if old_layout is None else read_old_layout(old_layout),
        )
        source = of_dataset(dataset, policy, since)
        find = partial(lambda source, _: source, source)
    kept = checkpoint or state / "verify.sqlite"
    endpoints = Endpoints.from_environ()
    require_writable(report)
    with on_stderr() as listener:
        outcome = run_verify(endpoints, find, asked, kept, listener)
    repeat = partial(_repeat, _words(ctx), kept)
    private = outcome.how.source.policy.layout.private
    redactor = Redactor(show_values, hosts_of(endpoints.environ().values()), private)
    paths = write(outcome, kept, report, repeat, redactor)
    for line in lines(safe(outcome, redactor), repeat):
        click.echo(one_line(line))  # names in it are data
    for path in paths:
        click.echo(f"report: {path}")
    ctx.exit(int(outcome.exit_code))


def _words(ctx: click.Context) -> list[str]:
    """Return the words that ask for the same again, but for which parts, for how long, and where it is kept."""
    words = [*program(), "verify"]
    for option in ctx.command.params:
        name, value = str(option.name), ctx.params[str(option.name)]
        is_given = ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
        if is_given and name not in {"only", "max_time", "checkpoint"} and value is not False:
            words += [option.opts[0]] if value is True else [option.opts[0], str(value)]
    return words


def _repeat(words: list[str], kept: Path, part: str) -> str:
    """Return the command that looks at one part alone, beside the checkpoint `kept`: that looking may be to go on."""
    beside = kept.with_name(f"{kept.stem}-{part}{kept.suffix}")
    return shlex.join([*words, "--only", part, "--checkpoint", str(beside)])
