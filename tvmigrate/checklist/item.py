"""What the checklist says: nine items, each with its state, what was asked and answered, and what is to be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from tvmigrate.checklist.trouble import Trouble
from tvmigrate.errors import ExitCode


class Name(StrEnum):
    """The nine items, in their order."""

    SERVICES = "services"
    SCHEMA = "schema"
    SAMPLE = "sample"
    STORAGE = "storage"
    AGENT = "agent"
    API = "api"
    TESTS = "tests"
    DOCUMENTATION = "documentation"
    TEAM = "team"


CLAIMS: dict[Name, str] = {
    Name.SERVICES: "All services running",
    Name.SCHEMA: "New schema tables created",
    Name.SAMPLE: "Sample data seeded",
    Name.STORAGE: "Storage clients working",
    Name.AGENT: "Agent tools functional",
    Name.API: "API endpoints updated",
    Name.TESTS: "Tests passing",
    Name.DOCUMENTATION: "Documentation updated",
    Name.TEAM: "Team notified",
}


class Light(StrEnum):
    """What came of an item. Only `green` is good: what was not looked at, or could not be, is never taken for it."""

    GREEN = "green"
    RED = "red"
    COULD_NOT_LOOK = "could not look"
    NOT_LOOKED_AT = "not looked at"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was asked, what came back, and when (UTC, RFC 3339)."""

    asked: str
    answer: str
    at: str


@dataclass(frozen=True, slots=True)
class Item:
    """One item. `why` are whole sentences, empty where it is green; `troubles` the causes that they speak of."""

    name: Name
    light: Light
    evidence: tuple[Evidence, ...] = ()
    why: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()

    @property
    def claim(self) -> str:
        """What the item says when it is green."""
        return CLAIMS[self.name]

    def as_json(self) -> dict[str, Any]:
        """Return the item as an entry of `checklist.json`."""
        return {
            "item": str(self.name),
            "claim": self.claim,
            "state": str(self.light),
            "why": list(self.why),
            "troubles": [asdict(trouble) for trouble in self.troubles],
            "evidence": [asdict(one) for one in self.evidence],
        }


@dataclass(slots=True)
class Sheet:
    """Where an item's look writes down what it saw, until it is closed."""

    name: Name
    evidence: list[Evidence] = field(default_factory=list)
    red: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def saw(self, asked: str, answer: str) -> None:
        """Note what was asked and what came back, now."""
        self.evidence.append(Evidence(asked, answer, now()))

    def item(self, troubles: Sequence[Trouble] = ()) -> Item:
        """Close the sheet: red before could not look before not looked at; green only if something was seen."""
        if self.red:
            light = Light.RED
        elif self.unseen:
            light = Light.COULD_NOT_LOOK
        elif self.left_out or not self.evidence:
            light = Light.NOT_LOOKED_AT
        else:
            light = Light.GREEN
        why = (*self.red, *self.unseen, *self.left_out)
        return Item(self.name, light, tuple(self.evidence), why, tuple(troubles))


@dataclass(frozen=True, slots=True)
class Checklist:
    """All nine items as they were found, by which version, from `began` to `ended` (UTC, RFC 3339)."""

    items: tuple[Item, ...]
    began: str
    ended: str
    tvmigrate: str
    rounds: int = 1

    @property
    def light(self) -> Light:
        """The worst of the items."""
        seen = {item.light for item in self.items}
        order = (Light.RED, Light.COULD_NOT_LOOK, Light.NOT_LOOKED_AT, Light.GREEN)
        return next((light for light in order if light in seen), Light.NOT_LOOKED_AT)

    @property
    def exit_code(self) -> ExitCode:
        """0 all green, 1 something is red, 3 nothing is red and something was not looked at or could not be."""
        match self.light:
            case Light.GREEN:
                return ExitCode.PASS
            case Light.RED:
                return ExitCode.DIFFERENT
            case _:
                return ExitCode.COULD_NOT_CHECK

    def as_json(self) -> dict[str, Any]:
        """Return the content of `checklist.json`; every key is always there."""
        return {
            "state": str(self.light),
            "began": self.began,
            "ended": self.ended,
            "rounds": self.rounds,
            "tvmigrate": self.tvmigrate,
            "items": [item.as_json() for item in self.items],
        }


def now() -> str:
    """Return this instant, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
