"""What was measured, as values, and as the JSON that `docs/benchmarks.md` comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tvmigrate.errors import TvmigrateError


class BenchError(TvmigrateError):
    """A benchmark could not be run, or what it measured was not right."""


class Unavailable(BenchError):  # noqa: N818 - a fact about the machine
    """What the tool was to be compared with cannot be had here; the sentence goes into the table."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds in user and system mode, and the most memory held at once in bytes."""

    user: float = 0.0
    system: float = 0.0
    peak: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One run of one side.

    `seconds` is what the comparison is of, `wall` the whole process; `records` were worked on. `tool` is what the
    side's own processes used, `engines` by name what each engine did meanwhile, both for `seconds`; `peak` is the most
    memory of the side's own processes over the whole. `beside` are other times of the same run, in seconds.
    """

    seconds: float
    wall: float
    records: int
    tool: Usage = field(default_factory=Usage)
    engines: Mapping[str, Usage] = field(default_factory=dict)
    peak: int = 0
    beside: Mapping[str, float] = field(default_factory=dict)

    @property
    def cpu(self) -> float:
        """CPU seconds of all: the side's own processes and the engines."""
        return sum(usage.user + usage.system for usage in (self.tool, *self.engines.values()))

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it, times to the millisecond."""
        return _rounded(asdict(self))  # type: ignore[no-any-return]

    @classmethod
    def of_json(cls, body: Mapping[str, Any]) -> Turn:
        """Read what `as_json` wrote."""
        usages = {name: Usage(**usage) for name, usage in body["engines"].items()}
        return cls(**{**body, "tool": Usage(**body["tool"]), "engines": usages})


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, 3)
        case Mapping():
            return {name: _rounded(item) for name, item in value.items()}
        case _:
            return value
