"""The record rules: one old record in, its new form or the reason it has none out (contract §3). Pure and total."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from tvmigrate.contract import exact_json, new, values
from tvmigrate.contract.old_layout import CONTRACT, OldLayout, OldTable
from tvmigrate.contract.outcome import Mapped, Quarantined, Reason, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hash:
    """The new form of an eaos key: its key and its six fields as text."""

    key: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Event:
    """The new form of one item of a metrics list.

    `order` sorts the events of one list: (nanoseconds, metric, old position). `body` is the JSON item.
    """

    key: str
    order: tuple[int, str, int]
    body: str


@dataclass(frozen=True, slots=True)
class Document:
    """The new form of a document: `_id` and `_source` in the contract's field order."""

    id: str
    source: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """The new form of a ClickHouse row: column → value; instants as nanoseconds since the epoch."""

    values: Mapping[str, Any]


def _total(rule: Callable[P, Mapped[T]]) -> Callable[P, Mapped[T] | Quarantined]:
    """Make a rule total: what it cannot map becomes `Quarantined` with the reason."""

    @wraps(rule)
    def run(*args: P.args, **kwargs: P.kwargs) -> Mapped[T] | Quarantined:
        try:
            return rule(*args, **kwargs)
        except Unmappable as why:
            return Quarantined(why.reason, why.detail)

    return run


