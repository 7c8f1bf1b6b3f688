"""Redis keys that V2 wrote after the switch: archived, carried back into old keys, brought forward again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tvmigrate.contract import new, old, rules
from tvmigrate.contract.outcome import Mapped, Rule, Store
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset import redis_form
from tvmigrate.dataset.model import HASH, LIST, STRING, ZSET, RedisKey
from tvmigrate.migrate import after, inverse, redis_after, redis_parts
from tvmigrate.migrate.after import CHANGED, DELETED, NEW, Carried
from tvmigrate.migrate.inverse import NoWayBack
from tvmigrate.migrate.redis_keys import BATCH, Live, now_ms, read_named, same_expiry, same_value, scan
from tvmigrate.migrate.redis_pack import names
from tvmigrate.migrate.redis_spool import pieces
from tvmigrate.migrate.work import Work, batches

_EAOS, _TRENDS, _EVENTS = (p.encode() for p in (new.EAOS_PREFIX, new.TRENDS_PREFIX, new.EVENTS_PREFIX))
_NEW = ((HASH, _EAOS), (ZSET, _TRENDS), (LIST, _EVENTS))
_RULES = {HASH: Rule.REDIS_EAOS, ZSET: Rule.REDIS_TREND, LIST: Rule.REDIS_METRIC}
_PLANNED = "after.planned.redis"
Line = dict[str, Any]


def temporary(work: Work) -> bytes:
    """Return how the names begin under which long keys grow."""
    return f"tvmigrate:{work.run.id}:".encode()


# ---------------------------------------------------------------------------------------------------------- the archive


def archive(work: Work) -> None:
    """Write every key that V2 made, changed or deleted to the archive; nothing before the run wrote any."""
    if not (work.spool.any("written") or work.spool.any("begun")):
        return
    redis_after.save(work, temporary(work))
    path = after.changes(work, Store.REDIS)
    after.counted(work, Store.REDIS, after.write(path, _changes(work)), path)


def _changes(work: Work) -> Iterator[Line]:
    client = work.clients.redis
    if not work.journal.done(work.run.id, "compare.redis"):
        return  # not all that was begun is there, and nobody was let in
    for live, there in redis_after.changed(work, temporary(work)):
        yield _line(DELETED if there is None else CHANGED, live, there)
    if not work.journal.done(work.run.id, "switch.redis"):
        return  # no application of the new layout was let in
    for keys in batches(_unknown(work), BATCH):
        for there in read_named(client, keys):
            if there is not None:
                yield _line(NEW, None, there)


def _unknown(work: Work) -> Iterator[bytes]:
    """Yield new keys that neither the run wrote nor anybody before it."""
    spool, one = work.spool, "INSERT OR IGNORE INTO seen VALUES (?)"
    with spool.together():
        spool.db.execute("DELETE FROM seen")
        spool.db.execute("INSERT OR IGNORE INTO seen SELECT key FROM bystander")
        for piece in pieces(spool):
            spool.db.executemany(one, [(name,) for name in names(piece.commands, temporary(work))])
    for kind, prefix in _NEW:
        for page in scan(work.clients.redis, kind, prefix + b"*"):
            with spool.together():  # or each key would be waited for until it is on the disk
                found = [key for key in page if spool.db.execute(one, (key,)).rowcount]
            yield from found


def _line(what: str, base: Live | None, v2: Live | None) -> Line:
    return {"what": what, "v2": _told(v2), "base": _told(base)}


def _told(live: Live | None) -> Line | None:
    if live is None:
        return None
    body: Line = json.loads(redis_form.dump(live.key))
    return body | {"ttl_ms": None, "expires_ms": live.expires_ms}


def _live(told: Line | None) -> Live | None:
    if told is None:
        return None
    body = {name: value for name, value in told.items() if name != "expires_ms"}
    return Live(redis_form.parse(json.dumps(body)), told["expires_ms"])


def _key(line: Line) -> bytes:
    return redis_form.to_bytes((line["v2"] or line["base"])["key"], "key")


# --------------------------------------------------------------------------------------------------------- carried back


def carry(work: Work) -> None:
    """Write what V2 wrote into old keys, where a rule has an inverse; V2's own new keys go then.

    What is to be written is worked out once and kept, so that it may be written again.
    """
    plan, client = work.after_switch / "redis.plan.ndjson", work.clients.redis
    if not work.noted(after.CARRY):
        return
    if not work.noted(_PLANNED):
        planner = _Planner(work)
        lines = list(planner.lines())
        after.write(after.forward(work, Store.REDIS), lines)
        after.write(plan, planner.plan())
        after.note(work, Store.REDIS, planner.carried)
        work.note(_PLANNED, True)
    for some in batches(after.read(plan), BATCH):
        lives = [live for line in some if (live := _live(line["v2"])) is not None]
        redis_parts.put(client, lives, temporary(work))
        redis_parts.delete(client, [_key(line) for line in some if line["v2"] is None])
    for some in batches((line for line in after.read(after.changes(work, Store.REDIS)) if line["what"] == NEW), BATCH):
        made = [live for line in some if (live := _live(line["v2"])) is not None]
        there = read_named(client, [live.key.key for live in made])
        gone = [
            live.key.key
            for live, one in zip(made, there, strict=True)
            if one is not None and same_value(live.key, one.key)
        ]
        redis_parts.delete(client, gone)


class _Planner:
    """Works out old keys for new ones. What V2 appended to lists is kept in memory until all of it is known."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._client = work.clients.redis
        self._puts: dict[bytes, Live | None] = {}
        self._appended: dict[bytes, tuple[list[bytes], int | None]] = {}
        self.carried = Carried()

    def lines(self) -> Iterator[Line]:
        """Yield the changes, each with the base that it has once it is carried back."""
        for line in after.read(after.changes(self._work, Store.REDIS)):
            base, v2 = _live(line["base"]), _live(line["v2"])
            kind = (v2 or base or _nothing()).key.type
            try:
                base = self._back(_key(line), kind, base, v2)
            except NoWayBack as why:
                self.carried.take(_RULES[kind], Carried.KEPT, str(why))
            if base is not None or v2 is not None:  # else it is gone, and stays so by the rules alone
                yield line | {"base": _told(base)}

    def plan(self) -> Iterator[Line]:
        """Yield what old keys are to be: `v2` is the old key, or None for one that goes."""
        for key, (more, until) in self._appended.items():
            there = read_named(self._client, [key])[0]
            items = [*(there.key.value if there is not None else ()), *more]
            self._puts[key] = Live(RedisKey(old.REDIS_DB, key, LIST, None, items), until)
        for key, live in self._puts.items():
            gone = Live(RedisKey(old.REDIS_DB, key, STRING, None, b""), None)
            yield _line(CHANGED if live else DELETED, None if live else gone, live)

    def _back(self, key: bytes, kind: str, base: Live | None, v2: Live | None) -> Live | None:
        if v2 is not None and v2.key.type != kind:
            raise NoWayBack(f"it is a {v2.key.type} now")
        if kind == HASH:
            return self._hash(key, v2)
        if kind == ZSET:
            return self._trend(key, v2)
        return self._list(key, base, v2)

    def _hash(self, key: bytes, v2: Live | None) -> Live | None:
        program, policy = key[len(_EAOS) :].decode(), self._work.policy
        entities = [entity.encode() for entity in inverse.entities(program, policy)]
        found = read_named(self._client, [self._work.layout.eaos_prefix + entity for entity in entities])
        there = [(entity, live) for entity, live in zip(entities, found, strict=True) if live is not None]
        if v2 is None:
            for entity, live in there:
                if self._maps(entity, live):
                    self._puts[live.key.key] = None
            self.carried.back(Rule.REDIS_EAOS, "")
            return None
        entity, before = there[0] if there else (entities[0], None)
        if before is not None and not self._maps(entity, before):
            raise NoWayBack("the old key of that name was set aside, and stays as it is")
        back = inverse.eaos(entity, v2.key.value, None if before is None else before.key.value, policy)
        name = self._work.layout.eaos_prefix + entity
        self._puts[name] = Live(RedisKey(old.REDIS_DB, name, STRING, None, back.old), v2.expires_ms)
        self.carried.back(Rule.REDIS_EAOS, back.lost)
        return Live(RedisKey(new.REDIS_DB, key, HASH, None, back.again), v2.expires_ms)

    def _maps(self, entity: bytes, live: Live) -> bool:
        if live.key.type != STRING:
            return False
        return isinstance(rules.redis_eaos(entity, live.key.value, self._work.policy, 0), Mapped)

    def _trend(self, key: bytes, v2: Live | None) -> Live | None:
        name = inverse.trend(key, self._work.layout)
        there = read_named(self._client, [name])[0]
        if there is not None and there.key.type != ZSET:
            raise NoWayBack("the old key of that name was set aside, and stays as it is")
        put = None if v2 is None else Live(RedisKey(old.REDIS_DB, name, ZSET, None, v2.key.value), v2.expires_ms)
        self._puts[name] = put
        self.carried.back(Rule.REDIS_TREND, "")
        return v2

    def _list(self, key: bytes, base: Live | None, v2: Live | None) -> Live | None:
        was = [] if base is None else base.key.value
        now = [] if v2 is None else v2.key.value
        more, less = Counter(now) - Counter(was), Counter(was) - Counter(now)
        if less:
            self.carried.take(Rule.REDIS_METRIC, Carried.KEPT, "that it was taken off its list", less.total())
        again = list(was)
        for item in now:
            if not more[item]:
                continue
            more[item] -= 1
            try:
                back = inverse.event(key, item, self._work.policy)
                metric, raw = back.old
                lost = self._append(
                    self._work.layout.metrics_prefix + metric, raw, None if v2 is None else v2.expires_ms
                )
            except NoWayBack as why:
                self.carried.take(Rule.REDIS_METRIC, Carried.KEPT, str(why))
                continue
            again.append(back.again.body.encode())
            self.carried.back(Rule.REDIS_METRIC, back.lost or lost)
        if not again:
            return None
        again.sort(key=inverse.order)  # the run wrote them, or the rule has just made them
        expires = base.expires_ms if base is not None else v2.expires_ms if v2 is not None else None
        return Live(RedisKey(new.REDIS_DB, key, LIST, None, again), expires)

    def _append(self, name: bytes, raw: bytes, expires: int | None) -> str:
        """Let a list get an item; return what is lost by that. Its time to live stays, and is that of all its items."""
        if name not in self._appended:
            there = read_named(self._client, [name])[0]
            if there is not None and there.key.type != LIST:
                raise NoWayBack("the old key of that name was set aside, and stays as it is")
            self._appended[name] = ([], expires if there is None else there.expires_ms)
        items, until = self._appended[name]
        items.append(raw)
        return "" if same_expiry(until, expires) else "its list's time to live"


