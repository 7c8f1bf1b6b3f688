"""A new Redis key compared with what its old record becomes, and an old or unrelated key with itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tvmigrate.contract import exact_json, new, values
from tvmigrate.contract.outcome import Rule, Store, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.verify.compare import ABSENT, differences, same_double, same_number, shown
from tvmigrate.verify.context import Context
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.redis_expected import ExpectedKey
from tvmigrate.verify.redis_live import LiveKey, ttl_difference

_UTC = Policy(keep_entities=True)
_SECOND_NS = 10**9


def hash_findings(expected: ExpectedKey, live: LiveKey, context: Context) -> Iterator[Finding]:
    """Yield how a live hash differs from what the eaos key becomes: a finding a field (`redis.eaos`)."""
    fields = {show_bytes(name.encode()): text for name, text in expected.state["fields"].items()}
    found: dict[str, Any] = live.state["value"]
    for field in fields | found:
        wanted, actual = fields.get(field), found.get(field)
        if wanted is None:
            note = f"{expected.name} has a field {field} that no rule gives it; fields without a place are archived."
            yield _changed(expected, Direction.EXTRA, field, None, actual, note)
        elif actual is None:
            note = f"The field {field} of {expected.name} is missing; {expected.old} gives it the value {wanted}."
            yield _changed(expected, Direction.MISSING, field, wanted, None, note)
        elif field == new.UPDATED_AT and field in expected.state["filled"]:
            yield from _filled_instant(expected, actual, context)
        elif not _same_field(field, wanted, actual):
            note = f"The field {field} of {expected.name} is {actual!r:.200}; {expected.old} says {wanted}."
            yield _changed(expected, Direction.CHANGED, field, wanted, actual, note)


def _same_field(field: str, wanted: str, actual: str) -> bool:
    try:
        if field == new.UPDATED_AT:
            return values.instant(wanted, _UTC) == values.instant(actual, _UTC)
        one, other = exact_json.parse(wanted), exact_json.parse(actual)
        return same_number(values.number(one), values.number(other))
    except Unmappable:
        return False


def _filled_instant(expected: ExpectedKey, actual: str, context: Context) -> Iterator[Finding]:
    """A filled `updated_at` lies within the run, or is what a key that was there before had."""
    if actual == expected.state["kept_updated_at"]:
        return
    # A migration that writes whole seconds may cut off up to one.
    first, last = context.began_ns // _SECOND_NS * _SECOND_NS, context.ended_ns
    try:
        inside = first <= values.instant(actual, _UTC) <= last
    except Unmappable:
        inside = False
    if not inside:
        limits = f"{values.rfc3339(context.began_ns)} to {values.rfc3339(last)}"
        note = (
            f"{expected.old} has no instant of its own, so {new.UPDATED_AT} of {expected.name} is filled with one of "
            f"the run, {limits}; it is {actual!r:.100}."
        )
        yield _changed(expected, Direction.CHANGED, new.UPDATED_AT, limits, actual, note)


def trend_findings(expected: ExpectedKey, live: LiveKey) -> Iterator[Finding]:
    """Yield the members of a live trend that are missing, extra, or have another score, bit for bit (`redis.trend`)."""
    wanted: dict[str, str] = expected.state["value"]
    found: dict[str, str] = live.state["value"]
    for member in wanted | found:
        one, other = wanted.get(member), found.get(member)
        if one is not None and other is not None and same_double(float(one), float(other)):
            continue
        old = f"{expected.old}#{member}"
        if other is None:
            note = f"The topic {member!r} of {expected.old} is missing from {expected.name}."
            yield _trend(expected, Direction.MISSING, old, "member", member, None, note)
        elif one is None:
            note = f"{expected.name} holds the topic {member!r}, which {expected.old} does not."
            yield _trend(expected, Direction.EXTRA, None, "member", None, member, note)
        else:
            note = f"The score of {member!r} in {expected.name} is {other}; in {expected.old} it is {one}."
            yield _trend(expected, Direction.CHANGED, old, "score", one, other, note)


def _trend(expected: ExpectedKey, direction: Direction, old: str | None, field: str, *rest: Any) -> Finding:
    one, other, note = rest
    return Finding(
        Store.REDIS, expected.rule, direction, note, old=old, new=expected.name, field=field, expected=one,
        actual=other,
    )  # fmt: skip


def untouched_findings(expected: ExpectedKey, live: LiveKey, why: str, rule: Rule | None = None) -> Iterator[Finding]:
    """Yield how a key that had to stay as it was differs: its type, or each place in its value."""
    wanted, actual = expected.state, live.state
    name = expected.name
    if wanted["type"] != actual["type"]:
        note = f"{name} is a {actual['type']} now and was a {wanted['type']}. {why}"
        yield _untouched(expected, Direction.CHANGED, "type", wanted["type"], actual["type"], note, rule)
        return
    for path, one, other in differences(wanted["value"], actual["value"]):
        direction = Direction.MISSING if other is ABSENT else Direction.EXTRA if one is ABSENT else Direction.CHANGED
        note = f"{path or 'The value'} of {name} is not as it was. {why}"
        yield _untouched(expected, direction, path or "value", shown(one), shown(other), note, rule)


def _untouched(expected: ExpectedKey, direction: Direction, *rest: Any) -> Finding:
    field, one, other, note, rule = rest
    return Finding(
        Store.REDIS, rule or expected.rule, direction, note, old=expected.name, new=expected.name, field=field,
        expected=one, actual=other,
    )  # fmt: skip


def _changed(expected: ExpectedKey, direction: Direction, *rest: Any) -> Finding:
    field, one, other, note = rest
    return Finding(
        Store.REDIS, expected.rule, direction, note, old=expected.old, new=expected.name, field=field, expected=one,
        actual=other,
    )  # fmt: skip


def ttl_finding(expected: ExpectedKey, live: LiveKey, rule: Rule) -> Finding | None:
    """Return how the instant a key expires at differs from its source's, by more than a second; None if it does not."""
    words = ttl_difference(expected.deadline, live.deadline)
    if words is None:
        return None
    note = f"{expected.name} {words} ({expected.old}). A key's time to live comes along, to the second."
    return Finding(
        Store.REDIS, rule, Direction.CHANGED, note, old=expected.old, new=expected.name, field="ttl",
        expected=expected.deadline, actual=live.deadline,
    )  # fmt: skip
