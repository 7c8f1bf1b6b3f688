"""`python scripts/init_databases.py`: look at all three stores, refuse or create, and say what was done."""

from __future__ import annotations

import click

from src.settings import Urls
from src.setup import clickhouse_layout, elasticsearch_layout, redis_layout
from src.setup.look import Look
from src.setup.outcome import InTheWay, ending
from src.setup.stores import Stores

_SHOWN = 5  # old keys of Redis that are named
WAIT_S = 30.0


def look(stores: Stores) -> list[Look]:
    """Compare what all three stores hold with the new layout; changes nothing, raises what the drivers raise."""
    return [
        redis_layout.look(stores.redis, lambda keys: clickhouse_layout.set_aside(stores.clickhouse, keys)),
        clickhouse_layout.look(stores.clickhouse),
        elasticsearch_layout.look(stores.elasticsearch),
    ]


def make(stores: Stores, looks: list[Look]) -> list[str]:
    """Create what is missing, and return it; safe beside another that does the same."""
    _, clickhouse, elasticsearch = looks
    return clickhouse_layout.make(stores.clickhouse, clickhouse) + elasticsearch_layout.make(
        stores.elasticsearch, elasticsearch
    )


def refuse(looks: list[Look], changed: str = "Nothing was changed.") -> None:
    """Name what is left of the old layout and what has another shape.

    Raises:
        InTheWay: there is something of the kind.
    """
    parts = []
    if any(found.old for found in looks):
        parts += [
            "The old layout is still there:",
            *(f"  {found.store}: {_few(found.old)}" for found in looks if found.old),
        ]
    for found in looks:
        for one in found.differences:
            parts += [
                f"{found.store}: {one.what} is not as the new layout has it:",
                *(f"  {line}" for line in one.lines),
            ]
    if not parts:
        return
    advice = []
    if any(found.old for found in looks):
        advice.append("Migrate what is old: tvmigrate apply")
    if any(found.differences for found in looks):
        advice.append("Rename or drop what has another shape, if nobody needs it, and run this again.")
    raise InTheWay("\n".join([*parts, changed, *advice]))


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown}, and {len(names) - _SHOWN} more"


@click.command(help="Create the database, the tables, the index and its alias that the application works on.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the stores to answer, all three together.",
)
@ending
def init_databases(wait_s: float) -> None:
    """Create what is missing, or refuse before anything is changed."""
    with Stores(Urls.from_environ()).open(wait_s) as stores:
        before = look(stores)
        refuse(before)
        made = make(stores, before)
        after = look(stores)
        refuse(after, "It was made by another while this ran, which created what was missing beside it.")
        for name in made:
            click.echo(f"made: {name}")
        for found in after:
            for name in found.right:
                if name not in made:
                    click.echo(f"already right: {name}")
            if found.aside:
                click.echo(
                    f"left as they are, set aside by the migration: {len(found.aside)} old keys of {found.store}"
                )
    click.echo("The new layout is there; Redis needs nothing made.")
