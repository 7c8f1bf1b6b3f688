"""Many Redis commands at once: sent as the bytes they are on the wire, answered by plain values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import hiredis
import redis

from tvmigrate.engines.redis_routed import Routed, route

_CHUNK = 1 << 18
_UNFINISHED = object()


def pack(*words: bytes) -> bytes:
    """Return one command as Redis reads it (https://redis.io/docs/latest/develop/reference/protocol-spec/)."""
    return b"*%d\r\n%b" % (len(words), b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words]))


def unpack(commands: bytes) -> Iterable[list[bytes]]:
    """Yield the words of each of the packed `commands`."""
    return values(commands)


def values(packed: bytes) -> Iterator[Any]:
    """Yield what stands in RESP, one value after the other."""
    reader = hiredis.Reader(notEnoughData=_UNFINISHED)
    reader.feed(packed)
    while (value := reader.gets()) is not _UNFINISHED:
        yield value


def ask(client: redis.Redis, commands: bytes, replies: int) -> list[Any]:
    """Send packed commands over one connection of `client` and return the `replies` they get, in order.

    A reply that is an error stands in its place, as redis.ResponseError; nothing is raised for it. Nothing makes the
    commands one step, unless MULTI and EXEC are among them. All are answered by the one server that `client` is of, or
    of a cluster and behind Sentinel each by whoever has its key (`redis_routed.route`).

    redis-py has the connection and all that opens one; its own reading costs several times what Redis takes to answer.

    Raises:
        redis.ConnectionError, redis.TimeoutError: the server went away; some commands may have been carried out.
    """
    return ask_unless(client, commands, replies, b"") or []


def ask_unless(client: redis.Redis, commands: bytes, replies: int, wanted: bytes) -> list[Any] | None:
    """Send packed commands as `ask` does; return None if what came is `wanted` to the byte, those replies whole.

    To compare bytes takes a fraction of what it takes to make values of them. Of several servers it is not tried.
    """
    if isinstance(client, Routed):
        return route(client, unpack(commands))
    pool = client.connection_pool
    connection: Any = pool.get_connection()
    try:
        connection.send_packed_command([commands])
        return _read(connection, replies, wanted)
    except BaseException:
        connection.disconnect()  # answers may still be on their way
        raise
    finally:
        pool.release(connection)


def _read(connection: Any, replies: int, wanted: bytes) -> list[Any] | None:
    reader = hiredis.Reader(replyError=redis.ResponseError, notEnoughData=_UNFINISHED)
    socket = connection._sock
    found: list[Any] = []
    same: int | None = 0  # so many bytes came as wanted, and were not given to the reader
    while len(found) < replies:
        reply = reader.gets()
        if reply is not _UNFINISHED:
            found.append(reply)
            continue
        try:
            chunk = socket.recv(_CHUNK)
        except TimeoutError as error:
            raise redis.TimeoutError("Timeout reading from Redis") from error
        except OSError as error:
            raise redis.ConnectionError(f"Error while reading from Redis: {error}") from error
        if not chunk:
            raise redis.ConnectionError("Redis closed the connection")
        if same is not None and wanted.startswith(chunk, same):
            same += len(chunk)
            if same == len(wanted):
                return None
            continue
        if same:
            reader.feed(wanted[:same])
        same = None
        reader.feed(chunk)
    return found


def of_hash(reply: Any) -> dict[bytes, bytes]:
    """Return what HGETALL answered, in either version of the protocol."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))


def of_scores(reply: Any) -> list[tuple[bytes, float]]:
    """Return what ZRANGE … WITHSCORES answered, in either version of the protocol."""
    if reply and isinstance(reply[0], list | tuple):
        return [(member, float(score)) for member, score in reply]
    return [(member, float(score)) for member, score in zip(reply[::2], reply[1::2], strict=True)]
