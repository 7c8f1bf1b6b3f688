"""Why something has to hold what it held before anything began, as findings tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.findings import Direction, Finding


@dataclass(frozen=True, slots=True)
class Law:
    """The store and the rule that findings name, and the sentence that they end in."""

    store: Store
    rule: Rule
    says: str

    def finding(self, direction: Direction, note: str, **where: Any) -> Finding:
        """Return a finding by this rule."""
        return Finding(self.store, self.rule, direction, note, **where)
