"""Signals as a person's shell leaves them, and a command of the test's own."""

import signal
from collections.abc import Iterator

import click
import pytest

from tvmigrate import cli


@pytest.fixture(autouse=True, scope="package")
def signals_that_reach_us() -> Iterator[None]:
    """Undo what a build server does that starts its script in the background: there, Ctrl-C and hang-up are ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def mounted(monkeypatch):
    """Mount a command named `try` that does what the test says."""

    def mount(action):
        monkeypatch.setitem(cli.COMMANDS, "try", cli.Mounted("unused:unused", "Only here."))
        command = click.Command("try", callback=action)
        monkeypatch.setattr(cli.Mounted, "load", lambda self: command)

    return mount
