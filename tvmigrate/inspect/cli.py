"""`tvmigrate inspect`: write a first layout file of a live old system."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import ExitCode, UsageError
from tvmigrate.printable import one_line


@click.command("inspect")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Where the layout file goes; a file that is there is left as it is.",
)
@click.option(
    "--max-keys",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    metavar="N",
    help="Look at about this many Redis keys.",
)
def inspect(output: Path, max_keys: int) -> int:
    """Look at a live old system, and write what it calls its data for --old-layout: what is not sure stays open.

    The stores are those that REDIS_URL, CLICKHOUSE_URL and ELASTICSEARCH_URL name. Nothing is written to them.
    """
    # Imported here, so that what only lists commands and options needs no driver.
    from tvmigrate.engines.clients import Clients, check_reachable  # noqa: PLC0415
    from tvmigrate.inspect.look import look  # noqa: PLC0415
    from tvmigrate.inspect.place import place  # noqa: PLC0415
    from tvmigrate.inspect.write import text_of  # noqa: PLC0415

    endpoints = Endpoints.from_environ().read_only()
    check_reachable(endpoints)
    with Clients(endpoints) as clients:
        seen = look(clients, max_keys)
    placed = place(seen)
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}. Name another file with --output.") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text_of(placed, seen))
    undecided = [f"{name}: {what}" for name, part in placed.parts.items() for what in part.open]
    click.echo(
        f"{output}: {sum(len(part.names) for part in placed.parts.values())} names placed, {len(undecided)} open."
    )
    for one in undecided:
        click.echo(one_line(f"  {one}"))
    if undecided:
        click.echo(f"Decide these in {output}; then: tvmigrate plan --old-layout {output}")
    return ExitCode.PASS
