"""Findings gathered by their cause, in memory that does not grow with them: every one counted, a few of each kept."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.difference import Kind, kind_of
from tvmigrate.verify.findings import Direction, Finding, Group

MAX_PLACES = 200  # fields told apart in one check
MAX_DETAILS = 50  # special kinds told apart in one field
TOLD_APART = 8  # special kinds of one family that get a group of their own
SMALLEST_SHARE = 0.01  # of its family that a special kind needs for that
OTHERS = "of other fields, too many to tell apart"
_POSITION = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where findings are alike: the first part of a cause; the kind of difference is the other."""

    store: Store
    rule: Rule
    direction: Direction
    field: str | None


Cause = tuple[Place, Kind]


class Groups:
    """Counts findings by cause and keeps up to `limit` of them, spread over the causes as evenly as can be."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: dict[Place, Counter[Kind]] = {}
        self._kept: list[tuple[Cause, Finding]] = []
        self._kept_of: Counter[Cause] = Counter()
        self.total = 0

    def add(self, finding: Finding, times: int = 1) -> None:
        """Count `finding`, which stands for `times` of its kind, and keep it if its cause is told by few so far."""
        cause = self._cause(finding)
        place, kind = cause
        self._counts.setdefault(place, Counter())[kind] += times
        self.total += times
        if len(self._kept) < self._limit or self._make_room(cause):
            self._kept.append((cause, finding))
            self._kept_of[cause] += 1

    def _cause(self, finding: Finding) -> Cause:
        field = None if finding.field is None else _POSITION.sub("[*]", finding.field)
        place = Place(finding.store, finding.rule, finding.direction, field)
        kinds = self._counts.get(place)
        if kinds is None and len(self._counts) >= MAX_PLACES:
            return Place(finding.store, finding.rule, finding.direction, None), Kind(OTHERS)
        kind = kind_of(finding)
        if kinds is not None and kind not in kinds and len(kinds) >= MAX_DETAILS:
            kind = Kind(kind.family)
        return place, kind

    def _make_room(self, cause: Cause) -> bool:
        """Give up the last kept finding of the cause that is told by most, if that is by two more than `cause`."""
        if not self._kept_of:
            return False
        most, count = self._kept_of.most_common(1)[0]
        if count < self._kept_of[cause] + 2:
            return False
        last = max(n for n, (kept, _) in enumerate(self._kept) if kept == most)
        del self._kept[last]
        self._kept_of[most] -= 1
        return True

    def findings(self) -> tuple[Finding, ...]:
        """Return the kept findings, in the order they were found."""
        return tuple(finding for _, finding in self._kept)

    def groups(self) -> tuple[Group, ...]:
        """Return all findings by cause, the largest group first; their counts add up to `total`.

        Kinds that only a few findings share are told as one group of their family.
        """
        counts: Counter[Cause] = Counter()
        group_of: dict[Cause, Cause] = {}
        for place, kinds in self._counts.items():
            for kind, told_as in _told_as(kinds).items():
                counts[place, told_as] += kinds[kind]
                group_of[place, kind] = (place, told_as)
        samples: defaultdict[Cause, list[int]] = defaultdict(list)
        for position, (cause, _) in enumerate(self._kept):
            samples[group_of[cause]].append(position)
        return tuple(
            Group(place.store, place.rule, place.direction, place.field, kind.text, count, tuple(samples[place, kind]))
            for (place, kind), count in counts.most_common()
        )


def _told_as(kinds: Counter[Kind]) -> dict[Kind, Kind]:
    """Return for each kind itself, or the family that it goes under since too few findings are of it."""
    families: defaultdict[str, list[Kind]] = defaultdict(list)
    for kind, _ in kinds.most_common():
        families[kind.family].append(kind)
    told: dict[Kind, Kind] = {}
    for family, members in families.items():
        least = SMALLEST_SHARE * sum(kinds[kind] for kind in members)
        few = len(members) <= TOLD_APART
        apart = [k for k in members[:TOLD_APART] if k.detail is not None and (few or kinds[k] > max(1, least))]
        rest = [kind for kind in members if kind not in apart]
        told |= {kind: kind for kind in apart}
        told |= {kind: kind if len(rest) == 1 else Kind(family) for kind in rest}
    return told
