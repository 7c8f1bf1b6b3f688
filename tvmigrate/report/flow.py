"""Where every old record went, as a picture: the ledger laid out as bands from rule to fate to new place.

A picture a store, so that each fits a phone and the larger store does not hide the smaller. Bands are as thick as there
are records, but never too thin to be seen: the numbers beside them and the ledger are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Fate, LedgerLine, Rule, Store
from tvmigrate.report.prose import counted

WIDTH = 400  # of the picture, in its own units
LOST = "lost"  # the fate of a record that has none

_BAR = 10  # width of a node
_LEFT = (0.0, (WIDTH - _BAR) / 2, WIDTH - _BAR + 0.0)  # of the three columns
_LABEL, _GAP = 17.0, 9.0  # above and below a node
_HEIGHT = 150.0  # of all of a store's records
_THINNEST = 2.0

_PLACES: Mapping[Rule, str] = {
    Rule.REDIS_EAOS: f"{new.EAOS_PREFIX}…",
    Rule.REDIS_TREND: f"{new.TRENDS_PREFIX}…",
    Rule.REDIS_METRIC: f"{new.EVENTS_PREFIX}…",
    Rule.CLICKHOUSE_COMMENTS: new.RAW_COMMENTS.name,
    Rule.CLICKHOUSE_EAOS_METRICS: new.EAOS_METRICS.name,
    Rule.ELASTICSEARCH_COMMENTS: new.INDEX.name,
}
_OTHER_PLACES: Mapping[str, str] = {
    Fate.QUARANTINED: "quarantine",
    Fate.UNTOUCHED: "as it was",
    Fate.EXPIRED: "ran out",
    LOST: "nowhere",
}


@dataclass(frozen=True, slots=True)
class Node:
    """A bar with its label above it; `x`, `y`, `height` in units, `anchor` as SVG's text-anchor."""

    label: str
    count: int
    kind: str
    x: float
    y: float
    height: float
    anchor: str

    @property
    def text_x(self) -> float:
        """Where the label is anchored."""
        return {"start": 0.0, "middle": WIDTH / 2, "end": float(WIDTH)}[self.anchor]

    @property
    def text_y(self) -> float:
        """The label's base line."""
        return self.y - 5

    @property
    def short(self) -> str:
        """The count, short enough for a phone."""
        return short(self.count)


@dataclass(frozen=True, slots=True)
class Band:
    """Records on their way from one node to the next: an SVG path, and what it says."""

    path: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Flow:
    """The picture of one store; `derived` says what rows were made up of others, which have no old record."""

    store: str
    height: float
    nodes: Sequence[Node]
    bands: Sequence[Band]
    told: str
    derived: str


def flows(ledger: Iterable[LedgerLine], aside: str = _OTHER_PLACES[Fate.QUARANTINED]) -> list[Flow]:
    """Return a picture for each store that has old records; `aside` names the place of quarantined ones."""
    lines = list(ledger)
    stores = [store for store in Store if any(line.old for line in lines if line.store is store)]
    return [_flow(store, [line for line in lines if line.store is store], aside) for store in stores]


def fates(line: LedgerLine) -> Iterator[tuple[str, int]]:
    """Yield the fates of a line's records that any of them has, and how many have none."""
    for fate in Fate:
        if count := getattr(line, fate):
            yield str(fate), count
    if line.old is not None and line.old > line.accounted:
        yield LOST, line.old - line.accounted


