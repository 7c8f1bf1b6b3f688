"""`elasticsearch.comments` for documents that hold nothing unusual: as the rule maps them, in a tenth of its time.

Whatever is unusual (bad, said twice, a number whose digits might not be those of its double) is not judged here: it is
left to the rule. What is mapped here is mapped exactly so there; a property test compares the two.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import orjson

from tvmigrate.contract import exact_json, new, values
from tvmigrate.contract.outcome import Unmappable
from tvmigrate.contract.policy import Policy

# A mapped document: its new `_source` in the contract's order, the fields that got a default, the archived fields.
Ordinary = tuple[dict[str, Any], tuple[str, ...], dict[str, Any]]
_Reader = Callable[[Any], Any]

# A text of so many characters is within the limit of bytes, whatever they are.
_SHORT_KEYWORD = new.MAX_KEYWORD_BYTES // 4
_SHORT_ID = new.MAX_ID_BYTES // 4
_CACHED = 10_000

_CLOCK = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}"
    r"(?:[.,]([0-9]{1,9}))?([Zz]|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])"
)
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - UTC, and written as such
_DECIMAL = re.compile(r"-?[0-9]{1,20}\.[0-9]{1,20}")
_BEFORE_A_NAME = (b"{", b",", b" ")
_AFTER_A_NUMBER = (b"}", b",")
_AFTER_A_STRING = (" ", ",", ":", "]", "}")
_NANOSECONDS = 9  # digits
_DEEP = 20  # levels
_UTC = Policy(keep_entities=True)
_ABSURD = re.compile(exact_json.ABSURD_EXPONENT.encode())


class _Unusual(Exception):  # noqa: N818 - no error: the rule itself has to say
    """A value that is left to the rule."""


class OrdinaryDocuments:
    """Maps documents by one policy. `programs` takes (program id, entity) of those that it mapped."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.programs: set[tuple[str, str]] = set()
        self._known: dict[str, str] = {}
        self._unknown: tuple[str, str] | None = None
        self._labels: dict[str, str] = {}
        self._offsets: dict[str, dt.timedelta] = {}
        readers: dict[str, _Reader] = {
            "text": _text,
            "program_id": self._program_id,
            "timestamp": self._timestamp,
            "sentiment": self._sentiment,
            "sentiment_score": _whole,
            "engagement_score": _engagement,
            "topics": _topics,
            "username": _username,
        }
        spellings = policy.layout.spellings
        self._readers = {name: (field, readers[field]) for field, names in spellings.items() for name in names}
        self._id_field = policy.layout.document_id
        self._fields = tuple(spellings)

    def map(self, doc_id: str, raw: bytes) -> Ordinary | None:
        """Map a document by its `_id` and the JSON of its `_source`; None: the rule has to look at it."""
        try:
            source = orjson.loads(raw)
            return self._map(doc_id, raw, source) if type(source) is dict and len(doc_id) <= _SHORT_ID else None
        except (orjson.JSONDecodeError, _Unusual, Unmappable, KeyError, OverflowError, ValueError):
            return None

    def _map(self, doc_id: str, raw: bytes, source: dict[str, Any]) -> Ordinary | None:  # noqa: C901, PLR0912 - quick
        readers = self._readers
        found: dict[str, Any] = {}
        archived: dict[str, Any] = {}
        texts = len(source)
        self._unknown = None
        for name, value in source.items():
            kind = type(value)
            if kind is str:
                texts += 1
            known = readers.get(name)
            if known is None:
                if name == self._id_field:
                    if value is not None and value != doc_id:
                        return None
                    continue
                if kind is float:
                    _require_written(raw, name, value)
                else:
                    texts += _texts_within(value)
                archived[name] = value
                continue
            if value is None:
                continue
            field, read = known
            if field in found:
                return None
            if kind is float:
                found[field] = _of_double(raw, name, field, value)
                continue
            if kind is list:
                texts += len(value)
            found[field] = read(value)
        if not _says_nothing_twice(raw, texts):
            return None
        filled: tuple[str, ...] = ()
        if len(found) != len(self._fields):
            filled = tuple(field for field in self._fields if field not in found)
        mapped = {
            "comment_id": doc_id,
            "program_id": found["program_id"],
            "text": found["text"],
            "username": found.get("username", ""),
            "timestamp": found["timestamp"],
            "sentiment": found["sentiment"],
            "sentiment_score": found["sentiment_score"],
            "engagement_score": found.get("engagement_score", 0),
            "topics": found.get("topics", []),
        }
        if self._unknown is not None:
            self._get_to_know(*self._unknown)
        return mapped, filled, archived

    def _program_id(self, entity: Any) -> str:
        known = self._known.get(entity) if type(entity) is str else None
        if known is not None:
            return known
        if type(entity) is not str:
            raise _Unusual
        program = values.program_id(entity, self._policy)
        if len(program) > _SHORT_KEYWORD:
            raise _Unusual
        self._unknown = entity, program
        return program

    def _get_to_know(self, entity: str, program: str) -> None:
        """Remember the program id of a document that is mapped: of one that the rule looks at it tells itself."""
        self.programs.add((program, entity))
        if len(self._known) < _CACHED and len(entity) < _SHORT_ID:
            self._known[entity] = program

    def _sentiment(self, label: Any) -> str:
        known = self._labels.get(label) if type(label) is str else None
        if known is None:
            known = str(values.sentiment(label))
            if len(self._labels) < _CACHED and len(label) < _SHORT_ID:
                self._labels[label] = known
        return known

    def _timestamp(self, value: Any) -> str:
        if type(value) is str:
            match = _CLOCK.fullmatch(value)
            if match is None:
                return values.rfc3339(values.instant(value, self._policy))
            fraction, zone = match.groups()
            moment = dt.datetime.fromisoformat(value[:19])
            if zone not in {"Z", "z"}:
                moment -= self._offset(zone)
            return _written(moment, fraction or "")
        if type(value) is int:
            if -values.SECONDS_BELOW < value < values.SECONDS_BELOW:
                return _written(_EPOCH + dt.timedelta(seconds=value), "")
            seconds, rest = divmod(value, 1000)
            return _written(_EPOCH + dt.timedelta(seconds=seconds), f"{rest:03}")
        raise _Unusual

    def _offset(self, zone: str) -> dt.timedelta:
        known = self._offsets.get(zone)
        if known is None:
            minutes = int(zone[1:3]) * 60 + int(zone[-2:])
            known = self._offsets[zone] = dt.timedelta(minutes=-minutes if zone[0] == "-" else minutes)
        return known


