"""`tvmigrate engines`: start engines, say whether they run, stop them; make images of the embedded ones."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from tvmigrate.engines.embedded import NAMES, EmbeddedEngines
from tvmigrate.engines.embedded.elasticsearch_nodes import MOST_NODES
from tvmigrate.engines.embedded.engines import answer
from tvmigrate.engines.embedded.keeper import keep, leave_on_signals, start_detached
from tvmigrate.engines.embedded.redis_cluster import Shape
from tvmigrate.engines.embedded.state import STATE_FILE, State, end
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.live import settle
from tvmigrate.errors import ExitCode, TvmigrateError, UsageError
from tvmigrate.events import Advanced, Event, Finished, Said, Started


class _Group(click.Group):
    """A group whose commands end with an error's sentence on stderr and its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TvmigrateError as error:
            click.echo(f"Error: {error}", err=True)
            raise click.exceptions.Exit(int(error.exit_code)) from error


_directory = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of the engines' data and logs; it stays when they stop.",
)
_same_directory = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="The directory that `engines up` was given; required unless the engines are containers.",
)


def _kind(*kinds: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    text = "; auto: in containers if Docker answers" if "auto" in kinds else ""
    return click.option(
        "--engines",
        type=click.Choice(kinds),
        default=kinds[0],
        show_default=True,
        help=f"Of Python packages, or in Docker's containers{text}.",
    )


@click.group(cls=_Group)
def engines() -> None:
    """Redis, ClickHouse and Elasticsearch on this machine, without Docker or Java, or in Docker's containers."""


@engines.command()
@_kind("embedded", "containers", "auto")
@click.option(
    "--detach",
    is_flag=True,
    help="Return when they answer, and let them run on; needs --dir unless the engines are containers.",
)
@_directory
@click.option("--redis-port", type=click.IntRange(1, 65535), help="Redis's port; a free one unless given.")
@click.option("--clickhouse-port", type=click.IntRange(1, 65535), help="ClickHouse's port, likewise.")
@click.option("--elasticsearch-port", type=click.IntRange(1, 65535), help="Elasticsearch's port, likewise.")
@click.option("--heap", help="Elasticsearch's heap, such as 1g; else TVMIGRATE_ES_HEAP, else 1g.")
@click.option(
    "--redis-cluster",
    "cluster",
    metavar="MASTERSxREPLICAS",
    help="A Redis Cluster instead of one server, such as 3x1 (three masters with a replica each); embedded only.",
)
@click.option(
    "--elasticsearch-nodes",
    "nodes",
    type=click.IntRange(1, MOST_NODES),
    default=1,
    show_default=True,
    help="Nodes of Elasticsearch; the second and later ones hold data alone; embedded only.",
)
def up(  # noqa: PLR0913, PLR0917 - they are the command's own
    engines: str,
    detach: bool,
    directory: Path | None,
    heap: str | None,
    cluster: str | None,
    nodes: int,
    **given: int | None,
) -> None:
    """Start the three, and print the variables that lead to them as lines for `eval`.

    Without --detach they run until Ctrl-C. Where they already run in DIR, or in containers, the same variables
    are printed again.
    """
    ports = {name: port for name in NAMES if (port := given[f"{name}_port"]) is not None}
    shape = None if cluster is None else Shape.parse(cluster)
    if _in_containers(engines, directory):
        from tvmigrate.engines.containers import standing  # noqa: PLC0415 - who wants no containers waits for no Docker

        if shape is not None:
            raise UsageError("--redis-cluster is for embedded engines: leave it off.")
        if nodes != 1:
            raise UsageError("--elasticsearch-nodes is for embedded engines: leave it off.")

        if detach:
            _export(standing.start(_Progress(), ports, heap))
        else:
            leave_on_signals(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            standing.stay(_Progress(), ports, heap, _export_for_now)
        return
    if directory is None:
        if detach:
            raise UsageError("--detach needs --dir DIR: that is where `engines status` and `engines down` find them.")
        _stay(None, ports, heap, shape, nodes)
        return
    state = State.read(directory)
    if state is not None:
        _require_same_redis(state, shape, directory)
        _require_same_elasticsearch(state, nodes, directory)
        if detach and all(_answers(state).values()):
            _say(f"They already run in {directory}.")
            _export(state.endpoints)
            return
        if (detach or not state.keeper.alive()) and end(directory, state):
            _say(f"Not all of them ran in {directory}: the others were stopped, all are started again.")
    if detach:
        _export(start_detached(directory, _Progress(), ports, heap, shape, nodes))
    else:
        _stay(directory, ports, heap, shape, nodes)


@engines.command()
@_kind("embedded", "containers")
@_same_directory
def status(engines: str, directory: Path | None) -> None:
    """Say of each engine whether it runs and answers: exit code 0 if all do, else 3."""
    if _in_containers(engines, directory):
        from tvmigrate.engines.containers import standing  # noqa: PLC0415 - as in `up`

        lines, all_answer = standing.status()
        for line in lines:
            click.echo(line)
        if not all_answer:
            raise SystemExit(ExitCode.COULD_NOT_CHECK)
        return
    directory = _required(directory)
    state = State.read(directory)
    if state is None:
        for name in NAMES:
            click.echo(f"{name}: not running")
        raise SystemExit(ExitCode.COULD_NOT_CHECK)
    versions = _answers(state)
    for name in NAMES:
        processes, url = state.of_engine(name), getattr(state.endpoints, name)
        pids = ", ".join(str(process.pid) for process in processes)
        ended = [process.pid for process in processes if not process.alive()]
        if versions[name] is not None:
            click.echo(f"{name}: running, {versions[name]} at {url} (process {pids})")
        elif not ended:
            click.echo(f"{name}: process {pids} runs but does not answer at {url}; see {directory / 'logs'}")
        else:
            log = directory / "logs" / (f"{name}.log" if len(processes) == 1 else "")
            click.echo(f"{name}: not running; its process {', '.join(map(str, ended))} has ended, see {log}")
    if None in versions.values():
        raise SystemExit(ExitCode.COULD_NOT_CHECK)


@engines.command()
@_kind("embedded", "containers")
@_same_directory
def down(engines: str, directory: Path | None) -> None:
    """Stop the engines that `up` started in DIR, and nothing else; their data stays.

    Of containers, those of `up --detach` and those that --keep let run on are removed with their data.
    """
    if _in_containers(engines, directory):
        from tvmigrate.engines.containers import standing  # noqa: PLC0415 - as in `up`

        removed = standing.stop()
        _say(f"Removed containers: {', '.join(removed)}." if removed else "No containers were kept.")
        return
    directory = _required(directory)
    state = State.read(directory)
    ran = state is not None and end(directory, state)
    _say(f"The engines in {directory} are stopped." if ran else f"No engines ran in {directory}.")


@engines.command()
def images() -> None:
    """Make three local images of the embedded engines, and print the variables that name them, for `eval`.

    They are made of files of this machine, and nothing is pulled. With these variables `--engines containers` starts
    them in place of the official images.
    """
    from tvmigrate.engines.containers.local.build import make_images  # noqa: PLC0415 - as in `up`

    _print_exports(make_images(_Progress()))


def _in_containers(engines: str, directory: Path | None) -> bool:
    """Tell whether containers are asked for, saying so where they are this machine's choice."""
    settled = settle(engines)
    if settled.reason:
        _say(settled.reason)
    if settled.kind == "containers" and directory is not None:
        raise UsageError("--dir is for embedded engines; containers are found by their labels: leave it off.")
    return settled.kind == "containers"


def _required(directory: Path | None) -> Path:
    if directory is None:
        raise UsageError("--dir DIR is missing: the directory that `engines up` was given.")
    return directory


def _answers(state: State) -> dict[str, str | None]:
    """Return the version that each engine answers with; None for one whose process or answer is missing."""
    return {name: answer(name, getattr(state.endpoints, name)) if state.all_alive(name) else None for name in NAMES}


def _require_same_redis(state: State, shape: Shape | None, directory: Path) -> None:
    """Refuse to call it the same when what runs in `directory` is another Redis than is asked for."""
    servers = len(state.of_engine("redis"))
    if state.keeper.alive() and servers != (1 if shape is None else shape.nodes):
        there = "one Redis server" if servers == 1 else f"a Redis Cluster of {servers} servers"
        raise UsageError(f"In {directory} runs {there}, and asked for is another. Stop it with `engines down` first.")


def _require_same_elasticsearch(state: State, nodes: int, directory: Path) -> None:
    """Refuse to call it the same when what runs in `directory` is an Elasticsearch of another number of nodes."""
    there = len(state.of_engine("elasticsearch"))
    if state.keeper.alive() and there != nodes:
        raise UsageError(
            f"In {directory} runs an Elasticsearch of {there} nodes, and asked for is one of {nodes}. Stop it with "
            "`engines down` first."
        )


def _stay(directory: Path | None, ports: dict[str, int], heap: str | None, shape: Shape | None, nodes: int) -> None:
    """Run engines until a signal, or until one of them dies."""
    leave_on_signals(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    with EmbeddedEngines(
        directory, _Progress(), ports=ports, heap=heap, redis_cluster=shape, elasticsearch_nodes=nodes
    ) as running:
        _export_for_now(running.endpoints)
        try:
            keep(running)
        finally:
            (running.directory / STATE_FILE).unlink(missing_ok=True)


def _export(endpoints: Endpoints) -> None:
    _print_exports(endpoints.environ())


def _export_for_now(endpoints: Endpoints) -> None:
    _export(endpoints)
    _say("Ctrl-C stops them.")


def _print_exports(variables: Mapping[str, str]) -> None:
    """Print shell lines to stdout, and nothing else."""
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    sys.stdout.flush()


def _say(text: str) -> None:
    click.echo(text, err=True)


class _Progress:
    """Prints events to stderr as plain lines; of a count, a line each tenth."""

    def __init__(self) -> None:
        self._tenth = 0

    def __call__(self, event: Event) -> None:
        match event:
            case Started(task=task, total=total, unit=unit):
                self._tenth = 0
                _say(f"{task}: starting" + (f" ({total} {unit})" if total else ""))
            case Advanced(task=task, done=done, total=int(total)) if done * 10 // total > self._tenth:
                self._tenth = done * 10 // total
                _say(f"{task}: {done} of {total}")
            case Finished(task=task, seconds=seconds, note=note):
                _say(f"{task}: done after {seconds:.1f} s, {note}" if note else f"{task}: done after {seconds:.1f} s")
            case Said(text=text):
                _say(text)


if __name__ == "__main__":
    engines()
