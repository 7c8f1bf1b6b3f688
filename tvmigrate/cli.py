"""The `tvmigrate` command: mounts every command, tells errors as sentences, and turns them into exit codes (§5)."""

from __future__ import annotations

import importlib
import logging
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import click

from tvmigrate.errors import ExitCode, TvmigrateError
from tvmigrate.heap import give_back
from tvmigrate.lean import import_lean
from tvmigrate.printable import printable
from tvmigrate.stopping import ASKING, Ended, Stopped, asked_by, end_at_once, heeded


@dataclass(frozen=True, slots=True)
class Mounted:
    """Where a command is defined (`module:attribute`), and the line that `tvmigrate --help` shows for it.

    The line stands here too, since to import all commands only to list them takes seconds.
    """

    target: str
    line: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, name = self.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


COMMANDS: Mapping[str, Mounted] = {
    "rehearse": Mounted("tvmigrate.rehearse:rehearse", "Load a dataset, migrate, verify, roll back, verify."),
    "faults": Mounted("tvmigrate.faults:faults", "Plant known mistakes, and demand that the checks name each."),
    "generate": Mounted("tvmigrate.dataset.generate.cli:generate", "Make old data of any size."),
    "load": Mounted("tvmigrate.dataset.cli:load", "Fill the three stores from a dataset."),
    "capture": Mounted("tvmigrate.capture.cli:capture", "Read a live old system into a dataset."),
    "inspect": Mounted("tvmigrate.inspect.cli:inspect", "Write what a live old system calls its data."),
    "plan": Mounted("tvmigrate.migrate.cli:plan", "Say what would be done, with counts and blockers."),
    "apply": Mounted("tvmigrate.migrate.cli:apply", "Migrate, or go on where an interrupted run stopped."),
    "status": Mounted("tvmigrate.migrate.cli:status", "Say how far the migration is."),
    "rollback": Mounted("tvmigrate.migrate.cli:rollback", "Bring the old data back."),
    "reapply": Mounted("tvmigrate.migrate.cli:reapply", "Migrate again after a rollback, with what V2 wrote."),
    "finish": Mounted("tvmigrate.migrate.cli:finish", "Drop what was kept for a rollback."),
    "checklist": Mounted(
        "tvmigrate.checklist.cli:checklist", "Look at the nine items of the checklist after a migration."
    ),
    "backup": Mounted("tvmigrate.migrate.backup_cli:backup", "Check a backup, or fill empty stores from it."),
    "verify": Mounted("tvmigrate.verify_live.cli:verify", "Judge a migration on live stores, afterwards."),
    "lint": Mounted("tvmigrate.lint.cli:lint", "Find hazards in a migration's text, before anything runs."),
    "engines": Mounted("tvmigrate.engines.cli:engines", "Run the three stores on this machine."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order a person meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command, or return None if there is none of that name."""
        mounted = COMMANDS.get(cmd_name)
        if mounted is None:
            return None
        return mounted.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, mounted.line) for name, mounted in COMMANDS.items()])


@dataclass(slots=True)
class _Asked:
    debug: bool = False


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    envvar="TVMIGRATE_LOG_FORMAT",
    show_default=True,
    help="How progress is told on stderr: bars or lines, or one JSON object an event.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65535),
    envvar="TVMIGRATE_METRICS_PORT",
    metavar="PORT",
    help="Serve progress as Prometheus metrics on this port of 127.0.0.1 while the command runs.",
)
@click.version_option(package_name="tvmigrate")
@click.pass_context
def cli(ctx: click.Context, debug: bool, log_format: str, metrics_port: int | None) -> None:
    """Verify, run and roll back a migration of data in Redis, ClickHouse and Elasticsearch.

    Exit codes: 0 pass, 1 differences, 2 wrong usage, 3 could not check, 4 nothing to check.
    """
    ctx.ensure_object(_Asked).debug = debug


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    sys.exit(run(arguments, own_process=True))


def run(arguments: Sequence[str] | None = None, *, own_process: bool = False) -> int:
    """Run the command line (`arguments`: those of the process unless given) and return its exit code.

    `own_process`: nothing but the command runs in this process, so it imports no more than the command needs.
    """
    asked = _Asked()
    if own_process:
        import_lean()
        give_back()
    # stamina logs each retry; what is worth a person's attention is told as an event.
    logging.getLogger("stamina").addHandler(logging.NullHandler())
    try:
        with heeded(ASKING, end_at_once):  # a command may set them otherwise for itself
            answer = cli.main(arguments, prog_name="tvmigrate", standalone_mode=False, obj=asked)
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except Stopped as stopped:
        _say(str(stopped))
        return stopped.exit_code
    except Ended as ended:
        return _ended(ended.number, ended)
    except (click.Abort, KeyboardInterrupt) as interrupt:
        return _ended(signal.SIGINT, interrupt)
    except TvmigrateError as error:
        if asked.debug:
            _say(traceback.format_exc().rstrip())
        _say(f"Error: {_with_notes(error)}")
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last place where a fault of ours can become a sentence
        if asked.debug:
            _say(traceback.format_exc().rstrip())
        told = _with_notes(error, " ".join(str(error).split()).rstrip("."))
        _say(
            f"Error: tvmigrate met something it has no sentence for: {type(error).__name__}: {told}. "
            "Nothing was judged; `tvmigrate --debug …` shows where it happened."
        )
        return ExitCode.COULD_NOT_CHECK
    return answer if isinstance(answer, int) else ExitCode.PASS


def _ended(number: int, error: BaseException) -> int:
    _say(_with_notes(error, f"{asked_by(number)}; whatever this command had started is stopped too."))
    return 128 + number


def _with_notes(error: BaseException, text: str | None = None) -> str:
    return "\n".join([str(error) if text is None else text, *getattr(error, "__notes__", ())])


def _say(text: str) -> None:
    from tvmigrate.engines.secrets import without_environs  # noqa: PLC0415 - nothing else of it is needed here

    click.echo(printable(without_environs(text)), err=True)
