"""Options that several commands have in common, each a decorator that adds its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tvmigrate import settings

Command = Callable[..., Any]


def dataset_option(command: Command) -> Command:
    """Add --dataset."""
    return click.option(
        "--dataset",
        type=click.Path(path_type=Path),
        required=True,
        metavar="DIR",
        help="The old system as files, such as fixtures/standard of the project's clone.",
    )(command)


def old_layout_option() -> Callable[[Command], Command]:
    """Return the decorator that adds --old-layout."""
    return click.option(
        "--old-layout",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="TOML: what this site calls its old databases, tables, columns, keys, index and fields.",
    )


def policy_options(command: Command) -> Command:
    """Add the options that make a policy: --show, --keep-entities, --entity-map, --old-layout and others."""
    options = (
        click.option("--show", metavar="NAME", help="Entity x becomes the program id NAME/x."),
        click.option("--keep-entities", is_flag=True, help="Entities stay as they are."),
        click.option(
            "--entity-map",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="JSON object, old entity to program id; wins over the two above.",
        ),
        old_layout_option(),
        click.option(
            "--timezone",
            default=settings.DEFAULT_TIMEZONE,
            show_default=True,
            metavar="ZONE",
            help="Time zone of times written without an offset.",
        ),
        click.option(
            "--missing-counts",
            type=click.Choice(["quarantine", "zero"]),
            default="quarantine",
            show_default=True,
            help="An eaos key without any count: set aside, or zeros.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def command_options(command: Command) -> Command:
    """Add what is said of the commands under test: --migration, --rollback, --old, --quarantine."""
    options = (
        click.option("--migration", metavar="CMD", help="Shell command to judge.  [default: tvmigrate apply]"),
        click.option("--rollback", metavar="CMD", help="Shell command of the way back.  [default: tvmigrate rollback]"),
        click.option(
            "--old",
            type=click.Choice(["removed", "kept"]),
            default="removed",
            show_default=True,
            help="What the migration is to leave of mapped old data.",
        ),
        click.option(
            "--quarantine",
            type=click.Choice(["table", "none"]),
            default="table",
            show_default=True,
            help="Where refused records are: the table migration_quarantine, or a place of the migration's own.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def engines_option(*kinds: str) -> Callable[[Command], Command]:
    """Return the decorator that adds --engines with a choice of `kinds`, the first by default."""
    told = {
        "embedded": "embedded: three of our own, of Python packages",
        "containers": "containers: of Docker's",
        "auto": "auto: in containers if Docker answers, else embedded",
        "live": "live: those of REDIS_URL, CLICKHOUSE_URL, ELASTICSEARCH_URL, which must be empty",
    }
    return click.option(
        "--engines",
        type=click.Choice(kinds),
        default=kinds[0],
        show_default=True,
        help="; ".join(told[kind] for kind in kinds) + ".",
    )


def report_option(holds: str) -> Callable[[Command], Command]:
    """Return the decorator that adds --report; `holds` says what goes there, as in `verdict.json goes`."""
    return click.option(
        "--report",
        type=click.Path(path_type=Path, file_okay=False),
        default=settings.DEFAULT_REPORT,
        show_default=True,
        metavar="DIR",
        help=f"Where {holds}.",
    )