def _nothing() -> Live:
    raise ValueError("a change of nothing into nothing")


# ------------------------------------------------------------------------------------------------------ brought forward


def bring(work: Work) -> None:
    """Give each key that V2 had written what V2 had left there, if it is what the migration makes of the old data."""
    if work.noted(after.FROM) is None:
        return
    after.not_brought(work, Store.REDIS, _bring(work))


def _bring(work: Work) -> Iterator[str]:
    client = work.clients.redis
    for some in batches(after.read(after.to_bring(work, Store.REDIS)), BATCH):
        found = read_named(client, [_key(line) for line in some])
        clock = now_ms(client)
        puts: list[Live] = []
        gone: list[bytes] = []
        for line, there in zip(some, found, strict=True):
            base, v2 = _live(line["base"]), _live(line["v2"])
            if there == v2 or (v2 is not None and (v2.gone(clock) or v2.equals(there))):
                continue
            if not (_same(base, there) or _same(v2, there)):
                yield show_bytes(_key(line))
            elif v2 is None:
                gone.append(_key(line))
            else:
                puts.append(v2)
        redis_parts.put(client, puts, temporary(work))
        redis_parts.delete(client, gone)


def _same(one: Live | None, other: Live | None) -> bool:
    """Return whether two keys say the same, but for when an eaos hash was updated: that may be filled with the run."""
    if one is None or other is None:
        return one is other
    if one.key.type == HASH == other.key.type:
        name = new.UPDATED_AT.encode()
        return bool(one.key.value | {name: b""} == other.key.value | {name: b""})
    return same_value(one.key, other.key)
