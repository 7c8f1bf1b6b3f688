"""Plain keys compared as bytes: just those are named that are not as expected, however the answer comes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from tvmigrate.contract import new
from tvmigrate.engines import redis_wire
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.redis_wire import ask, ask_unless, pack
from tvmigrate.verify import redis_plain_live
from tvmigrate.verify.redis_plain import PlainKey, pack_keys
from tvmigrate.verify.redis_plain_live import unlike_hashes

Keep = Callable[[list[PlainKey]], Path]
_FAR_MS = 10**9
FIRST, LAST = new.EAOS_FIELDS[0], new.EAOS_FIELDS[-1]
COMMANDS = pack(b"HGETALL", b"h") + pack(b"PTTL", b"h") + pack(b"GET", b"h") + pack(b"ECHO", b"\r\n" * 20)


def plain_keys(client: redis.Redis) -> list[PlainKey]:
    """Write keys as they are to be, every third one with an expiry; the values are of many lengths."""
    seconds, _ = client.time()  # type: ignore[misc]
    deadline = int(seconds) * 1000 + _FAR_MS
    keys = [
        PlainKey(f"eaos:current:x/{n}".encode(), b"eaos:%d" % n, tuple(b"1" * (n + field) for field in range(6)), (),
                 deadline if n % 3 == 0 else None)
        for n in range(40)
    ]  # fmt: skip
    for one in keys:
        client.hset(one.key, mapping=dict(zip(new.EAOS_FIELDS, one.texts, strict=True)))
        if one.deadline is not None:
            client.pexpireat(one.key, one.deadline)
    return keys


@pytest.fixture
def kept(tmp_path: Path) -> Keep:
    """Keep keys in a file, as the working out does."""

    def keep(keys: list[PlainKey]) -> Path:
        pack_keys(keys).keep(tmp_path / "keys")
        return tmp_path / "keys"

    return keep


BREAKING: dict[str, Callable[[redis.Redis, bytes], Any]] = {
    "first-value": lambda client, key: client.hset(key, FIRST, "2"),
    "last-value": lambda client, key: client.hset(key, LAST, client.hget(key, LAST)[:-1] + b"2"),
    "longer": lambda client, key: client.hset(key, LAST, client.hget(key, LAST) + b"1"),
    "no-field": lambda client, key: client.hdel(key, FIRST),
    "one-more-field": lambda client, key: client.hset(key, "more", "1"),
    "gone": lambda client, key: client.delete(key),
    "a-string": lambda client, key: (client.delete(key), client.set(key, "1")),
    "another-expiry": lambda client, key: client.pexpire(key, 10**7),
}


@pytest.mark.parametrize("how", BREAKING)
@pytest.mark.parametrize("broken", [[0], [1], [39], [3, 4, 5, 20]], ids=str)
def test_just_the_keys_that_are_not_as_expected_are_named(
    how: str, broken: list[int], empty_engines: Endpoints, clients: Clients, kept: Keep
) -> None:
    keys = plain_keys(clients.redis)
    given = (empty_engines.redis, kept(keys), False)
    assert unlike_hashes(given) == []
    for n in broken:
        BREAKING[how](clients.redis, keys[n].key)
    assert unlike_hashes(given) == broken


def test_keys_that_are_as_expected_are_not_even_read(
    empty_engines: Endpoints, clients: Clients, monkeypatch: pytest.MonkeyPatch, kept: Keep
) -> None:
    keys = [one for one in plain_keys(clients.redis) if one.deadline is None]
    monkeypatch.setattr(redis_plain_live, "_is_hash", None)  # raises if it is called
    assert unlike_hashes((empty_engines.redis, kept(keys), False)) == []


def test_a_driver_of_the_older_protocol_is_answered_as_well(
    empty_engines: Endpoints, clients: Clients, kept: Keep
) -> None:
    keys = plain_keys(clients.redis)
    clients.redis.hset(keys[7].key, FIRST, "2")
    assert unlike_hashes((f"{empty_engines.redis}?protocol=2", kept(keys), False)) == [7]


def test_fields_in_another_order_are_as_expected(empty_engines: Endpoints, clients: Clients, kept: Keep) -> None:
    keys = plain_keys(clients.redis)
    for one in keys[1:3]:
        clients.redis.delete(one.key)
        clients.redis.hset(one.key, mapping=dict(reversed(list(zip(new.EAOS_FIELDS, one.texts, strict=True)))))
    assert unlike_hashes((empty_engines.redis, kept(keys), False)) == []


@pytest.mark.parametrize("chunk", [1, 7, 1 << 18])
def test_an_answer_is_given_whole_wherever_it_differs_from_what_was_wanted(
    chunk: int, empty_engines: Endpoints, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients.redis.hset("h", mapping={"a": "1", "b": "22"})
    monkeypatch.setattr(redis_wire, "_CHUNK", chunk)
    told = (
        b"%2\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$2\r\n22\r\n:-1\r\n"
        b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n$40\r\n" + b"\r\n" * 21
    )
    whole = list(map(repr, ask(clients.redis, COMMANDS, 4)))
    assert ask_unless(clients.redis, COMMANDS, 4, told) is None
    for at in range(len(told)):
        other = told[:at] + bytes([told[at] ^ 1]) + told[at + 1 :]
        assert list(map(repr, ask_unless(clients.redis, COMMANDS, 4, other) or [])) == whole