def _written(moment: dt.datetime, fraction: str) -> str:
    digits = fraction.rstrip("0")
    return f"{moment.isoformat()}.{digits}Z" if digits else f"{moment.isoformat()}Z"


def _says_nothing_twice(raw: bytes, texts: int) -> bool:
    """Return whether `raw` has just the strings that were read of it: of a name said twice only one is."""
    quotes = raw.count(b'"')
    if b"\\" in raw:
        # Of a run of backslashes each two are one of the text, from the left; what is left escapes what follows.
        quotes -= raw.replace(b"\\\\", b"").count(b'\\"')
    return quotes == 2 * texts


def _texts_within(value: Any, depth: int = 0) -> int:
    """Return how many strings an archived value holds, its own not counted; raises _Unusual for a double in it."""
    if isinstance(value, dict):
        inner, texts = list(value.values()), len(value)
    elif isinstance(value, list):
        inner, texts = value, 0
    else:
        return 0
    if depth > _DEEP:
        raise _Unusual
    for each in inner:
        if type(each) is float:
            raise _Unusual
        texts += 1 if type(each) is str else _texts_within(each, depth + 1)
    return texts


def _of_double(raw: bytes, name: str, field: str, value: float) -> Any:
    if field == "timestamp":
        _require_written(raw, name, value, zeros=True)
        digits = repr(value)
        whole, _, fraction = digits.partition(".")
        if not 0 <= value < values.SECONDS_BELOW or "e" in digits or len(fraction) > _NANOSECONDS:
            return values.rfc3339(values.instant(value, _UTC))
        return _written(_EPOCH + dt.timedelta(seconds=int(whole)), fraction)
    if field not in {"sentiment_score", "engagement_score"} or abs(value) > new.MAX_FLOAT:
        raise _Unusual
    if value == 0 and _ABSURD.search(raw):
        raise _Unusual  # 1e-99999999999999999999 is no number to the rule
    return value


def _require_written(raw: bytes, name: str, value: float, *, zeros: bool = False) -> None:
    """See that a number's digits in `raw` are just those of its double: then none is lost. `zeros` may follow them.

    With one brace in all there is one object, so that a name not within a string is the document's. A name such as a
    comma could also be what is between two strings.
    """
    digits = repr(value)
    if raw.count(b"{") != 1 or "e" in digits or name.startswith(_AFTER_A_STRING):
        raise _Unusual
    for colon in (": ", ":"):
        wanted = f'"{name}"{colon}{digits}'.encode()
        begin = raw.find(wanted)
        if begin > 0:
            end = begin + len(wanted)
            while zeros and raw[end : end + 1] == b"0":  # behind a point: `digits` has one
                end += 1
            if raw[begin - 1 : begin] in _BEFORE_A_NAME and raw[end : end + 1] in _AFTER_A_NUMBER:
                return
    raise _Unusual


def _text(value: Any) -> str:
    if type(value) is not str:
        raise _Unusual
    return value


def _username(value: Any) -> str:
    if type(value) is not str or len(value) > _SHORT_KEYWORD:
        raise _Unusual
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise _Unusual
    return value


def _engagement(value: Any) -> int | float:
    if type(value) is int:
        return value
    if type(value) is not str:
        raise _Unusual
    number = float(value) if _DECIMAL.fullmatch(value) else values.numeric_text(value)
    if abs(number) > new.MAX_FLOAT:
        raise _Unusual
    return number


def _topics(value: Any) -> list[str]:
    topics: list[str] = value
    if type(value) is str:
        topics = values.split_topics(value)
    elif type(value) is not list:
        raise _Unusual
    for topic in topics:
        if type(topic) is not str or len(topic) > _SHORT_KEYWORD:
            raise _Unusual
    return topics
