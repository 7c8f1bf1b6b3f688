"""What was found in one store, compared with the new layout; nothing is changed by looking."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Difference:
    """Something of another shape than the new layout's; `lines` say one aspect each: expected, found."""

    what: str
    lines: tuple[str, ...]


@dataclass(slots=True)
class Look:
    """What one store holds of the new layout, and of the old one.

    Attributes:
        store: `redis`, `clickhouse` or `elasticsearch`.
        right: what stands there as the new layout has it.
        missing: what is to be made.
        differences: what is in the way of it.
        old: what is left of the old layout and has to be migrated.
        aside: old keys that a migration has set aside for somebody to judge, and that stay.
    """

    store: str
    right: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    old: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)


def unequal(aspect: str, expected: object, found: object) -> str | None:
    """Return the line that says how an aspect differs; None where it does not."""
    if expected == found:
        return None
    return f"{aspect}: expected {_said(expected)}; found {_said(found)}"


def _said(value: object) -> str:
    return "nothing" if value in (None, "", ()) else str(value)