def _text(raw: bytes, what: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Unmappable(Reason.NOT_UTF8, f"{what} {show_bytes(raw)} is not UTF-8") from None


def _object(raw: bytes | str, what: str) -> dict[str, Any]:
    parsed = exact_json.parse(raw)
    if not isinstance(parsed, dict):
        raise Unmappable(Reason.BAD_JSON, f"{what} is JSON, but not an object")
    return parsed


def _agree(what: str, found: Iterable[tuple[str, Any]], missing: Callable[[], T]) -> T:
    """Return the one value that all spellings mapped to, or `missing()` if there is none.

    Raises:
        Unmappable: `conflicting-fields` if they differ.
    """
    pairs = list(found)
    if not pairs:
        return missing()
    first_name, first = pairs[0]
    for name, value in pairs[1:]:
        if value != first:
            raise Unmappable(
                Reason.CONFLICTING_FIELDS,
                f"{what}: {first_name} says {first!r:.200}, {name} says {value!r:.200}",
            )
    return first  # type: ignore[no-any-return]


def _missing(reason: Reason, detail: str) -> Callable[[], Any]:
    def refuse() -> Any:
        raise Unmappable(reason, detail)

    return refuse


# ---------------------------------------------------------------------------------------------------------- Redis


def redis_eaos_target(entity: bytes, policy: Policy) -> str:
    """Return the new key of `eaos:{entity}` (`redis.eaos`).

    Raises:
        Unmappable: `not-utf8` or `empty-entity`.
    """
    return new.eaos_key(values.program_id(_text(entity, "the entity"), policy))


@_total
def redis_eaos(entity: bytes, raw: bytes, policy: Policy, run_instant: int) -> Mapped[Hash]:
    """Map the JSON string of `eaos:{entity}` to its hash (`redis.eaos`).

    `run_instant` (nanoseconds since the epoch, within the run) fills an absent `updated_at`.
    """
    key = redis_eaos_target(entity, policy)
    body = _object(raw, "the value")
    old = policy.layout.eaos
    metadata = body.get(old.metadata)
    if metadata is not None and not isinstance(metadata, dict):
        raise Unmappable(Reason.BAD_JSON, f"{old.metadata} is not an object")
    inner: dict[str, Any] = metadata or {}
    if body.get(old.score) is None:
        raise Unmappable(Reason.MISSING_FIELD, f"no {old.score}")
    score = values.number(body[old.score])
    places = ((f"{old.metadata}.", inner), ("", body))

    def given(name: str) -> int | None:
        present = ((p + name, values.count(at[name])) for p, at in places if at.get(name) is not None)
        return _agree(name, present, lambda: None)

    filled = []
    counts: dict[str, int] = {}
    names = {new.POSITIVE: old.positive, new.NEGATIVE: old.negative, new.NEUTRAL: old.neutral}
    found = {field: given(name) for field, name in names.items()}
    if all(value is None for value in found.values()) and not policy.zero_missing_counts:
        raise Unmappable(Reason.MISSING_COUNTS, f"none of {', '.join(names.values())}")
    for field, value in found.items():
        counts[field] = value or 0
        if value is None:
            filled.append(field)
    total = given(old.total)
    summed = sum(counts.values())
    if total is None:
        total = values.count(summed)
        filled.append(new.TOTAL)
    times = [(f"{old.metadata}.{old.updated_at}", inner.get(old.updated_at))]
    times.append((old.timestamp, body.get(old.timestamp)))
    updated = _agree(
        new.UPDATED_AT,
        ((name, values.instant(t, policy)) for name, t in times if t is not None),
        lambda: None,
    )
    if updated is None:
        updated = run_instant
        filled.append(new.UPDATED_AT)
    fields = {
        new.SCORE: values.number_text(score),
        **{field: str(counts[field]) for field in names},
        new.TOTAL: str(total),
        new.UPDATED_AT: values.rfc3339(updated),
    }
    beside, within = old.beside_metadata, old.in_metadata
    archived = {k: v for k, v in body.items() if k not in beside}
    archived |= {f"{old.metadata}.{k}": v for k, v in inner.items() if k not in within}
    says = f"{new.TOTAL} is {total}, the counts add up to {summed}" if total != summed else ""
    return Mapped(Hash(key, fields), tuple(filled), archived, says)


@_total
def redis_trend(window: bytes, layout: OldLayout = CONTRACT) -> Mapped[str]:
    """Map what stands between `trend:` and the end of the key (`15m`) to the new key (`redis.trend`)."""
    name = _text(window, "the window")
    suffix = layout.trend_suffix.decode()
    if not name.endswith(suffix):
        raise Unmappable(Reason.UNKNOWN_WINDOW, f"window {name!r} is not a number of minutes followed by {suffix}")
    return Mapped(new.trend_key(values.time_range(name.removesuffix(suffix))))


@_total
def redis_metric(metric: bytes, position: int, raw: bytes, policy: Policy) -> Mapped[Event]:
    """Map item `position` (from 0) of `metrics:{metric}` to an event (`redis.metric`)."""
    name = _text(metric, "the metric name")
    if not name:
        raise Unmappable(Reason.MISSING_FIELD, "the key has no metric name")
    item = exact_json.parse(raw)
    if not isinstance(item, dict):
        if isinstance(item, str | list | bool) or item is None:
            raise Unmappable(Reason.BAD_JSON, "the item is JSON, but neither an object nor a number")
        raise Unmappable(Reason.MISSING_TIMESTAMP, "a bare number has no timestamp")
    old = policy.layout.item
    entity = item.get(old.entity)
    if entity is None:
        if policy.show is None:
            raise Unmappable(Reason.MISSING_FIELD, f"no {old.entity}, and no show to stand in for it")
        program_id = policy.show
    elif not isinstance(entity, str):
        raise Unmappable(Reason.BAD_JSON, f"{old.entity} is {entity!r}, not text")
    else:
        program_id = values.program_id(entity, policy)
    if item.get(old.value) is None:
        raise Unmappable(Reason.MISSING_FIELD, f"no {old.value}")
    value = values.number(item[old.value])
    if item.get(old.timestamp) is None:
        raise Unmappable(Reason.MISSING_TIMESTAMP, f"no {old.timestamp}")
    moment = values.instant(item[old.timestamp], policy)
    mapped = old.all
    body = {
        new.EVENT_TYPE: new.METRIC_EVENT,
        new.EVENT_METRIC: name,
        new.EVENT_PROGRAM_ID: program_id,
        new.EVENT_TIMESTAMP: values.rfc3339(moment),
        new.EVENT_VALUE: value,
        new.EVENT_DATA: {k: v for k, v in item.items() if k not in mapped},
    }
    key = new.events_key(program_id, values.utc_date(moment))
    return Mapped(Event(key, (moment, name, position), exact_json.dump(body)))


# ------------------------------------------------------------------------------------------------------ ClickHouse


def _column_text(row: Mapping[str, Any], column: str, table: OldTable) -> str:
    value = row[column]
    return _text(value, f"column {table.their(column)}:") if isinstance(value, bytes) else str(value)


@_total
def clickhouse_comment(row: Mapping[str, Any], policy: Policy) -> Mapped[Row]:
    """Map a row of the old `comments` to one of `raw_comments` (`clickhouse.comments`).

    `row` has the old columns under the contract's names, whatever theirs are: strings as `str` or `bytes`, `created_at`
    as nanoseconds since the epoch. Any other column is archived.
    """
    table = policy.layout.comments
    text = {c.name: _column_text(row, c.name, table) for c in table.columns if c.type == "String"}
    if not text["comment_id"]:
        raise Unmappable(Reason.MISSING_FIELD, f"the {table.their('comment_id')} is empty")
    eaos = row["eaos_score"]
    mapped = {
        "comment_id": text["comment_id"],
        "program_id": values.program_id(text["entity"], policy),
        "text": text["text"],
        "username": text["username"],
        "timestamp": row["created_at"],
        "sentiment": str(values.sentiment(text["sentiment"])),
        "sentiment_score": float(values.number(row["sentiment_score"])),
        "engagement_score": float(values.number(row["engagement"])),
        "topics": values.split_topics(text["topics"]),
        "eaos_score": None if eaos is None else float(values.number(eaos)),
    }
    known = table.column_names
    return Mapped(Row(mapped), archived={k: v for k, v in row.items() if k not in known})


@_total
def clickhouse_eaos_metric(row: Mapping[str, Any], policy: Policy) -> Mapped[Row]:
    """Map a row of the old `eaos_metrics` to a new one (`clickhouse.eaos_metrics`); `row` as for a comment."""
    table = policy.layout.eaos_metrics
    entity = _column_text(row, "entity", table)
    breakdown = _object(_column_text(row, "sentiment_breakdown", table), table.their("sentiment_breakdown"))
    counts = dict.fromkeys(values.Sentiment, 0)
    program_id = values.program_id(entity, policy)
    for label, value in breakdown.items():
        meaning = values.sentiment(label)
        counts[meaning] = values.count(counts[meaning] + (0 if value is None else values.count(value)))
    mapped = {
        "program_id": program_id,
        "timestamp": row["recorded_at"],
        "score": float(values.number(row["eaos_score"])),
        "positive_count": counts[values.Sentiment.POSITIVE],
        "negative_count": counts[values.Sentiment.NEGATIVE],
        "neutral_count": counts[values.Sentiment.NEUTRAL],
        "total_comments": values.count(row["comment_count"]),
    }
    summed = sum(counts.values())
    total = mapped["total_comments"]
    says = f"{table.their('comment_count')} is {total}, the breakdown adds up to {summed}" if total != summed else ""
    known = table.column_names
    return Mapped(Row(mapped), archived={k: v for k, v in row.items() if k not in known}, inconsistency=says)


BUCKET_S = 300


def aggregate_keys(row: Row) -> Iterator[tuple[str, int, str]]:
    """Yield (program id, bucket start in seconds since the epoch, topic) of a mapped comment, a topic once."""
    bucket = row.values["timestamp"] // values.NS_PER_S // BUCKET_S * BUCKET_S
    for topic in dict.fromkeys(row.values["topics"]):
        yield row.values["program_id"], bucket, topic


# --------------------------------------------------------------------------------------------------- Elasticsearch


def _string(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise Unmappable(Reason.BAD_JSON, f"{name} is {value!r:.200}, not text")
    return value


def _keyword(value: str, name: str, limit: int = new.MAX_KEYWORD_BYTES) -> str:
    size = len(value.encode())
    if size > limit:
        raise Unmappable(Reason.TOO_LARGE, f"{name} has {size} bytes, the limit is {limit}")
    return value


def _float(value: float, name: str) -> float:
    if abs(value) > new.MAX_FLOAT:
        raise Unmappable(Reason.TOO_LARGE, f"{name} is {value!r}, outside ±{new.MAX_FLOAT!r}")
    return value


def _topics(value: Any, name: str) -> list[str]:
    if isinstance(value, str):
        topics = values.split_topics(value)
    elif isinstance(value, list):
        topics = [_string(topic, f"an element of {name}") for topic in value]
    else:
        raise Unmappable(Reason.BAD_JSON, f"{name} is {value!r:.200}, neither a list nor text")
    return [_keyword(topic, f"a topic of {name}") for topic in topics]


_FIELD_RULES: Mapping[str, Callable[[Any, str, Policy], Any]] = {
    "text": lambda v, name, policy: _string(v, name),
    "program_id": lambda v, name, policy: _keyword(values.program_id(_string(v, name), policy), name),
    "timestamp": lambda v, name, policy: values.instant(v, policy),
    "sentiment": lambda v, name, policy: str(values.sentiment(v)),
    "sentiment_score": lambda v, name, policy: _float(values.number(v), name),
    "engagement_score": lambda v, name, policy: _float(values.numeric_text(v), name),
    "topics": lambda v, name, policy: _topics(v, name),
    "username": lambda v, name, policy: _keyword(_string(v, name), name),
}
_DEFAULTS: Mapping[str, Callable[[], Any]] = {"engagement_score": lambda: 0, "username": str, "topics": list}


@_total
def elasticsearch_document(doc_id: str, source: Mapping[str, Any], policy: Policy) -> Mapped[Document]:
    """Map an old document to its new form under the same `_id` (`elasticsearch.comments`).

    `source` is its `_source`, read by `exact_json.parse` so that no number lost a digit.
    """
    exact_json.refuse_surrogates(dict(source))
    layout = policy.layout
    mapped: dict[str, Any] = {"comment_id": _keyword(doc_id, "_id", new.MAX_ID_BYTES)}
    if source.get(layout.document_id) not in (None, doc_id):
        says = source[layout.document_id]
        raise Unmappable(Reason.CONFLICTING_FIELDS, f"{layout.document_id} says {says!r:.200}, _id says {doc_id!r}")
    filled = []
    for field, spellings in layout.spellings.items():
        rule = _FIELD_RULES[field]
        present = [name for name in spellings if source.get(name) is not None]
        if not present and field in _DEFAULTS:
            mapped[field] = _DEFAULTS[field]()
            filled.append(field)
            continue
        reason = Reason.MISSING_TIMESTAMP if field == "timestamp" else Reason.MISSING_FIELD
        mapped[field] = _agree(
            field,
            ((name, rule(source[name], name, policy)) for name in present),
            _missing(reason, f"none of {', '.join(spellings)}"),
        )
    mapped["timestamp"] = values.rfc3339(mapped["timestamp"])
    known = layout.document_fields
    archived = {k: v for k, v in source.items() if k not in known}
    ordered = {field: mapped[field] for field in new.DOCUMENT_FIELDS}
    return Mapped(Document(doc_id, ordered), tuple(filled), archived)
