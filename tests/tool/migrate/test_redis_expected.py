"""Keys that are as they are expected are known by the bytes of the answer; of all others it is told what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from tests.tool.migrate.stores import Stores
from tvmigrate.dataset.model import HASH, LIST, STRING, RedisKey
from tvmigrate.migrate import redis_keys
from tvmigrate.migrate.redis_keys import Live, read, read_expected

_FAR_MS = 4_000_000_000_000
PLAIN = [
    *(Live(RedisKey(0, b"s:%d" % n, STRING, None, b"\r\n$1" * n), None) for n in range(20)),
    *(Live(RedisKey(0, b"h:%d" % n, HASH, None, {b"a": b"1" * n, b"\xff": b"\r\n"}), None) for n in range(20)),
]
OTHERS = [
    Live(RedisKey(0, b"l", LIST, None, [b"1", b"2"]), None),
    Live(RedisKey(0, b"expires", STRING, None, b"x"), _FAR_MS),
]
EXPECTED = [*PLAIN[:20], *OTHERS, *PLAIN[20:]]
BREAKING: dict[str, tuple[bytes, Callable[[redis.Redis], Any]]] = {
    "a string says something else": (b"s:7", lambda client: client.set("s:7", b"\r\n$1" * 6 + b"\r\n$2")),
    "a string is longer": (b"s:19", lambda client: client.append("s:19", b"1")),
    "a string expires": (b"s:0", lambda client: client.pexpire("s:0", 10**9)),
    "a string is a list": (b"s:3", lambda client: (client.delete("s:3"), client.rpush("s:3", "1"))),
    "a string is gone": (b"s:5", lambda client: client.delete("s:5")),
    "a field says something else": (b"h:7", lambda client: client.hset("h:7", b"\xff", b"\r")),
    "a field is gone": (b"h:19", lambda client: client.hdel("h:19", b"a")),
    "a field is too many": (b"h:0", lambda client: client.hset("h:0", "b", "")),
    "a hash expires": (b"h:3", lambda client: client.pexpire("h:3", 10**9)),
    "a hash is a string": (b"h:4", lambda client: client.set("h:4", "1")),
    "a hash is gone": (b"h:5", lambda client: client.delete("h:5")),
    "a list has an item more": (b"l", lambda client: client.rpush("l", "3")),
    "what expired does not any more": (b"expires", lambda client: client.persist("expires")),
}


@pytest.fixture
def filled(stores: Stores) -> redis.Redis:
    """Write the keys as they are expected."""
    client = stores.clients.redis
    for live in EXPECTED:
        key, value = live.key.key, live.key.value
        if live.key.type == HASH:
            client.hset(key, mapping=value)
        elif live.key.type == LIST:
            client.rpush(key, *value)
        else:
            client.set(key, value, pxat=live.expires_ms)
    return client


def test_keys_that_are_as_expected_are_not_read(filled: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_keys, "read", None)  # raises if it is called
    assert read_expected(filled, PLAIN) == PLAIN


def test_those_of_which_the_bytes_do_not_tell_are_read(filled: redis.Redis) -> None:
    found = read_expected(filled, EXPECTED)
    assert all(live.equals(one) for live, one in zip(EXPECTED, found, strict=True))
    assert found[:20] == PLAIN[:20]


@pytest.mark.parametrize("how", BREAKING)
def test_what_is_otherwise_is_told_as_it_is(filled: redis.Redis, how: str) -> None:
    name, breaking = BREAKING[how]
    breaking(filled)
    found = read_expected(filled, EXPECTED)
    there = read(filled, [(live.key.key, live.key.type) for live in EXPECTED])
    unlike = {live.key.key for live, one in zip(EXPECTED, found, strict=True) if not live.equals(one)}
    assert unlike == {name}
    assert [one is None for one in found] == [one is None for one in there]
    assert all(one is None or one.equals(other) for one, other in zip(found, there, strict=True))


def test_a_driver_of_the_older_protocol_and_fields_in_another_order_are_read(
    filled: redis.Redis, stores: Stores
) -> None:
    filled.delete("h:9")
    filled.hset("h:9", mapping={b"\xff": b"\r\n", b"a": b"1" * 9})
    with redis.Redis.from_url(f"{stores.endpoints.redis}?protocol=2") as older:
        for client in (filled, older):
            found = read_expected(client, EXPECTED)
            assert all(live.equals(one) for live, one in zip(EXPECTED, found, strict=True))
