"""`tvmigrate plan`, `apply`, `status`, `rollback` and `finish`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from tvmigrate.contract import policy as variables
from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.contract.policy import Policy
from tvmigrate.engines.clients import masked
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.practice import practice
from tvmigrate.entity_map import read_entity_map
from tvmigrate.errors import ExitCode, UsageError
from tvmigrate.events import Finished
from tvmigrate.executors import open_workers, workers_options
from tvmigrate.migrate import gate as gates
from tvmigrate.migrate import ledger, run
from tvmigrate.migrate.again import PATIENCE_SECONDS
from tvmigrate.migrate.backup_pack import GZIP, ZSTD
from tvmigrate.migrate.gate import Gate
from tvmigrate.migrate.work import KEEP, REPLACE
from tvmigrate.old_layout import read_old_layout
from tvmigrate.printable import one_line, printable
from tvmigrate.progress import Watch, on_stderr
from tvmigrate.state_option import state_option
from tvmigrate.stopping import at_safe_points

PATIENCE = "TVMIGRATE_PATIENCE"
_ZERO, _QUARANTINE = "zero", "quarantine"

_show = click.option("--show", envvar=variables.SHOW, metavar="NAME", help="A program id is NAME/entity.")
_keep = click.option(
    "--keep-entities", envvar=variables.KEEP_ENTITIES, is_flag=True, help="A program id is the entity itself."
)
_map = click.option(
    "--entity-map",
    envvar=variables.ENTITY_MAP,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="JSON object entity → program id; it wins over the two above.",
)
_old_layout = click.option(
    "--old-layout",
    envvar=variables.OLD_LAYOUT,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML: what this site calls its old databases, tables, columns, keys, index and fields.",
)
_timezone = click.option(
    "--timezone", envvar=variables.TIMEZONE, metavar="NAME", help="IANA zone of times without an offset. [default: UTC]"
)
_missing = click.option(
    "--missing-counts",
    envvar=variables.MISSING_COUNTS,
    type=click.Choice([_ZERO, _QUARANTINE]),
    help="What becomes of a score without any count. [default: quarantine]",
)
_existing = click.option(
    "--existing", type=click.Choice([KEEP, REPLACE]), help="What to do where another Redis key has a new key's name."
)
_state = state_option()
_cluster = click.option(
    "--clickhouse-cluster",
    "cluster",
    metavar="NAME",
    help="Make ClickHouse's tables on each server of this cluster, replicated. [default: on the one server asked]",
)
_take_over = click.option(
    "--take-over", is_flag=True, help="Take the stores from another run that holds their lock and is surely dead."
)
_patience = click.option(
    "--patience",
    envvar=PATIENCE,
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=PATIENCE_SECONDS,
    show_default=True,
    help="How long a step waits, all in all, for a store that is away or refuses everything for now.",
)
_yes = click.option("--yes", is_flag=True, help="Do not ask.")
_rehearsal = click.option(
    "--rehearsal",
    metavar="PATH",
    type=click.Path(path_type=Path),
    default=gates.USUAL_REHEARSAL,
    show_default=True,
    help="Live stores: the verdict of a rehearsal of this, on data captured from them, or the folder that it is in.",
)
_max_age = click.option(
    "--rehearsal-max-age",
    "max_age",
    default=gates.USUAL_MAX_AGE,
    show_default=True,
    metavar="AGE",
    help="How old that rehearsal and its data may be: 90m, 12h, 7d.",
)
_without = click.option(
    "--without-rehearsal",
    "without",
    metavar="REASON",
    help="Migrate live stores without one; the journal keeps the reason.",
)


def _policy_options(command: Any) -> Any:
    for option in (_existing, _missing, _timezone, _old_layout, _map, _keep, _show):
        command = option(command)
    return command


def _gate_options(command: Any) -> Any:
    for option in (_without, _max_age, _rehearsal):
        command = option(command)
    return command


@click.command()
@_policy_options
@_cluster
@_state
def plan(state: Path, existing: str | None, cluster: str | None, **chosen: Any) -> int:
    """Say what would be done, with record counts and blockers; nothing is written.

    Exit code 0 if nothing stands in the way, 1 if something does.
    """
    with _watch() as tell:
        found = run.plan(Endpoints.from_environ(), _required(chosen), existing, state, tell, cluster=cluster)
    click.echo(ledger.table(found.ledger))
    for name, count in found.counts.items():
        _echo(f"{count:,} {name}")
    for store, source, reason, count in found.reasons:
        _echo(f"set aside: {count:,} of {store} {source}: {reason}")
    for store, source, name, count in found.extras:
        _echo(f"to the archive: the field {name} of {count:,} records of {store} {source}")
    for program_id, entities in found.shared:
        _echo(f"one program id for several entities: {program_id} for {', '.join(entities)}")
    for remark in found.remarks:
        _echo(remark)
    for statement in found.statements:
        click.echo(printable(f"{statement};"))
    if not found.blockers:
        click.echo("Nothing stands in the way.")
        return ExitCode.PASS
    _echo(f"Blockers: {len(found.blockers)}")
    for blocker in found.blockers:
        _echo(f"  - {blocker}")
    return ExitCode.DIFFERENT


@click.command()
@_policy_options
@_cluster
@_state
@click.option(
    "--compress",
    type=click.Choice([ZSTD, GZIP]),
    help="Compress the backup's records when all is done. [default: they stay as they are]",
)
@click.option("--assume-room", is_flag=True, help="Begin though the backup seems not to fit on the disk.")
@_gate_options
@workers_options
@_patience
@_take_over
@_yes
def apply(  # noqa: PLR0913, PLR0917 - one a option
    state: Path,
    existing: str | None,
    cluster: str | None,
    compress: str | None,
    assume_room: bool,
    workers: int | None,
    executor: str | None,
    rehearsal: Path,
    max_age: str,
    without: str | None,
    patience: float,
    take_over: bool,
    yes: bool,
    **chosen: Any,
) -> int:
    """Migrate the three stores, or go on where an interrupted run stopped.

    Exit code 1 if old data moved after they had been compared: they are kept aside and listed.
    """
    endpoints, policy = Endpoints.from_environ(), _policy(chosen)
    gate = _let_in(endpoints, rehearsal, max_age, without, yes, "Migrate the three stores now?")
    with _watch() as shown, at_safe_points(shown) as tell, open_workers(workers, executor, endpoints) as at_work:
        done = run.apply(
            endpoints, policy, existing, state, tell,
            workers=at_work, cluster=cluster, compress=compress, assume_room=assume_room, gate=gate,
            manner=run.Manner(patience, take_over),
        )  # fmt: skip
    return _ended(done)


@click.command()
@_state
def status(state: Path) -> int:
    """Say how far the migration is, and how to go on."""
    click.echo(printable(run.status(Endpoints.from_environ(), state)))  # who holds the lock says so himself
    return ExitCode.PASS


@click.command()
@_state
@click.option(
    "--accept-damaged-backup",
    "accept_damaged",
    is_flag=True,
    help="Go back though files of the backup are damaged that are not needed for it.",
)
@click.option(
    "--carry-back",
    is_flag=True,
    help="Write what V2 wrote since the switch into the old layout, where a rule has an inverse.",
)
@workers_options
@_patience
@_take_over
@_yes
def rollback(  # noqa: PLR0913, PLR0917 - one a option
    state: Path,
    accept_damaged: bool,
    carry_back: bool,
    workers: int | None,
    executor: str | None,
    patience: float,
    take_over: bool,
    yes: bool,
) -> int:
    """Bring the old data back, from whatever step the last run had reached."""
    endpoints = Endpoints.from_environ()
    _ask("Bring the old data back, and remove the new?", yes)
    manner = run.Manner(patience, take_over)
    with _watch() as shown, at_safe_points(shown) as tell, open_workers(workers, executor, endpoints) as at_work:
        done = run.rollback(
            endpoints, state, tell, at_work, accept_damaged=accept_damaged, carry_back=carry_back, manner=manner
        )
    _echo(done.text)
    return ExitCode.PASS


@click.command()
@_state
@_gate_options
@workers_options
@_patience
@_take_over
@_yes
def reapply(  # noqa: PLR0913, PLR0917 - one a option
    state: Path,
    rehearsal: Path,
    max_age: str,
    without: str | None,
    workers: int | None,
    executor: str | None,
    patience: float,
    take_over: bool,
    yes: bool,
) -> int:
    """Migrate again after a rollback, with its policy, and bring forward what V2 had written before that.

    Live stores ask for what `apply` asks for: the old data are others than those that were rehearsed before.
    Exit code 1 if old data moved after they had been compared: they are kept aside and listed.
    """
    endpoints = Endpoints.from_environ()
    gate = _let_in(endpoints, rehearsal, max_age, without, yes, "Migrate the three stores again now?")
    manner = run.Manner(patience, take_over)
    with _watch() as shown, at_safe_points(shown) as tell, open_workers(workers, executor, endpoints) as at_work:
        done = run.apply(endpoints, None, None, state, tell, workers=at_work, gate=gate, manner=manner, forward=True)
    return _ended(done)


@click.command()
@_state
@_patience
@_take_over
@_yes
def finish(state: Path, patience: float, take_over: bool, yes: bool) -> int:
    """Drop what is kept for a rollback; there is none after that."""
    endpoints = Endpoints.from_environ()
    _ask("Drop the kept copies of the old data? There is no rollback after that.", yes)
    with _watch() as shown, at_safe_points(shown) as tell:
        done = run.finish(endpoints, state, tell, manner=run.Manner(patience, take_over))
    _echo(done.text)
    return ExitCode.PASS


def _ended(done: run.Done) -> int:
    """Say how a migration ended; return its exit code."""
    if done.ledger:
        click.echo(ledger.table(done.ledger))
    _echo(done.text)
    return ExitCode.DIFFERENT if done.moved else ExitCode.PASS


def _policy(chosen: dict[str, Any]) -> Policy | None:
    """Return the policy that was said; None if nothing of it was, as when going on with an interrupted run."""
    if not any(chosen.values()):
        return None
    return _required(chosen)


def _required(chosen: dict[str, Any]) -> Policy:
    return Policy(
        show=chosen["show"],
        keep_entities=chosen["keep_entities"],
        entity_map={} if chosen["entity_map"] is None else read_entity_map(chosen["entity_map"]),
        timezone=chosen["timezone"] or "UTC",
        zero_missing_counts=chosen["missing_counts"] == _ZERO,
        layout=CONTRACT if chosen["old_layout"] is None else read_old_layout(chosen["old_layout"]),
    )


def _let_in(  # noqa: PLR0913, PLR0917 - the options of both that migrate
    endpoints: Endpoints, rehearsal: Path, max_age: str, without: str | None, yes: bool, question: str
) -> Gate:
    """Return what live stores have to be shown, after whoever asked has confirmed it.

    Raises:
        UsageError: an option says nothing that can be understood, or there is nobody to confirm it.
    """
    if without is not None and not without.strip():
        raise UsageError("--without-rehearsal wants the reason, in words that the journal can keep.")
    gate = Gate(practice(endpoints), rehearsal, gates.age_of(max_age), without and " ".join(without.split()))
    if gate.practice:
        _ask(f"{question} Old writers must be stopped.", yes)
    else:
        _ask_typed(endpoints, yes)
    return gate


def _ask(question: str, yes: bool) -> None:
    if yes:
        return
    _require_terminal()
    click.confirm(question, abort=True)


def _require_terminal() -> None:
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask at: say --yes to go on without being asked.")


def _ask_typed(endpoints: Endpoints, yes: bool) -> None:
    """Have a person type where the data are, so that nobody migrates live stores by a habit of the fingers."""
    if yes:
        return
    _require_terminal()
    for url in endpoints.environ().values():
        click.echo(f"  {masked(url)}")
    host = urlsplit(endpoints.clickhouse).hostname or ""
    typed = click.prompt(
        f"These are live stores. Old writers must be stopped. Type the host of ClickHouse ({host}) to migrate them",
        default="",
        show_default=False,
    )
    if typed.strip() != host:
        raise click.Abort


def _echo(text: str) -> None:
    click.echo(one_line(text))  # names in it are data


def _done_after(event: Finished, done: int, unit: str) -> str:
    return f"{event.task}: done after {event.seconds:.2f} s"


def _watch() -> Watch:
    return on_stderr(_done_after)
