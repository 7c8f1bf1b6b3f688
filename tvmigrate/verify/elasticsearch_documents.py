"""When a live document is the one that the rules make: numbers as numbers, times as instants, the rest exactly."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tvmigrate.contract import exact_json, new, rules, values
from tvmigrate.contract.outcome import Mapped, Quarantined, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.dataset.model import StoredDocument
from tvmigrate.verify.compare import ABSENT, same, shown
from tvmigrate.verify.findings import Direction

Outcome = Mapped[rules.Document] | Quarantined
_NUMBERS = frozenset(name for name, body in new.INDEX.mappings["properties"].items() if body["type"] == "float")
_INSTANTS = frozenset(name for name, body in new.INDEX.mappings["properties"].items() if body["type"] == "date")
_WITH_ZONE = re.compile(r"\d{4}-.*([Zz]|[+-]\d{2}:?(\d{2})?)", re.DOTALL)
_UTC = Policy(keep_entities=True)


def expected_document(document: StoredDocument, policy: Policy) -> Outcome:
    """Return what the rules make of an old document."""
    try:
        source = exact_json.parse(document.source)
    except Unmappable as why:
        return Quarantined(why.reason, why.detail)
    return rules.elasticsearch_document(document.id, source, policy)


def digest(source: Mapping[str, Any]) -> bytes:
    """Return 16 bytes that are equal for documents that are the same."""
    canonical = {name: _canonical(name, value) for name, value in source.items()}
    text = json.dumps(canonical, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def plain_digest(source: Mapping[str, Any]) -> bytes:
    """Return 16 bytes that are equal for documents of the old index that are the same JSON."""
    return hashlib.blake2b(json.dumps(source, sort_keys=True).encode(), digest_size=16).digest()


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
            return ["instant", values.instant(value, _UTC)]
        except Unmappable:
            return value
    if name in _NUMBERS and isinstance(value, float) and value.is_integer() and str(value) != "-0.0":
        return int(value)
    return value
