"""Redis: keys that the rules make of old ones, old keys that are to be gone or to stay, and what is neither."""

from __future__ import annotations

from collections.abc import Container, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from tvmigrate.contract import exact_json, new, values
from tvmigrate.contract.outcome import Rule, Store, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.engines.redis_client import pages
from tvmigrate.verify import redis_state
from tvmigrate.verify.context import Context
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.redis_events import compare_list
from tvmigrate.verify.redis_expected import Expected, ExpectedEvent
from tvmigrate.verify.redis_live import TTL_TOLERANCE_MS, LiveKey, now_ms, read
from tvmigrate.verify.redis_outcomes import EVENTS, GONE, HASH, KEPT, REST, UNRELATED, ZSET, ExpectedKey, key_name
from tvmigrate.verify.redis_records import hash_findings, trend_findings, ttl_finding, untouched_findings
from tvmigrate.verify.redis_state import DumpedStates, unshown
from tvmigrate.verify_live.model import SAME, About, Due, Part, Seen, State, Times, different
from tvmigrate.verify_live.sample import Sample

_UTC = Policy(keep_entities=True)
_TREND = (
    "its members were changed or added to since, and a trend has no time of its own: whether the application did it or "
    "the migration was wrong cannot be told"
)
_OTHERS = "it belongs to nobody who is migrated, was changed since, and has no time of its own"
_WAS_THERE = "no old key maps to it, and the backup does not tell whether it was there before the migration"
_DUMP = "only a DUMP can hold it, and another dump may say the same"
_STAYS = "What is quarantined stays as it was."
_NEW_TYPES = {new.EAOS_PREFIX: "hash", new.TRENDS_PREFIX: "zset", new.EVENTS_PREFIX: "list"}


def _about(what: str, rule: Rule, unit: str, claim: str) -> About:
    return About(f"live.redis.{what}", Store.REDIS, rule, unit, claim)


ABOUT = {
    HASH: _about("eaos", Rule.REDIS_EAOS, "keys", "Each old eaos key has its hash, with its time to live."),
    ZSET: _about("trend", Rule.REDIS_TREND, "keys", "Each old trend has its sorted set, with its time to live."),
    EVENTS: _about("metric", Rule.REDIS_METRIC, "lists", "Each list begins with the events that the old items become."),
    GONE: _about("old-keys", Rule.REDIS_SCHEMA, "keys", "No mapped key is left under its old name."),
    KEPT: _about("quarantined", Rule.LEDGER_BALANCE, "keys", "Keys and items that are quarantined stand as they were."),
    UNRELATED: _about("unrelated", Rule.REDIS_UNRELATED, "keys", "Keys of nobody who is migrated are as they were."),
}
EXTRA = _about("extra", Rule.REDIS_SCHEMA, "keys", "No key of the new layout is there that no old key becomes.")
_ROLES = {HASH: (HASH,), ZSET: (ZSET,), EVENTS: (EVENTS,), GONE: (GONE,), KEPT: (KEPT, REST), UNRELATED: (UNRELATED,)}


@dataclass(frozen=True, slots=True)
class Look:
    """What Redis's parts share; `nothing` remembers no state of any key.

    `is_complete` says whether the reference has all keys that were there before, and not the old ones alone.
    """

    context: Context
    expected: Expected
    times: Times
    sample: Sample
    nothing: DumpedStates
    is_complete: bool


