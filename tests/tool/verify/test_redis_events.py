"""One list of events beside another: each item is matched with the one it comes from; what differs is told whole."""

from __future__ import annotations

import json
from typing import Any

from tvmigrate.contract.outcome import Fate, Rule, Store
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.redis_events import ListComparison, compare_list
from tvmigrate.verify.redis_expected import ExpectedEvent

KEY = "events:the_voice/x:2025-11-20"
NOON = "2025-11-20T12:00:00Z"
ONE_EACH = "The list holds one event for each old item, and no other; a migration that ran twice must not write twice."


def body(**changes: Any) -> dict[str, Any]:
    plain = {"type": "metric", "metric": "buzz", "program_id": "p", "timestamp": NOON, "value": 1, "data": {}}
    return {**plain, **changes}


def event(n: int, deadline: int | None = None, **changes: Any) -> ExpectedEvent:
    return ExpectedEvent(f"metrics:buzz#{n}", json.dumps(body(**changes)), deadline, Fate.MAPPED)


def compared(expected: list[ExpectedEvent], *items: dict[str, Any] | str) -> ListComparison:
    return compare_list(KEY, expected, [i if isinstance(i, str) else json.dumps(i) for i in items], now_ms=1000)


def wrong(found: ListComparison) -> list[tuple[str | None, str | None, Any, Any]]:
    return [(finding.old, finding.field, finding.expected, finding.actual) for finding in found.findings]


def test_an_equal_list_is_found_whole() -> None:
    expected = [event(0), event(1, value=2)]
    assert compared(expected, body(), body(value=2)) == ListComparison([], [Fate.MAPPED, Fate.MAPPED], [])


def test_the_same_instant_and_number_in_other_words_are_equal() -> None:
    expected = [event(0, value=1.5, timestamp="2025-11-20T12:00:00.500Z")]
    same = body(value=1.50, timestamp="2025-11-20T19:00:00.5+07:00")
    assert compared(expected, same) == ListComparison([], [Fate.MAPPED], [])


def test_a_lost_item_is_told_once_and_the_later_ones_are_not_blamed() -> None:
    expected = [event(0), event(1, value=2), event(2, value=3)]
    found = compared(expected, body(value=2), body(value=3))
    note = (
        f"metrics:buzz#0 is lost: no item of {KEY} comes from it. Each item of an old metrics list becomes one event in"
        " the list of its program and UTC date."
    )
    lost = Finding(
        Store.REDIS, Rule.REDIS_METRIC, Direction.MISSING, note, old="metrics:buzz#0", new=KEY, field="item",
        expected=body(),
    )  # fmt: skip
    assert found == ListComparison([lost], [Fate.MAPPED, Fate.MAPPED], [expected[0]])


def test_a_lost_item_whose_source_has_expired_may_be_lost() -> None:
    expected = [event(0, deadline=1000), event(1, deadline=1001, value=2)]
    found = compared(expected)
    assert [finding.old for finding in found.findings] == ["metrics:buzz#1"]
    assert (found.found, found.missing) == ([], expected)


def test_an_item_that_comes_from_nothing_is_extra() -> None:
    found = compared([event(0)], body(), body(value=7), "not JSON " * 200)
    assert found.findings == [
        Finding(
            Store.REDIS, Rule.REDIS_METRIC, Direction.EXTRA, f"Item {n} of {KEY} comes from no old item. {ONE_EACH}",
            new=f"{KEY}#{n}", field="item", actual=actual,
        )
        for n, actual in ((1, json.dumps(body(value=7))), (2, ("not JSON " * 200)[:1000]))
    ]  # fmt: skip
    assert (found.found, found.missing) == ([Fate.MAPPED], [])


