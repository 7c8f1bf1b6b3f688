"""What happens to keys while they are copied, renamed and removed."""

from __future__ import annotations

from collections.abc import Iterator

from tvmigrate.lint.hazard import Hit, Severity, at, hazard
from tvmigrate.lint.keys import is_new, is_old, is_old_collection
from tvmigrate.lint.statement import Program, Redis, word_set

_READS = word_set(
    "GET HGETALL HGET HMGET HLEN LLEN LRANGE ZCARD ZRANGE ZSCORE EXISTS TYPE DUMP STRLEN MGET ZCOUNT HEXISTS LINDEX"
)
_WRITES = word_set("HSET HMSET ZADD RPUSH LPUSH SET ZUNIONSTORE ZRANGESTORE MSET SETNX HSETNX")
_TTL = word_set(
    "EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST PTTL TTL EXPIRETIME PEXPIRETIME COPY RENAME RENAMENX RESTORE SETEX PSETEX"
)
_COPIES = frozenset({"COPY", "ZUNIONSTORE", "ZRANGESTORE", "DUMP"})


@hazard(
    "TVM105",
    "del-after-unchecked-copy",
    Severity.ERROR,
    "{key} is removed right after it was copied, and nobody looked whether the copy is there and equal.",
    """
[ "$(redis-cli --raw DUMP {key} | sha256sum)" = "$(redis-cli --raw DUMP NEW_KEY | sha256sum)" ] && redis-cli UNLINK {key}
""",
)
def del_after_unchecked_copy(program: Program) -> Iterator[Hit]:
    """DEL of a key that was copied, or read and written anew, with no read of what was written between."""
    copied: dict[tuple[str, str], str] = {}
    read: dict[str, set[str]] = {}
    written: dict[str, set[str]] = {}
    for one in program.redis:
        if one.name in _READS and one.args:
            written.get(one.group, set()).difference_update(one.args)
            read.setdefault(one.group, set()).add(one.args[0])
        elif one.name in _WRITES and one.args:
            written.setdefault(one.group, set()).add(one.args[0])
        if one.name in _COPIES and len(one.args) > 1:
            source = (
                one.args[2] if one.name.startswith("Z") and len(one.args) > 2 and one.args[1].isdigit() else one.args[0]
            )
            target = one.args[0] if one.name.startswith("Z") else one.args[1]
            copied[one.group, source] = target
        elif one.name in _READS and one.args:
            copied = {key: target for key, target in copied.items() if target not in one.args}
        elif one.name in {"DEL", "UNLINK"}:
            for key in one.args:
                rewritten = key in read.get(one.group, ()) and written.get(one.group, set()) - {key}
                if (one.group, key) in copied or rewritten:
                    yield at(one.place, key=key)


@hazard(
    "TVM106",
    "del-of-large-keys",
    Severity.WARNING,
    "DEL frees {what} at once, and the server answers nobody until it is done.",
    """
redis-cli UNLINK {key}    # frees in the background
""",
)
def del_of_large_keys(program: Program) -> Iterator[Hit]:
    """DEL of lists, sorted sets, or many keys in one command."""
    for one in program.redis:
        if one.name != "DEL" or not one.args:
            if one.name == "DEL" and one.many and one.via == "shell":
                yield at(one.place, what="all keys that it is given", key="KEY")
            continue
        large = next((key for key in one.args if is_old_collection(key)), None)
        if large is not None:
            yield at(one.place, what=f"{large}, a collection of any size,", key=large)
        elif "..." in one.args or len(one.args) > 10:
            yield at(one.place, what="many keys", key="KEY")


@hazard(
    "TVM107",
    "rename-over-existing",
    Severity.ERROR,
    "RENAME silently replaces {target} if there is such a key, value and TTL.",
    """
redis-cli RENAMENX {source} {target}    # answers 0 and changes nothing if {target} is there
""",
)
def rename_over_existing(program: Program) -> Iterator[Hit]:
    """RENAME."""
    for one in program.redis:
        if one.name == "RENAME" and len(one.args) >= 2:
            yield at(one.place, source=one.args[0], target=one.args[1])


@hazard(
    "TVM108",
    "copy-replace",
    Severity.WARNING,
    "COPY … REPLACE overwrites {target} if there is such a key.",
    """
redis-cli COPY {source} {target}    # answers 0 and changes nothing if {target} is there
""",
)
def copy_replace(program: Program) -> Iterator[Hit]:
    """COPY with REPLACE."""
    for one in program.redis:
        if one.name == "COPY" and len(one.args) > 2 and "REPLACE" in {arg.upper() for arg in one.args[2:]}:
            yield at(one.place, source=one.args[0], target=one.args[1])


