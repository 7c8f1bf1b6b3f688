"""Hypothesis strategies for small whole old systems, with the dialects and the odd values of every store."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tvmigrate.contract import new, old, values
from tvmigrate.contract.outcome import Unmappable
from tvmigrate.contract.policy import Policy

# Elasticsearch refuses a document with two spellings of one type of field unless its mapping says otherwise, so none of
# the fields is indexed here; the migration reads `_source`.
MAPPINGS = {"dynamic": "false"}
# Tables and an index beside ours, which stay as they are, whatever they are called.
OTHER_TABLES = {
    "sessions": (
        "CREATE TABLE sessions (id UInt64, `a user` String, at DateTime64(6)) ENGINE = ReplacingMergeTree ORDER BY id",
        [{"id": 1, "a user": "thí sinh 3", "at": "2025-11-20 06:05:00.000001"}, {"id": 1, "a user": "", "at": 0}],
    ),
    "comments_old_2024": (
        "CREATE TABLE comments_old_2024 (comment_id String, entity LowCardinality(String)) ENGINE = Log",
        [{"comment_id": "c1", "entity": "contestant_1"}],
    ),
}
OTHER_INDEX = "tv_comments_old_2024"


@dataclass(frozen=True)
class OldSystem:
    """The lines of a dataset's files; `others` says whether there are tables and an index beside ours."""

    redis: list[dict[str, Any]]
    comments: list[dict[str, Any]]
    eaos_metrics: list[dict[str, Any]]
    documents: list[dict[str, Any]]
    shards: int = 1
    others: bool = False

    def write(self, folder: Path) -> Path:
        """Write the dataset into `folder` and return it."""
        (folder / "clickhouse").mkdir(parents=True)
        (folder / "elasticsearch").mkdir()
        (folder / "dataset.toml").write_text('name = "random"\n')
        _lines(folder / "redis.ndjson", self.redis)
        for table, rows in ((old.COMMENTS, self.comments), (old.EAOS_METRICS, self.eaos_metrics)):
            (folder / "clickhouse" / f"{table.name}.sql").write_text(table.create(old.DATABASE) + "\n")
            _lines(folder / "clickhouse" / f"{table.name}.ndjson", rows)
        self._write_index(folder, old.INDEX.name, self.documents)
        if self.others:
            for name, (create, rows) in OTHER_TABLES.items():
                (folder / "clickhouse" / f"{name}.sql").write_text(create + "\n", encoding="utf-8")
                _lines(folder / "clickhouse" / f"{name}.ndjson", rows)
            self._write_index(folder, OTHER_INDEX, [{"_id": "c1", "_source": {"text": "kept", "score": 1.0}}])
        return folder

    def _write_index(self, folder: Path, name: str, documents: list[dict[str, Any]]) -> None:
        settings = {"index": {"number_of_shards": str(self.shards), "number_of_replicas": "0"}}
        about = {"settings": settings, "mappings": MAPPINGS}
        (folder / "elasticsearch" / f"{name}.json").write_text(json.dumps(about))
        _lines(folder / "elasticsearch" / f"{name}.ndjson", documents)


def _lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(_json(row) + "\n" for row in rows), encoding="utf-8")


def _json(value: Any) -> str:
    """Return JSON text; half a surrogate pair, which no file can hold as it is, as its escape."""
    text = json.dumps(value, ensure_ascii=False)
    return json.dumps(value) if any("\ud800" <= char <= "\udfff" for char in text) else text


# ---------------------------------------------------------------------------------------------------------- values

