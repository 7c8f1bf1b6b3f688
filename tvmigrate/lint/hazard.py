"""What a hazard is: a stable code, its words, and the function that finds it in a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tvmigrate.lint.read.sql import MADE_UP
from tvmigrate.lint.statement import Place, Program


class Severity(StrEnum):
    """How bad it is: `error` loses or corrupts data, `warning` does so under circumstances, `info` is told only."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Hit:
    """A place where a hazard stands, and the names that its words are to be filled with."""

    place: Place
    names: Mapping[str, str] = field(default_factory=dict)


def at(place: Place, **names: str) -> Hit:
    """Return the hit at `place`; `{name}` in the hazard's words becomes the value."""
    return Hit(place, names)


Finder = Callable[[Program], Iterator[Hit]]


@dataclass(frozen=True, slots=True)
class Hazard:
    """`danger` is a sentence or two, `instead` something to paste; `{name}` in both is filled from the hit."""

    code: str
    name: str
    severity: Severity
    danger: str
    instead: str
    find: Finder


def hazard(code: str, name: str, severity: Severity, danger: str, instead: str) -> Callable[[Finder], Hazard]:
    """Make a finder the hazard `code`."""

    def make(find: Finder) -> Hazard:
        return Hazard(code, name, severity, danger, instead.strip("\n"), find)

    return make


@dataclass(frozen=True, slots=True)
class Finding:
    """One hazard at one place, in words."""

    code: str
    name: str
    severity: Severity
    place: Place
    danger: str
    instead: str


def told(found: Hazard, hit: Hit) -> Finding:
    """Return the finding that the hit is, its words filled."""
    return Finding(
        found.code, found.name, found.severity, hit.place, _filled(found.danger, hit), _filled(found.instead, hit)
    )


def _filled(text: str, hit: Hit) -> str:
    for name, value in hit.names.items():
        text = text.replace("{" + name + "}", value.replace(MADE_UP, "$"))
    return text
