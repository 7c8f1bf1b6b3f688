"""Pieces of work that have nothing to do with each other, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from tvmigrate.events import Event, Listener

K = TypeVar("K")
T = TypeVar("T")


class GivenUp(Exception):  # noqa: N818 - no error: another piece failed, and its error is the one raised
    """This piece goes no further, because another one failed or all are to end."""


def one_at_a_time(listener: Listener) -> Listener:
    """Return a listener for several threads, that tells `listener` one event after the other."""
    lock = threading.Lock()

    def tell(event: Event) -> None:
        with lock:
            listener(event)

    return tell


def at_once(work: Mapping[K, Callable[[], T]]) -> dict[K, T]:
    """Do all of `work`, each in a thread of its own; return what came of it, in its order.

    An interrupt is passed on at once: the threads end when what they read from is closed, or with the process.

    Raises:
        Whatever one of them raises, when all have ended.
    """
    done: dict[K, T] = {}
    raised: dict[K, BaseException] = {}

    def run(name: K, do: Callable[[], T]) -> None:
        try:
            done[name] = do()
        except BaseException as error:  # noqa: BLE001 - raised below, by who waits
            raised[name] = error

    threads = [threading.Thread(target=run, args=item, name=f"{item[0]}", daemon=True) for item in work.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in work:
        if name in raised:
            raise raised[name]
    return {name: done[name] for name in work}
