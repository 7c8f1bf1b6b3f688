"""A store's URL, taken apart, and how long its server may take."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from tvmigrate.engines.endpoints import CLICKHOUSE_URL, ELASTICSEARCH_URL, REDIS_URL
from tvmigrate.engines.secrets import masked, passwords
from tvmigrate.errors import UsageError

CONNECT_SECONDS = 5
ANSWER_SECONDS = 300
VARIABLE = {"redis": REDIS_URL, "clickhouse": CLICKHOUSE_URL, "elasticsearch": ELASTICSEARCH_URL}


def split(url: str, store: str, schemes: tuple[str, ...], others: tuple[str, ...] = ()) -> SplitResult:
    """Return the parts of a URL of `store`; raises UsageError where it has none of the schemes, or no host."""
    listed = " or ".join(f"{scheme}://" for scheme in (*schemes, *others))
    expected = f"expected is {listed} with a host, such as {schemes[0]}://db.example:1234"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        # What it says may quote a piece of the password, and so would its traceback.
        told = f"what is no letter, digit or one of -._~ in a password is written %XX there: {masked(url)}"
        raise UsageError(f"{VARIABLE[store]} is no URL ({told if passwords(url) else error}): {expected}.") from None
    if parts.scheme not in schemes or not (parts.hostname or parts.scheme == "unix"):
        raise UsageError(f"{VARIABLE[store]} is {masked(url)!r}: {expected}.")
    return parts
