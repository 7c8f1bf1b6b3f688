"""Clients that can only read: what is not in an allow-list is refused before it is sent.

That a store is only read is a mark on its URL (`endpoints.READ_ONLY`), so that it goes wherever the URL goes, also to
worker processes, and whoever opens the URL gets such a client. Redis's commands are looked at here, just before the
socket, Elasticsearch's requests likewise in `read_only_node`; ClickHouse's server itself refuses, by `readonly=1`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import hiredis
import redis
from redis.connection import AbstractConnection

from tvmigrate.engines.errors import WriteRefused
from tvmigrate.engines.redis_client import ClusterClient

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client as ClickHouse

# Those of https://redis.io/docs/latest/commands/ that read values, names or lifetimes, and change none of them.
READS_DATA = frozenset(
    {
        *("BITCOUNT", "BITPOS", "GET", "GETBIT", "GETRANGE", "LCS", "MGET", "STRLEN", "SUBSTR"),
        *("HEXISTS", "HGET", "HGETALL", "HKEYS", "HLEN", "HMGET", "HSCAN", "HSTRLEN", "HVALS"),
        *("HEXPIRETIME", "HPEXPIRETIME", "HPTTL", "HTTL"),
        *("LINDEX", "LLEN", "LPOS", "LRANGE"),
        *("SCARD", "SDIFF", "SINTER", "SINTERCARD", "SISMEMBER", "SMEMBERS", "SMISMEMBER", "SRANDMEMBER", "SSCAN"),
        *("SUNION", "ZCARD", "ZCOUNT", "ZLEXCOUNT", "ZMSCORE", "ZRANGE", "ZRANGEBYLEX", "ZRANGEBYSCORE", "ZRANK"),
        *("ZREVRANGE", "ZREVRANGEBYLEX", "ZREVRANGEBYSCORE", "ZREVRANK", "ZSCAN", "ZSCORE"),
        *("XLEN", "XPENDING", "XRANGE", "XREAD", "XREVRANGE"),
        *("DBSIZE", "DUMP", "EXISTS", "EXPIRETIME", "KEYS", "PEXPIRETIME", "PTTL", "RANDOMKEY", "SCAN", "TTL", "TYPE"),
    }
)  # fmt: skip
# What belongs to a connection, tells of the server or of a key, or makes reads one step; None: with whatever follows.
BESIDES_DATA: dict[str, frozenset[str] | None] = {
    **dict.fromkeys(("AUTH", "ECHO", "HELLO", "PING", "QUIT", "RESET", "SELECT", "ASKING", "READONLY", "READWRITE")),
    **dict.fromkeys(("MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH", "TIME", "INFO", "LASTSAVE", "ROLE", "COMMAND")),
    "CLIENT": frozenset({"GETNAME", "ID", "INFO", "MAINT_NOTIFICATIONS", "SETINFO", "SETNAME"}),
    "CLUSTER": frozenset(
        {"COUNTKEYSINSLOT", "GETKEYSINSLOT", "INFO", "KEYSLOT", "LINKS", "MYID", "NODES", "SHARDS", "SLOTS"}
    ),
    "MEMORY": frozenset({"STATS", "USAGE"}),
    "OBJECT": frozenset({"ENCODING", "FREQ", "IDLETIME", "REFCOUNT"}),
    "XINFO": frozenset({"CONSUMERS", "GROUPS", "STREAM"}),
}
_UNFINISHED = object()


def guard(client: redis.Redis) -> redis.Redis:
    """Return `client`, which refuses from now on to send what is not in the lists above; of a cluster each server's."""
    if isinstance(client, ClusterClient):
        client.of_each_server = _guard_pool
    else:
        _guard_pool(client)
    return client


def set_read_only(client: ClickHouse) -> None:
    """Have the server refuse whatever `client` asks for that would write.

    `readonly=1` is said beside a request's other settings, which a server allows
    (https://clickhouse.com/docs/operations/settings/permissions-for-queries#readonly). A user who has `readonly` 1 or 2
    anyway may not say it, and need not.

    Raises:
        ClickHouseError, OSError: the server does not answer.
    """
    if str(client.query("SELECT getSetting('readonly')").result_rows[0][0]) == "0":
        client.set_client_setting("readonly", "1")


def _guard_pool(client: redis.Redis) -> None:
    pool = client.connection_pool
    if issubclass(pool.connection_class, _ReadOnly):
        return
    pool.connection_class = _read_only(pool.connection_class)
    pool.disconnect()  # what a cluster's client had opened to ask for the other servers
    pool.reset()


class _ReadOnly(AbstractConnection):
    """Looks at packed commands, whoever packed them, before they reach the socket."""

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send; raises WriteRefused instead if one of the commands may be one that writes."""
        refuse_writes([command] if isinstance(command, bytes | str) else command)
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]


@cache
def _read_only(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    return cast(type[AbstractConnection], type(f"ReadOnly{kind.__name__}", (_ReadOnly, kind), {}))


def refuse_writes(packed: Iterable[Any]) -> None:
    """Raise WriteRefused if one of the packed commands is not in the lists; the pieces may end anywhere in them."""
    reader = hiredis.Reader(notEnoughData=_UNFINISHED)
    for piece in packed:
        reader.feed(piece.encode() if isinstance(piece, str) else piece)
    while (words := reader.gets()) is not _UNFINISHED:
        verb, *rest = words[0].decode("ascii", "replace").upper().split()
        if verb in READS_DATA:
            continue
        if verb not in BESIDES_DATA:
            raise refused("Redis", verb)
        allowed = BESIDES_DATA[verb]
        second = (rest or [word.decode("ascii", "replace").upper() for word in words[1:2]] or [""])[0]
        if allowed is not None and second not in allowed:
            raise refused("Redis", f"{verb} {second}".rstrip())


def refused(store: str, what: str) -> WriteRefused:
    """Return the error that says so of `what` was to be sent to `store`."""
    return WriteRefused(
        f"{store} was opened to be read only, and {what} may write: it was not sent, and nothing was changed. This is "
        "a fault in tvmigrate: please report it."
    )
