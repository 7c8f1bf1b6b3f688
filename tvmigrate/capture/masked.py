"""What of each record is masked: texts, user names and what no rule knows, so that every rule says what it said.

The stand-ins keep shape, length and normal form; what a rule reads (entities, topics, labels, numbers, instants, names
of members) stays to the character, broken or not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial

from tvmigrate.capture.json_texts import Path, replace_broken, replace_texts, replace_within
from tvmigrate.capture.mask import Mask
from tvmigrate.contract import exact_json, new
from tvmigrate.contract.keys import NewKey, OldKey, UnrelatedKey, classify
from tvmigrate.contract.old_layout import CONTRACT, EaosFields, ItemFields, OldLayout, OldTable
from tvmigrate.contract.outcome import Reason, Rule, Unmappable
from tvmigrate.dataset.model import DUMP, HASH, LIST, SET, STREAM, STRING, ZSET, RedisKey

_TURNS = 16


def key(mask: Mask, one: RedisKey, layout: OldLayout = CONTRACT) -> RedisKey:
    """Return a Redis key as the dataset is to have it; one that only a DUMP can hold cannot be masked."""
    kind = classify(one.db, one.key, one.type, layout)
    if isinstance(kind, OldKey):
        if kind.rule is Rule.REDIS_EAOS:
            return replace(one, value=_json(mask, one.value, partial(_in_eaos, layout.eaos)))
        if kind.rule is Rule.REDIS_METRIC:
            return replace(one, value=[_json(mask, item, partial(_in_item, layout.item)) for item in one.value])
        return one
    if isinstance(kind, NewKey):
        if kind.rule is Rule.REDIS_METRIC:
            return replace(one, value=[_json(mask, item, _in_event) for item in one.value])
        return one
    name = _name(mask, one, layout) if isinstance(kind, UnrelatedKey) else one.key
    return replace(one, key=name, value=_VALUES[one.type](mask, one.value))


def _name(mask: Mask, one: RedisKey, layout: OldLayout) -> bytes:
    """Return an unrelated key's name, of which all before the first colon stays, and so what family it is of."""
    family, colon, rest = one.key.partition(b":")
    name = family + colon + mask.raw(rest) if colon else one.key
    return name if isinstance(classify(one.db, name, one.type, layout), UnrelatedKey) else one.key


def document(mask: Mask, source: str, typed: frozenset[str], layout: OldLayout = CONTRACT) -> str:
    """Return a comment's `_source`; fields whose dotted paths are `typed` have a type that a stand-in may not fit."""
    personal = {*layout.spellings["text"], *layout.spellings["username"]}
    read_by_rules = layout.document_fields - personal

    def chosen(path: Path) -> bool:
        return path[0] not in read_by_rules and _dotted(path) not in typed

    return replace_texts(source, mask.text, chosen)


def other_document(mask: Mask, source: str, typed: frozenset[str]) -> str:
    """Return the `_source` of a document that no rule reads."""
    return replace_texts(source, mask.text, lambda path: _dotted(path) not in typed)


def row(mask: Mask, line: bytes, columns: frozenset[str]) -> bytes:
    """Return a row in JSONEachRow, of which the texts of these columns are masked."""
    text = line.decode("utf-8", "surrogateescape")
    replaced = _flat_row(mask, text, columns)
    if replaced is None:
        replaced = replace_texts(text, mask.text, lambda path: path[0] in columns)
    return replaced.encode("utf-8", "surrogateescape")


def _flat_row(mask: Mask, text: str, columns: frozenset[str]) -> str | None:
    """Return a row with these columns masked, quicker; None where a brace, a list or a name may need a closer look."""
    pattern = _texts_of(columns)
    if pattern is None or text.find("{", 1) > 0:
        return None
    parts: list[str] = []
    at = 0
    for match in pattern.finditer(text):
        if match["list"]:
            return None
        parts += (text[at : match.start("text")], replace_within(match["text"], mask.text))
        at = match.end("text")
    return "".join([*parts, text[at:]])


@lru_cache
def _texts_of(columns: frozenset[str]) -> re.Pattern[str] | None:
    """Return what finds the texts of these columns in a row without braces; a name is never within a text there."""
    if not columns or not all(re.fullmatch(r"\w+", name, re.ASCII) for name in columns):
        return None  # JSON may write it in more than one way
    names = "|".join(sorted(columns))
    return re.compile(rf'[{{,]\s*"(?:{names})"\s*:\s*(?:"(?P<text>(?:[^"\\]|\\.)*)"|(?P<list>\[))', re.DOTALL)


