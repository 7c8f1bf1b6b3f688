"""Where a fault is planted: the live stores, the old data, and how a victim is chosen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from tvmigrate.contract.policy import Policy
from tvmigrate.engines.clients import Clients
from tvmigrate.verify.context import OldEndState, QuarantineKind, Reference

T = TypeVar("T")


class NothingToPlant(Exception):  # noqa: N818 - a fact about the dataset, never past the runner
    """The stores hold nothing that this fault could break; the text says what it looked for. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Site:
    """The live stores after the command, and what the run was asked for."""

    clients: Clients
    reference: Reference
    policy: Policy
    old_end_state: OldEndState
    quarantine: QuarantineKind

    def needs_quarantine_tables(self) -> None:
        """Raise NothingToPlant where the migration keeps its quarantine elsewhere."""
        if self.quarantine is not QuarantineKind.TABLE:
            raise NothingToPlant("the migration keeps its quarantine in a place of its own")


def first(candidates: Iterable[T], what: str) -> T:
    """Return the first candidate, for a choice that is the same each time.

    Raises:
        NothingToPlant: there is none; `what` says what was looked for.
    """
    for candidate in candidates:
        return candidate
    raise NothingToPlant(f"there is no {what}")
