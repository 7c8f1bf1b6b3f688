"""EAOS hashes, events and trends as Redis holds them (contract §2): written in the contract's form, read as records."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from src.errors import InvalidValue
from src.storage import checks, times
from src.storage.records import EaosState, Event, JsonObject, Trend
from tvmigrate.contract import exact_json, new, values
from tvmigrate.contract.outcome import Unmappable

# A page of a sorted set, highest first. Redis orders members of one score backwards: where a page begins or ends among
# such members, they are read again, forwards, so that pages neither overlap nor leave one out.
# KEYS: the set. ARGV: rank of the first and of the last member.
PAGE_OF_TRENDS = """
local page = redis.call('ZREVRANGE', KEYS[1], ARGV[1], ARGV[2], 'WITHSCORES')
local sorted, at = {}, 1
while at <= #page do
  local score, size = page[at + 1], 0
  while page[at + 2 * size + 1] == score do size = size + 1 end
  local passed = 0
  if at == 1 then passed = tonumber(ARGV[1]) - redis.call('ZCOUNT', KEYS[1], '(' .. score, '+inf') end
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], score, score, 'LIMIT', passed, size)) do
    sorted[#sorted + 1] = member
    sorted[#sorted + 1] = score
  end
  at = at + 2 * size
end
return sorted
"""


def hash_fields(state: EaosState) -> dict[str, str]:
    """Return the six fields of the hash as text."""
    return {
        new.SCORE: values.number_text(state["score"]),
        new.POSITIVE: str(state["positive"]),
        new.NEGATIVE: str(state["negative"]),
        new.NEUTRAL: str(state["neutral"]),
        new.TOTAL: str(state["total"]),
        new.UPDATED_AT: times.text_of(state["updated_at"]),
    }


def state_of(program_id: str, fields: Sequence[bytes | None]) -> EaosState | None:
    """Read the values of `new.EAOS_FIELDS`; None if the key is not there.

    Raises:
        ValueError: a field is missing or cannot be read.
    """
    found = {name: raw.decode() for name, raw in zip(new.EAOS_FIELDS, fields, strict=True) if raw is not None}
    if not found:
        return None
    if missing := [name for name in new.EAOS_FIELDS if name not in found]:
        raise ValueError(f"it has no {', '.join(missing)}")
    return EaosState(
        program_id=program_id,
        score=_number(found[new.SCORE]),
        positive=int(found[new.POSITIVE]),
        negative=int(found[new.NEGATIVE]),
        neutral=int(found[new.NEUTRAL]),
        total=int(found[new.TOTAL]),
        updated_at=times.of_stored(found[new.UPDATED_AT]),
    )


def event_text(event: Event) -> str:
    """Write an event as one line of JSON, its fields in the contract's order.

    Raises:
        InvalidValue: `data` holds what JSON has no form for.
    """
    body = {
        new.EVENT_TYPE: event["type"],
        new.EVENT_METRIC: event["metric"],
        new.EVENT_PROGRAM_ID: event["program_id"],
        new.EVENT_TIMESTAMP: times.text_of(event["timestamp"]),
        new.EVENT_VALUE: event["value"],
        new.EVENT_DATA: event["data"],
    }
    return exact_json.dump(body)


def event_of(raw: bytes) -> Event:
    """Read an event; one of another writer may lack its metric, value and data, and other fields of it are passed over.

    Numbers are ints and IEEE doubles; a number in `data` that no double holds is a `Decimal`.

    Raises:
        ValueError: it is no JSON object, or has no type, program id or timestamp.
    """
    body = json.loads(raw, parse_float=_fraction, parse_int=_integer)
    if not isinstance(body, dict):
        raise ValueError("it is JSON, but not an object")  # noqa: TRY004 - what is stored is at fault, not the caller
    if missing := [name for name in (new.EVENT_TYPE, new.EVENT_PROGRAM_ID, new.EVENT_TIMESTAMP) if name not in body]:
        raise ValueError(f"it has no {', '.join(missing)}")
    return Event(
        type=body[new.EVENT_TYPE],
        metric=body.get(new.EVENT_METRIC),
        program_id=body[new.EVENT_PROGRAM_ID],
        timestamp=times.of_stored(body[new.EVENT_TIMESTAMP]),
        value=body.get(new.EVENT_VALUE),
        data=body.get(new.EVENT_DATA) or {},
    )


def trends_of(pairs: Sequence[bytes]) -> list[Trend]:
    """Read member, score, member, score, …; a byte of a topic that is not UTF-8 shows as `\\xNN`."""
    members = iter(pairs)
    return [Trend(topic=topic.decode(errors="backslashreplace"), score=float(next(members))) for topic in members]


def checked_data(field: str, data: Mapping[str, Any] | None) -> JsonObject:
    """Check the free part of an event: a JSON object of finite numbers, at most 200 levels deep.

    Raises:
        InvalidValue: it is none.
    """
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise InvalidValue(field, f"{field} is {data!r:.200}: expected is a dict.")
    whole = dict(data)
    try:
        exact_json.refuse_surrogates(whole)
    except Unmappable as why:
        raise InvalidValue(field, f"{field} cannot be written as JSON: {why.detail}.") from None
    _check_json(field, whole)
    return whole


def _check_json(field: str, value: object) -> None:
    if isinstance(value, dict):
        for name, part in value.items():
            if not isinstance(name, str):
                raise InvalidValue(field, f"{field} has the key {name!r:.100}: keys of JSON objects are text.")
            _check_json(field, part)
    elif isinstance(value, list):
        for part in value:
            _check_json(field, part)
    elif isinstance(value, Decimal):
        if not value.is_finite():
            raise InvalidValue(field, f"{field} holds {value}, and JSON has no form for it.")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        checks.number(field, value)
        if isinstance(value, int) and not -(2**63) <= value < 2**64:
            raise InvalidValue(field, f"{field} holds {value:.3e}, more than 64 bits: write it as text.")
    elif value is not None and not isinstance(value, str | bool):
        raise InvalidValue(field, f"{field} holds {value!r:.100}, and JSON has no form for it.")


def _number(text: str) -> float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _fraction(digits: str) -> float | Decimal:
    return double if math.isfinite(double := float(digits)) else Decimal(digits)


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= 400 else Decimal(digits)