def test_a_changed_field_is_told_with_the_item_it_comes_from() -> None:
    item = body(value=2, data={"region": "x" * 400})
    found = compared([event(0, data={"region": "y"})], item)
    note = "{} of the event in {} that comes from metrics:buzz#0 is not what the old item says. The item reads {}"
    assert sorted((f.field or "", f.direction, f.note, f.old, f.new, f.expected) for f in found.findings) == [
        (path, Direction.CHANGED, note.format(path, KEY, json.dumps(item)[:300]), "metrics:buzz#0", KEY, expected)
        for path, expected in (("data.region", "y"), ("value", 1))
    ]


def test_items_with_one_metric_and_instant_belong_together_whatever_else_differs() -> None:
    expected = [event(0, metric="a", value=1), event(1, metric="b", value=2)]
    found = compared(expected, body(metric="a", value=8), body(metric="b", value=9))
    assert wrong(found) == [("metrics:buzz#0", "value", 1, 8), ("metrics:buzz#1", "value", 2, 9)]


def test_items_with_one_metric_and_content_belong_together_though_their_instants_differ() -> None:
    later = "2025-11-20T13:00:00Z"
    expected = [event(0, value=1, data={"a": 1}), event(1, value=1, data={"a": 2}), event(2, value=2, data={"a": 1})]
    found = compared(
        expected,
        *(body(value=v, data={"a": a}, timestamp=later) for v, a in ((2, 1), (1, 2), (1, 1))),
    )
    assert sorted(wrong(found)[:3]) == [(f"metrics:buzz#{n}", "timestamp", NOON, later) for n in range(3)]
    assert [finding.field for finding in found.findings[3:]] == ["order"]


def test_items_of_one_instant_belong_together_though_nothing_else_is_alike() -> None:
    later = "2025-11-20T13:00:00Z"
    expected = [event(0, value=1), event(1, value=2, timestamp=later)]
    found = compared(expected, body(metric="x", value=8), body(metric="x", value=9, timestamp=later))
    assert sorted(wrong(found)) == [
        ("metrics:buzz#0", "metric", "buzz", "x"), ("metrics:buzz#0", "value", 1, 8),
        ("metrics:buzz#1", "metric", "buzz", "x"), ("metrics:buzz#1", "value", 2, 9),
    ]  # fmt: skip


def test_items_of_one_content_belong_together_though_metric_and_instant_differ() -> None:
    later = "2025-11-20T13:00:00Z"
    expected = [event(0, value=1, data={"a": 1}), event(1, value=2, data={"a": 1}), event(2, value=2, data={"a": 2})]
    found = compared(
        expected,
        *(body(metric="x", value=v, data={"a": a}, timestamp=later) for v, a in ((2, 2), (2, 1), (1, 1))),
    )
    assert {finding.field for finding in found.findings} == {"metric", "timestamp", "order"}


def test_an_order_that_is_not_the_events_is_told_once() -> None:
    found = compared([event(n, value=n) for n in range(3)], *(body(value=n) for n in (2, 1, 0)))
    note = (
        f"The items of {KEY} are not in their order: the one from metrics:buzz#1 stands before the one from"
        " metrics:buzz#0. Events are in the order of their timestamps; at one instant by metric, then as they stood in"
        " the old list."
    )
    assert found.findings == [
        Finding(
            Store.REDIS, Rule.REDIS_METRIC, Direction.CHANGED, note, old="metrics:buzz#1", new=KEY, field="order",
            expected=1, actual=1,
        )
    ]  # fmt: skip


def test_doubled_items_are_matched_one_by_one() -> None:
    found = compared([event(0), event(1)], body(), body(), body())
    assert (found.found, found.missing) == ([Fate.MAPPED, Fate.MAPPED], [])
    assert [(finding.direction, finding.new) for finding in found.findings] == [(Direction.EXTRA, f"{KEY}#2")]


def test_what_json_tells_apart_is_told_apart() -> None:
    for wanted, there in ((1, True), (1, "1"), (0.0, -0.0), ([1], {"0": 1}), (None, "")):
        found = compared([event(0, data={"a": wanted})], body(data={"a": there}))
        assert [finding.field for finding in found.findings] == ["data.a"], (wanted, there)
