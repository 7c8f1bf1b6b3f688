"""The Redis rules for records of the common shape, several times as fast; the unusual is left to `rules`.

`rules` says what a record becomes. A function here gives the same, or None where it cannot be sure at a glance:
tests/tool/contract/test_quick.py compares the two.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Any, NamedTuple, TypeGuard

import orjson

from tvmigrate.contract import new, old, values
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import WHITE_SPACE

_SURE_BELOW = 2**53  # a double from there on may have been a whole number with more digits
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_ORDINAL = _EPOCH.toordinal()
_MOMENT = re.compile(
    r"(?!0001|9999)[0-9]{4}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
)
# Seconds with a fraction, as they stand: as a double they would have lost what tells that they are finer.
_SECONDS = {
    name: re.compile(rb'"%b"[ \n\r\t]*:[ \n\r\t]*([1-9][0-9]{0,9})\.([0-9]{1,6})[ \n\r\t]*[,}]' % name.encode())
    for name in (old.EAOS_UPDATED_AT, old.EAOS_OLDER_TIMESTAMP, old.ITEM_TIMESTAMP)
}
_LAST_SECOND = 253_370_764_799  # of the year 9998
_NO_METADATA: dict[str, Any] = {}
_COUNTS = frozenset({old.EAOS_POSITIVE, old.EAOS_NEGATIVE, old.EAOS_NEUTRAL, old.EAOS_TOTAL})
_BODY = _COUNTS | {old.EAOS_SCORE, old.EAOS_METADATA, old.EAOS_OLDER_TIMESTAMP}
_INNER = _COUNTS | {old.EAOS_UPDATED_AT}

_GAP = rb"[ \n\r\t]*"
# Numbers that Python writes as they stand here: at most 15 digits, no zero at the end, no exponent.
_SCORE = rb"(0\.(?!0000)[0-9]{0,14}[1-9]|[1-9][0-9]{0,14}|0)"
_COUNT = rb"(0|[1-9][0-9]{0,14})"
_INSTANT = (
    rb'(?:"((?!0001|9999)[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2})(:[0-5][0-9]:[0-5][0-9])(\.[0-9]{1,9})?'
    rb'(Z|[+-][0-9]{2}:00)?"|([1-9][0-9]{8,12})|([1-9][0-9]{8,9})\.([0-9]{1,9}))'
)


def _form(template: bytes) -> re.Pattern[bytes]:
    """Return a pattern for the JSON in `template`, with any blanks: N is a count, S a score, T a timestamp."""
    tokens = re.findall(rb'"[a-z_]+"|[{}:,()?NST]', template)
    named = {b"N": _COUNT, b"S": _SCORE, b"T": _INSTANT, b"(": b"(?:", b")": b")", b"?": b"?"}
    escaped = (named.get(token, re.escape(token)) + (b"" if token in {b"(", b")", b"?"} else _GAP) for token in tokens)
    return re.compile(_GAP + b"".join(escaped))


# What the two writers of eaos values write, members in their order.
_NEWER = _form(b'{"score":S,"metadata":{"positive":N,"negative":N,("neutral":N,)?("total":N,)?"updated_at":T}}')
_OLDER = _form(b'{"score":S,"positive":N,"negative":N,("neutral":N,)?("total":N,)?"timestamp":T}')
_ITEM = frozenset({old.ITEM_ENTITY, old.ITEM_VALUE, old.ITEM_TIMESTAMP})


class Eaos(NamedTuple):
    """A hash: its program id, its six values in the order of `new.EAOS_FIELDS`, which counts were filled, the rest."""

    program_id: str
    texts: tuple[bytes, bytes, bytes, bytes, bytes, bytes]
    filled: tuple[str, ...]
    archived: dict[str, Any]
    inconsistency: str


class Event(NamedTuple):
    """An event: its key, its instant as seconds and nanoseconds since the epoch, and the JSON item."""

    key: str
    seconds: int
    nanos: int
    body: bytes


def eaos(  # noqa: C901, PLR0912 - one pass, for speed
    entity: bytes, raw: bytes, policy: Policy
) -> Eaos | None:
    """Map the JSON string of `eaos:{entity}` as `rules.redis_eaos` does, if its fields are there and plain."""
    if policy.layout.own_values:
        return None
    match = _NEWER.fullmatch(raw) or _OLDER.fullmatch(raw)
    if match is not None:
        return _formed(entity, match, policy)
    body = _object(raw)
    if body is None:
        return None
    inner = body.get(old.EAOS_METADATA, _NO_METADATA)
    if type(inner) is not dict:
        return None
    counts, other = (inner, body) if old.EAOS_POSITIVE in inner else (body, inner)
    if other and not _COUNTS.isdisjoint(other):
        return None
    score = body.get(old.EAOS_SCORE)
    positive, negative = counts.get(old.EAOS_POSITIVE), counts.get(old.EAOS_NEGATIVE)
    neutral, total = counts.get(old.EAOS_NEUTRAL), counts.get(old.EAOS_TOTAL)
    filled: tuple[str, ...] = ()
    if neutral is None and type(positive) is int:
        neutral, filled = 0, (new.NEUTRAL,)
    if total is None and type(positive) is type(negative) is type(neutral) is int:
        total, filled = positive + negative + neutral, (*filled, new.TOTAL)
    if (
        not _is_sure(score)
        or not (type(positive) is type(negative) is type(neutral) is type(total) is int)
        or not (0 <= positive < _SURE_BELOW and 0 <= negative < _SURE_BELOW)
        or not (0 <= neutral < _SURE_BELOW and 0 <= total < 4 * _SURE_BELOW)
    ):
        return None
    moment, named = inner.get(old.EAOS_UPDATED_AT), old.EAOS_UPDATED_AT
    older = body.get(old.EAOS_OLDER_TIMESTAMP)
    if moment is None:
        moment, named = older, old.EAOS_OLDER_TIMESTAMP
    elif older is not None:
        return None
    instant = _instant_told(raw, named) if type(moment) is float else _instant(moment, policy)
    program_id = _program_id(entity, policy)
    if instant is None or program_id is None:
        return None
    quoted = 1 if type(moment) is str else 0
    archived: dict[str, Any] = {}
    if not _BODY.issuperset(body):
        archived |= {name: value for name, value in body.items() if name not in _BODY}
    if not _INNER.issuperset(inner):
        archived |= {f"{old.EAOS_METADATA}.{name}": value for name, value in inner.items() if name not in _INNER}
    for value in archived.values():
        kind = type(value)
        if kind is str:
            quoted += 1
        elif kind is not int and kind is not bool:
            return None
    if not _told_once(raw, len(body) + len(inner) + quoted):
        return None
    summed = positive + negative + neutral
    says = f"{new.TOTAL} is {total}, the counts add up to {summed}" if total != summed else ""
    texts = (values.number_text(score), str(positive), str(negative), str(neutral), str(total), _text_of(instant))
    six = tuple([text.encode() for text in texts])
    return Eaos(program_id, six, filled, archived, says)  # type: ignore[arg-type]


def _formed(entity: bytes, match: re.Match[bytes], policy: Policy) -> Eaos | None:
    """Map what one of the two writers wrote: most of its text stands as it is."""
    score, positive, negative, neutral, total, hour, rest, fraction, zone, epoch, seconds, part = match.groups()
    program_id = _program_id(entity, policy)
    if program_id is None:
        return None
    if hour is not None:
        start = _hour(hour, zone) if zone is not None or policy.timezone == "UTC" else None
        if start is None:
            return None
        moment = start + rest + (fraction.rstrip(b"0").rstrip(b".") if fraction else b"") + b"Z"
    elif epoch is not None:
        instant = _instant(int(epoch), policy)
        if instant is None:
            return None
        moment = _text_of(instant).encode()
    else:
        whole = dt.datetime.fromtimestamp(int(seconds), dt.UTC).isoformat()[:19].encode()
        moment = whole + (b"." + part).rstrip(b"0").rstrip(b".") + b"Z"
    filled: tuple[str, ...] = ()
    if neutral is None:
        neutral, filled = b"0", (new.NEUTRAL,)
    summed = int(positive) + int(negative) + int(neutral)
    says = ""
    if total is None:
        total, filled = b"%d" % summed, (*filled, new.TOTAL)
    elif int(total) != summed:
        says = f"{new.TOTAL} is {int(total)}, the counts add up to {summed}"
    return Eaos(program_id, (score, positive, negative, neutral, total, moment), filled, {}, says)


@lru_cache(1 << 14)
def _hour(local: bytes, zone: bytes | None) -> bytes | None:
    """Return an hour such as `2025-11-20T13` in UTC; None if it or the offset is none."""
    try:
        moment = dt.datetime.fromisoformat(f"{local.decode()}:00:00{'' if zone is None else zone.decode()}")
    except ValueError:
        return None
    if local.endswith(b"24"):
        return None
    return (moment if zone is None else moment.astimezone(dt.UTC)).isoformat()[:13].encode()


def event(metric: str, raw: bytes, policy: Policy) -> Event | None:
    """Map an item of `metrics:{metric}` (a name that is not empty) as `rules.redis_metric` does, if it is plain."""
    if policy.layout.own_values:
        return None
    item = _object(raw)
    if item is None:
        return None
    value = item.get(old.ITEM_VALUE)
    entity = item.get(old.ITEM_ENTITY)
    if not _is_sure(value) or type(entity) is not str:
        return None
    timestamp = item.get(old.ITEM_TIMESTAMP)
    told = type(timestamp) is float
    instant = _instant_told(raw, old.ITEM_TIMESTAMP) if told else _instant(timestamp, policy)
    program_id = _program_of(entity, policy)
    if instant is None or program_id is None:
        return None
    texts = 2 if type(timestamp) is str else 1
    data: dict[str, Any] = {}
    for name, held in item.items():
        if name not in _ITEM:
            kind = type(held)
            if kind is str:
                texts += 1
            elif kind is not int and kind is not bool:
                return None
            data[name] = held
    if not _told_once(raw, len(item) + texts):
        return None
    moment = _text_of(instant)
    body = {
        new.EVENT_TYPE: new.METRIC_EVENT,
        new.EVENT_METRIC: metric,
        new.EVENT_PROGRAM_ID: program_id,
        new.EVENT_TIMESTAMP: moment,
        new.EVENT_VALUE: value,
        new.EVENT_DATA: data,
    }
    seconds = (instant.toordinal() - _EPOCH_ORDINAL) * 86400
    seconds += instant.hour * 3600 + instant.minute * 60 + instant.second
    return Event(new.events_key(program_id, moment[:10]), seconds, instant.microsecond * 1000, orjson.dumps(body))


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return found if type(found) is dict else None


def _is_sure(number: Any) -> TypeGuard[float]:
    """Return whether a number is what the exact reader makes of the same text; a zero may have had any exponent."""
    kind = type(number)
    if kind is float:
        return bool(-_SURE_BELOW < number < _SURE_BELOW and number != 0)
    return kind is int and bool(-_SURE_BELOW < number < _SURE_BELOW)


def _told_once(raw: bytes, quoted: int) -> bool:
    """Return whether the names and texts that were read are all that stand in `raw`: none is there twice.

    Without escapes every name and every text has its two quotes, and there are no others.
    """
    return raw.count(b'"') == 2 * quoted and b"\\" not in raw


def _program_id(entity: bytes, policy: Policy) -> str | None:
    try:
        return _program_of(entity.decode(), policy)
    except UnicodeDecodeError:
        return None


def _program_of(entity: str, policy: Policy) -> str | None:
    if not entity or entity[0] in WHITE_SPACE:  # else it is not blank
        return None
    if policy.entity_map:
        return values.program_id(entity, policy)
    return entity if policy.show is None or "/" in entity else f"{policy.show}/{entity}"


def _instant(value: Any, policy: Policy) -> dt.datetime | None:
    """Return a common timestamp as a datetime in UTC."""
    if type(value) is str:
        match = _MOMENT.fullmatch(value)
        if match is None or (match[1] is None and policy.timezone != "UTC"):
            return None
        try:
            moment = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
        return moment if match[1] is None else moment.astimezone(dt.UTC)
    if type(value) is not int or value < 0:
        return None
    seconds, millis = (value, 0) if value < values.SECONDS_BELOW else divmod(value, 1000)
    if seconds > _LAST_SECOND:
        return None
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.replace(microsecond=millis * 1000) if millis else moment


def _instant_told(raw: bytes, name: str) -> dt.datetime | None:
    """Return the seconds with a fraction that `name` has in `raw`, where that stands in it once."""
    match = _SECONDS[name].search(raw)
    if match is None or raw.count(b'"%b"' % name.encode()) != 1:
        return None
    moment = dt.datetime.fromtimestamp(int(match[1]), dt.UTC)
    return moment.replace(microsecond=int(match[2].ljust(6, b"0")))


def _text_of(moment: dt.datetime) -> str:
    text = moment.isoformat()[:19]
    return f"{text}.{moment.microsecond:06}".rstrip("0") + "Z" if moment.microsecond else f"{text}Z"
