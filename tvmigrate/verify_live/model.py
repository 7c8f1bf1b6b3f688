"""What is due of the old data, what was seen of it in the live stores, and what a part of the looking is."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.findings import Finding


class State(StrEnum):
    """What was seen of one record.

    `moved on`: the application has since written it with a later time of its own. `unchecked`: it is otherwise than
    the migration left it, and nothing tells who wrote it. `expired`: its time to live has run out.
    """

    SAME = "same"
    DIFFERENT = "different"
    MOVED_ON = "moved on"
    UNCHECKED = "unchecked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Due:
    """A record that is expected: its name, unique in its part, and what is expected, which can be pickled."""

    name: str
    what: Any


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a record; `findings` say how it differs, `why` in a sentence what keeps it from being compared.

    A record may be fine in one respect and different in another: then it is different.
    """

    state: State
    findings: tuple[Finding, ...] = ()
    why: str = ""


SAME = Seen(State.SAME)


@dataclass(frozen=True, slots=True)
class About:
    """A part's id, what it looks at, and the claim that it judges."""

    id: str
    store: Store
    rule: Rule
    unit: str
    claim: str


class Part(Protocol):
    """Records of one sort. What is due comes in the same order each time."""

    @property
    def about(self) -> About:
        """What it is."""

    def total(self) -> int | None:
        """Return how many records the old system has of it; None where that is not known beforehand."""

    def due(self, skip: int) -> Generator[Due, None, None]:
        """Yield what is due, but for the first `skip`."""

    def look(self, due: Sequence[Due]) -> Sequence[Seen]:
        """Return what is seen of each in the live stores, in their order."""


@dataclass(frozen=True, slots=True)
class Times:
    """When the migration ran, in nanoseconds since the epoch: what is later was written by the application.

    `no_writers`: nobody has written since, so that nothing has moved on and everything is compared.
    """

    began_ns: int
    ended_ns: int
    no_writers: bool = False

    def is_later(self, instant_ns: int | None) -> bool:
        """Return whether an instant of a record's own is the application's."""
        return not self.no_writers and instant_ns is not None and instant_ns > self.ended_ns


def different(*findings: Finding) -> Seen:
    """Return what is seen of a record with these findings, the same if there are none."""
    return Seen(State.DIFFERENT, findings) if findings else SAME
