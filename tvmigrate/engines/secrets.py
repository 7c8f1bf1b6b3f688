"""Passwords and keys of the stores' URLs: where they come from beside the URL, and how they are kept out of sight."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

from tvmigrate.errors import UsageError

READ_ONLY = "#read-only"  # at the end of a URL: whoever opens it gets a client that cannot write (`read_only`)
API_KEY = "api_key"  # the parameter of ELASTICSEARCH_URL
_SECRET = re.compile(rf"(?<=[?&])((?:\w*password|{API_KEY})=)([^&]+)", re.IGNORECASE)
_PASSWORD = {store: f"TVMIGRATE_{store}_PASSWORD" for store in ("REDIS", "CLICKHOUSE", "ELASTICSEARCH")}
_KEY = "TVMIGRATE_ELASTICSEARCH_API_KEY"
# All variables that say something beside the URLs.
BESIDE = frozenset(f"{name}{end}" for name in (*_PASSWORD.values(), _KEY) for end in ("", "_FILE"))


def masked(url: str) -> str:
    """Return `url` with its passwords and keys replaced by `***`, and without the mark of one that is only read."""
    url = url.removesuffix(READ_ONLY)
    scheme, user, rest = _parts(url)
    if user is not None:
        name, colon, password = user.partition(":")
        url = f"{scheme}{name}{colon}{'***' if password else ''}@{rest}"
    return _SECRET.sub(r"\1***", url)


def passwords(url: str) -> list[str]:
    """Return the passwords and keys in a URL, as they stand there."""
    url = url.removesuffix(READ_ONLY)
    _, user, rest = _parts(url)
    found = [(user or "").partition(":")[2], *(value for _, value in _SECRET.findall(rest))]
    return [password for password in found if password]


def without_secrets(text: str, urls: Iterable[str]) -> str:
    """Return `text` with `***` in place of every password and key of `urls`, as they stand there or in plain."""
    spellings = {
        spelled
        for url in urls
        for password in passwords(url)
        for plain in (password, unquote(password))
        for spelled in (plain, quote(plain, safe=""), quote_plus(plain))
    }
    for one in sorted(spellings, key=len, reverse=True):
        text = text.replace(one, "***")
    return text


def without_environs(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return `text` without what the environment holds of the stores' secrets, in URLs or beside them."""
    urls = [environ.get(f"{store}_URL", "") for store in _PASSWORD]
    beside = [quote(value, safe="") for variable in (*_PASSWORD.values(), _KEY) if (value := environ.get(variable))]
    return without_secrets(text, [*urls, *(f"x://x:{value}@x" for value in beside)])


def with_secrets(store: str, url: str, environ: Mapping[str, str]) -> str:
    """Return the URL of `store` (REDIS, CLICKHOUSE, ELASTICSEARCH) with the password or key that is said beside it.

    It is in the variable `TVMIGRATE_{store}_PASSWORD` or in the file that `…_PASSWORD_FILE` names, for Elasticsearch
    also in `TVMIGRATE_ELASTICSEARCH_API_KEY` or `…_API_KEY_FILE`.

    Raises:
        UsageError: a file that cannot be read or is empty, two that differ, or a password without its user.
    """
    password = _said(_PASSWORD[store], environ)
    if password is not None:
        url = _with_password(store, url, password)
    if store == "ELASTICSEARCH" and (key := _said(_KEY, environ)) is not None:
        url = _with_parameter(store, url, API_KEY, key)
    return url


def _parts(url: str) -> tuple[str, str | None, str]:
    """Return what stands before the user of a URL, the user with the password, None without one, and the rest.

    A password that was not written as a URL wants it may hold any sign: what may be one counts as one.
    """
    scheme, found, rest = url.rpartition("://") if "://" not in url else url.partition("://")
    before, question, query = rest.partition("?")
    if "@" in before:
        user, _, host = before.rpartition("@")
        return scheme + found, user, host + question + query
    if question and "@" in query and "=" not in query.partition("@")[0]:
        user, _, host = rest.rpartition("@")
        return scheme + found, user, host
    return scheme + found, None, rest


def _said(variable: str, environ: Mapping[str, str]) -> str | None:
    """Return what a variable, or the file that its sister names, holds; None where neither is set."""
    given, path = environ.get(variable), environ.get(f"{variable}_FILE")
    if not path:
        return given or None
    try:
        held = Path(path).read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{variable}_FILE names {path}, which cannot be read: {why}.") from None
    if not held:
        raise UsageError(f"{variable}_FILE names {path}, which is empty.")
    if given and given != held:
        raise UsageError(f"{variable} and {variable}_FILE say different things: say it once.")
    return held


def _with_password(store: str, url: str, password: str) -> str:
    scheme, user, rest = _parts(url)
    name, _, there = (user or "").partition(":")
    if there and unquote(there) != password:
        raise UsageError(f"{store}_URL holds a password, and {_PASSWORD[store]} says another: say it once.")
    if store == "ELASTICSEARCH" and not name:
        raise UsageError(f"{_PASSWORD[store]} is set, and ELASTICSEARCH_URL names no user: put it before the host.")
    if scheme.startswith("unix"):
        return _with_parameter(store, url, "password", password)
    return f"{scheme}{name}:{quote(password, safe='')}@{rest}"


def _with_parameter(store: str, url: str, name: str, value: str) -> str:
    there = [unquote(text) for found, text in _SECRET.findall(url) if found.lower() == f"{name}="]
    if there and there != [value]:
        raise UsageError(f"{store}_URL holds another {name} than the one that is said beside it: say it once.")
    return url if there else f"{url}{'&' if '?' in url else '?'}{name}={quote(value, safe='')}"
