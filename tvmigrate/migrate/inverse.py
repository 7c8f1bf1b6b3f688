"""The rules backwards: a record of the new layout in, the old record that the rules make it of out. Pure.

Whatever comes back is tried with the rule itself: `lost` says what of it the next migration would not give again.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

from tvmigrate.contract import exact_json, new, rules, values
from tvmigrate.contract.old_layout import ABSENT, CONTRACT, EaosFields, OldLayout
from tvmigrate.contract.outcome import Mapped, Quarantined, Rule, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.contract.values import NS_PER_S

T = TypeVar("T")


_WHOLE = 200  # characters of a reason that quotes no value in part
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|['"].*""", re.DOTALL)
_TO_THE_END = re.compile(r"""['"].*""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Declared:
    """What a rule says of its inverse: whether there is one, and what does not come back by it."""

    reversible: bool
    lost: str


DECLARED: Mapping[Rule, Declared] = {
    Rule.PROGRAM_ID: Declared(
        True, "of several entities with one program id, the one that was there; a program id that no entity becomes"
    ),
    Rule.TIME_RANGE: Declared(True, "nothing"),
    Rule.SENTIMENT: Declared(True, "nothing: the old layout knows the English labels; the Vietnamese do not return"),
    Rule.TIMESTAMP: Declared(True, "in ClickHouse what is finer than a second, and years before 1970 or after 2105"),
    Rule.COUNT: Declared(True, "in ClickHouse a total above 2^32-1"),
    Rule.NUMBER: Declared(True, "in ClickHouse what is finer than a Float32"),
    Rule.REDIS_EAOS: Declared(True, "a hash without just the six fields; another spelling of a number or an instant"),
    Rule.REDIS_TREND: Declared(True, "a trend of another range"),
    Rule.REDIS_METRIC: Declared(
        True,
        "an event that is no metric; an order not by instant; that an item was taken off; a list's time to live",
    ),
    Rule.CLICKHOUSE_COMMENTS: Declared(True, "a topic with a comma or blanks around it; `value.*` as above"),
    Rule.CLICKHOUSE_AGGREGATES: Declared(False, "all: they are worked out anew from the comments"),
    Rule.CLICKHOUSE_EAOS_METRICS: Declared(True, "`value.*` as above"),
    Rule.CLICKHOUSE_ANOMALIES: Declared(False, "all: the old layout has no anomalies"),
    Rule.ELASTICSEARCH_COMMENTS: Declared(True, "a document without one of the fields that the rule asks for"),
}


class NoWayBack(Exception):  # noqa: N818 - a fact about a record
    """Why no old record becomes this new one."""


@dataclass(frozen=True, slots=True)
class Back(Generic[T]):
    """An old record, what the rule makes of it again, and what of the new one that is not, in words; empty: nothing."""

    old: T
    again: Any
    lost: str = ""


def entities(program_id: str, policy: Policy) -> list[str]:
    """Return the entities that become `program_id`, the likeliest first; raises NoWayBack if none does."""
    found = [entity for entity, mapped in policy.entity_map.items() if mapped == program_id]
    if policy.show is not None:
        found.append(program_id.removeprefix(f"{policy.show}/"))
    found.append(program_id)
    right = [entity for entity in dict.fromkeys(found) if _becomes(entity, program_id, policy)]
    if not right:
        raise NoWayBack(f"no entity becomes the program id {program_id!r}")
    return right


def _becomes(entity: str, program_id: str, policy: Policy) -> bool:
    try:
        return values.program_id(entity, policy) == program_id
    except Unmappable:
        return False


def _told(outcome: Mapped[T] | Quarantined) -> T:
    if isinstance(outcome, Quarantined):
        raise NoWayBack(f"the next migration would set it aside: {_unquoted(outcome.detail)}")
    return outcome.value


def _unquoted(detail: str) -> str:
    """Return a reason without the value that it quotes: it is counted and said, and the archive has the record."""
    # What is cut in the middle has no closing sign: then all that follows may be of it.
    return (_QUOTED if len(detail) < _WHOLE else _TO_THE_END).sub("…", detail)


# ---------------------------------------------------------------------------------------------------------------- Redis


def eaos(entity: bytes, fields: Mapping[bytes, bytes], before: bytes | None, policy: Policy) -> Back[bytes]:
    """Return the JSON of `eaos:{entity}` for a hash; fields that no rule knows come from what it was `before`.

    Raises:
        NoWayBack: the hash is not of the layout.
    """
    try:
        text = {name.decode(): value.decode() for name, value in fields.items()}
    except UnicodeDecodeError:
        raise NoWayBack("it is not UTF-8") from None
    if set(text) != set(new.EAOS_FIELDS):
        raise NoWayBack(f"it has the fields {', '.join(sorted(text)) or 'none'}")
    try:
        score = values.number(exact_json.parse(text[new.SCORE]))
        counts = [values.count(text[name]) for name in (new.POSITIVE, new.NEGATIVE, new.NEUTRAL, new.TOTAL)]
    except Unmappable as why:
        raise NoWayBack(_unquoted(why.detail)) from None
    top, inner = _others(before, policy.layout.eaos)
    old = policy.layout.eaos
    names = (*old.counts, old.total)
    told: dict[str, Any] = {name: n for name, n in zip(names, counts, strict=True) if name != ABSENT}
    beside: dict[str, Any] = {old.score: score}
    if ABSENT not in {old.metadata, old.updated_at}:
        told[old.updated_at] = text[new.UPDATED_AT]
    elif old.timestamp != ABSENT:
        beside[old.timestamp] = text[new.UPDATED_AT]
    beside |= told if old.metadata == ABSENT else {old.metadata: {**told, **inner}}
    raw = exact_json.dump({**beside, **top}).encode()
    again = dict(_told(rules.redis_eaos(entity, raw, policy, 0)).fields)
    apart = [name for name in new.EAOS_FIELDS if again[name] != text[name]]
    spelled = {name.encode(): value.encode() for name, value in again.items()}
    return Back(raw, spelled, f"the spelling of {', '.join(apart)}" if apart else "")


def _others(before: bytes | None, old: EaosFields) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of an old value that no rule knows, beside `score` and in its `metadata`."""
    try:
        body = None if before is None else exact_json.parse(before)
    except Unmappable:
        body = None
    if not isinstance(body, dict):
        return {}, {}
    inner = body.get(old.metadata)
    metadata = inner if isinstance(inner, dict) else {}
    # A field named `updated_at` beside the score is none of the rule's, and one named `timestamp` in the metadata.
    top = {k: v for k, v in body.items() if k not in old.beside_metadata}
    return top, {k: v for k, v in metadata.items() if k not in old.in_metadata | {old.metadata}}


def trend(key: bytes, layout: OldLayout = CONTRACT) -> bytes:
    """Return the old key of a trend; raises NoWayBack for another range than the three."""
    for window, time_range in values.TIME_RANGES.items():
        if key == new.trend_key(time_range).encode():
            return layout.trend_prefix + window.encode() + layout.trend_suffix
    raise NoWayBack("no window becomes it")


def event(key: bytes, item: bytes, policy: Policy) -> Back[tuple[bytes, bytes]]:
    """Return the name of the metric and its item, for an event in the list `key`.

    Raises:
        NoWayBack: it is no event of a metric.
    """
    try:
        body = exact_json.parse(item)
    except Unmappable as why:
        raise NoWayBack(_unquoted(why.detail)) from None
    if not isinstance(body, dict) or body.get(new.EVENT_TYPE) != new.METRIC_EVENT:
        raise NoWayBack("it is no event of a metric")
    data, metric, program_id = (body.get(n) for n in (new.EVENT_DATA, new.EVENT_METRIC, new.EVENT_PROGRAM_ID))
    if set(body) != set(new.EVENT_FIELDS) or not isinstance(data, dict):
        raise NoWayBack("it has not just the six members of an event")
    if not isinstance(metric, str) or not isinstance(program_id, str):
        raise NoWayBack("its metric or its program id is no text")
    old = policy.layout.item
    told = {old.value: body[new.EVENT_VALUE], old.timestamp: body[new.EVENT_TIMESTAMP]}
    if {old.entity, *told} & set(data):
        raise NoWayBack("its data name what the item itself says")
    try:
        told = {old.entity: entities(program_id, policy)[0], **told}
    except NoWayBack:
        if program_id != policy.show:
            raise
    raw = exact_json.dump({**told, **data}).encode()
    name = metric.encode("utf-8", "surrogatepass")
    again = _told(rules.redis_metric(name, 0, raw, policy))
    if again.key.encode() != key:
        raise NoWayBack(f"the next migration would put it into {again.key}")
    return Back((name, raw), again, "" if again.body.encode() == item else "the spelling of the event")


def order(item: bytes) -> tuple[int, str]:
    """Return what events of a list are sorted by: instant (ns) and metric; raises Unmappable, KeyError, TypeError."""
    body = exact_json.parse(item)
    return values.instant(body[new.EVENT_TIMESTAMP], _UTC), body[new.EVENT_METRIC]


_UTC = Policy(keep_entities=True)

# ----------------------------------------------------------------------------------------------------------- ClickHouse

_MAX_DATE_TIME, _MAX_UINT32 = 2**32 - 1, 2**32 - 1


def comment(row: Mapping[str, Any], policy: Policy) -> Back[dict[str, Any]]:
    """Return the row of `comments` for one of `raw_comments`; instants in both are ns since the epoch.

    Raises:
        NoWayBack: no old row becomes anything like it.
    """
    eaos_score = row["eaos_score"]
    back = {
        "comment_id": row["comment_id"],
        "entity": entities(row["program_id"], policy)[0],
        "text": row["text"],
        "username": row["username"],
        "created_at": _second(row["timestamp"]),
        "sentiment": row["sentiment"],
        "sentiment_score": _float32(row["sentiment_score"]),
        "engagement": _float32(row["engagement_score"]),
        "topics": ", ".join(row["topics"]),
        "eaos_score": None if eaos_score is None else _float32(eaos_score),
    }
    return _back(row, back, dict(_told(rules.clickhouse_comment(back, policy)).values))


def eaos_metric(row: Mapping[str, Any], policy: Policy) -> Back[dict[str, Any]]:
    """Return the row of the old `eaos_metrics` for one of the new; as `comment`."""
    if row["total_comments"] > _MAX_UINT32:
        raise NoWayBack(f"total_comments is {row['total_comments']}, above 2^32-1")
    labels = {label: row[f"{label}_count"] for label in values.Sentiment}
    back = {
        "entity": entities(row["program_id"], policy)[0],
        "eaos_score": _float32(row["score"]),
        "sentiment_breakdown": exact_json.dump({str(label): count for label, count in labels.items()}),
        "comment_count": row["total_comments"],
        "recorded_at": _second(row["timestamp"]),
    }
    return _back(row, back, dict(_told(rules.clickhouse_eaos_metric(back, policy)).values))


def _back(row: Mapping[str, Any], back: dict[str, Any], again: dict[str, Any]) -> Back[dict[str, Any]]:
    apart = [name for name, value in again.items() if value != row[name]]
    return Back(back, again, f"digits of {', '.join(apart)}" if apart else "")


def _second(ns: int) -> int:
    seconds = ns // NS_PER_S
    if not 0 <= seconds <= _MAX_DATE_TIME:
        raise NoWayBack(f"its instant is {values.rfc3339(ns)}, outside of a DateTime")
    return seconds * NS_PER_S


def _float32(number: float) -> float:
    try:
        (rounded,) = struct.unpack("<f", struct.pack("<f", number))
    except OverflowError:
        raise NoWayBack(f"{number!r} is beyond a Float32") from None
    if not math.isfinite(rounded):
        raise NoWayBack(f"{number!r} is no finite number")
    return float(rounded)


# -------------------------------------------------------------------------------------------------------- Elasticsearch


def document(
    doc_id: str, source: Mapping[str, Any], before: Mapping[str, Any] | None, policy: Policy
) -> Back[dict[str, Any]]:
    """Return the old `_source` for a new one; fields that no rule knows come from what it was `before`.

    Raises:
        NoWayBack: the document is not of the layout.
    """
    known = policy.layout.document_fields
    back = {name: value for name, value in (before or {}).items() if name not in known}
    for field, spellings in policy.layout.spellings.items():
        if source.get(field) is None or not spellings:
            continue
        value = source[field]
        if field == "program_id":
            if not isinstance(value, str):
                raise NoWayBack(f"its program id is {show_bytes(repr(value).encode())}")
            value = entities(value, policy)[0]
        back[spellings[0]] = value
    again = dict(_told(rules.elasticsearch_document(doc_id, back, policy)).source)
    apart = [name for name in again if _plain(again[name]) != _plain(source.get(name))]
    apart += [name for name in source if name not in again]
    return Back(back, again, f"the form of {', '.join(apart)}" if apart else "")


def _plain(value: Any) -> Any:
    """Return a number that was read with all its digits as the double that it is."""
    return float(value) if isinstance(value, Decimal) else value
