"""What a planted fault is, what it declares that the checks will find, and the catalogue of all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tvmigrate.contract.outcome import LEDGER_RULES, Rule, Store
from tvmigrate.verify.check import Check
from tvmigrate.verify.checks import REGISTRY
from tvmigrate.verify.exits import MIGRATION_EXIT, ROLLBACK_EXIT
from tvmigrate.verify.faults.site import Site
from tvmigrate.verify.findings import Direction, Phase
from tvmigrate.verify.job import Job
from tvmigrate.verify.rehearsal import SECOND_LOOKS

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SECOND_LOOK = re.compile("|".join(rf"{re.escape(suffix)}$" for suffix in SECOND_LOOKS))


class AnyOf(StrEnum):
    """A place that a declaration leaves open."""

    KEY = "any record"
    FIELD = "any field"


# What a fault says of one of its findings' keys: the one name, each of several names, or any number of any names.
Key = str | frozenset[str] | AnyOf
# A plant breaks something, yields the keys of its findings in the order of the fault's `finds`, and then repairs it.
Plant = Generator[Sequence[Key], None, None]
Planter = Callable[[Site], Plant]
Change = Callable[[Job], Job]


@dataclass(frozen=True, slots=True)
class Finds:
    """One finding that a fault declares: which check tells it, in which direction, of which field, by which rule.

    `rule` is the check's own unless given. `field` None means the record as a whole. With `if_any` it depends on the
    data whether there is such a finding: it may be told, and is not demanded. `check` may be that of a second look: its
    id and what a rehearsal adds to it, such as `rollback.redis.twice`.
    """

    check: str
    direction: Direction
    field: str | None = None
    rule: Rule | None = None
    if_any: bool = False

    @property
    def asked(self) -> Check:
        """The check; KeyError if there is none of that id."""
        return CHECKS[_SECOND_LOOK.sub("", self.check)]

    @property
    def named_rule(self) -> Rule:
        """The rule that the finding names."""
        return self.rule or self.asked.rule

    @property
    def store(self) -> Store:
        """The store that the finding names: for the ledger that of the rule, else the check's."""
        store = self.asked.store
        return LEDGER_RULES.get(self.named_rule, store) if store is Store.CROSS else store

    def __str__(self) -> str:
        place = "" if self.field is None else f", field {self.field}"
        return f"{self.check}: {self.direction}{place}"


CHECKS: Mapping[str, Check] = {check.id: check for check in [*REGISTRY.checks(), MIGRATION_EXIT, ROLLBACK_EXIT]}


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong.

    `says` is a sentence about what is wrong, `incident` one about where that really happened or how it comes about
    (empty: nothing to tell). `finds` is all that the checks must find, its main finding first: what they find beside
    it is a wrong attribution. `plant(site)` breaks the stores as they stand after the command of `phase`; `change(job)`
    instead returns a job whose commands are wrong, which is then rehearsed whole. One of the two is given.
    """

    id: str
    phase: Phase
    says: str
    finds: tuple[Finds, ...]
    incident: str = ""
    plant: Planter | None = None
    change: Change | None = None

    @property
    def main(self) -> tuple[str, str | None, Direction]:
        """The check, field and direction of the main finding: no two faults share them."""
        first = self.finds[0]
        return first.check, first.field, first.direction


@dataclass(slots=True)
class Catalogue:
    """All faults, by id, in the order they were declared."""

    faults: dict[str, Fault] = field(default_factory=dict)

    def add(self, fault: Fault) -> None:
        """Take a fault.

        Raises:
            ValueError: it is declared wrongly: an id that is taken or not in kebab case, a check that does not exist,
                no finding at all, the main finding of another fault, no sentence.
        """
        unknown = [finds.check for finds in fault.finds if _SECOND_LOOK.sub("", finds.check) not in CHECKS]
        alike = [other.id for other in self.faults.values() if fault.finds and other.main == fault.main]
        wrong = {
            "its id is taken": fault.id in self.faults,
            "its id is not in kebab case": not _ID.fullmatch(fault.id),
            "it finds nothing": not fault.finds or fault.finds[0].if_any,
            f"there is no check {', '.join(unknown)}": bool(unknown),
            f"it is like {', '.join(alike)}": bool(alike),
            "it says nothing": not fault.says.endswith("."),
            "it needs either a plant or a change": (fault.plant is None) == (fault.change is None),
        }
        if told := [what for what, holds in wrong.items() if holds]:
            raise ValueError(f"fault {fault.id}: {'; '.join(told)}")
        self.faults[fault.id] = fault

    def after(self, phase: Phase) -> Callable[..., Callable[[Planter], Planter]]:
        """Return the decorator of plants of `phase`: `@after_migration(Finds(…), …, incident="…")`.

        The plant's name is the fault's id (dashes for underscores), its docstring what the fault says.
        """

        def plants(*finds: Finds, incident: str = "") -> Callable[[Planter], Planter]:
            def take(plant: Planter) -> Planter:
                self.add(Fault(_name(plant), phase, _sentence(plant), finds, incident, plant=plant))
                return plant

            return take

        return plants

    def commands(self, *finds: Finds, incident: str = "") -> Callable[[Change], Change]:
        """Declare the decorated `change(job)`, named and told as a plant is."""

        def take(change: Change) -> Change:
            self.add(Fault(_name(change), Phase.ROLLBACK, _sentence(change), finds, incident, change=change))
            return change

        return take

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.faults.values())


def _name(function: Callable[..., Any]) -> str:
    return function.__name__.replace("_", "-")


def _sentence(function: Callable[..., Any]) -> str:
    return " ".join((function.__doc__ or "").split())


CATALOGUE = Catalogue()
after_migration = CATALOGUE.after(Phase.MIGRATION)
after_rollback = CATALOGUE.after(Phase.ROLLBACK)
of_commands = CATALOGUE.commands
