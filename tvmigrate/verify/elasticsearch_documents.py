"""When a live document is the one that the rules make: numbers as numbers, times as instants, the rest exactly."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from tvmigrate.contract import exact_json, new, rules, values
from tvmigrate.contract.outcome import Mapped, Quarantined, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.dataset.model import StoredDocument
from tvmigrate.deep import deeply
from tvmigrate.verify.compare import ABSENT, same, shown
from tvmigrate.verify.findings import Direction

Outcome = Mapped[rules.Document] | Quarantined
_NUMBERS = tuple(name for name, body in new.INDEX.mappings["properties"].items() if body["type"] == "float")
_INSTANTS = tuple(name for name, body in new.INDEX.mappings["properties"].items() if body["type"] == "date")
_WITH_ZONE = re.compile(r"\d{4}-.*([Zz]|[+-]\d{2}:?(\d{2})?)", re.DOTALL)
_OF_SECONDS, _OF_MILLISECONDS = len("2025-11-20T13:05:00Z"), len("2025-11-20T13:05:00.123Z")
_UTC = Policy(keep_entities=True)


def expected_document(document: StoredDocument, policy: Policy) -> Outcome:
    """Return what the rules make of an old document."""
    try:
        source = exact_json.parse(document.source)
    except Unmappable as why:
        return Quarantined(why.reason, why.detail)
    return rules.elasticsearch_document(document.id, source, policy)


def digest(name: str, source: Mapping[str, Any]) -> bytes:
    """Return 16 bytes that are equal for documents that are the same: their `_id`, and their fields as compared."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass") + b"\0" + _canonical_bytes(source)).digest()[:16]


def plain_digest(name: str, source: Mapping[str, Any]) -> bytes:
    """Return 16 bytes that are equal for documents of the old index that are the same JSON under the same `_id`."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass") + b"\0" + _written(source)).digest()[:16]


def _canonical_bytes(source: Mapping[str, Any]) -> bytes:
    changed: dict[str, Any] = {}
    for name in _INSTANTS:
        value = source.get(name)
        if type(value) is str and not _is_canonical(value):
            changed[name] = _canonical(name, value)
    for name in _NUMBERS:
        value = source.get(name)
        if type(value) is float and value.is_integer():
            changed[name] = _canonical(name, value)
    return _written({**source, **changed} if changed else source)


def _written(source: Mapping[str, Any]) -> bytes:
    """Return JSON text that is equal for equal JSON, numbers told apart as Python does: 1 is not 1.0, nor 0.0 -0.0."""
    try:
        written = orjson.dumps(source, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        written = b"null"  # half a surrogate pair, or a whole number beyond 64 bits
    if b"null" not in written:
        return written
    # orjson writes null for what is no finite number, too.
    return b"\0" + deeply(json.dumps, source, sort_keys=True).encode()


def _is_canonical(instant: str) -> bool:
    """Return whether a text is written as `values.rfc3339` would, if it is an instant at all; some that are not are."""
    if len(instant) == _OF_SECONDS:
        return instant[10] == "T" and instant[19] == "Z"
    if len(instant) == _OF_MILLISECONDS:
        return instant[10] == "T" and instant[19] == "." and instant[22] != "0" and instant[23] == "Z"
    return False


def differing_fields(
    expected: Mapping[str, Any], actual: Mapping[str, Any]
) -> Iterator[tuple[str, Direction, Any, Any]]:
    """Yield (field, direction, expected, actual) of each field that differs, as a finding holds values; None: absent.

    A list that lacks items, and has the others in their order, is `missing`; one with more is `extra`.
    """
    for name in expected.keys() | actual.keys():
        one, other = expected.get(name, ABSENT), actual.get(name, ABSENT)
        if one is ABSENT or other is ABSENT or not same(_canonical(name, one), _canonical(name, other)):
            yield name, _direction(one, other), shown(one), shown(other)


def _direction(one: Any, other: Any) -> Direction:
    both = isinstance(one, list) and isinstance(other, list)
    if other is ABSENT or (both and _within(other, one)):
        return Direction.MISSING
    if one is ABSENT or (both and _within(one, other)):
        return Direction.EXTRA
    return Direction.CHANGED


def _within(part: list[Any], whole: list[Any]) -> bool:
    """Return whether `part` is `whole` without some of its items."""
    rest = iter(whole)
    return len(part) < len(whole) and all(any(same(item, other) for other in rest) for item in part)


def _canonical(name: str, value: Any) -> Any:
    if name in _INSTANTS and isinstance(value, str) and _WITH_ZONE.fullmatch(value):
        try:
            return values.rfc3339(values.instant(value, _UTC))
        except Unmappable:
            return value
    if name in _NUMBERS and isinstance(value, float) and value.is_integer() and str(value) != "-0.0":
        return int(value)
    return value
