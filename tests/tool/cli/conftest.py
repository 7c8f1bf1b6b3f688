"""Signals as a person's shell leaves them."""

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def signals_that_reach_us() -> Iterator[None]:
    """Undo what a build server does that starts its script in the background: there, Ctrl-C and hang-up are ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