# No controls that JSON or a URL would have to escape in ways of their own; those have examples in fixtures/standard.
text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
entities = st.sampled_from(
    ["contestant_1", "segment_intro", "thí sinh 3", "thi\u0301 sinh 3", "other_show/host", "current:x", "🎤", " ",
     "the_voice/contestant_1", "shared", "current:", "a:b", "x/y/z", "/", "{hash}", "Contestant_1", "\u3000"]
) | text  # fmt: skip
# With this map rows, items and documents of several entities share a program id.
ENTITY_MAP = {"shared": "the_voice/contestant_1", "segment_intro": "the_voice/contestant_1", "🎤": "giọng hát"}
labels = st.sampled_from(
    ["tích cực", "TIÊU CỰC", "\u00a0trung lập ", "ti\u0301ch c\u01b0\u0323c", "positive", "Neutral", "negative\u3000",
     "tÃ­ch cá»±c", "mixed", "", "\u2028Tích Cực\u0085", "tiÊu cựC\u00a0", "POSITIVE\t", "😀", "tích  cực",
     "positive\u200b"]
) | text  # fmt: skip
topics = st.lists(
    st.sampled_from(["show", "performance", "giọng hát", "gio\u0323ng ha\u0301t", " outfit ", "", "show", "SHOW",
                     "🎤🎤", "a;b", "\u00a0", "contestant_1", "x" * 300]) | text,
    max_size=5,
)  # fmt: skip
floats = st.floats(allow_nan=False, allow_infinity=False, width=32)
doubles = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.1 + 0.2, 5e-324, 1e22, -0.0, 2.0**53 + 2]
)
scores = st.floats(-1, 1, width=32) | floats
counts = st.sampled_from([0, 1, 120, "7", 3.0, 2**63 - 1, 2**63, -1, 1.5, True, "x", None]) | st.integers(0, 10**6)
instants = st.integers(-(10**9), 4 * 10**9)


@st.composite
def timestamps(draw: st.DrawFn) -> Any:
    """Return a time in one of the writers' spellings, now and then one that is none."""
    seconds = draw(instants)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    fraction = draw(st.sampled_from(["", ".5", ".123", ".000001", ".123456789"]))
    zone = timezone(timedelta(hours=draw(st.sampled_from([0, 7, -5]))))
    local = moment.astimezone(zone)
    clock = local.strftime("%Y-%m-%dT%H:%M:%S") if local.year >= 1000 else "0999-01-01T00:00:00"
    return draw(
        st.sampled_from(
            [
                clock + fraction + "Z",
                clock + fraction + local.isoformat()[-6:],
                clock.replace("T", " ") + fraction,
                seconds,
                seconds * 1000,
                seconds + 0.25,
                clock + ".1234567890Z",
                "yesterday",
                "",
                False,
            ]
        )
    )


def json_objects(required: Mapping[str, st.SearchStrategy[Any]], optional: Mapping[str, st.SearchStrategy[Any]]):
    return st.fixed_dictionaries(dict(required), optional=dict(optional))


# ----------------------------------------------------------------------------------------------------------- Redis

tallies = dict.fromkeys((old.EAOS_POSITIVE, old.EAOS_NEGATIVE, old.EAOS_NEUTRAL, old.EAOS_TOTAL), counts)
eaos_values = st.one_of(
    json_objects(
        {"score": scores | doubles},
        {"metadata": json_objects({}, {**tallies, "updated_at": timestamps(), "model": text}), "note": text},
    ),
    json_objects({"score": scores | st.none()}, {**tallies, "timestamp": timestamps()}),
).map(lambda value: json.dumps(value, ensure_ascii=False))
broken = st.sampled_from(
    ["{", "[]", "null", '{"score": NaN}', '{"score": 1, "score": 2}', '"half \\ud83d"', "", '{"score": 1e400}',
     '{"score": "0.5", "positive": 1}', '{"score": 1}', '{"score": 1, "positive": 1, "metadata": []}',
     '{"score": 1, "positive": 1, "metadata": {"positive": 2}}', '{"score": 1, "positive": 1, "timestamp": "24:00"}',
     '{"entity": "contestant_1", "value": 1}', '{"entity": "", "value": 1, "timestamp": 1}',
     '{"entity": 5, "value": 1, "timestamp": 1}', '{"value": Infinity, "timestamp": 1}']
) | text  # fmt: skip
broken_bytes = broken | st.just({"b64": "eyJzY29yZSI6/30="})
items = st.one_of(
    json_objects(
        {"value": scores | counts | doubles},
        {"entity": entities, "timestamp": timestamps(), "source": text, "extra": st.integers()},
    ).map(lambda item: json.dumps(item, ensure_ascii=False)),
    broken_bytes,
    st.sampled_from(["0.5", "17"]),
)
ttls = st.none() | st.integers(3_600_000, 10**9) | st.integers(1, 30_000)
members = st.lists(
    st.tuples(text, floats | doubles | st.sampled_from(["inf", "-inf"])).map(list),
    min_size=1,
    max_size=4,
    unique_by=lambda m: m[0],
)
unrelated = st.one_of(
    st.fixed_dictionaries({"type": st.just("string"), "value": text | st.just({"b64": "/w=="})}),
    st.fixed_dictionaries({"type": st.just("list"), "value": st.lists(text, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"type": st.just("set"), "value": st.lists(text, min_size=1, max_size=3, unique=True)}),
    st.fixed_dictionaries({"type": st.just("zset"), "value": members}),
    st.fixed_dictionaries(
        {"type": st.just("hash"), "value": st.dictionaries(text.filter(bool), text, min_size=1, max_size=3)}
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("stream"),
            "value": st.lists(
                st.dictionaries(text.filter(bool), text, min_size=1, max_size=2), min_size=1, max_size=3
            ).map(lambda entries: [[f"{n + 1}-{n}", fields] for n, fields in enumerate(entries)]),
        }
    ),
)
# A hash of which a field expires, in the year 2033: no file but Redis's own form holds that.
WITH_A_FIELD_TTL = {
    "type": "dump",
    "value": {
        "b64": "GQDYwyy7AwAAOTkAAAAJAIV0b2tlbgaCYTED9ADYwyy7AwAACYR1c2VyBYNs"
        "YW4EAAGFdGhlbWUGhXThu5FpBgAB/wwA56w6Nyn4y84="
    },
}


