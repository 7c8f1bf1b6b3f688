"""Groups of sides that take turns on the same data; `rows` says which is compared with which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bench.model import Turn
from bench.stand import Stand

# A side's turn; a text says why there is none.
Sides = Mapping[str, Callable[[], Turn] | str]


@dataclass(frozen=True, slots=True)
class Group:
    """What opens the data of a group and gives its sides, in the order of their turns; `what` says of which data.

    `weight` is its part of the time there is; `most_turns` bounds the turns of what takes long.
    """

    name: str
    open: Callable[[Stand, float], AbstractContextManager[Sides]]
    what: Callable[[float], str]
    weight: float
    most_turns: int | None = None
