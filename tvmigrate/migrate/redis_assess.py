"""What becomes of old Redis keys: each record's fate, and the new keys, into the run's spool."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from tvmigrate.contract import new, old, rules
from tvmigrate.contract.keys import NewKey, OldKey, UnrelatedKey, WrongTypeKey, classify
from tvmigrate.contract.outcome import Fate, Quarantined, Reason, Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.contract.values import NS_PER_S
from tvmigrate.dataset import redis_form
from tvmigrate.dataset.model import HASH, LIST, ZSET, RedisKey
from tvmigrate.migrate.redis_keys import Live
from tvmigrate.migrate.spool import NEVER, QuarantineRow, Spool

_SOURCES: Mapping[Rule, str] = {
    Rule.REDIS_EAOS: old.EAOS_PREFIX.decode().rstrip(":"),
    Rule.REDIS_TREND: old.TREND_PREFIX.decode().rstrip(":"),
    Rule.REDIS_METRIC: old.METRICS_PREFIX.decode().rstrip(":"),
}
# Old keys that stay as they are: quarantined whole, or of a type that neither layout has there.
WHOLE, WRONG_TYPE = "whole", "wrong-type"
STAYS = (WHOLE, WRONG_TYPE)


class Assessor:
    """Maps old keys by the rules and tells a spool; `run_instant` in ns and `now_ms` in ms since the epoch."""

    def __init__(self, spool: Spool, policy: Policy, run_instant: int, now_ms: int) -> None:
        self._spool = spool
        self._policy = policy
        self._run_instant = run_instant
        self._now_ms = now_ms

    def take_all(self, lives: Iterable[Live]) -> None:
        """Take old keys and wrong-type keys, each once, then settle what depends on all of them."""
        for live in lives:
            self._take(live)
        self._spool.db.execute(
            "INSERT INTO fate SELECT ?, ?, ?, coalesce(expires_ms, ?), count(*) FROM event JOIN target USING (key)"
            " GROUP BY 4 HAVING true ON CONFLICT DO UPDATE SET n = n + excluded.n",
            (Store.REDIS, Rule.REDIS_METRIC, Fate.MAPPED, NEVER),
        )

    def _take(self, live: Live) -> None:
        key = live.key
        kind = classify(key.db, key.key, key.type)
        if isinstance(kind, NewKey | UnrelatedKey):
            raise TypeError(f"{key.key!r} is no old key")
        if live.gone(self._now_ms):
            self._spool.fate(kind.rule, Store.REDIS, Fate.EXPIRED, _records(kind, key))
        elif isinstance(kind, WrongTypeKey):
            self._whole(live, kind.rule, Quarantined(Reason.WRONG_TYPE, f"a {key.type}; expected is a {kind.expected}"))
        elif kind.rule is Rule.REDIS_EAOS:
            self._eaos(live, kind)
        elif kind.rule is Rule.REDIS_TREND:
            self._trend(live, kind)
        else:
            self._metric(live, kind)

    def _eaos(self, live: Live, kind: OldKey) -> None:
        outcome = rules.redis_eaos(kind.name, live.key.value, self._policy, self._run_instant)
        if isinstance(outcome, Quarantined):
            self._whole(live, kind.rule, outcome)
            return
        shown = show_bytes(live.key.key)
        fields = {name.encode(): value.encode() for name, value in outcome.value.fields.items()}
        self._old_key(live, None)
        self._target(
            outcome.value.key, kind.rule, live, RedisKey(new.REDIS_DB, outcome.value.key.encode(), HASH, None, fields)
        )
        self._spool.fate(kind.rule, Store.REDIS, outcome.fate, 1, live.expires_ms)
        self._spool.archive(Store.REDIS, _SOURCES[kind.rule], shown, outcome.archived)
        self._spool.inconsistent(Store.REDIS, shown, outcome.inconsistency)
        self._spool.program(outcome.value.key.removeprefix(new.EAOS_PREFIX), kind.name.decode())

    def _trend(self, live: Live, kind: OldKey) -> None:
        outcome = rules.redis_trend(kind.name)
        members = live.key.value
        if isinstance(outcome, Quarantined):
            self._old_key(live, WHOLE)
            for member, score in members:
                shown = f"{show_bytes(live.key.key)}#{show_bytes(member)}"
                self._quarantine(kind.rule, shown, outcome, redis_form.dump_member(member, score))
            self._spool.fate(kind.rule, Store.REDIS, Fate.QUARANTINED, len(members))
            return
        self._old_key(live, None)
        self._target(
            outcome.value, kind.rule, live, RedisKey(new.REDIS_DB, outcome.value.encode(), ZSET, None, members)
        )
        self._spool.fate(kind.rule, Store.REDIS, Fate.MAPPED, len(members), live.expires_ms)

    def _metric(self, live: Live, kind: OldKey) -> None:
        kept: list[int] = []
        for position, item in enumerate(live.key.value):
            outcome = rules.redis_metric(kind.name, position, item, self._policy)
            if isinstance(outcome, Quarantined):
                kept.append(position)
                shown = f"{show_bytes(live.key.key)}#{position}"
                self._quarantine(kind.rule, shown, outcome, redis_form.dump_item(item))
                continue
            event = outcome.value
            moment, metric, _ = event.order
            seconds, nanos = divmod(moment, NS_PER_S)
            self._spool.db.execute(
                "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)",
                (event.key.encode(), seconds, nanos, metric, position, event.body),
            )
            self._target(event.key, kind.rule, live, None)
        self._spool.fate(kind.rule, Store.REDIS, Fate.QUARANTINED, len(kept))
        self._old_key(live, WHOLE if len(kept) == len(live.key.value) else json.dumps(kept) if kept else None)

    def _whole(self, live: Live, rule: Rule, why: Quarantined) -> None:
        self._old_key(live, WRONG_TYPE if why.reason is Reason.WRONG_TYPE else WHOLE)
        self._quarantine(rule, show_bytes(live.key.key), why, redis_form.dump_value(live.key))
        self._spool.fate(rule, Store.REDIS, Fate.QUARANTINED)

    def _quarantine(self, rule: Rule, shown: str, why: Quarantined, record: str) -> None:
        self._spool.quarantine(QuarantineRow(Store.REDIS, _SOURCES[rule], shown, why, record))

    def _old_key(self, live: Live, kept: str | None) -> None:
        self._spool.db.execute("INSERT INTO old_key VALUES (?, ?, ?, NULL)", (live.key.key, kept, live.expires_ms))

    def _target(self, name: str, rule: Rule, live: Live, value: RedisKey | None) -> None:
        """Note a new key; of lists that several old ones fill, the longest expiry, none if one has none."""
        line = None if value is None else redis_form.dump(value).decode()
        clash = self._spool.db.execute("SELECT old, expires_ms FROM target WHERE key = ?", (name.encode(),)).fetchone()
        if clash is None:
            self._spool.db.execute(
                "INSERT INTO target VALUES (?, ?, ?, ?, ?, NULL)",
                (name.encode(), rule, live.key.key, live.expires_ms, line),
            )
        elif rule is not Rule.REDIS_METRIC:
            self._spool.db.execute("INSERT INTO clash VALUES (?, ?, ?)", (name.encode(), clash[0], live.key.key))
        elif clash[1] is not None:
            longest = None if live.expires_ms is None else max(clash[1], live.expires_ms)
            self._spool.db.execute("UPDATE target SET expires_ms = ? WHERE key = ?", (longest, name.encode()))


def wanted(spool: Spool, where: str = "true") -> Iterator[tuple[Live, str | None]]:
    """Yield the new keys in the order of their names, each as it is to be, with its state."""
    found = spool.db.execute(f"SELECT key, expires_ms, line, state FROM target WHERE {where} ORDER BY key")
    for key, expires_ms, line, state in found:
        if line is not None:
            yield Live(redis_form.parse(line), expires_ms), state
            continue
        items = spool.db.execute(
            "SELECT body FROM event WHERE key = ? ORDER BY seconds, nanos, metric, position", (key,)
        )
        yield Live(RedisKey(new.REDIS_DB, key, LIST, None, [body.encode() for (body,) in items]), expires_ms), state


def _records(kind: OldKey | WrongTypeKey, key: RedisKey) -> int:
    if isinstance(kind, WrongTypeKey) or kind.rule is Rule.REDIS_EAOS:
        return 1
    return len(key.value)
