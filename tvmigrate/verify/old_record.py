"""The old record as the quarantine keeps it, and when two are the same (contract §7.20): JSON by value, not as text."""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from tvmigrate.contract import values
from tvmigrate.contract.exact_json import ABSURD_EXPONENT, MAX_DEPTH
from tvmigrate.contract.layout import Column
from tvmigrate.contract.outcome import Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset import redis_form
from tvmigrate.dataset.model import DUMP, HASH, SET, ZSET, RedisKey
from tvmigrate.verify.clickhouse_canonical import Kind, kind_of, plain
from tvmigrate.verify.compare import differences, plain_number, shown

# How a record is compared: as it is; as a list whose order means nothing; only that there is one. Else a row's columns.
EXACT, ANY_ORDER, ANY = "exact", "any-order", "any"
_UTC = Policy(keep_entities=True)
_NAN = re.compile(r"[-+]?nan", re.IGNORECASE)
_MAX_INTEGER_DIGITS = 4000  # Python reads no more as an int


class Expected(NamedTuple):
    """A record that does not map: its name and reason, and itself as JSON text, with the form it is compared in."""

    key: str
    reason: str
    form: str
    record: str


class _Literal(str):
    """A number that is kept as its letters: NaN, and what no reader takes for a number."""

    __slots__ = ()


class Unreadable(ValueError):  # noqa: N818 - what it says becomes a finding
    """A text that is no JSON."""


# ----------------------------------------------------------------------------------------------------- what is expected


def of_redis_key(key: RedisKey, state: Any) -> tuple[str, str]:
    """Return form and record of a key of the dataset; `state` is what Redis took it as, of `redis_outcomes`."""
    if key.type == DUMP:  # Redis writes it anew, in bytes of its own
        return ANY, ""
    form = ANY_ORDER if key.type in {SET, ZSET, HASH} else EXACT
    return form, redis_form.dump_value(_as_taken(key, state))


def of_redis_members(key: RedisKey, state: Any) -> Iterator[tuple[bytes, str]]:
    """Yield each member of a sorted set and its record."""
    for member, score in _as_taken(key, state).value:
        yield member, redis_form.dump_member(member, score)


def _as_taken(key: RedisKey, state: Any) -> RedisKey:
    """Return a sorted set with the scores that Redis has: small ones lose the sign of zero."""
    if key.type != ZSET or state["type"] != ZSET:
        return key
    taken = [(member, float(state["value"][show_bytes(member)])) for member, _ in key.value]
    return RedisKey(key.db, key.key, key.type, key.ttl_ms, taken)


def row_form(columns: Iterable[Column]) -> str:
    """Return the form of rows with these columns: which of them are instants, and which Float32."""
    columns = list(columns)
    kinds = {
        "instants": [c.name for c in columns if kind_of(c.type) is Kind.INSTANT],
        "floats": [c.name for c in columns if plain(c.type) == "Float32"],
    }
    return json.dumps(kinds)


def of_row(row: dict[str, Any]) -> str:
    """Return the record of a row of the reference, whose bytes that are not UTF-8 are lone surrogates."""
    return json.dumps({name: redis_form.from_surrogates(value) for name, value in row.items()})


# ------------------------------------------------------------------------------------------------------------- compared


def digest(form: str, record: str) -> bytes:
    """Return 16 bytes that are equal only for records that are the same in `form`."""
    if form == ANY:
        text = "any" if record.strip() else ""
    else:
        try:
            text = _canonical_text(_read(form, record))
        except Unreadable:
            text = f"unreadable {record}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def digests(records: Sequence[tuple[str, str]]) -> list[bytes]:
    """Return the digest of each (form, record)."""
    return [digest(form, record) for form, record in records]