# Keys under an old or new name, and the types that are no wrong ones there.
RIGHT_TYPE = {
    "trend:5m": {"zset"}, "metrics:wrong": {"list"}, "eaos:current:wrong": {"string", "hash"},
    "trends:top:5min_wrong": {"zset"}, "events:wrong:2025-11-20": {"list"},
}  # fmt: skip
WRONG_TYPES = sorted(RIGHT_TYPE)
# New keys that are there before the migration, which no old record maps to.
NEW_ALREADY = {
    "eaos:current:before/any": {
        "type": "hash",
        "value": {"score": "1.0", "positive": "1", "negative": "0", "neutral": "0", "total": "1",
                  "updated_at": "2025-11-20T06:05:00Z"},
    },
    "events:before/any:2025-11-20": {"type": "list", "value": ["an event of another writer"]},
}  # fmt: skip


def _key(db: int, key: str, rest: dict[str, Any], ttl: int | None) -> dict[str, Any]:
    return {"db": db, "key": key, "type": rest["type"], "ttl_ms": ttl, "value": rest["value"]}


@st.composite
def redis_keys(draw: st.DrawFn, policy: Policy) -> list[dict[str, Any]]:
    """Return keys of every kind; no two eaos keys have one target, since that is refused before anything is done."""
    keys: dict[tuple[int, str], dict[str, Any]] = {}

    def add(db: int, key: str, rest: dict[str, Any]) -> None:
        keys.setdefault((db, key), _key(db, key, rest, draw(ttls)))

    for entity in _without_collisions(draw(st.lists(entities, max_size=5, unique=True)), policy):
        rest = {"type": "string", "value": draw(eaos_values | broken_bytes)}
        add(0, f"eaos:{entity}", draw(st.just(rest) | unrelated.filter(lambda other: other["type"] != "hash")))
    for key in draw(st.lists(st.sampled_from(WRONG_TYPES), max_size=2, unique=True)):
        add(0, key, draw(unrelated.filter(lambda other, key=key: other["type"] not in RIGHT_TYPE[key])))
    for key, rest in NEW_ALREADY.items():
        if not draw(st.integers(0, 4)):
            add(0, key, rest)
    for window in draw(st.lists(st.sampled_from(["5m", "15m", "60m", "30m", "05m", "5", ""]), max_size=3, unique=True)):
        add(0, f"trend:{window}", {"type": "zset", "value": draw(members)})
    for metric in draw(st.lists(st.sampled_from(["eaos", "rate", "", "a:b"]) | text, max_size=3, unique=True)):
        add(0, f"metrics:{metric}", {"type": "list", "value": draw(st.lists(items, min_size=1, max_size=5))})
    for db in draw(st.lists(st.sampled_from([0, 0, 1, 3, 15]), max_size=4)):
        add(db, draw(st.sampled_from(["session:", "EAOS:", "trend", "eaos", ""])) + draw(text), draw(unrelated))
        if not draw(st.integers(0, 4)):
            add(db, "session:fields", WITH_A_FIELD_TTL)
    for db in draw(st.lists(st.sampled_from([1, 3]), max_size=1)):  # old names, in a database that is not ours
        add(db, "eaos:contestant_1", {"type": "string", "value": "{"})
    return list(keys.values())


def _without_collisions(candidates: list[str], policy: Policy) -> list[str]:
    kept: list[str] = []
    names = {f"eaos:{entity}" for entity in candidates}
    targets: set[str] = set()
    for entity in candidates:
        try:
            target = new.eaos_key(values.program_id(entity, policy))
        except Unmappable:
            kept.append(entity)
            continue
        if target not in targets and target not in names:
            targets.add(target)
            kept.append(entity)
    return kept


