"""What each thing of an old system seems to mean: placed only where name, type and values leave one answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tvmigrate.contract import exact_json, old, values
from tvmigrate.contract.layout import Table
from tvmigrate.contract.outcome import Unmappable
from tvmigrate.inspect.look import Columns, Keys, Seen
from tvmigrate.migrate.clickhouse_tables import same_type
from tvmigrate.old_layout_document import COMMENT_ID

# Words that say a meaning by themselves, beside the meaning's own name: `postedAt` is read as `posted_at`.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "comment_id": ("id", "post_id", "message_id"),
    "entity": old.SPELLINGS["program_id"],
    "program_id": (*old.SPELLINGS["program_id"], "entity_id"),
    "text": (*old.SPELLINGS["text"], "body", "message"),
    "username": (*old.SPELLINGS["username"], "user_name", "nick", "nickname"),
    "timestamp": (*old.SPELLINGS["timestamp"], "time", "posted_at", "sent_at", "at", "seen_at"),
    "created_at": (*old.SPELLINGS["timestamp"], "time", "posted_at", "sent_at"),
    "recorded_at": (*old.SPELLINGS["timestamp"], "time", "taken_at", "measured_at"),
    "updated_at": ("updated", "modified_at", "last_updated"),
    "sentiment": old.SPELLINGS["sentiment"],
    "sentiment_score": old.SPELLINGS["sentiment_score"],
    "engagement": old.SPELLINGS["engagement_score"],
    "engagement_score": old.SPELLINGS["engagement_score"],
    "topics": old.SPELLINGS["topics"],
    "eaos_score": ("eaos", "score"),
    "comment_count": ("comments", "total_comments", "total"),
    "sentiment_breakdown": ("breakdown", "sentiments"),
    "metadata": ("meta",),
    "positive": ("pos", "pos_count", "positive_count"),
    "negative": ("neg", "neg_count", "negative_count"),
    "neutral": ("neu", "neu_count", "neutral_count"),
    "total": ("total_count", "count"),
    "value": ("reading",),
}
_EAOS = ("score", "metadata", "positive", "negative", "neutral", "total", "updated_at", "timestamp")
_FAR_MORE = 10  # times as many keys as all others together: these are the ones
_WINDOW = re.compile(r"(5|15|60)(\D*)")


@dataclass(slots=True)
class Part:
    """A part of the layout file: plain values, their name → meaning, meanings declared absent, and what is open."""

    said: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Placed:
    """The parts of the layout file by their place, such as `clickhouse.comments`, and what nothing of it is of."""

    parts: dict[str, Part] = field(default_factory=dict)
    unplaced: list[str] = field(default_factory=list)


def place(seen: Seen) -> Placed:
    """Place what was seen."""
    placed = Placed()
    _place_keys(seen.keys, placed)
    _place_tables(seen.tables, placed)
    _place_index(seen.indices, placed)
    return placed


def spelled(name: str) -> str:
    """Return a name in lower case with `_` between its words."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-. ]+", "_", name).lower()


def means(name: str, meanings: Iterable[str]) -> list[str]:
    """Return the meanings that a name says: its own if it is one, else those of which it is a word."""
    told = spelled(name)
    meanings = list(meanings)
    return [told] if told in meanings else [one for one in meanings if told in _WORDS.get(one, ())]


def _names(
    columns: Iterable[str], meanings: Iterable[str], fits: Callable[[str, str], bool], *, several: bool = False
) -> dict[str, str]:
    """Return their name → meaning, of those that can have one meaning only, and share it with none unless `several`."""
    meanings = tuple(meanings)
    found = {}
    for name in columns:
        told = [one for one in means(name, meanings) if fits(name, one)]
        if len(told) == 1:
            found[name] = told[0]
    if several:
        return found
    taken = list(found.values())
    return {name: meaning for name, meaning in found.items() if taken.count(meaning) == 1}


