"""JSON that is nested deeper than Python goes by itself: Elasticsearch takes a thousand levels."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_LEVELS = 6000  # of calls: some levels of JSON take several; a thread's stack of 8 MB holds them all


def deeply(do: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `do` returns; once more with room for many calls within one another, if it ran out of that."""
    try:
        return do(*args, **kwargs)
    except RecursionError:
        if sys.getrecursionlimit() >= _LEVELS:
            raise
        sys.setrecursionlimit(_LEVELS)
        return do(*args, **kwargs)
