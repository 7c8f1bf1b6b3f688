"""Which old or new thing a Redis key is: name and type together decide (contract §1)."""

from __future__ import annotations

from dataclasses import dataclass

from tvmigrate.contract import new, old
from tvmigrate.contract.old_layout import CONTRACT, OldLayout
from tvmigrate.contract.outcome import Rule

STRING, LIST, ZSET, HASH = "string", "list", "zset", "hash"

_EVENTS = new.EVENTS_PREFIX.encode()
_TRENDS = new.TRENDS_PREFIX.encode()
_EAOS_NEW = new.EAOS_PREFIX.encode()


@dataclass(frozen=True, slots=True)
class OldKey:
    """A key whose records are mapped by `rule`; `name` is the entity, window or metric name in it."""

    rule: Rule
    name: bytes


@dataclass(frozen=True, slots=True)
class WrongTypeKey:
    """A key of a type that neither layout has under that name: one record of `rule`, quarantined `wrong-type`."""

    rule: Rule
    expected: str


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that already has the new layout; what to do with it depends on whether an old record maps to it."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class UnrelatedKey:
    """Any other key; it stays bit for bit."""

    rule: Rule = Rule.REDIS_UNRELATED


KeyKind = OldKey | WrongTypeKey | NewKey | UnrelatedKey


def classify(db: int, key: bytes, kind: str, layout: OldLayout = CONTRACT) -> KeyKind:
    """Say what the key `key` of database `db` and Redis type `kind` (as TYPE prints it) is.

    Old keys have the names of `layout`.
    """
    if db != old.REDIS_DB:
        return UnrelatedKey()
    if key.startswith(layout.eaos_prefix):
        if kind == STRING:
            return OldKey(Rule.REDIS_EAOS, key[len(layout.eaos_prefix) :])
        if kind == HASH and key.startswith(_EAOS_NEW):
            return NewKey(Rule.REDIS_EAOS)
        return WrongTypeKey(Rule.REDIS_EAOS, STRING)
    if key.startswith(layout.trend_prefix):
        name = key[len(layout.trend_prefix) :]
        return OldKey(Rule.REDIS_TREND, name) if kind == ZSET else WrongTypeKey(Rule.REDIS_TREND, ZSET)
    if key.startswith(layout.metrics_prefix):
        name = key[len(layout.metrics_prefix) :]
        return OldKey(Rule.REDIS_METRIC, name) if kind == LIST else WrongTypeKey(Rule.REDIS_METRIC, LIST)
    if key.startswith(_EAOS_NEW):  # of a layout whose old keys begin otherwise
        return NewKey(Rule.REDIS_EAOS) if kind == HASH else WrongTypeKey(Rule.REDIS_EAOS, HASH)
    if key.startswith(_TRENDS):
        return NewKey(Rule.REDIS_TREND) if kind == ZSET else WrongTypeKey(Rule.REDIS_TREND, ZSET)
    if key.startswith(_EVENTS):
        return NewKey(Rule.REDIS_METRIC) if kind == LIST else WrongTypeKey(Rule.REDIS_METRIC, LIST)
    return UnrelatedKey()
