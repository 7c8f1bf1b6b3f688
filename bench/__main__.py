"""`python -m bench [NAME…] [--scale F] [--turns N] [--minutes M] [--add] [--out FILE]`: measure, on this machine."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from bench.groups import Group
from bench.results import FOLDER, GroupResult, Results, newest
from bench.rows import GROUPS, ROWS
from bench.stand import Stand, stand
from tvmigrate.errors import TvmigrateError

NAMES = tuple(group.name for group in GROUPS)


@click.command()
@click.argument("names", metavar="[NAME]…", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every group; the same as no name.")
@click.option("--scale", type=float, default=0.1, show_default=True, metavar="F", help="Of the standard size.")
@click.option("--turns", type=click.IntRange(min=1), default=5, show_default=True, metavar="N", help="Of each side.")
@click.option("--minutes", type=float, metavar="M", help="About how long, shared out to the groups by their weight.")
@click.option("--once", is_flag=True, help="One turn, nothing warm, growth at N alone: to see that all of it works.")
@click.option("--add", is_flag=True, help="Add to the newest result file, or to that of --out.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="JSON  [default: bench/results/…]")
def main(
    names: tuple[str, ...],
    everything: bool,
    scale: float,
    turns: int,
    minutes: float | None,
    once: bool,
    add: bool,
    out: Path | None,
) -> None:
    """Measure the groups NAME, or all; a row's name stands for its group.

    Sides take turns: A B A B …. With --minutes a group ends before its turns are done when its part of the time is
    over, but not before each side had one. What --add measures takes the place of what the file has of a group.
    """
    chosen = GROUPS if everything or not names else _chosen(names)
    results = Results(shlex.join(["python", "-m", "bench", *sys.argv[1:]]), scale)
    path = out or FOLDER / f"{results.date.replace(':', '')}-{results.commit}.json"
    run = ""
    if add:
        known = out or newest()
        if known is None or not known.exists():
            raise click.UsageError("There is no result file yet that anything could be added to.")
        run, path, results = results.run, known, Results.read(known)
    begun = time.monotonic()
    weight_left = sum(group.weight for group in chosen)
    failed = 0
    turns = 1 if once else turns
    with stand(once=once) as opened:
        for group in chosen:
            until = None
            if minutes is not None:
                now = time.monotonic()
                until = now + max(minutes * 60 - (now - begun), 0) * group.weight / weight_left
            weight_left -= group.weight
            result = results.groups[group.name] = GroupResult(group.what(scale), run=run)
            try:
                measure(opened, group, scale, turns, until, result, lambda: results.write(path))
            except TvmigrateError as error:
                failed += 1
                result.failed = str(error)
                click.echo(f"{group.name}: {error}", err=True)
            results.write(path)
    click.echo(path)
    if failed:
        raise click.exceptions.Exit(1)


def _chosen(names: Sequence[str]) -> tuple[Group, ...]:
    group_of = {row.name: row.group for row in ROWS} | {name: name for name in NAMES}
    unknown = [name for name in names if name not in group_of]
    if unknown:
        raise click.UsageError(f"There is no {', '.join(unknown)}; there are {', '.join(group_of)}.")
    wanted = {group_of[name] for name in names}
    return tuple(group for group in GROUPS if group.name in wanted)


def measure(
    opened: Stand,
    group: Group,
    scale: float,
    turns: int,
    until: float | None,
    result: GroupResult,
    save: Callable[[], None],
) -> None:
    """Let the sides of `group` take their turns; raises TvmigrateError where one fails."""
    began = time.monotonic()
    try:
        with group.open(opened, scale) as sides:
            result.unavailable = {name: side for name, side in sides.items() if isinstance(side, str)}
            for number in range(min(turns, group.most_turns or turns)):
                taken = time.monotonic()
                if number and until is not None and taken + (taken - began) / (number + 1) > until:
                    break
                for side, take in sides.items():
                    if isinstance(take, str):
                        continue
                    turn = take()
                    result.turns.setdefault(side, []).append(turn)
                    click.echo(f"{group.name}, turn {number + 1}, {side}: {turn.seconds:.2f} s", err=True)
                    result.seconds = time.monotonic() - began
                    save()
    finally:
        result.seconds = time.monotonic() - began


if __name__ == "__main__":
    main()
