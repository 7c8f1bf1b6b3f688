"""The form of the new Redis keys (contract §2): names, hashes of six fields, events of six members."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tvmigrate.contract import exact_json, new, values
from tvmigrate.contract.outcome import Rule, Store, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.redis_live import LiveKey
from tvmigrate.verify.redis_state import unshown

_UTC = Policy(keep_entities=True)
_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z")
# HINCRBY, with which V2 counts on, takes neither 478.0 nor 0478 nor "478".
_COUNT = re.compile(r"0|[1-9][0-9]*")
_EVENTS_KEY = re.compile(
    re.escape(new.EVENTS_PREFIX) + r"(?P<program>.+):(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})", re.DOTALL
)
_TYPES = {new.EAOS_PREFIX: "hash", new.TRENDS_PREFIX: "zset", new.EVENTS_PREFIX: "list"}


def new_type(key: bytes) -> str | None:
    """Return the type that a key under a new name has, None for another name."""
    return next((kind for prefix, kind in _TYPES.items() if key.startswith(prefix.encode())), None)


def form_findings(live: LiveKey, name: str) -> Iterator[Finding]:
    """Yield what is wrong with the form of a live key under a new name."""
    kind = new_type(live.key)
    if kind is not None and live.type != kind:
        yield _finding(name, "type", kind, live.type, f"{name} is a {live.type}; the new layout has a {kind} there.")
        return
    value = live.state["value"]
    if kind == "hash":
        yield from _hash(name, value)
    elif kind == "zset" and name not in new.TREND_KEYS:
        note = f"{name} is no key of the new layout; the trends are {', '.join(new.TREND_KEYS)}."
        yield _finding(name, "key", list(new.TREND_KEYS), name, note)
    elif kind == "list":
        yield from _list(name, value)


def _hash(name: str, fields: dict[str, Any]) -> Iterator[Finding]:
    if name == new.EAOS_PREFIX:
        yield _finding(name, "key", None, name, f"{name} names no program.")
    for field in new.EAOS_FIELDS:
        if field not in fields:
            note = f"{name} lacks the field {field}; its fields are exactly {', '.join(new.EAOS_FIELDS)}."
            yield _finding(name, field, field, None, note)
    for field, text in fields.items():
        if field not in new.EAOS_FIELDS:
            note = f"{name} has the field {field} too; its fields are exactly {', '.join(new.EAOS_FIELDS)}."
            yield _finding(name, field, None, text, note)
        elif wrong := _wrong_text(field, text):
            yield _finding(name, field, wrong, text, f"The field {field} of {name} is {text!r:.200}, not {wrong}.")


def _wrong_text(field: str, text: str) -> str | None:
    if field == new.UPDATED_AT:
        return None if _is_instant(text) else "an instant as UTC RFC 3339 with Z"
    if field != new.SCORE:
        return None if _COUNT.fullmatch(text) else "a whole number from 0, in digits alone"
    try:
        number = exact_json.parse(text)
        values.number(number)
    except Unmappable:
        return "a finite number"
    return "a number without quotes" if isinstance(number, str) else None


def _list(name: str, items: list[str]) -> Iterator[Finding]:
    match = _EVENTS_KEY.fullmatch(unshown(name))
    if match is None:
        note = (
            f"{name} is no key of the new layout; a list of events is {new.events_key('{program_id}', 'YYYY-MM-DD')}."
        )
        yield _finding(name, "key", new.events_key("{program_id}", "YYYY-MM-DD"), name, note)
        return
    for position, item in enumerate(items):
        yield from _event(f"{name}#{position}", unshown(item), match)


def _event(name: str, item: str, key: re.Match[str]) -> Iterator[Finding]:
    try:
        event = exact_json.parse(item)
    except Unmappable as why:
        yield _finding(name, "item", "a JSON object", item[:300], f"{name} cannot be read: {why}.")
        return
    if not isinstance(event, dict) or set(event) != set(new.EVENT_FIELDS):
        members = sorted(event) if isinstance(event, dict) else None
        note = f"{name} is not an object of exactly {', '.join(new.EVENT_FIELDS)}."
        yield _finding(name, "item", list(new.EVENT_FIELDS), members or item[:300], note)
        return
    if event[new.EVENT_TYPE] != new.METRIC_EVENT:
        note = f"The {new.EVENT_TYPE} of {name} is not {new.METRIC_EVENT!r}."
        yield _finding(name, new.EVENT_TYPE, new.METRIC_EVENT, event[new.EVENT_TYPE], note)
    if event[new.EVENT_PROGRAM_ID] != key["program"]:
        note = f"{name} is of another program than its list."
        yield _finding(name, new.EVENT_PROGRAM_ID, key["program"], event[new.EVENT_PROGRAM_ID], note)
    moment = event[new.EVENT_TIMESTAMP]
    if not isinstance(moment, str) or not _is_instant(moment):
        note = f"The {new.EVENT_TIMESTAMP} of {name} is not an instant as UTC RFC 3339 with Z."
        yield _finding(name, new.EVENT_TIMESTAMP, "UTC RFC 3339 with Z", str(moment), note)
    elif moment[:10] != key["date"]:
        note = f"{name} happened on another UTC date than its list names."
        yield _finding(name, new.EVENT_TIMESTAMP, key["date"], moment, note)
    if not isinstance(event[new.EVENT_DATA], dict):
        note = f"The {new.EVENT_DATA} of {name} is no object."
        yield _finding(name, new.EVENT_DATA, {}, str(event[new.EVENT_DATA])[:300], note)


def _is_instant(text: str) -> bool:
    if not _RFC3339.fullmatch(text):
        return False
    try:
        values.instant(text, _UTC)
    except Unmappable:
        return False
    return True


def _finding(name: str, field: str, expected: Any, actual: Any, note: str) -> Finding:
    return Finding(
        Store.REDIS, Rule.REDIS_SCHEMA, Direction.SCHEMA, note, new=name, field=field, expected=expected, actual=actual
    )
