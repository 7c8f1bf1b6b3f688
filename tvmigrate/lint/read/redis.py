"""Redis commands as `redis-cli` takes them: one a line, quoted as it quotes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from tvmigrate.lint.read.text import Text
from tvmigrate.lint.statement import Place, Redis, Statement, Unread, Via, word_set

COMMANDS = word_set(
    "APPEND AUTH BGREWRITEAOF BGSAVE CLIENT CLUSTER CONFIG COPY DBSIZE DEBUG DECR DECRBY DEL DISCARD DUMP ECHO "
    "EVAL EVALSHA EXEC EXISTS EXPIRE EXPIREAT EXPIRETIME FCALL FLUSHALL FLUSHDB FUNCTION GET GETDEL GETEX "
    "GETRANGE GETSET HDEL HEXISTS HGET HGETALL HINCRBY HKEYS HLEN HMGET HMSET HSCAN HSET HSETNX HVALS INCR INCRBY "
    "INFO KEYS LASTSAVE LINDEX LINSERT LLEN LMOVE LPOP LPUSH LPUSHX LRANGE LREM LSET LTRIM MEMORY MGET MIGRATE "
    "MONITOR MOVE MSET MSETNX MULTI OBJECT PERSIST PEXPIRE PEXPIREAT PEXPIRETIME PING PSETEX PTTL RANDOMKEY "
    "RENAME RENAMENX REPLICAOF RESTORE RPOP RPOPLPUSH RPUSH RPUSHX SADD SAVE SCAN SCARD SCRIPT SELECT SET SETEX "
    "SETNX SHUTDOWN SINTER SISMEMBER SLAVEOF SMEMBERS SREM SSCAN STRLEN SUNION SWAPDB TIME TOUCH TTL TYPE UNLINK "
    "UNWATCH WAIT WATCH XADD XLEN XRANGE ZADD ZCARD ZCOUNT ZINCRBY ZRANGE ZRANGEBYSCORE ZRANGESTORE ZREM "
    "ZREVRANGE ZSCAN ZSCORE ZUNIONSTORE"
)


def command(place: Place, words: Sequence[str], via: Via, *, many: bool = False, group: str = "") -> Redis:
    """Return the command that `words` are."""
    return Redis(place, words[0].upper(), tuple(words[1:]), via, many, group)


def read_redis(text: Text, via: Via = "client", *, many: bool = False) -> Iterator[Statement]:
    """Yield the commands of a text, one a line; `#` starts a comment line."""
    start, locate = 0, text.locate()
    for line in text.value.splitlines(keepends=True):
        bare = line.strip()
        place = locate(start + len(line) - len(line.lstrip()))
        start += len(line)
        if not bare or bare.startswith("#"):
            continue
        try:
            words = shlex.split(bare)
        except ValueError as error:
            yield Unread(place, f"this line of Redis commands: {str(error).lower()}")
            continue
        if words and words[0].rstrip(">").endswith(":6379"):  # a prompt that was copied along
            words = words[1:]
        if words and words[0].upper() in COMMANDS:
            yield command(place, words, via, many=many or text.around.many, group=text.around.group)
        elif words and words[0].lower() not in {"exit", "quit"}:
            yield Unread(place, f"{words[0]!r}, which is no Redis command known here")
