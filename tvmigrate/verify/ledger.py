"""The ledger: every old record has exactly one fate, by what is found live and not by the migration's own word."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tvmigrate.contract.outcome import DERIVED_RULES, LEDGER_RULES, Fate, LedgerLine, QuarantineLine, Rule, Store
from tvmigrate.verify.findings import Finding, NotJudged

_EXAMPLES = 5


class Book:
    """What the examinations write down about the fates of old records, and about contradictions of the old data.

    Every store's examination calls, for each rule of its records: `old_has` with how many there are in the reference,
    `came_to` with how many are *found* with a fate, `without_fate` with a finding for each record that has none. A rule
    that nobody writes about has no line, and `ledger.balance` finds that. Keeps `limit` of each kind of entry.
    """

    def __init__(self, limit: int = 50) -> None:
        self._limit = limit
        self._old: Counter[Rule] = Counter()
        self._fates: Counter[tuple[Rule, Fate]] = Counter()
        self._lost: dict[Rule, list[Finding]] = {}
        self._lost_total: Counter[Rule] = Counter()
        self._inconsistencies: dict[str, dict[str, Any]] = {}
        self._reasons: Counter[tuple[Rule, str]] = Counter()
        self._not_judged: list[NotJudged] = []
        self._as_due: set[Rule] = set()

    def old_has(self, rule: Rule, count: int = 1) -> None:
        """Count records of the reference; with 0 it says that the old side has none of this rule."""
        self._old[rule] += count

    def came_to(self, rule: Rule, fate: Fate, count: int = 1) -> None:
        """Count records that were found with `fate`; of a derived rule, rows found, as *mapped*."""
        self._fates[rule, fate] += count

    def set_aside(self, rule: Rule, reason: str, count: int = 1) -> None:
        """Count records that were found quarantined; `reason` is why no rule maps them."""
        self.came_to(rule, Fate.QUARANTINED, count)
        self._reasons[rule, reason] += count

    def without_fate(self, finding: Finding) -> None:
        """Note an old record that is found nowhere; `finding` names its rule and its old key."""
        self._lost_total[finding.rule] += 1
        kept = self._lost.setdefault(finding.rule, [])
        if len(kept) < self._limit:
            kept.append(finding)

    def inconsistent(  # noqa: PLR0913, PLR0917 - what is noted, and how often
        self, store: Store, rule: Rule, kind: str, old: str, note: str, times: int = 1
    ) -> None:
        """Note a contradiction that the old data had before (contract §3): counted by `kind`, never a failure.

        `kind` is a short id such as `total-is-not-the-sum`, `old` the record, `note` a sentence about it; `times` says
        for how many records it stands, of which this is one.
        """
        entry = self._inconsistencies.setdefault(
            f"{store}/{rule}/{kind}",
            {"store": str(store), "rule": str(rule), "kind": kind, "count": 0, "examples": []},
        )
        entry["count"] += times
        if len(entry["examples"]) < _EXAMPLES:
            entry["examples"].append({"old": old, "note": note})

    def as_due(self, rule: Rule) -> None:
        """Note that this look has read all that stands where the records of `rule` go, and it is just what is due."""
        self._as_due.add(rule)

    def is_as_due(self, rule: Rule) -> bool:
        """Return whether that was noted, so that what stands there need not be read a second time."""
        return rule in self._as_due

    def not_judged(self, checks: Iterable[str], why: str) -> None:
        """Note checks that have nothing to say about this run, and the sentence that says why."""
        self._not_judged.append(NotJudged(tuple(checks), why))

    def add(self, other: Book) -> None:
        """Take over all that is written in another book."""
        self._old.update(other._old)
        self._fates.update(other._fates)
        self._reasons.update(other._reasons)
        for rule, findings in other._lost.items():
            kept = self._lost.setdefault(rule, [])
            kept += findings[: max(0, self._limit - len(kept))]
        self._lost_total.update(other._lost_total)
        for name, theirs in other._inconsistencies.items():
            ours = self._inconsistencies.setdefault(name, {**theirs, "count": 0, "examples": []})
            ours["count"] += theirs["count"]
            ours["examples"] += theirs["examples"][: _EXAMPLES - len(ours["examples"])]
        self._not_judged += other._not_judged
        self._as_due |= other._as_due

    def copy(self) -> Book:
        """Return the book as it is now, for `restore`."""
        return copy.deepcopy(self)

    def restore(self, earlier: Book) -> None:
        """Forget whatever was written since `earlier` was copied."""
        self.__dict__.update(copy.deepcopy(earlier.__dict__))

    @property
    def inconsistencies(self) -> list[Mapping[str, Any]]:
        """The contradictions by store, rule and kind: `{store, rule, kind, count, examples: [{old, note}]}`."""
        return [self._inconsistencies[name] for name in sorted(self._inconsistencies)]

    @property
    def unjudged(self) -> list[NotJudged]:
        """The checks that had nothing to say about this run."""
        return list(self._not_judged)

    @property
    def reasons(self) -> list[QuarantineLine]:
        """The quarantined records by rule and reason, the most frequent reason of a rule first."""
        found = sorted(self._reasons.items(), key=lambda item: (-item[1], item[0][1]))
        return [
            QuarantineLine(LEDGER_RULES[rule], rule, reason, count)
            for wanted in LEDGER_RULES
            for (rule, reason), count in found
            if rule is wanted and count
        ]

    def lost(self, rule: Rule) -> list[Finding]:
        """Return the records of `rule` without a fate, as far as they are kept."""
        return list(self._lost.get(rule, ()))

    def lost_total(self, rule: Rule) -> int:
        """Return how many records of `rule` have no fate."""
        return self._lost_total[rule]

    def lines(self) -> list[LedgerLine]:
        """Return the ledger: a line for each rule that anything was written about."""
        written = set(self._old) | {rule for rule, _ in self._fates}
        return [self._line(rule) for rule in LEDGER_RULES if rule in written]

    def _line(self, rule: Rule) -> LedgerLine:
        count = {fate: self._fates[rule, fate] for fate in Fate}
        return LedgerLine(
            LEDGER_RULES[rule], rule, None if rule in DERIVED_RULES else self._old[rule],
            count[Fate.MAPPED], count[Fate.FILLED], count[Fate.QUARANTINED], count[Fate.UNTOUCHED], count[Fate.EXPIRED],
        )  # fmt: skip
