"""How the clients say that a store failed, and when they ask it again."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TypedDict
from urllib.parse import SplitResult, unquote, urlsplit

from src.errors import InvalidValue, NotConnected, StoreRefused, StoreUnavailable
from src.settings import masked

REDIS, CLICKHOUSE, ELASTICSEARCH = "redis", "clickhouse", "elasticsearch"
INIT = "run `python scripts/init_databases.py`, which creates the new layout, or names what is in its way"
# stamina logs each attempt; without a handler of the program's own, Python would print that on its standard error.
logging.getLogger("stamina").addHandler(logging.NullHandler())
_MAYBE_DONE = " What it was asked may or may not have been done: look before you ask again."


class Waits(TypedDict):
    """How stamina waits between attempts: 0.05 s, doubled each time, with up to 0.2 s of jitter."""

    attempts: int
    timeout: float
    wait_initial: float
    wait_max: float
    wait_jitter: float


def waits(attempts: int, timeout: float) -> Waits:
    """Return stamina's arguments for up to `attempts` attempts; none begins `timeout` seconds after the first."""
    return Waits(attempts=attempts, timeout=timeout, wait_initial=0.05, wait_max=1.0, wait_jitter=0.2)


def is_away(error: Exception) -> bool:
    """Tell stamina to repeat what changes nothing, or the same thing twice."""
    return isinstance(error, StoreUnavailable)


def never_sent(error: Exception) -> bool:
    """Tell stamina to repeat what must not be done twice: only where the store cannot have heard of it."""
    return isinstance(error, StoreUnavailable) and not error.maybe_done


def away(store: str, url: str, error: object, *, maybe_done: bool = False) -> StoreUnavailable:
    """Return the error that says that a store does not answer."""
    message = f"{store} at {masked(url)} does not answer: {reason(error, url)}."
    return StoreUnavailable(store, message + (_MAYBE_DONE if maybe_done else ""), maybe_done=maybe_done)


def refused(store: str, url: str, error: object, advice: str = "") -> StoreRefused:
    """Return the error that says what a store answered; `advice` begins in lower case and has no full stop."""
    ending = f". To do: {advice}." if advice else "."
    return StoreRefused(store, f"{store} at {masked(url)} refused: {reason(error, url)}{ending}")


def reason(error: object, url: str) -> str:
    """Return what an error says, on one line, at most 500 characters, without the URL's password."""
    said = " ".join(str(error).split()) or type(error).__name__
    if password := _password(url):
        said = said.replace(unquote(password), "***").replace(password, "***")
    return said[:500].rstrip(".")


def not_connected(client: str, method: str, connect: str, *, elsewhere: bool = False) -> NotConnected:
    """Return the error of a method that was called before `connect()`; `connect` is the call that helps.

    `elsewhere`: it was called, but in another event loop, whose connections are of no use here.
    """
    said = "was called before connect() or after disconnect()"
    if elsewhere:
        said = "was called in another event loop than connect()"
    return NotConnected(f"{client}.{method}() {said}: call `{connect}` first.")


def split_url(variable: str, url: str, schemes: Collection[str]) -> SplitResult:
    """Split a store's URL.

    Raises:
        InvalidValue: its scheme is none of `schemes`, or it names no host.
    """
    listed = " or ".join(f"{scheme}://" for scheme in schemes)
    expected = f"expected is {listed} with a host and a port"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InvalidValue(variable, f"{variable} is no URL ({error}): {expected}.") from None
    if parts.scheme not in schemes or not (parts.hostname or parts.scheme == "unix"):
        raise InvalidValue(variable, f"{variable} is {masked(url)!r}: {expected}.")
    return parts


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:
        return None