def compared(form: str, wanted: str, found: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield (field, expected, actual) of each place where a kept record differs; the field begins with `record`.

    One difference, the whole of it, where one of the two cannot be read.
    """
    if not found.strip():
        yield "record", wanted or "the record", None
        return
    if form == ANY:
        return
    try:
        one, other = _read(form, wanted), _read(form, found)
    except Unreadable:
        if wanted != found:
            yield "record", wanted, found
        return
    for path, expected, actual in differences(one, other, "record"):
        yield _writable(path), _told(expected), _told(actual)


def _read(form: str, text: str) -> Any:
    if form == EXACT:
        return _parse(text)
    if form == ANY_ORDER:
        value = _parse(text)
        return Counter(map(_canonical_text, value)) if isinstance(value, list) else value
    value = _parse(text, _OF_COLUMNS)
    if not isinstance(value, dict):
        return value
    instants, floats = _kinds(form)
    for name in instants:
        if name in value:
            value[name] = _instant(value[name])
    for name in floats:
        if name in value:
            value[name] = _float32(value[name])
    return value


@lru_cache
def _kinds(form: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns that a row's form names: instants, and Float32."""
    kinds = json.loads(form)
    return tuple(kinds["instants"]), tuple(kinds["floats"])


def _instant(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return values.rfc3339(values.instant(value, _UTC))
    except Unmappable:
        return value


def _float32(value: Any) -> Any:
    """Return a number as the Float32 nearest to it: `0.1` and what that widens to are one."""
    if isinstance(value, str):
        return "nan" if _NAN.fullmatch(value) else value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return value
    try:
        (narrow,) = struct.unpack(">f", struct.pack(">f", float(value)))
    except OverflowError:
        return value
    return narrow


def _parse(text: str, decoder: json.JSONDecoder | None = None) -> Any:
    """Parse any JSON that a store may have held: what the rules refuse to read is kept as well."""
    try:
        value = (decoder or _EXACTLY).decode(text)
    except (json.JSONDecodeError, RecursionError):
        raise Unreadable(text) from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value):
        raise Unreadable(text)
    return value


def _fraction(digits: str) -> Any:
    return _Literal(digits) if re.search(ABSURD_EXPONENT, digits) else Decimal(digits)


def _integer(digits: str) -> Any:
    return int(digits) if len(digits) < _MAX_INTEGER_DIGITS else _Literal(digits)


def _column_integer(digits: str) -> Any:
    """ClickHouse writes the double -0.0 without a fraction."""
    return -0.0 if digits == "-0" else _integer(digits)


def _constant(name: str) -> Any:
    return _Literal(name)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; a name that stands there again with another value keeps both."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        place = name
        while place in found and _canonical_text(found[place]) != _canonical_text(value):
            place += " (again)"
        found[place] = value
    return found


def _decoder(parse_int: Callable[[str], Any]) -> json.JSONDecoder:
    return json.JSONDecoder(
        parse_float=_fraction, parse_int=parse_int, parse_constant=_constant, object_pairs_hook=_object
    )


# Made once: json.loads and json.dumps would make them anew for each text.
_EXACTLY, _OF_COLUMNS = _decoder(_integer), _decoder(_column_integer)
_SORTED = json.JSONEncoder(sort_keys=True)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        ]
    return bool(level)


def _canonical_text(value: Any) -> str:
    return _SORTED.encode(_canonical(value))


def _canonical(value: Any) -> Any:
    if type(value) is str:
        return f"text {value}"
    if isinstance(value, dict):
        return {name: _canonical(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    if isinstance(value, str):
        return f"{'number' if isinstance(value, _Literal) else 'text'} {value}"
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return value
    number = plain_number(value)
    if isinstance(number, float) and math.isinf(number):
        return f"number {value}"
    whole = isinstance(number, float) and number.is_integer() and not (number == 0 and math.copysign(1, number) < 0)
    return f"number {int(number) if whole else number!r}"


def _told(value: Any) -> Any:
    """Return a value as a finding can hold it: half a surrogate pair stands as its escape."""
    if isinstance(value, str):
        return _writable(value)
    if isinstance(value, dict):
        return {_writable(name): _told(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_told(inner) for inner in value]
    return shown(value)


def _writable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
