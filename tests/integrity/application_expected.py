"""What the application must be told after a migration: the old data by the contract's rules, as its clients give it.

Instants are datetimes in UTC, finer digits than a microsecond cut off, as the clients say. What expires by itself while
it is read is optional, and so is nothing else.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tvmigrate.contract import exact_json, new, old, rules, values
from tvmigrate.contract.layout import Table, quoted
from tvmigrate.contract.outcome import Mapped
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.rules import Row
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.model import HASH, LIST, ZSET
from tvmigrate.verify import redis_outcomes
from tvmigrate.verify.context import Context
from tvmigrate.verify.elasticsearch_documents import expected_document
from tvmigrate.verify.redis_expected import Expected, ExpectedKey

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_UTC = Policy(keep_entities=True)
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record that must be told, and when it expires by itself (ms since the epoch), None if it does not.

    A field of `filled` holds an instant of the run: that it is told is all that can be known of it.
    """

    record: Record
    deadline: int | None = None
    filled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of a program; `size` is the mean magnitude of the scores, which a mean's error is in proportion to."""

    count: int
    mean: float
    size: float


def moment(text: str | int) -> dt.datetime:
    """Return an instant of the contract's form, text or nanoseconds, as a datetime, whole microseconds."""
    ns = text if isinstance(text, int) else values.instant(text, _UTC)
    return _EPOCH + dt.timedelta(microseconds=ns // 1000)


def eaos(context: Context) -> dict[str, Wanted]:
    """Return the current EAOS of each program."""
    found = {}
    with Expected(context) as expected:
        for key in expected.of_role(redis_outcomes.HASH):
            program, state = key.key.decode().removeprefix(new.EAOS_PREFIX), dict(key.state["fields"])
            record = {
                "program_id": program,
                **{name: exact_json.parse(state[name]) for name in new.EAOS_FIELDS if name != new.UPDATED_AT},
                new.UPDATED_AT: moment(state[new.UPDATED_AT]),
            }
            found[program] = Wanted(record, key.deadline, frozenset(key.state["filled"]) & {new.UPDATED_AT})
    return found


def trends(context: Context) -> dict[str, tuple[list[Record], int | None]]:
    """Return by time range its topics, highest score first and of one score by topic, and when they expire."""
    found: dict[str, tuple[list[Record], int | None]] = dict.fromkeys(values.TIME_RANGES.values(), ([], None))
    names = {new.trend_key(time_range).encode(): time_range for time_range in found}
    for key in context.reference.dataset.redis_keys():
        kind = rules.redis_trend(key.key.removeprefix(old.TREND_PREFIX)) if _is_trend(key) else None
        if isinstance(kind, Mapped):
            # Redis's word for the scores: it makes 0 of a -0.0 in a small set.
            held = redis_outcomes.state_before(context.reference, key)["value"]
            pairs = [(member, float(held[show_bytes(member)])) for member, _ in key.value]
            pairs.sort(key=lambda pair: (-pair[1], pair[0]))
            topics = [{"topic": topic.decode(errors="backslashreplace"), "score": score} for topic, score in pairs]
            deadline = None if key.ttl_ms is None else context.reference.redis_epoch_ms + key.ttl_ms
            found[names[kind.value.encode()]] = (topics, deadline)
    return found


def _is_trend(key: Any) -> bool:
    return key.db == old.REDIS_DB and key.type == ZSET and key.key.startswith(old.TREND_PREFIX)


def events(context: Context) -> dict[tuple[str, str], list[Wanted]]:
    """Return by program and UTC date its events in their order."""
    found = {}
    with Expected(context) as expected:
        for key in expected.of_role(redis_outcomes.EVENTS):
            program, _, date = key.key.decode().removeprefix(new.EVENTS_PREFIX).rpartition(":")
            found[program, date] = [
                Wanted({**one.body, new.EVENT_TIMESTAMP: moment(one.body[new.EVENT_TIMESTAMP])}, one.deadline)
                for one in expected.events(key.key)
            ]
    return found


def redis_programs(context: Context) -> dict[str, int | None]:
    """Return each program that Redis must know, and when its last key expires; keys that were new before count too."""
    found: dict[str, int | None] = {}
    with Expected(context) as expected:
        for role in (*redis_outcomes.NEW_ROLES, redis_outcomes.UNRELATED):
            for key in expected.of_role(role):
                program = _program_of(key)
                if program is None:
                    continue
                known = found.get(program, 0)
                found[program] = None if known is None or key.deadline is None else max(known, key.deadline)
    return found


def _program_of(key: ExpectedKey) -> str | None:
    if key.db != new.REDIS_DB or key.role == redis_outcomes.ZSET:
        return None
    name, kind = key.key.decode(errors="replace"), (key.state or {}).get("type")
    if name.startswith(new.EAOS_PREFIX) and (key.role == redis_outcomes.HASH or kind == HASH):
        return name.removeprefix(new.EAOS_PREFIX)
    if name.startswith(new.EVENTS_PREFIX) and (key.role == redis_outcomes.EVENTS or kind == LIST):
        return name.removeprefix(new.EVENTS_PREFIX).rpartition(":")[0]
    return None


def comments(context: Context) -> dict[str, Record]:
    """Return by id the comments that Elasticsearch must hold."""
    found = {}
    for document in context.reference.dataset.documents(old.INDEX.name):
        outcome = expected_document(document, context.policy)
        if isinstance(outcome, Mapped):
            source = outcome.value.source
            found[document.id] = {**source, "timestamp": moment(source["timestamp"])}
    return found


def _rows(context: Context, table: Table, rule: Any) -> Iterator[Row]:
    """Yield what the rules make of each old row that they map."""
    if table.name not in context.reference.dataset.tables:
        return
    columns = ", ".join(_AS_RULES_TAKE_IT.get(column.type, "{0}").format(column.name) for column in table.columns)
    kinds = {column.name: column.type for column in table.columns}
    for row in context.reference.tables.rows(f"SELECT {columns} FROM {quoted(old.DATABASE)}.{quoted(table.name)}"):
        outcome = rule({name: _old_value(kinds[name], value) for name, value in row.items()}, context.policy)
        if isinstance(outcome, Mapped):
            yield outcome.value


# Instants as nanoseconds since the epoch; Float32 widened, and as text: JSON's -0 would be read as a whole number.
_WIDE = "toString(CAST({0}, 'Nullable(Float64)')) AS {0}"
_AS_RULES_TAKE_IT = {
    "DateTime": f"toInt64(toUnixTimestamp({{0}})) * {values.NS_PER_S} AS {{0}}",
    "Float32": _WIDE,
    "Nullable(Float32)": _WIDE,
}


def _old_value(kind: str, value: Any) -> Any:
    if kind == "String":
        return value.encode("utf-8", "surrogateescape")
    return float(value) if "Float32" in kind and value is not None else value


def metrics(context: Context) -> dict[str, list[Record]]:
    """Return by program the rows of `eaos_metrics`, in no order."""
    found: dict[str, list[Record]] = defaultdict(list)
    for row in _rows(context, old.EAOS_METRICS, rules.clickhouse_eaos_metric):
        found[row.values["program_id"]].append({**row.values, "timestamp": moment(row.values["timestamp"])})
    return found


def topics(context: Context) -> dict[str, dict[str, Topic]]:
    """Return by program and topic in how many comments it comes up, and their mean sentiment."""
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in _rows(context, old.COMMENTS, rules.clickhouse_comment):
        for program, _, topic in rules.aggregate_keys(row):
            scores[program][topic].append(row.values["sentiment_score"])
    return {
        program: {
            topic: Topic(len(found), math.fsum(found) / len(found), math.fsum(map(abs, found)) / len(found))
            for topic, found in of_program.items()
        }
        for program, of_program in scores.items()
    }


def clickhouse_programs(context: Context) -> set[str]:
    """Return the programs of which a row of either old table maps."""
    tables = ((old.COMMENTS, rules.clickhouse_comment), (old.EAOS_METRICS, rules.clickhouse_eaos_metric))
    return {row.values["program_id"] for table, rule in tables for row in _rows(context, table, rule)}
