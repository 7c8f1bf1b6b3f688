"""The cursor of deep paging: where a search stopped, as text that only the same search takes back."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from src.api import problems
from src.api.problems import ApiProblem

_SEARCH, _AFTER = "s", "a"


def encode(search: Mapping[str, Any], after: str) -> str:
    """Return the cursor for what comes after the client's place `after` in the search with the filters `search`."""
    text = json.dumps({_SEARCH: _digest(search), _AFTER: after}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(search: Mapping[str, Any], cursor: str) -> str:
    """Return the client's place that `cursor` holds.

    Raises:
        ApiProblem: `bad-cursor`: it is no cursor, or one of another search.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        held = json.loads(raw)
        digest, after = held[_SEARCH], held[_AFTER]
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError):
        raise bad("cursor is not one that this API gave.") from None
    if digest != _digest(search):
        raise bad("cursor belongs to a search with other filters or another sort.")
    if not isinstance(after, str):
        raise bad("cursor is not one that this API gave.")
    return after


def bad(what: str) -> ApiProblem:
    """Return the problem of a cursor that cannot be used."""
    return ApiProblem(
        problems.BAD_CURSOR,
        f"{what} Take it from `next` of the page before, with the same parameters, or leave it off to begin anew.",
        parameter="cursor",
    )


def _digest(search: Mapping[str, Any]) -> str:
    """Sixty-four bits of the filters: against a mix-up, not against an attacker, who may search as he likes anyway."""
    text = json.dumps({name: str(value) for name, value in sorted(search.items()) if value is not None})
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
