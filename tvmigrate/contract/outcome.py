"""What can become of an old record: rule ids, quarantine reasons, fates and the ledger line that counts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Store(StrEnum):
    """Where a record lives; `cross` is for laws between stores."""

    REDIS = "redis"
    CLICKHOUSE = "clickhouse"
    ELASTICSEARCH = "elasticsearch"
    CROSS = "cross"


class Rule(StrEnum):
    """Every rule id of contract §3; findings, quarantine rows, tests and docs name one of these."""

    PROGRAM_ID = "value.program_id"
    TIME_RANGE = "value.time_range"
    SENTIMENT = "value.sentiment"
    TIMESTAMP = "value.timestamp"
    COUNT = "value.count"
    NUMBER = "value.number"
    REDIS_EAOS = "redis.eaos"
    REDIS_TREND = "redis.trend"
    REDIS_METRIC = "redis.metric"
    REDIS_UNRELATED = "redis.unrelated"
    REDIS_TTL = "redis.ttl"
    REDIS_SCHEMA = "redis.schema"
    CLICKHOUSE_COMMENTS = "clickhouse.comments"
    CLICKHOUSE_AGGREGATES = "clickhouse.aggregates"
    CLICKHOUSE_EAOS_METRICS = "clickhouse.eaos_metrics"
    CLICKHOUSE_ANOMALIES = "clickhouse.anomalies"
    CLICKHOUSE_SCHEMA = "clickhouse.schema"
    ELASTICSEARCH_COMMENTS = "elasticsearch.comments"
    ELASTICSEARCH_SCHEMA = "elasticsearch.schema"
    LEDGER_BALANCE = "ledger.balance"
    CROSS_IDS = "cross.ids"
    CROSS_VALUES = "cross.values"
    CROSS_PROGRAMS = "cross.programs"
    ROLLBACK_REDIS = "rollback.redis"
    ROLLBACK_CLICKHOUSE = "rollback.clickhouse"
    ROLLBACK_ELASTICSEARCH = "rollback.elasticsearch"


# The rules whose records are counted; a derived rule has no old records of its own (`old: null`).
LEDGER_RULES: Mapping[Rule, Store] = {
    Rule.REDIS_EAOS: Store.REDIS,
    Rule.REDIS_TREND: Store.REDIS,
    Rule.REDIS_METRIC: Store.REDIS,
    Rule.REDIS_UNRELATED: Store.REDIS,
    Rule.CLICKHOUSE_COMMENTS: Store.CLICKHOUSE,
    Rule.CLICKHOUSE_EAOS_METRICS: Store.CLICKHOUSE,
    Rule.CLICKHOUSE_AGGREGATES: Store.CLICKHOUSE,
    Rule.CLICKHOUSE_ANOMALIES: Store.CLICKHOUSE,
    Rule.ELASTICSEARCH_COMMENTS: Store.ELASTICSEARCH,
}
DERIVED_RULES = frozenset({Rule.CLICKHOUSE_AGGREGATES, Rule.CLICKHOUSE_ANOMALIES})


class Reason(StrEnum):
    """Why a record was quarantined: the closed list of contract §3."""

    BAD_JSON = "bad-json"
    WRONG_TYPE = "wrong-type"
    MISSING_FIELD = "missing-field"
    MISSING_COUNTS = "missing-counts"
    MISSING_TIMESTAMP = "missing-timestamp"
    CONFLICTING_FIELDS = "conflicting-fields"
    BAD_NUMBER = "bad-number"
    NOT_FINITE = "not-finite"
    BAD_COUNT = "bad-count"
    BAD_TIMESTAMP = "bad-timestamp"
    UNKNOWN_WINDOW = "unknown-window"
    UNKNOWN_SENTIMENT = "unknown-sentiment"
    EMPTY_ENTITY = "empty-entity"
    NOT_UTF8 = "not-utf8"
    TOO_LARGE = "too-large"


class Fate(StrEnum):
    """What became of one old record; each ends as exactly one of these."""

    MAPPED = "mapped"
    FILLED = "filled"
    QUARANTINED = "quarantined"
    UNTOUCHED = "untouched"
    EXPIRED = "expired"


class Unmappable(Exception):  # noqa: N818 - a fact about a record, raised inside the rules and never past them
    """A value that no rule maps; carries the `Reason` and a sentence of detail."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Mapped(Generic[T]):
    """A record's new form.

    `filled` names the new fields that got a stated default (fate *filled*), `archived` holds the old fields without a
    place in the new layout, `inconsistency` says where the source contradicts itself (kept and counted, never mended).
    """

    value: T
    filled: tuple[str, ...] = ()
    archived: Mapping[str, Any] = field(default_factory=dict)
    inconsistency: str = ""

    @property
    def fate(self) -> Fate:
        """`filled` if any field got a default, else `mapped`."""
        return Fate.FILLED if self.filled else Fate.MAPPED


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that is set aside whole, with its reason and a sentence of detail."""

    reason: Reason
    detail: str

    @property
    def fate(self) -> Fate:
        """Always `quarantined`."""
        return Fate.QUARANTINED


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """The fates of one rule's records. `old` is None for a derived rule, whose rows are counted in `mapped`."""

    store: Store
    rule: Rule
    old: int | None
    mapped: int = 0
    filled: int = 0
    quarantined: int = 0
    untouched: int = 0
    expired: int = 0

    @property
    def accounted(self) -> int:
        """Records that have a fate."""
        return self.mapped + self.filled + self.quarantined + self.untouched + self.expired

    @property
    def balanced(self) -> bool:
        """Whether every old record has exactly one fate; a derived rule has nothing to balance."""
        return self.old is None or self.old == self.accounted


@dataclass(frozen=True, slots=True)
class QuarantineLine:
    """How many records of one rule are quarantined for one reason."""

    store: Store
    rule: Rule
    reason: str
    count: int