# --------------------------------------------------------------------------------------------------------------- Redis


def _place_keys(groups: list[Keys], placed: Placed) -> None:
    strings = [one for one in groups if one.kind == "string" and {"positive", "negative"} <= set(_eaos(one).values())]
    sets = [one for one in groups if one.kind == "zset" and _suffix(one) is not None]
    lists = [one for one in groups if one.kind == "list" and {"value", "timestamp"} <= set(_item(one).values())]
    chosen = {}
    for part, candidates in (("redis.eaos", strings), ("redis.trend", sets), ("redis.metrics", lists)):
        ours = sorted((one for one in candidates if one.db == old.REDIS_DB and one.prefix), key=lambda one: -one.count)
        others = sum(one.count for one in ours[1:])
        if ours and ours[0].count >= _FAR_MORE * others:
            chosen[part] = ours[0]
        else:
            told = ", ".join(_told(one) for one in ours) or "no keys that seem to be it"
            placed.parts[part] = Part(open=[f"prefix: {told}"])
    if (eaos := chosen.get("redis.eaos")) is not None:
        placed.parts["redis.eaos"] = _fields(eaos, _eaos(eaos), _EAOS, ("metadata", "total", "updated_at", "timestamp"))
    if (trend := chosen.get("redis.trend")) is not None:
        placed.parts["redis.trend"] = Part({"prefix": trend.prefix, "suffix": _suffix(trend) or ""})
    if (metrics := chosen.get("redis.metrics")) is not None:
        items = _fields(metrics, _item(metrics), ("entity", "value", "timestamp"), ())
        items.open = [one for one in items.open if one.startswith("nothing ")]  # other fields go to the event's data
        placed.parts["redis.metrics"] = items
    taken = [(one.db, one.prefix) for one in chosen.values()]
    placed.unplaced += [_told(one) for one in groups if (one.db, one.prefix) not in taken]


def _told(group: Keys) -> str:
    return f"{group.count} keys {group.prefix or 'without a colon'} of type {group.kind} in database {group.db}"


def _eaos(group: Keys) -> dict[str, str]:
    names = {name for inner in group.inner.values() for name in inner} | set(group.fields)
    return _names(sorted(names), _EAOS, lambda name, meaning: (name in group.inner) is (meaning == "metadata"))


def _item(group: Keys) -> dict[str, str]:
    return _names(sorted(group.fields), ("entity", "value", "timestamp"), lambda name, meaning: True)


def _suffix(group: Keys) -> str | None:
    windows = [_WINDOW.fullmatch(name.decode(errors="replace").partition(":")[2]) for name in group.names]
    suffixes = {match[2] for match in windows if match is not None}
    return suffixes.pop() if len(suffixes) == 1 else None


def _fields(group: Keys, names: dict[str, str], meanings: Iterable[str], may_be_absent: tuple[str, ...]) -> Part:
    part = Part({"prefix": group.prefix}, names)
    there = set(group.fields) | {name for inner in group.inner.values() for name in inner}
    part.open += [f"the field {name}" for name in sorted(there) if name not in names]
    _missing(part, meanings, may_be_absent)
    return part


def _missing(part: Part, meanings: Iterable[str], may_be_absent: Iterable[str]) -> None:
    for meaning in meanings:
        if meaning in part.names.values():
            continue
        if meaning in may_be_absent and not part.open:
            part.absent.append(meaning)
        else:
            part.open.append(f"nothing means {meaning} for sure")


# ---------------------------------------------------------------------------------------------------------- ClickHouse


