"""Signals that ask a command to end: heeded at the next safe point, a second time at once."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tvmigrate import cli
from tvmigrate.events import Advanced, Event, Finished, Said, Started, ignore
from tvmigrate.stopping import ASKING, Ended, Stopped, at_safe_points

SAFE = (Started("a step"), Advanced("a step", 1), Finished("a step", 0.1))


def ask(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("event", SAFE, ids=lambda event: type(event).__name__)
def test_the_first_signal_is_heeded_where_work_begins_advances_or_ends(event: Event, capfd) -> None:
    heard: list[Event] = []
    with at_safe_points(heard.append) as tell:
        tell(event)
        ask(signal.SIGTERM)
        tell(Said("not here"))
        with pytest.raises(Stopped) as stopped:
            tell(event)
    assert heard == [event, Said("not here"), event]
    assert (str(stopped.value), stopped.value.exit_code) == ("Stopped by SIGTERM; nothing was begun.", 143)
    assert capfd.readouterr().err == "Stopping at the next safe point; asked once more, at once.\n"


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Ended), (signal.SIGHUP, Ended)]
)
def test_the_second_signal_does_not_wait(number: int, raised: type[BaseException]) -> None:
    with at_safe_points(ignore):
        ask(signal.SIGTERM)
        with pytest.raises(raised):
            ask(number)


@pytest.mark.parametrize("number", ASKING, ids=lambda number: number.name)
def test_a_signal_that_we_are_started_to_ignore_stays_ignored(number: int, mounted) -> None:
    """Assert that `nohup` and a shell's background work with every command."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with at_safe_points(ignore) as tell:
            ask(number)
            tell(SAFE[0])
        mounted(lambda: ask(number))
        assert cli.run(["try"]) == 0
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", ASKING, ids=lambda number: number.name)
def test_afterwards_signals_are_as_they_were(number: int) -> None:
    before = signal.getsignal(number)
    with at_safe_points(ignore):
        assert signal.getsignal(number) is not before
    assert signal.getsignal(number) is before


@pytest.mark.parametrize(
    ("number", "code", "told"),
    [
        (signal.SIGINT, 130, "Stopped on your word (Ctrl-C) at the step s. Go on."),
        (signal.SIGTERM, 143, "Stopped by SIGTERM at the step s. Go on."),
        (signal.SIGHUP, 129, "Stopped by SIGHUP at the step s. Go on."),
    ],
)
def test_a_command_that_stopped_says_where_and_how_to_go_on(mounted, capsys, number, code, told) -> None:
    def action() -> None:
        raise Stopped(number).at(" at the step s. Go on.")

    mounted(action)
    assert cli.run(["try"]) == code
    assert capsys.readouterr().err == f"{told}\n"


def test_a_command_that_is_stopped_at_once_says_how_to_go_on_too(mounted, capsys) -> None:
    def action() -> None:
        try:
            ask(signal.SIGTERM)
            time.sleep(60)
        except Ended as ended:
            ended.add_note("Go on.")
            raise

    mounted(action)
    assert cli.run(["try"]) == 143
    told = "Stopped by SIGTERM; whatever this command had started is stopped too.\nGo on.\n"
    assert capsys.readouterr().err == told