class Keys:
    """Keys of one role (`redis_outcomes`), compared one by one."""

    def __init__(self, role: str, look: Look) -> None:
        context, expected, times, sample = look.context, look.expected, look.times, look.sample
        self.about = ABOUT[role]
        self._role = role
        self._context = context
        self._expected = expected
        self._times = times
        self._sample = sample
        self._dumped = look.nothing

    def total(self) -> int:
        """Return how many keys there are of the role."""
        plain = self._expected.plain()[0] if self._role in {HASH, GONE} else 0
        marks = ", ".join(f"'{role}'" for role in _ROLES[self._role])
        return plain + self._expected.count(f"SELECT count(*) FROM kept.keys WHERE role IN ({marks})")

    def due(self, skip: int) -> Generator[Due, None, None]:
        """Yield the keys by database and name, then those that are plain; of an events list its items too."""
        yield from islice(self._due(), skip, None)

    def _due(self) -> Iterator[Due]:
        for role in _ROLES[self._role]:
            for one in self._expected.of_role(role):
                if self._sample.takes(one.key):
                    items = list(self._expected.events(one.key)) if role == EVENTS else []
                    yield Due(one.name, (one, items))

    def look(self, due: Sequence[Due]) -> list[Seen]:
        """Compare keys as they are now."""
        found: dict[tuple[int, bytes], LiveKey] = {}
        ordered = sorted((one.what[0] for one in due), key=lambda key: key.db)
        for db, group in groupby(ordered, key=lambda key: key.db):
            client = self._context.clients.redis_db(db)
            for live in read(client, db, [key.key for key in group], self._dumped):
                found[live.db, live.key] = live
        now = now_ms(self._context.clients) + TTL_TOLERANCE_MS
        seen = []
        for expected, items in (one.what for one in due):
            seen.append(self._one(expected, items, found.get((expected.db, expected.key)), now))
        return seen

    def _one(self, expected: ExpectedKey, items: list[ExpectedEvent], live: LiveKey | None, now: int) -> Seen:
        if expected.role == GONE:
            return SAME if live is None else different(_still_there(expected, live))
        if expected.deadline is not None and expected.deadline <= now:
            return Seen(State.EXPIRED)  # what is there now, if anything, is another's
        if live is None:
            if expected.role == UNRELATED and not self._times.no_writers:
                return Seen(State.UNCHECKED, why=_OTHERS)
            return different(_missing(expected))
        if expected.role == HASH:
            return self._hash(expected, live)
        if expected.role == ZSET:
            return self._trend(expected, live)
        if expected.role == EVENTS:
            return self._events(expected, items, live, now)
        return self._stays(expected, live)

    def _hash(self, expected: ExpectedKey, live: LiveKey) -> Seen:
        if live.type != "hash":
            return different(_other_type(expected, live, "hash"))
        findings = [*hash_findings(expected, live, self._context), *_ttl(expected, live)]
        at = _instant(live.state["value"].get(new.UPDATED_AT))
        if findings and self._times.is_later(at):
            return Seen(State.MOVED_ON)
        return different(*findings)

    def _trend(self, expected: ExpectedKey, live: LiveKey) -> Seen:
        if live.type != "zset":
            return different(_other_type(expected, live, "zset"))
        differing = list(trend_findings(expected, live, ()))
        # A member that is gone, or renamed: the application takes none away.
        lost = [one for one in differing if one.field == "member" and one.direction is not Direction.EXTRA]
        findings = [*(differing if self._times.no_writers else lost), *_ttl(expected, live)]
        if findings or not differing:
            return different(*findings)
        return Seen(State.UNCHECKED, why=_TREND)

    def _events(self, expected: ExpectedKey, items: list[ExpectedEvent], live: LiveKey, now: int) -> Seen:
        if live.type != "list":
            return different(_other_type(expected, live, "list"))
        there = [unshown(item) for item in live.state["value"]]
        since = there if self._times.no_writers else _old_part(there, {item.text for item in items}, self._times)
        findings = compare_list(expected.name, items, since, now).findings
        return different(*findings, *_ttl(expected, live))

    def _stays(self, expected: ExpectedKey, live: LiveKey) -> Seen:
        if expected.state["type"] == "dump":
            same = self._context.clients.redis_db(expected.db).dump(expected.key)
            is_same = same is not None and same.hex() == expected.state["value"]
            return SAME if is_same else Seen(State.UNCHECKED, why=_DUMP)
        findings = [*untouched_findings(expected, live, _STAYS), *_ttl(expected, live)]
        if findings and expected.role == UNRELATED and not self._times.no_writers:
            return Seen(State.UNCHECKED, why=_OTHERS)
        return different(*findings)