def columns(types: Mapping[str, str], known: OldTable | None) -> frozenset[str]:
    """Return the columns of a table that are masked: those of text, but what the rules of an old table read."""
    read: set[str] = set()
    if known is not None:
        personal = {known.their(name) for name in ("text", "username")}
        read = set(known.theirs.values()) - personal
    return frozenset(name for name, kind in types.items() if name not in read and holds_text(kind))


_TEXT = ("String", "FixedString")
_WRAPPERS = ("Nullable", "LowCardinality", "Array", "Map", "Tuple", "SimpleAggregateFunction")


def holds_text(kind: str) -> bool:
    """Return whether all that a ClickHouse type writes as JSON text is text of any content."""
    words = [word for word in _words(kind) if word not in _WRAPPERS]
    return any(word in _TEXT for word in words) and all(word in _TEXT or _is_number(word) for word in words)


def _words(kind: str) -> list[str]:
    return [word for word in kind.replace("(", " ").replace(")", " ").replace(",", " ").split() if not word.isdigit()]


def _is_number(word: str) -> bool:
    return word == "Bool" or word.startswith(("Int", "UInt", "Float", "BFloat"))


def _json(mask: Mask, raw: bytes, chosen: Callable[[Path], bool]) -> bytes:
    """Return a value that should be JSON, of which a rule has to say what it said before."""
    try:
        text = raw.decode()
        body = exact_json.parse(text)
    except UnicodeDecodeError:
        return mask.raw(raw)  # not-utf8, whatever else it says
    except Unmappable as why:
        return _broken(mask, text, why.reason).encode()
    wanted = chosen if isinstance(body, dict) else lambda path: True
    return replace_texts(text, mask.text, wanted).encode()


def _broken(mask: Mask, text: str, reason: Reason) -> str:
    for turn in range(_TURNS):
        masked = replace_broken(text, lambda words, turn=turn: mask.text(words, turn))  # type: ignore[misc]
        try:
            exact_json.parse(masked)
        except Unmappable as why:
            if why.reason is reason:
                return masked
    return text


def _in_eaos(names: EaosFields, path: Path) -> bool:
    if path[0] == names.metadata:
        return len(path) == 1 or path[1] not in names.in_metadata
    return path[0] not in names.beside_metadata


def _in_item(names: ItemFields, path: Path) -> bool:
    return path[0] not in names.all


def _in_event(path: Path) -> bool:
    return path[0] == new.EVENT_DATA


def _dotted(path: Path) -> str:
    return ".".join(step for step in path if step is not None)


def _items(mask: Mask, items: list[bytes]) -> list[bytes]:
    return [mask.raw(item) for item in items]


def _fields(mask: Mask, fields: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    return {name: mask.raw(held) for name, held in fields.items()}


_VALUES: Mapping[str, Callable[[Mask, object], object]] = {
    STRING: Mask.raw,  # type: ignore[dict-item]
    LIST: _items,  # type: ignore[dict-item]
    SET: _items,  # type: ignore[dict-item]
    ZSET: lambda mask, pairs: [(mask.raw(member), score) for member, score in pairs],  # type: ignore[attr-defined]
    HASH: _fields,  # type: ignore[dict-item]
    STREAM: lambda mask, entries: [(entry, _fields(mask, fields)) for entry, fields in entries],  # type: ignore[attr-defined]
    DUMP: lambda mask, raw: raw,
}


def typed_fields(mappings: Mapping[str, object]) -> frozenset[str]:
    """Return the dotted paths of fields of an index whose type takes not every text: dates, numbers, addresses."""
    return frozenset(_typed(mappings, ""))


_ANY_TEXT = frozenset({"text", "keyword", "wildcard", "match_only_text", "search_as_you_type", "flattened"})


def _typed(mappings: Mapping[str, object], above: str) -> list[str]:
    found: list[str] = []
    properties = mappings.get("properties")
    for name, body in (properties if isinstance(properties, Mapping) else {}).items():
        path = f"{above}{name}"
        kind = body.get("type", "object")
        if kind in {"object", "nested"}:
            found += _typed(body, f"{path}.")
        elif kind not in _ANY_TEXT:
            found.append(path)
    return found


__all__ = ["columns", "document", "holds_text", "key", "other_document", "row", "typed_fields"]
