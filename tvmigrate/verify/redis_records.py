"""A new Redis key compared with what its old record becomes, and an old or unrelated key with itself."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tvmigrate.contract import exact_json, new, values
from tvmigrate.contract.outcome import Rule, Store, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.verify.compare import differences, direction_between, same_double, same_number, shown
from tvmigrate.verify.context import Context
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.redis_live import LiveKey, ttl_difference
from tvmigrate.verify.redis_outcomes import ExpectedKey

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


def trend_findings(expected: ExpectedKey, live: LiveKey, trends: Iterable[ExpectedKey]) -> Iterator[Finding]:
    """Yield the members of a live trend that are missing, extra, renamed, or have another score, bit for bit.

    One finding where it holds just what another of the expected `trends` has to hold.
    """
    wanted: dict[str, str] = expected.state["value"]
    found: dict[str, str] = live.state["value"]
    if _same_scores(wanted, found):
        return
    for other_trend in trends:
        if other_trend.key != expected.key and _same_scores(other_trend.state["value"], found):
            note = (
                f"{expected.name} holds what {other_trend.old} becomes, and {expected.old} should stand there. The "
                f"window of {other_trend.old} is {other_trend.name}."
            )
            yield _trend(expected, Direction.CHANGED, expected.old, "window", expected.old, other_trend.old, note)
            return
    written_as = _written_otherwise(wanted, found)
    for member in wanted | found:
        one, other = wanted.get(member), found.get(member)
        if member in written_as.values():
            continue
        if one is not None and other is not None and same_double(float(one), float(other)):
            continue
        old = f"{expected.old}#{member}"
        if member in written_as:
            name = written_as[member]
            note = (
                f"The topic {member!r} of {expected.old} stands as {name!r} in {expected.name}. A topic is kept as it "
                "is written, and never renamed."
            )
            yield _trend(expected, Direction.CHANGED, old, "member", member, name, note)
        elif other is None:
            note = f"The topic {member!r} of {expected.old} is missing from {expected.name}."
            yield _trend(expected, Direction.MISSING, old, "member", member, None, note)
        elif one is None:
            note = f"{expected.name} holds the topic {member!r}, which {expected.old} does not."
            yield _trend(expected, Direction.EXTRA, None, "member", None, member, note)
        else:
            note = f"The score of {member!r} in {expected.name} is {other}; in {expected.old} it is {one}."
            yield _trend(expected, Direction.CHANGED, old, "score", one, other, note)


def _same_scores(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return one.keys() == other.keys() and all(same_double(float(one[name]), float(other[name])) for name in one)


def _written_otherwise(wanted: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Return missing topic → extra one of the same score that is it in another case or normal form, or as a program."""
    missing = [member for member in wanted if member not in found]
    extra = [member for member in found if member not in wanted]
    pairs: dict[str, str] = {}
    for member in missing if extra else ():
        for other in extra:
            same_score = same_double(float(wanted[member]), float(found[other]))
            if same_score and (_fold(other) == _fold(member) or other.endswith(f"/{member}")):
                pairs[member] = other
                extra.remove(other)
                break
    return pairs


def _fold(topic: str) -> str:
    return unicodedata.normalize("NFKC", " ".join(topic.split())).casefold()


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
        direction = direction_between(one, other)
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
    """Return how the instant a key expires at differs from its source's, by more than a second; None if it does not.

    A time to live that is lost is `missing`, one on a key that had none `extra`, another one `changed`.
    """
    words = ttl_difference(expected.deadline, live.deadline)
    if words is None:
        return None
    direction = direction_between(expected.deadline, live.deadline, None)
    note = f"{expected.name} {words} ({expected.old}). A key's time to live comes along, to the second."
    return Finding(
        Store.REDIS, rule, direction, note, old=expected.old, new=expected.name, field="ttl",
        expected=expected.deadline, actual=live.deadline,
    )  # fmt: skip
