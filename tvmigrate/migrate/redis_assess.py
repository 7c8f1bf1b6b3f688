"""What becomes of old Redis keys: each record's fate and the new keys, worked out of a part of them at a time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tvmigrate.contract import exact_json, new, old, quick, rules
from tvmigrate.contract.keys import NewKey, OldKey, UnrelatedKey, WrongTypeKey, classify
from tvmigrate.contract.outcome import Fate, Quarantined, Reason, Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.contract.values import NS_PER_S
from tvmigrate.dataset import eaos_lines, redis_form
from tvmigrate.dataset.model import STRING, ZSET, RedisKey
from tvmigrate.migrate.redis_keys import Live
from tvmigrate.migrate.redis_pack import at_once, creating, six
from tvmigrate.migrate.spool import NEVER, QuarantineRow

_EAOS_NEW = new.EAOS_PREFIX.encode()
# Old keys that stay as they are: quarantined whole, or of a type that neither layout has there.
WHOLE, WRONG_TYPE = "whole", "wrong-type"
STAYS = (WHOLE, WRONG_TYPE)


@dataclass(frozen=True, slots=True)
class Terms:
    """What an outcome depends on beside the key: `run_instant` in ns, `now_ms` since the epoch.

    Long new keys grow under a name that begins with `temporary`. `existing` is what becomes of a target that is there
    and says something else. With `programs` it is told who becomes which program.
    """

    policy: Policy
    run_instant: int
    now_ms: int
    temporary: bytes
    existing: str | None
    programs: bool = False


@dataclass(slots=True)
class Assessed:
    """What became of some old keys; goes from a worker to where the spool is.

    `commands` create the new keys that are whole (`redis_pack`), `targets` are (their name, the old key's). `events`
    are rows of the spool, `lists` the names of their lists: the old key, and the longest expiry. `suspects` are (new
    key, old key, another old key that would become it). `stays` says what of an old key stays.
    """

    commands: bytes = b""
    replies: int = 0
    targets: list[tuple[bytes, bytes]] = field(default_factory=list)
    suspects: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)
    stays: list[tuple[bytes, str]] = field(default_factory=list)
    events: list[tuple[bytes, int, int, str, int, bytes]] = field(default_factory=list)
    lists: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)
    fates: Counter[tuple[Rule, Fate, int]] = field(default_factory=Counter)
    quarantine: list[QuarantineRow] = field(default_factory=list)
    archive: list[tuple[str, str, str]] = field(default_factory=list)
    extras: Counter[tuple[str, str]] = field(default_factory=Counter)
    inconsistent: list[tuple[str, str]] = field(default_factory=list)
    programs: list[tuple[str, str]] = field(default_factory=list)


def of_lines(lines: bytes, epoch_ms: int, terms: Terms) -> Assessed:
    """Map the keys in whole lines of a backup, whose TTLs count from `epoch_ms`."""
    assessor = _Assessor(terms)
    for row in eaos_lines.rows(lines, terms.policy):
        if isinstance(row, bytes):
            for live in lives_in(row, epoch_ms):
                assessor.take(live)
        else:
            assessor.plain(row, None if row[1] is None else epoch_ms + row[1])
    return assessor.done()


def of_lives(lives: Iterable[Live], terms: Terms) -> Assessed:
    """Map live old keys and wrong-type keys."""
    assessor = _Assessor(terms)
    for live in lives:
        assessor.take(live)
    return assessor.done()


def lives_in(lines: bytes, epoch_ms: int) -> Iterator[Live]:
    """Yield the keys in whole lines of a backup, with the absolute expiry they had."""
    for line in lines.split(b"\n"):
        if not line:
            continue
        plain = redis_form.string_of(line)
        if plain is not None:
            db, name, ttl, value = plain
            key = RedisKey(db, name, STRING, ttl, value)
        else:
            key = redis_form.parse(line.decode())
        if key.ttl_ms is None or key.ttl_ms > 0:
            yield Live(key, None if key.ttl_ms is None else epoch_ms + key.ttl_ms)


class _Assessor:
    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._policy = terms.policy
        self._layout = terms.policy.layout
        self._eaos_prefix = self._layout.eaos_prefix
        self._sources = self._layout.sources
        self._found = Assessed()
        self._commands: list[bytes] = []
        self._hashes: list[bytes] = []
        self._mapped = self._filled = self._expiring = 0  # eaos keys; of the first two, those that do not expire
        self._extras = Counter[str]()
        self._inverse: dict[str, list[str]] = {}
        for entity, program_id in terms.policy.entity_map.items():
            self._inverse.setdefault(program_id, []).append(entity)
        show = terms.policy.show
        self._before = None if show is None else self._eaos_prefix + f"{show}/".encode()

    def done(self) -> Assessed:
        found = self._found
        hashes, replies = at_once(self._hashes, self._expiring)
        found.commands, found.replies = b"".join([hashes, *self._commands]), found.replies + replies
        for fate, n in ((Fate.MAPPED, self._mapped), (Fate.FILLED, self._filled)):
            if n:
                found.fates[Rule.REDIS_EAOS, fate, NEVER] += n
        for name, n in self._extras.items():
            found.extras[self._sources[Rule.REDIS_EAOS], name] += n
        return found

    def take(self, live: Live) -> None:
        key = live.key
        kind = classify(key.db, key.key, key.type, self._layout)
        if isinstance(kind, NewKey | UnrelatedKey):
            raise TypeError(f"{key.key!r} is no old key")
        if isinstance(kind, OldKey) and kind.rule is Rule.REDIS_EAOS:
            self.eaos(key.key, key.value, live.expires_ms)
        elif live.gone(self._terms.now_ms):
            self._fate(kind.rule, Fate.EXPIRED, _records(kind, key))
        elif isinstance(kind, WrongTypeKey):
            self._whole(key, kind.rule, Quarantined(Reason.WRONG_TYPE, f"a {key.type}; expected is a {kind.expected}"))
        elif kind.rule is Rule.REDIS_TREND:
            self._trend(live, kind)
        else:
            self._metric(live, kind)

    def eaos(self, key: bytes, value: bytes, expires_ms: int | None) -> None:
        """Map the string of a key under `eaos:`."""
        rule = Rule.REDIS_EAOS
        if expires_ms is not None and expires_ms <= self._terms.now_ms:
            self._fate(rule, Fate.EXPIRED, 1)
            return
        entity = key[len(self._eaos_prefix) :]
        plain = quick.eaos(entity, value, self._policy)
        if plain is not None:
            target = _EAOS_NEW + plain.program_id.encode()
            self.plain((key, None, target, plain.texts, plain.filled, plain.archived, plain.inconsistency), expires_ms)
            return
        outcome = rules.redis_eaos(entity, value, self._policy, self._terms.run_instant)
        if isinstance(outcome, Quarantined):
            self._whole(RedisKey(old.REDIS_DB, key, STRING, None, value), rule, outcome)
            return
        target, fields = outcome.value.key.encode(), outcome.value.fields
        texts = tuple([fields[name].encode() for name in new.EAOS_FIELDS])
        row = (key, None, target, texts, outcome.filled, dict(outcome.archived), outcome.inconsistency)
        self.plain(row, expires_ms)

    def plain(self, row: eaos_lines.Row, expires_ms: int | None) -> None:
        """Take the hash that the string of a key under `eaos:` becomes."""
        key, _, target, texts, filled, archived, says = row
        rule, found = Rule.REDIS_EAOS, self._found
        if expires_ms is not None:
            if expires_ms <= self._terms.now_ms:
                self._fate(rule, Fate.EXPIRED, 1)
                return
            self._fate(rule, Fate.FILLED if filled else Fate.MAPPED, 1, expires_ms)
            self._expiring += 1
        elif filled:
            self._filled += 1
        else:
            self._mapped += 1
        self._hashes.append(six(target, texts, expires_ms))
        found.targets.append((target, key))
        # Of two entities with one program id, one is in the map, or has the show before it already.
        if self._inverse or (self._before is not None and key.startswith(self._before)):
            self._suspect(key, target)
        if archived:
            found.archive.append((self._sources[rule], show_bytes(key), exact_json.dump(archived)))
            for name in archived:
                self._extras[name] += 1
        if says:
            found.inconsistent.append((show_bytes(key), says))
        if self._terms.programs:
            program_id = target[len(_EAOS_NEW) :].decode()
            found.programs.append((program_id, key[len(self._eaos_prefix) :].decode()))

    def _suspect(self, key: bytes, target: bytes) -> None:
        """Name the other old keys that would become the same."""
        show, program_id = self._policy.show, target[len(_EAOS_NEW) :].decode()
        stripped = None if show is None else program_id.removeprefix(f"{show}/")
        others = {program_id, *self._inverse.get(program_id, ())}
        if stripped is not None:
            others.add(stripped)
        for other in others - {key[len(self._eaos_prefix) :].decode()}:
            self._found.suspects.append((target, key, self._eaos_prefix + other.encode()))

    def _trend(self, live: Live, kind: OldKey) -> None:
        outcome = rules.redis_trend(kind.name, self._layout)
        key, members = live.key.key, live.key.value
        if isinstance(outcome, Quarantined):
            self._found.stays.append((key, WHOLE))
            for member, score in members:
                shown = f"{show_bytes(key)}#{show_bytes(member)}"
                self._quarantine(kind.rule, shown, outcome, redis_form.dump_member(member, score))
            self._fate(kind.rule, Fate.QUARANTINED, len(members))
            return
        target = outcome.value.encode()
        self._create(Live(RedisKey(new.REDIS_DB, target, ZSET, None, members), live.expires_ms))
        self._found.targets.append((target, key))
        self._fate(kind.rule, Fate.MAPPED, len(members), live.expires_ms)

    def _metric(self, live: Live, kind: OldKey) -> None:
        kept: list[int] = []
        found = self._found
        expires = NEVER if live.expires_ms is None else live.expires_ms
        for position, item in enumerate(live.key.value):
            event = self._event(kind, position, item)
            if isinstance(event, Quarantined):
                kept.append(position)
                shown = f"{show_bytes(live.key.key)}#{position}"
                self._quarantine(kind.rule, shown, event, redis_form.dump_item(item))
                continue
            found.events.append(event)
            known = found.lists.get(event[0])
            if known is None or known[1] < expires:
                found.lists[event[0]] = (known[0] if known else live.key.key, expires)
        self._fate(kind.rule, Fate.QUARANTINED, len(kept))
        if kept:
            found.stays.append((live.key.key, WHOLE if len(kept) == len(live.key.value) else json.dumps(kept)))

    def _event(self, kind: OldKey, position: int, item: bytes) -> tuple[bytes, int, int, str, int, bytes] | Quarantined:
        name = _name(kind.name)
        plain = quick.event(name, item, self._policy) if name else None
        if plain is not None:
            return plain.key.encode(), plain.seconds, plain.nanos, name, position, plain.body
        outcome = rules.redis_metric(kind.name, position, item, self._policy)
        if isinstance(outcome, Quarantined):
            return outcome
        moment, metric, _ = outcome.value.order
        return (outcome.value.key.encode(), *divmod(moment, NS_PER_S), metric, position, outcome.value.body.encode())

    def _create(self, live: Live) -> None:
        commands, replies = creating(live, self._terms.temporary)
        self._commands.append(commands)
        self._found.replies += replies

    def _whole(self, key: RedisKey, rule: Rule, why: Quarantined) -> None:
        self._found.stays.append((key.key, WRONG_TYPE if why.reason is Reason.WRONG_TYPE else WHOLE))
        self._quarantine(rule, show_bytes(key.key), why, redis_form.dump_value(key))
        self._fate(rule, Fate.QUARANTINED, 1)

    def _quarantine(self, rule: Rule, shown: str, why: Quarantined, record: str) -> None:
        self._found.quarantine.append(QuarantineRow(Store.REDIS, self._sources[rule], shown, why, record))

    def _fate(self, rule: Rule, fate: Fate, count: int, expires_ms: int | None = None) -> None:
        self._found.fates[rule, fate, NEVER if expires_ms is None else expires_ms] += count


def _name(raw: bytes) -> str:
    """Return the name of a metric; empty where only the rule can say what is wrong with it."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return ""


def _records(kind: OldKey | WrongTypeKey, key: RedisKey) -> int:
    if isinstance(kind, WrongTypeKey) or kind.rule is Rule.REDIS_EAOS:
        return 1
    return len(key.value)
