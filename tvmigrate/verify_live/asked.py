"""How a looking is to be done: what of, how often, how fast, for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tvmigrate.verify.context import OldEndState
from tvmigrate.verify_live.sample import Sample


@dataclass(frozen=True, slots=True)
class Asked:
    """How to look.

    `rounds` is how often in a row a record has to differ in the same way, `recheck` how many seconds lie between.
    `max_rate` is in records a second, `max_time` in seconds, None: no limit. Where `max_findings` records differ, no
    more are looked for. `no_writers`: nobody has written since the migration, and every difference is one. `only` are
    the ids of the parts to look at, empty: all.
    """

    sample: Sample = field(default_factory=Sample)
    max_rate: float | None = None
    max_time: float | None = None
    max_findings: int = 1000
    rounds: int = 3
    recheck: float = 2.0
    no_writers: bool = False
    old_end_state: OldEndState = OldEndState.REMOVED
    only: frozenset[str] = frozenset()

    def as_json(self) -> Mapping[str, Any]:
        """Return it as `live.json` has it, under the names that the options have."""
        return {
            "sample": self.sample.share,
            "max_rate": self.max_rate,
            "max_time": self.max_time,
            "max_findings": self.max_findings,
            "rounds": self.rounds,
            "recheck": self.recheck,
            "no_writers": self.no_writers,
            "old": str(self.old_end_state),
            "only": sorted(self.only),
        }