def _place_tables(tables: list[Columns], placed: Placed) -> None:
    found: dict[str, Columns] = {}
    for role, needed in ((old.COMMENTS, {"text", "sentiment"}), (old.EAOS_METRICS, {"sentiment_breakdown"})):
        part = f"clickhouse.{role.name}"
        ours = [one for one in tables if needed <= set(_columns(one, role).values())]
        if len(ours) == 1:
            found[part] = ours[0]
            placed.parts[part] = _table(ours[0], role)
        else:
            told = ", ".join(f"{one.database}.{one.name}" for one in ours) or "no table that seems to be it"
            placed.parts[part] = Part(open=[f"table: {told}"])
    databases = {one.database for one in found.values()}
    top = Part({"database": databases.pop()}) if len(databases) == 1 else Part(open=["the database of both tables"])
    placed.parts = {**placed.parts, "clickhouse": top}
    placed.unplaced += [
        f"the table {one.database}.{one.name}, {one.count} rows, columns {', '.join(one.types)}"
        for one in tables
        if one not in found.values()
    ]


def _table(table: Columns, role: Table) -> Part:
    part = Part({"table": table.name}, _columns(table, role))
    part.open += [f"the column {name} {kind}" for name, kind in table.types.items() if name not in part.names]
    _missing(part, role.column_names, ())
    return part


def _columns(table: Columns, role: Table) -> dict[str, str]:
    expected = {column.name: column.type for column in role.columns}

    def fits(name: str, meaning: str) -> bool:
        return same_type(table.types[name], expected[meaning])

    found = _names(table.types, role.column_names, fits)
    # What the values say goes before the name.
    for meaning, says in (("sentiment", _is_sentiment), ("sentiment_breakdown", _is_breakdown)):
        told = [
            name for name in table.types if meaning in expected and fits(name, meaning) and says(table.values[name])
        ]
        if len(told) == 1:
            found = {name: its for name, its in found.items() if its != meaning} | {told[0]: meaning}
    # A single column of a type that one meaning alone has needs no name.
    for meaning, kind in expected.items():
        alone = [name for name, its in table.types.items() if same_type(its, kind)]
        unique = [one for one, its in expected.items() if its == kind] == [meaning]
        if unique and len(alone) == 1 and meaning not in found.values():
            found[alone[0]] = meaning
    return found


def _is_sentiment(sample: list[Any]) -> bool:
    return _mostly(sample, values.sentiment)


def _is_breakdown(sample: list[Any]) -> bool:
    return _mostly(sample, lambda text: [values.sentiment(label) for label in dict(exact_json.parse(text))])


def _mostly(sample: list[Any], read: Callable[[Any], object]) -> bool:
    """Return whether nine of ten values, of those that are there, are read without a complaint."""
    right = 0
    for value in sample:
        try:
            right += bool(read(value))
        except (Unmappable, TypeError, ValueError):
            continue
    return bool(sample) and right >= 0.9 * len(sample)


# ------------------------------------------------------------------------------------------------------- Elasticsearch


def _place_index(indices: list[Columns], placed: Placed) -> None:
    meanings = (*old.SPELLINGS, COMMENT_ID)
    named = {one.name: _documents(one, meanings) for one in indices}
    ours = [one for one in indices if {"text", "sentiment"} <= set(named[one.name].values())]
    placed.unplaced += [
        f"the index {one.name}, {one.count} documents, fields {', '.join(one.types)}"
        for one in indices
        if one not in ours[:1] or len(ours) > 1
    ]
    if len(ours) != 1:
        told = ", ".join(one.name for one in ours) or "no index that seems to be it"
        placed.parts["elasticsearch"] = Part(open=[f"index: {told}"])
        return
    part = Part({"index": ours[0].name}, named[ours[0].name])
    part.open += [f"the field {name} {kind}" for name, kind in ours[0].types.items() if name not in part.names]
    _missing(part, meanings, (COMMENT_ID, "engagement_score", "topics", "username"))
    placed.parts["elasticsearch"] = part


def _documents(index: Columns, meanings: tuple[str, ...]) -> dict[str, str]:
    found = _names(index.types, meanings, lambda name, meaning: True, several=True)
    for name, sample in index.values.items():
        if name not in found and _is_sentiment(sample):
            found[name] = "sentiment"
    return found