def short(count: int) -> str:
    """Return `count` in at most six characters: 12,241 as it is, 3138000 as `3.14 M`."""
    for unit, size in (("G", 10**9), ("M", 10**6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:,}"


def _flow(store: Store, lines: Sequence[LedgerLine], aside: str) -> Flow:
    counted_lines = [line for line in lines if line.old]
    steps = [
        (_name(line.rule), fate, _place(line.rule, fate, aside), count)
        for line in counted_lines
        for fate, count in fates(line)
    ]
    scale = _HEIGHT / max(1, sum(count for *_, count in steps))
    order = [*map(str, Fate), LOST]
    first: dict[tuple[str, str, str], int] = {}
    second: dict[tuple[str, str, str], int] = {}
    for rule, fate, place, count in sorted(steps, key=lambda step: order.index(step[1])):
        first[rule, fate, fate] = first.get((rule, fate, fate), 0) + count
        second[fate, place, fate] = second.get((fate, place, fate), 0) + count
    columns = [
        _column(0, dict.fromkeys(rule for rule, *_ in steps), {}, first, scale),
        _column(1, sorted({fate for _, fate, *_ in steps}, key=order.index), first, second, scale),
        _column(2, dict.fromkeys(place for _, place, _ in second), second, {}, scale),
    ]
    height = max(node.y + node.height for column in columns for node in column.values())
    # Shorter columns are centred, so that bands cross less.
    columns = [_centred(column, height) for column in columns]
    bands = [*_bands(columns[0], columns[1], first, scale), *_bands(columns[1], columns[2], second, scale)]
    told = "; ".join(
        f"{line.old:,} old records of {_name(line.rule)}: "
        + ", ".join(f"{count:,} {'without a fate' if fate == LOST else fate}" for fate, count in fates(line))
        for line in counted_lines
    )
    derived = ", ".join(f"{line.mapped:,} in {_name(line.rule)}" for line in lines if line.old is None)
    nodes = [node for column in columns for node in column.values()]
    return Flow(str(store), round(height + _GAP, 1), nodes, bands, told, derived)


def _name(rule: Rule) -> str:
    return rule.partition(".")[2]


def _place(rule: Rule, fate: str, aside: str) -> str:
    if fate in {Fate.MAPPED, Fate.FILLED}:
        return _PLACES.get(rule, _name(rule))
    return aside if fate == Fate.QUARANTINED else _OTHER_PLACES[fate]


Links = Mapping[tuple[str, str, str], int]
Column = dict[str, Node]


def _thickness(count: int, scale: float) -> float:
    return max(_THINNEST, count * scale)


def _column(number: int, names: Iterable[str], into: Links, out: Links, scale: float) -> Column:
    """Return the nodes of a column from the top; each is as high as the bands on its thicker side."""
    column: Column = {}
    y = _LABEL
    for name in names:
        before = [count for (_, end, _), count in into.items() if end == name]
        after = [(count, kind) for (start, _, kind), count in out.items() if start == name]
        height = max(sum(_thickness(n, scale) for n in before), sum(_thickness(n, scale) for n, _ in after))
        kinds = {kind for (_, end, kind) in into if end == name}
        kind = "rule" if number == 0 else kinds.pop() if len(kinds) == 1 else "mapped"
        count = sum(before) or sum(n for n, _ in after)
        anchor = ("start", "middle", "end")[number]
        column[name] = Node(name, count, kind, _LEFT[number], y, height, anchor)
        y += height + _GAP + _LABEL
    return column


def _centred(column: Column, height: float) -> Column:
    down = (height - max(node.y + node.height for node in column.values())) / 2
    return {
        name: Node(n.label, n.count, n.kind, n.x, round(n.y + down, 1), round(n.height, 1), n.anchor)
        for name, n in column.items()
    }


def _bands(left: Column, right: Column, links: Links, scale: float) -> Iterator[Band]:
    leaving = {name: node.y for name, node in left.items()}
    arriving = {name: node.y for name, node in right.items()}
    by_place = sorted(links, key=lambda link: (list(left).index(link[0]), list(right).index(link[1])))
    for start, end, kind in by_place:
        count = links[start, end, kind]
        thick = _thickness(count, scale)
        x0, x1 = left[start].x + _BAR, right[end].x
        middle = (x0 + x1) / 2
        y0, y1 = leaving[start], arriving[end]
        leaving[start] += thick
        arriving[end] += thick
        path = (
            f"M{x0:g} {y0:.1f}C{middle:g} {y0:.1f} {middle:g} {y1:.1f} {x1:g} {y1:.1f}v{thick:.1f}"
            f"C{middle:g} {y1 + thick:.1f} {middle:g} {y0 + thick:.1f} {x0:g} {y0 + thick:.1f}z"
        )
        yield Band(path, kind, f"{start} → {end}: {counted(count, 'record')}")
