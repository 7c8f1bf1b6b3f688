"""Old keys removed if they equal their backup, where WATCH does not reach: on a cluster, and behind Sentinel.

WATCH holds for one connection to one server, and a transaction for one slot. So a key is read and dumped in one step,
compared with its backup, and removed by a script that does so only if its dump is still the same. A script may be sent
again after a failover: what it finds then is gone, or is what it left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from tvmigrate.dataset.model import RedisKey
from tvmigrate.engines.redis_routed import Routed
from tvmigrate.engines.redis_units import Command, Unit
from tvmigrate.migrate.redis_keys import SAME_EXPIRY_MS, Live, live_of

# KEYS: the key. ARGV: SHA-1 of its dump; when it expires, or empty; when what stays of it does, or empty; its items.
_REMOVE = f"""
local dump = redis.call('DUMP', KEYS[1])
if not dump then return 0 end
if redis.sha1hex(dump) ~= ARGV[1] then return -1 end
local left = redis.call('PTTL', KEYS[1])
if ARGV[2] == '' then
  if left >= 0 then return -1 end
else
  local time = redis.call('TIME')
  local apart = time[1] * 1000 + math.floor(time[2] / 1000) + left - tonumber(ARGV[2])
  if left < 0 or math.abs(apart) > {SAME_EXPIRY_MS} then return -1 end
end
redis.call('DEL', KEYS[1])
for first = 4, #ARGV, 1000 do
  redis.call('RPUSH', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
if #ARGV > 3 and ARGV[3] ~= '' then redis.call('PEXPIREAT', KEYS[1], ARGV[3]) end
return 1
"""
_VALUE: dict[str, tuple[bytes, ...]] = {
    "string": (b"GET",),
    "list": (b"LRANGE", b"0", b"-1"),
    "set": (b"SMEMBERS",),
    "zset": (b"ZRANGE", b"0", b"-1", b"WITHSCORES"),
    "hash": (b"HGETALL",),
}
_CHANGED = -1

# An old key as the backup has it, and what is to stay of it, or is there instead.
Going = tuple[Live, Live | None]


def remove_each(client: Routed, batch: Sequence[Going]) -> list[Going]:
    """Remove keys that equal their backup, each by itself; return the others, each with what is there instead."""
    left: list[Going] = []
    todo = list(batch)
    while todo:
        looked = client.send_each([_look(live) for live, _ in todo])
        removals: list[tuple[Going, Unit]] = []
        for (live, rest), answers in zip(todo, looked, strict=True):
            there, dump = _found(live, answers)
            if rest is not None and rest.equals(there):
                continue
            if there is not None and live.equals(there):
                removals.append(((live, rest), _removal(there, dump, rest)))
            else:
                left.append((live, there))
        ended = client.send_each([unit for _, unit in removals])
        todo = [going for (going, _), (end,) in zip(removals, ended, strict=True) if _sure(end) == _CHANGED]
    return left


def _look(live: Live) -> Unit:
    key = live.key.key
    verb, *rest = _VALUE[live.key.type]
    commands: tuple[Command, ...] = ((b"TIME",), (b"PTTL", key), (b"TYPE", key), (verb, key, *rest), (b"DUMP", key))
    return Unit(key, commands, atomic=True)


def _found(live: Live, answers: Sequence[Any]) -> tuple[Live | None, bytes]:
    """Return the key as it is, and its dump; of a key of another type the value does not matter."""
    clock, ttl, kind, value, dump = answers
    if _sure(dump) is None:
        return None, b""
    there = _sure(kind).decode()
    if there != live.key.type:
        return Live(RedisKey(live.key.db, live.key.key, there, None, b""), None), b""
    (seconds, micros), left = _sure(clock), _sure(ttl)
    expires = None if left < 0 else int(seconds) * 1000 + int(micros) // 1000 + left
    return live_of(live.key.db, live.key.key, there, _sure(value), expires), _sure(dump)


def _removal(there: Live, dump: bytes, rest: Live | None) -> Unit:
    key = there.key.key
    said = (hashlib.sha1(dump, usedforsecurity=False).hexdigest(), _instant(there), _instant(rest))
    items = () if rest is None else tuple(rest.key.value)
    return Unit(key, (("EVAL", _REMOVE, 1, key, *said, *items),), writes=True)


def _instant(live: Live | None) -> str:
    return "" if live is None or live.expires_ms is None else str(live.expires_ms)


def _sure(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer
