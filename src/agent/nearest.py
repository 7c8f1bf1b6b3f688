"""The names that look like one that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Collection

# difflib compares with each name in turn: beyond this many, a person would wait for a hint.
_COMPARED = 5_000
_SHOWN = 3


def nearest(name: str, known: Collection[str]) -> tuple[str, ...]:
    """Return up to three of `known` that are nearest to `name`, best first.

    An old entity's name, the last part of a program id (`value.program_id`), is nearer than any other spelling.
    """
    folded = name.casefold()
    ends = sorted(one for one in known if one.casefold().rpartition("/")[2] == folded or one.casefold() == folded)
    alike = {one.casefold(): one for one in list(known)[:_COMPARED]}
    close = difflib.get_close_matches(folded, list(alike), n=_SHOWN, cutoff=0.6)
    return tuple(dict.fromkeys([*ends, *(alike[one] for one in close)]))[:_SHOWN]