class Others:
    """Keys under the prefixes of the new layout that no old key becomes."""

    about = EXTRA

    def __init__(self, look: Look) -> None:
        self._context = look.context
        self._expected = look.expected
        self._times = look.times
        self._sample = look.sample
        self._dumped = look.nothing
        self._is_complete = look.is_complete
        self._named = False

    def total(self) -> None:
        """Return None: only the live store knows."""

    def due(self, skip: int) -> Generator[Due, None, None]:
        """Yield live names; `skip` says nothing of what another SCAN gives."""
        if not self._named:
            self._expected.name_plain()
            self._named = True
        for page in pages(self._context.clients.redis):
            for key in dict.fromkeys(page):
                if _new_type(key) and self._sample.takes(key) and not self._is_expected(key):
                    yield Due(show_bytes(key), key)

    def _is_expected(self, key: bytes) -> bool:
        return self._expected.plain_named(key) is not None or self._expected.knows(new.REDIS_DB, key)

    def look(self, due: Sequence[Due]) -> list[Seen]:
        """Say of each whether the application made it, as its own times tell."""
        client = self._context.clients.redis
        found = {live.key: live for live in read(client, new.REDIS_DB, [one.what for one in due], self._dumped)}
        return [self._one(found.get(one.what)) for one in due]

    def _one(self, live: LiveKey | None) -> Seen:
        if live is None:
            return SAME
        value = live.state["value"]
        if live.type == _new_type(live.key) and not self._times.no_writers:
            if live.type == "zset":
                return Seen(State.UNCHECKED, why=_TREND)
            instants = [_instant(value.get(new.UPDATED_AT))] if live.type == "hash" else map(_event_instant, value)
            if all(self._times.is_later(at) for at in instants):
                return Seen(State.MOVED_ON)
        if not self._is_complete:
            return Seen(State.UNCHECKED, why=_WAS_THERE)
        name = show_bytes(live.key)
        note = f"{name} ({live.type}) was not there before, and no old key becomes it."
        return different(
            Finding(Store.REDIS, Rule.REDIS_SCHEMA, Direction.EXTRA, note, new=name, field="key", actual=live.type)
        )


def parts(look: Look) -> list[Part]:
    """Return Redis's parts in the order in which they are looked at."""
    return [*(Keys(role, look) for role in ABOUT), Others(look)]


def remember_states(context: Context) -> None:
    """Keep of keys that their file does not wholly tell what it does: nobody read them before the migration."""
    dumps = context.reference.baseline.redis_dumps
    for key in context.reference.dataset.redis_keys():
        if redis_state.file_does_not_tell(key):
            dump = {"type": "dump", "value": key.value.hex()} if isinstance(key.value, bytes) else None
            dumps.remember(key.db, key.key, dump or redis_state.of_dataset(key))


def _old_part(items: Sequence[str], expected: Container[str], times: Times) -> list[str]:
    """Return a list without the items at its end that the application appended: later than the migration."""
    end = len(items)
    while end and items[end - 1] not in expected and times.is_later(_event_instant(items[end - 1])):
        end -= 1
    return list(items[:end])


def _event_instant(item: str) -> int | None:
    try:
        body = exact_json.parse(unshown(item))
    except Unmappable:
        return None
    return _instant(body.get(new.EVENT_TIMESTAMP)) if isinstance(body, dict) else None


def _instant(value: Any) -> int | None:
    try:
        return values.instant(value, _UTC) if isinstance(value, str) else None
    except Unmappable:
        return None


def _new_type(key: bytes) -> str:
    return next((kind for prefix, kind in _NEW_TYPES.items() if key.startswith(prefix.encode())), "")


def _ttl(expected: ExpectedKey, live: LiveKey) -> list[Finding]:
    found = ttl_finding(expected, live, Rule.REDIS_TTL)
    return [] if found is None else [found]


def _missing(expected: ExpectedKey) -> Finding:
    note = f"{expected.name} is missing; {expected.old} should be found there."
    where = {"old": expected.old, "new": expected.name, "field": "key"}
    return Finding(Store.REDIS, expected.rule, Direction.MISSING, note, **where)


def _other_type(expected: ExpectedKey, live: LiveKey, kind: str) -> Finding:
    note = f"{expected.name} is a {live.type}, and {expected.old} becomes a {kind}."
    where = {"old": expected.old, "new": expected.name, "field": "type", "expected": kind, "actual": live.type}
    return Finding(Store.REDIS, expected.rule, Direction.CHANGED, note, **where)


def _still_there(expected: ExpectedKey, live: LiveKey) -> Finding:
    note = (
        f"{expected.old} is there, a {live.type}, though everything in it maps: the migration left it, or an old "
        "writer is still at work."
    )
    name = key_name(live.db, live.key)
    where = {"old": expected.old, "new": name, "field": "key", "actual": live.type}
    return Finding(Store.REDIS, expected.rule, Direction.EXTRA, note, **where)
