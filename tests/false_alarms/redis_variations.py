"""Redis states that hold the same data: other encodings, orders, spellings, expiries off by less than a second."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis

from tvmigrate.contract import new

from .spelling import parsed, spelled, to_the_nanosecond, with_exponent
from .variation import State, varies

_THRESHOLDS = {
    "hash-max-listpack-entries": 0,
    "set-max-listpack-entries": 0,
    "set-max-intset-entries": 0,
    "zset-max-listpack-entries": 0,
    "list-max-listpack-size": 1,
}


@contextmanager
def _thresholds(client: redis.Redis) -> Iterator[None]:
    """Let Redis keep every value as it keeps big ones."""
    before = client.config_get(*_THRESHOLDS)
    for name, value in _THRESHOLDS.items():
        client.config_set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            client.config_set(name, value)


def _anew(client: redis.Redis, key: bytes, write: Callable[[Any], object]) -> None:
    """Write a key anew with its expiry."""
    expires = client.pexpiretime(key)
    if expires == -2:  # it ran out
        return
    with client.pipeline() as pipe:
        pipe.delete(key)
        write(pipe)
        if expires > 0:
            pipe.pexpireat(key, expires)
        pipe.execute()


def _all_databases(state: State) -> Iterator[redis.Redis]:
    for name in state.clients.redis.info("keyspace"):
        yield state.clients.redis_db(int(name.removeprefix("db")))


def _change_hashes(state: State, change: Callable[[dict[bytes, bytes]], dict[bytes, bytes]]) -> None:
    client = state.clients.redis
    for key in state.new_keys("hash", new.EAOS_PREFIX):
        fields = client.hgetall(key)
        if fields:
            _anew(client, key, lambda pipe, key=key, fields=fields: pipe.hset(key, mapping=change(fields)))


def _change_events(state: State, change: Callable[[dict[str, Any]], str]) -> None:
    client = state.clients.redis
    for key in state.new_keys("list", new.EVENTS_PREFIX):
        items = [change(parsed(item)) for item in client.lrange(key, 0, -1)]
        if items:
            _anew(client, key, lambda pipe, key=key, items=items: pipe.rpush(key, *items))


@varies("redis")
def fields_of_hashes_in_another_order(state: State) -> None:
    _change_hashes(state, lambda fields: dict(reversed(fields.items())))


@varies("redis")
def scores_of_hashes_with_an_exponent(state: State) -> None:
    score = new.SCORE.encode()
    _change_hashes(state, lambda fields: fields | {score: with_exponent(fields[score].decode()).encode()})


@varies("redis")
def instants_of_hashes_to_the_nanosecond(state: State) -> None:
    at = new.UPDATED_AT.encode()
    _change_hashes(state, lambda fields: fields | {at: to_the_nanosecond(fields[at].decode()).encode()})


@varies("redis")
def members_of_events_in_another_order(state: State) -> None:
    _change_events(state, lambda event: spelled(event, backwards=True))


@varies("redis")
def events_with_blanks_and_escapes(state: State) -> None:
    _change_events(state, lambda event: spelled(event, blanks=" \n\t", escapes=True))


@varies("redis")
def numbers_of_events_with_an_exponent(state: State) -> None:
    _change_events(state, lambda event: spelled(event, number=with_exponent))


@varies("redis")
def instants_of_events_to_the_nanosecond(state: State) -> None:
    at = new.EVENT_TIMESTAMP
    _change_events(state, lambda event: spelled(event | {at: to_the_nanosecond(event[at])}))


@varies("redis")
def members_of_sorted_sets_added_in_another_order(state: State) -> None:
    client = state.clients.redis
    for key in state.new_keys("zset", new.TRENDS_PREFIX):
        members = client.zrange(key, 0, -1, desc=True, withscores=True)
        # A key that begins small loses the sign of zero that a big one had (contract §7, 16).
        if members and not any(score == 0 and math.copysign(1, score) < 0 for _, score in members):
            _anew(client, key, lambda pipe, key=key, members=members: [pipe.zadd(key, {m: s}) for m, s in members])


@varies("redis")
def members_of_sets_added_in_another_order(state: State) -> None:
    for client in _all_databases(state):
        for key in list(client.scan_iter(count=1000, _type="set")):
            members = sorted(client.smembers(key), reverse=True)
            _anew(client, key, lambda pipe, key=key, members=members: pipe.sadd(key, *members))


@varies("redis")
def lists_pushed_one_by_one_from_the_left(state: State) -> None:
    for client in _all_databases(state):
        for key in list(client.scan_iter(count=1000, _type="list")):
            items = client.lrange(key, 0, -1)[::-1]
            _anew(client, key, lambda pipe, key=key, items=items: [pipe.lpush(key, item) for item in items])


@varies("redis")
def every_key_restored_under_other_thresholds(state: State) -> None:
    with _thresholds(state.clients.redis):
        for client in _all_databases(state):
            for key in list(client.scan_iter(count=1000)):
                expires, dump = client.pexpiretime(key), client.dump(key)
                if dump is not None and expires != -2:
                    client.restore(key, max(expires, 0), dump, replace=True, absttl=True)


@varies("redis")
def keys_copied_and_renamed(state: State) -> None:
    client = state.clients.redis
    for key in list(client.scan_iter(count=1000)):
        if client.copy(key, b"\0variation"):
            client.rename(b"\0variation", key)


@varies("redis")
def expiries_cut_to_the_second(state: State) -> None:
    client = state.clients.redis
    for kind in ("hash", "zset", "list"):
        for key in state.new_keys(kind):
            if (expires := client.pexpiretime(key)) > 0:
                client.pexpireat(key, expires // 1000 * 1000)


@varies("redis")
def expiries_later_by_a_part_of_a_second(state: State) -> None:
    client = state.clients.redis
    for kind in ("hash", "zset", "list"):
        for key in state.new_keys(kind):
            if (expires := client.pexpiretime(key)) > 0:
                client.pexpireat(key, expires + 400)


@varies("redis")
def tables_of_keys_that_grew_and_shrank(state: State) -> None:
    client = state.clients.redis
    with client.pipeline(transaction=False) as pipe:
        for number in range(20_000):
            pipe.set(f"variation:{number}", "")
        for number in range(20_000):
            pipe.delete(f"variation:{number}")
        pipe.execute()


@varies("redis")
def databases_swapped_forth_and_back(state: State) -> None:
    client = state.clients.redis
    client.swapdb(0, 9)
    client.swapdb(9, 0)


@varies("redis")
def eviction_policy_of_another_kind(state: State) -> None:
    client = state.clients.redis
    before = client.config_get("maxmemory-policy")["maxmemory-policy"]
    client.config_set("maxmemory-policy", "volatile-lfu")
    for key in list(client.scan_iter(count=1000)):
        client.execute_command("OBJECT", "FREQ", key)
    client.config_set("maxmemory-policy", before)
