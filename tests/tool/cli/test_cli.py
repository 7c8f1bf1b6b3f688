"""The `tvmigrate` command: quick help, errors as one sentence with their exit code, interruption."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tvmigrate import cli
from tvmigrate.errors import TvmigrateError, UsageError


def raising(error):
    def action():
        raise error

    return action


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_help_line_is_the_commands_own(name):
    """Assert that the line shown without importing a command is the one the command has."""
    command = cli.COMMANDS[name].load()
    assert command.help, f"{name} has no help"
    assert cli.COMMANDS[name].line


def test_help_imports_no_driver_and_no_engine():
    """Assert that `tvmigrate --help` answers at once: it is what a person types first."""
    code = (
        "import sys; from tvmigrate import cli; code = cli.run(['--help']);"
        "heavy = {'chdb', 'elasticsearch', 'clickhouse_connect', 'redis', 'rich'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [name for name in cli.COMMANDS if f"\n  {name} " not in done.stdout] == []


def test_a_librarys_log_of_its_retries_is_not_shown():
    """Assert it of a process of its own: pytest takes what is logged."""
    code = (
        "import logging; from tvmigrate import cli; cli.run(['--version']);"
        "logging.getLogger('stamina').warning('stamina.retry_scheduled')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_error_is_its_sentence_and_its_exit_code(mounted, capsys):
    mounted(raising(TvmigrateError("Redis is away. Start it.")))
    assert cli.run(["try"]) == 3
    assert capsys.readouterr().err == "Error: Redis is away. Start it.\n"


def test_wrong_usage_ends_with_2(mounted, capsys):
    mounted(raising(UsageError("Say which.")))
    assert cli.run(["try"]) == 2
    assert capsys.readouterr().err == "Error: Say which.\n"


def test_notes_that_an_error_gathered_are_told_too(mounted, capsys):
    error = TvmigrateError("It broke.")
    error.add_note("What was written is removed again.")
    mounted(raising(error))
    assert cli.run(["try"]) == 3
    assert capsys.readouterr().err == "Error: It broke.\nWhat was written is removed again.\n"


def test_what_nobody_foresaw_is_one_sentence_without_a_traceback(mounted, capsys):
    mounted(raising(KeyError("x")))
    assert cli.run(["try"]) == 3
    assert capsys.readouterr().err == (
        "Error: tvmigrate met something it has no sentence for: KeyError: 'x'. Nothing was judged; "
        "`tvmigrate --debug …` shows where it happened.\n"
    )


@pytest.mark.parametrize("error", [KeyError("x"), TvmigrateError("No.")], ids=["unforeseen", "foreseen"])
def test_debug_shows_the_traceback(mounted, capsys, error):
    mounted(raising(error))
    assert cli.run(["--debug", "try"]) == 3
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nonsense"], "No such command 'nonsense'."),
        (["rehearse"], "Missing option '--dataset'."),
        (["rehearse", "--nonsense"], "No such option '--nonsense'."),
        (["rehearse", "--dataset", "d", "--max-findings", "0"], "0 is not in the range x>=1."),
    ],
    ids=["unknown-command", "missing-option", "unknown-option", "bad-value"],
)
def test_bad_options_end_with_2_and_are_named(capsys, arguments, told):
    assert cli.run(arguments) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "code", "told"),
    [
        (signal.SIGINT, 130, "Stopped on your word (Ctrl-C); whatever this command had started is stopped too."),
        (signal.SIGTERM, 143, "Stopped by SIGTERM; whatever this command had started is stopped too."),
        (signal.SIGHUP, 129, "Stopped by SIGHUP; whatever this command had started is stopped too."),
    ],
    ids=["ctrl-c", "terminate", "hang-up"],
)
def test_a_signal_closes_what_is_open_and_says_so(mounted, capsys, number, code, told):
    closed = []

    def action():
        try:
            os.kill(os.getpid(), number)
            time.sleep(60)
        finally:
            closed.append(number)

    mounted(action)
    assert cli.run(["try"]) == code
    assert capsys.readouterr().err.strip() == told
    assert closed == [number]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_signals_are_as_before_once_it_is_over(mounted, number):
    """Assert that a command that sets handlers of its own sets them for itself alone."""
    before = signal.getsignal(number)

    def action():
        signal.signal(number, signal.SIG_IGN)

    mounted(action)
    assert cli.run(["try"]) == 0
    assert signal.getsignal(number) is before


def test_the_module_runs_as_the_command_does():
    done = subprocess.run([sys.executable, "-m", "tvmigrate", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:10]) == (0, "tvmigrate,")