# -------------------------------------------------------------------------- comments, in ClickHouse and Elasticsearch


def single(value: float) -> float:
    """Return `value` as a Float32 holds it."""
    return struct.unpack("f", struct.pack("f", value))[0]


@st.composite
def comments(draw: st.DrawFn, number: int) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return one comment as a row and as a document; now and then one of the two old stores lacks it."""
    comment_id = f"c{number}"
    entity, label, body, user = draw(entities), draw(labels), draw(text), draw(text)
    score = single(draw(scores))
    engagement = abs(single(draw(floats)))
    named = draw(topics)
    seconds = draw(st.integers(0, 2**32 - 1))
    row = {
        "comment_id": comment_id,
        "entity": entity,
        "text": body,
        "username": user,
        "created_at": (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S"),
        "sentiment": label,
        "sentiment_score": draw(st.just(score) | st.sampled_from(["nan", "inf"])) if draw(st.booleans()) else score,
        "engagement": engagement,
        "topics": ", ".join(named),
        "eaos_score": draw(st.none() | floats),
    }
    spell = {field: draw(st.sampled_from(names)) for field, names in old.SPELLINGS.items()}
    source: dict[str, Any] = {
        spell["text"]: body,
        spell["program_id"]: entity,
        spell["timestamp"]: draw(st.sampled_from([seconds, seconds * 1000 if seconds > 10**8 else seconds])),
        spell["sentiment"]: label,
        spell["sentiment_score"]: draw(st.just(score) | doubles) if not draw(st.integers(0, 4)) else score,
    }
    optional = {
        "engagement_score": draw(st.sampled_from([engagement, repr(engagement)])),
        "topics": draw(st.sampled_from([[topic for topic in named if "," not in topic], ", ".join(named)])),
        "username": user,
    }
    for field, value in optional.items():
        if draw(st.integers(0, 3)):
            source[spell[field]] = value
    source |= draw(st.dictionaries(st.sampled_from(["likes", "lang", "device"]), text | st.integers(0, 9), max_size=2))
    odd = draw(st.integers(0, 9))
    if odd == 0:
        source.pop(draw(st.sampled_from(sorted(source))))
    elif odd == 1:
        source[draw(st.sampled_from(sorted(source)))] = draw(
            st.sampled_from([None, True, -1, "x", [1], {}, 1e39, "\ud83d", "y" * 32_767, "1e3", " 5", {"a": {"b": []}}])
        )
    elif odd == 2:
        source[draw(st.sampled_from([name for names in old.SPELLINGS.values() for name in names]))] = draw(text)
    missing = draw(st.integers(0, 12))
    return (None if missing == 0 else row), (None if missing == 1 else {"_id": comment_id, "_source": source})


@st.composite
def eaos_metrics(draw: st.DrawFn) -> dict[str, Any]:
    """Return a row of the old `eaos_metrics`."""
    breakdown = draw(
        st.dictionaries(labels, counts, max_size=4).map(lambda value: json.dumps(value, ensure_ascii=False)) | broken
    )
    score = single(draw(floats))
    return {
        "entity": draw(entities),
        "eaos_score": score if math.isfinite(score) else 0.0,
        "sentiment_breakdown": breakdown,
        "comment_count": draw(st.integers(0, 2**32 - 1)),
        "recorded_at": (datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=draw(st.integers(0, 10**6)))).strftime(
            "%Y-%m-%d %H:%M:%S"
        ),
    }


@st.composite
def old_systems(draw: st.DrawFn, policy: Policy) -> OldSystem:
    """Return a whole old system of a few records a store."""
    both = [draw(comments(number)) for number in range(draw(st.integers(0, 8)))]
    rows = [row for row, _ in both if row is not None]
    metrics = draw(st.lists(eaos_metrics(), max_size=4))
    for table in (rows, metrics):
        if table and not draw(st.integers(0, 2)):
            table.extend(draw(st.lists(st.sampled_from(list(table)), min_size=1, max_size=3)))
    return OldSystem(
        redis=draw(redis_keys(policy)),
        comments=rows,
        eaos_metrics=metrics,
        documents=[document for _, document in both if document is not None],
        shards=draw(st.sampled_from([1, 1, 3])),
        others=draw(st.booleans()),
    )
