"""One list of events compared with what the rules make of the old items: every item, every field, the order."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tvmigrate.contract import exact_json, new, values
from tvmigrate.contract.outcome import Fate, Rule, Store, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.verify.compare import differences, direction_between, plain_number, shown
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.redis_expected import ExpectedEvent

UTC = Policy(keep_entities=True)


@dataclass(frozen=True, slots=True)
class ListComparison:
    """What came of one list: the findings, the fates of the old items found in it, and those that are not in it."""

    findings: list[Finding]
    found: list[Fate]
    missing: list[ExpectedEvent]


def compare_list(key: str, expected: Sequence[ExpectedEvent], items: Sequence[str], now_ms: int) -> ListComparison:
    """Compare the `items` (JSON text) of the list `key`, in order, with the `expected` events, in theirs.

    An event whose source has expired by `now_ms` may be there or not. Items are matched as wholes first, so that one
    that is missing is not told as all the later ones being wrong.
    """
    if len(items) == len(expected) and all(e.text == item for e, item in zip(expected, items, strict=True)):
        return ListComparison([], [event.fate for event in expected], [])
    parsed = [_parse(item) for item in items]
    matches = _match(expected, parsed)
    findings: list[Finding] = []
    for wanted, position in matches.items():
        event = expected[wanted]
        findings += _changed(key, event, parsed[position], items[position])
    missing = [event for n, event in enumerate(expected) if n not in matches]
    findings += [_missing(key, event) for event in missing if not _expired(event, now_ms)]
    taken = set(matches.values())
    findings += [_extra(key, items[n], n) for n in range(len(items)) if n not in taken]
    findings += _disorder(key, expected, matches)
    return ListComparison(findings, [expected[n].fate for n in matches], missing)


def _parse(item: str) -> Any:
    try:
        return exact_json.parse(item)
    except Unmappable:
        return None


def _match(expected: Sequence[ExpectedEvent], parsed: Sequence[Any]) -> dict[int, int]:
    """Return expected position → actual position: equal ones, then those that share ever less."""
    matches: dict[int, int] = {}
    left_expected, left_actual = list(range(len(expected))), list(range(len(parsed)))
    for identity in (_whole, _metric_and_time, _metric_and_content, _time, _content):
        if not left_expected or not left_actual:
            break
        found = _match_by(identity, expected, left_expected, parsed, left_actual)
        matches |= found
        taken = set(found.values())
        left_expected = [n for n in left_expected if n not in found]
        left_actual = [n for n in left_actual if n not in taken]
    return matches


def _match_by(
    identity: Callable[[Any], Hashable],
    expected: Sequence[ExpectedEvent],
    left_expected: Sequence[int],
    parsed: Sequence[Any],
    left_actual: Sequence[int],
) -> dict[int, int]:
    places: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for n in left_actual:
        if isinstance(parsed[n], dict):
            places[identity(parsed[n])].append(n)
    found = {}
    for n in left_expected:
        if queue := places.get(identity(expected[n].body)):
            found[n] = queue.popleft()
    return found


def _whole(body: dict[str, Any]) -> Hashable:
    return canonical(_with_instant(body))


def _metric_and_time(body: dict[str, Any]) -> Hashable:
    return canonical([body.get(new.EVENT_METRIC), _instant(body.get(new.EVENT_TIMESTAMP))])


def _metric_and_content(body: dict[str, Any]) -> Hashable:
    return canonical([body.get(new.EVENT_METRIC), body.get(new.EVENT_VALUE), body.get(new.EVENT_DATA)])


def _time(body: dict[str, Any]) -> Hashable:
    return canonical(_instant(body.get(new.EVENT_TIMESTAMP)))


def _content(body: dict[str, Any]) -> Hashable:
    return canonical([body.get(new.EVENT_VALUE), body.get(new.EVENT_DATA)])


def canonical(value: Any) -> Hashable:
    """Return something that is equal for two JSON values just where `compare.same` says so."""
    if isinstance(value, dict):
        return ("object", frozenset((name, canonical(inner)) for name, inner in value.items()))
    if isinstance(value, list):
        return ("list", tuple(map(canonical, value)))
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return (type(value).__name__, value)
    number = plain_number(value)
    return ("number", number, str(number)[:1] == "-")


def _instant(value: Any) -> Any:
    try:
        return values.instant(value, UTC)
    except Unmappable:
        return value


def _with_instant(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, new.EVENT_TIMESTAMP: _instant(body.get(new.EVENT_TIMESTAMP))}


def _changed(key: str, event: ExpectedEvent, actual: Any, item: str) -> Iterator[Finding]:
    wanted = event.body
    if isinstance(actual, dict) and _instant(actual.get(new.EVENT_TIMESTAMP)) == _instant(wanted[new.EVENT_TIMESTAMP]):
        actual = {**actual, new.EVENT_TIMESTAMP: wanted[new.EVENT_TIMESTAMP]}
    for path, one, other in differences(wanted, actual):
        note = (
            f"{path} of the event in {key} that comes from {event.old} is not what the old item says. The item reads "
            f"{item[:300]}"
        )
        yield Finding(
            Store.REDIS, Rule.REDIS_METRIC, direction_between(one, other), note, old=event.old, new=key,
            field=path, expected=shown(one), actual=shown(other),
        )  # fmt: skip


def _missing(key: str, event: ExpectedEvent) -> Finding:
    note = (
        f"{event.old} is lost: no item of {key} comes from it. Each item of an old metrics list becomes one event in "
        "the list of its program and UTC date."
    )
    return Finding(
        Store.REDIS, Rule.REDIS_METRIC, Direction.MISSING, note, old=event.old, new=key, field="item",
        expected=shown(event.body),
    )  # fmt: skip


def _extra(key: str, item: str, position: int) -> Finding:
    note = (
        f"Item {position} of {key} comes from no old item. The list holds one event for each old item, and no other; a "
        "migration that ran twice must not write twice."
    )
    return Finding(
        Store.REDIS, Rule.REDIS_METRIC, Direction.EXTRA, note, new=f"{key}#{position}", field="item", actual=item[:1000]
    )


def _disorder(key: str, expected: Sequence[ExpectedEvent], matches: dict[int, int]) -> Iterator[Finding]:
    furthest, before = -1, None
    for n in sorted(matches):
        if matches[n] < furthest and before is not None:
            note = (
                f"The items of {key} are not in their order: the one from {expected[n].old} stands before the one from "
                f"{before.old}. Events are in the order of their timestamps; at one instant by metric, then as they "
                "stood in the old list."
            )
            yield Finding(
                Store.REDIS, Rule.REDIS_METRIC, Direction.CHANGED, note, old=expected[n].old, new=key, field="order",
                expected=n, actual=matches[n],
            )  # fmt: skip
            return
        furthest, before = matches[n], expected[n]


def _expired(event: ExpectedEvent, now_ms: int) -> bool:
    return event.deadline is not None and event.deadline <= now_ms