@hazard(
    "TVM109",
    "restore-replace",
    Severity.WARNING,
    "RESTORE … REPLACE overwrites {key} with whatever was dumped, also if it was written to since.",
    """
redis-cli RESTORE {key} 0 DUMP ABSTTL    # fails with BUSYKEY if {key} is there; remove that first, if it equals its backup
""",
)
def restore_replace(program: Program) -> Iterator[Hit]:
    """RESTORE with REPLACE."""
    for one in program.redis:
        if one.name == "RESTORE" and one.args and "REPLACE" in {arg.upper() for arg in one.args[1:]}:
            yield at(one.place, key=one.args[0])


@hazard(
    "TVM113",
    "ttl-lost-by-set",
    Severity.WARNING,
    "{command} makes {key} permanent: a TTL that it had is gone.",
    """
redis-cli SET {key} VALUE KEEPTTL
""",
)
def ttl_lost_by_set(program: Program) -> Iterator[Hit]:
    """SET without KEEPTTL on a key that is there: an old one, or one that was read before."""
    read: set[tuple[str, str]] = set()
    for one in program.redis:
        if one.name in {"GET", "TYPE", "STRLEN"} and one.args:
            read.add((one.group, one.args[0]))
        if one.name not in {"SET", "GETSET"} or not one.args:
            continue
        keeps = {arg.upper() for arg in one.args[2:]} & {"KEEPTTL", "EX", "PX", "EXAT", "PXAT", "NX"}
        if not keeps and ((one.group, one.args[0]) in read or is_old(one.args[0])):
            yield at(one.place, command=one.name, key=one.args[0])


@hazard(
    "TVM114",
    "ttl-not-carried",
    Severity.WARNING,
    "{key} is written anew from an old key, and nothing here reads or sets a TTL: what would have expired stays for ever.",
    """
redis-cli PEXPIREAT {key} "$(redis-cli PEXPIRETIME OLD_KEY)"    # if it is above 0
""",
)
def ttl_not_carried(program: Program) -> Iterator[Hit]:
    """New keys written, old keys read or removed, and no command about TTLs anywhere."""
    commands = list(program.redis)
    if any(one.name in _TTL or {"KEEPTTL", "EX", "PX", "PXAT"} & {arg.upper() for arg in one.args} for one in commands):
        return
    if not any(one.name in {*_READS, "DEL", "UNLINK", "SCAN", "KEYS"} and _about_old(one) for one in commands):
        return
    for one in commands:
        if one.name in _WRITES and one.args and is_new(one.args[0]):
            yield at(one.place, key=one.args[0])
            return


def _about_old(one: Redis) -> bool:
    return any(is_old(arg) for arg in one.args)


@hazard(
    "TVM121",
    "list-cut",
    Severity.WARNING,
    "{command} {key} ends at item {last}: of a longer list the rest is lost.",
    """
redis-cli LRANGE {key} 0 -1    # or page by page until LLEN is reached
""",
)
def list_cut(program: Program) -> Iterator[Hit]:
    """LRANGE or LTRIM of an old list with a fixed end."""
    for one in program.redis:
        if one.name not in {"LRANGE", "LTRIM"} or len(one.args) < 3 or not one.args[2].isdigit():
            continue
        if is_old(one.args[0]) or one.name == "LTRIM":
            yield at(one.place, command=one.name, key=one.args[0], last=one.args[2])


@hazard(
    "TVM122",
    "list-reversed",
    Severity.WARNING,
    "LPUSH puts each item before the last one, so {key} ends up in reverse order.",
    """
redis-cli RPUSH {key} ITEM …
""",
)
def list_reversed(program: Program) -> Iterator[Hit]:
    """LPUSH to a list of the new layout."""
    for one in program.redis:
        if one.name == "LPUSH" and one.args and is_new(one.args[0]):
            yield at(one.place, key=one.args[0])


HAZARDS = (
    del_after_unchecked_copy,
    del_of_large_keys,
    rename_over_existing,
    copy_replace,
    restore_replace,
    ttl_lost_by_set,
    ttl_not_carried,
    list_cut,
    list_reversed,
)
