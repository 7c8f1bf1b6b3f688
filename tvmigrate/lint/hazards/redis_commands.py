"""Redis commands that are a hazard wherever they stand in a migration."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tvmigrate.lint.hazard import Hit, Severity, at, hazard
from tvmigrate.lint.keys import matches_another, old_and_new
from tvmigrate.lint.statement import Program, Redis


def _named(program: Program, *names: str) -> Iterator[Redis]:
    return (one for one in program.redis if one.name in names)


def _has(one: Redis, word: str) -> bool:
    return word in (arg.upper() for arg in one.args)


@hazard(
    "TVM101",
    "flushall",
    Severity.ERROR,
    "FLUSHALL removes every key of every database of the server, whoever it belongs to.",
    """
redis-cli --scan --pattern 'trend:*' | xargs -r redis-cli UNLINK    # by name, once a verified copy is there
""",
)
def flushall(program: Program) -> Iterator[Hit]:
    """FLUSHALL."""
    return (at(one.place) for one in _named(program, "FLUSHALL"))


@hazard(
    "TVM102",
    "flushdb",
    Severity.ERROR,
    "FLUSHDB removes every key of the database, also those that are no part of the migration.",
    """
redis-cli --scan --pattern 'trend:*' | xargs -r redis-cli UNLINK    # by name, once a verified copy is there
""",
)
def flushdb(program: Program) -> Iterator[Hit]:
    """FLUSHDB."""
    return (at(one.place) for one in _named(program, "FLUSHDB"))


@hazard(
    "TVM103",
    "keys-blocks",
    Severity.WARNING,
    "KEYS walks the whole keyspace in one go, and the server answers nobody else meanwhile.",
    """
redis-cli --scan --pattern '{pattern}'
""",
)
def keys_blocks(program: Program) -> Iterator[Hit]:
    """KEYS."""
    return (at(one.place, pattern=one.args[0] if one.args else "*") for one in _named(program, "KEYS"))


@hazard(
    "TVM104",
    "pattern-matches-new-keys",
    Severity.ERROR,
    "The pattern {pattern} matches old keys such as {old} and new ones such as {new}: whoever removes what it finds "
    "removes migrated data.",
    """
redis-cli --scan --pattern '{pattern}' --type {type}    # type decides: the old key is a {type}, the new one is not
""",
)
def pattern_matches_new_keys(program: Program) -> Iterator[Hit]:
    """KEYS, or a SCAN whose keys are removed, with a pattern that takes both layouts' keys."""
    for one in program.redis:
        pattern = _pattern(one)
        both = None if pattern is None else old_and_new(pattern)
        if pattern is None or both is None or matches_another(pattern):
            continue
        if one.name == "KEYS" or (_removes_after(program, one) and not _asks_for_type(program, one)):
            old, new, kind = both
            yield at(one.place, pattern=pattern, old=old, new=new, type=kind)


def _pattern(one: Redis) -> str | None:
    if one.name == "KEYS" and one.args:
        return one.args[0]
    words = [arg.upper() for arg in one.args]
    if one.name == "SCAN" and "MATCH" in words and words.index("MATCH") + 1 < len(words):
        return one.args[words.index("MATCH") + 1]
    return None


def _removes_after(program: Program, scan: Redis) -> bool:
    later = [one for one in program.redis if one.group == scan.group and one.place.line >= scan.place.line]
    return any(one.name in {"DEL", "UNLINK"} and one.many for one in later)


def _asks_for_type(program: Program, scan: Redis) -> bool:
    typed = any(one.name == "TYPE" and one.group == scan.group for one in program.redis)
    return typed or _has(scan, "TYPE")


@hazard(
    "TVM120",
    "pattern-takes-unrelated-keys",
    Severity.ERROR,
    "The pattern {pattern} also matches keys that are no part of the migration, and what it finds is removed.",
    """
redis-cli --scan --pattern 'trend:*' | xargs -r redis-cli UNLINK
""",
)
def pattern_takes_unrelated_keys(program: Program) -> Iterator[Hit]:
    """KEYS or SCAN without a prefix of the layout, whose keys are removed."""
    for one in program.redis:
        pattern = "*" if one.name == "SCAN" and _pattern(one) is None else _pattern(one)
        if pattern is None or not matches_another(pattern):
            continue
        if _removes_after(program, one) and one.via != "python":  # Python filters the keys that it walks
            yield at(one.place, pattern=pattern)


@hazard(
    "TVM111",
    "shutdown-nosave",
    Severity.ERROR,
    "SHUTDOWN NOSAVE throws away every write since the last save.",
    """
redis-cli --rdb before-shutdown.rdb && redis-cli SHUTDOWN
""",
)
def shutdown_nosave(program: Program) -> Iterator[Hit]:
    """SHUTDOWN NOSAVE."""
    return (at(one.place) for one in _named(program, "SHUTDOWN") if _has(one, "NOSAVE"))


@hazard(
    "TVM112",
    "save-over-backup",
    Severity.ERROR,
    "{command} in a way back writes what is in memory, the migrated data, over the dump.rdb that is to be restored.",
    """
redis-cli CONFIG GET dir                     # where the server reads dump.rdb from
redis-cli SHUTDOWN NOSAVE                    # tvmigrate: ignore TVM111 the new data is to go
cp backup/dump.rdb /var/lib/redis/dump.rdb   # then start the server
""",
)
def save_over_backup(program: Program) -> Iterator[Hit]:
    """SAVE, BGSAVE, SHUTDOWN SAVE in a rollback."""
    for one in _named(program, "SAVE", "BGSAVE", "SHUTDOWN"):
        if one.place.rollback and (one.name != "SHUTDOWN" or _has(one, "SAVE")):
            yield at(one.place, command=" ".join((one.name, *one.args)))


@hazard(
    "TVM110",
    "rdb-as-restore",
    Severity.ERROR,
    "redis-cli --rdb only ever downloads: run as a restore it writes what the server holds now over the backup {file}.",
    """
redis-cli SHUTDOWN NOSAVE                   # tvmigrate: ignore TVM111 the new data is to go
cp backup/{file} /var/lib/redis/dump.rdb    # the folder that CONFIG GET dir names; then start the server
""",
)
def rdb_as_restore(program: Program) -> Iterator[Hit]:
    """`--rdb` in a rollback, or a second time to the same file."""
    written: set[str] = set()
    for one in _named(program, "--RDB"):
        if one.place.rollback or one.args[0] in written:
            yield at(one.place, file=one.args[0])
        written.add(one.args[0])


@hazard(
    "TVM115",
    "config-set",
    Severity.WARNING,
    "CONFIG {what} changes the running server for everybody, and stays changed when the migration is over.",
    """
redis-cli CONFIG GET '*'    # note the value, set it back in the same script (trap '…' EXIT), and say why with an ignore
""",
)
def config_set(program: Program) -> Iterator[Hit]:
    """CONFIG SET, REWRITE, RESETSTAT."""
    for one in _named(program, "CONFIG"):
        if one.args and one.args[0].upper() in {"SET", "REWRITE", "RESETSTAT"}:
            yield at(one.place, what=one.args[0].upper())


@hazard(
    "TVM116",
    "debug",
    Severity.ERROR,
    "DEBUG {what} is for developing Redis: it can stop, block or crash the server.",
    """
redis-cli OBJECT ENCODING KEY; redis-cli MEMORY USAGE KEY    # what can be asked of a live server
""",
)
def debug(program: Program) -> Iterator[Hit]:
    """DEBUG."""
    return (at(one.place, what=(one.args or ("",))[0].upper()) for one in _named(program, "DEBUG"))


@hazard(
    "TVM117",
    "eval-with-keys",
    Severity.ERROR,
    "The Lua script calls {what} inside: the server answers nobody until it is done, and it cannot be stopped once it wrote.",
    """
redis-cli --scan --pattern 'trend:*' | xargs -r -n 1 redis-cli --eval one_key.lua    # a short script, a key a call
""",
)
def eval_with_keys(program: Program) -> Iterator[Hit]:
    """A Lua script that walks or empties the keyspace."""
    for one in _named(program, "EVAL"):
        found = re.search(r"call\(\s*['\"](KEYS|FLUSHDB|FLUSHALL|SCAN)['\"]", " ".join(one.args), re.IGNORECASE)
        if found:
            yield at(one.place, what=found[1].upper())


@hazard(
    "TVM118",
    "swapdb",
    Severity.ERROR,
    "SWAPDB swaps whole databases under every connected client: keys that are no part of the migration go along.",
    """
redis-cli COPY trend:5m trends:top:5min    # new keys beside the old ones, in the same database
""",
)
def swapdb(program: Program) -> Iterator[Hit]:
    """SWAPDB."""
    return (at(one.place) for one in _named(program, "SWAPDB"))


@hazard(
    "TVM119",
    "replicaof",
    Severity.ERROR,
    "{command} makes this server a replica, and it drops all data of its own first.",
    """
redis-cli --rdb backup.rdb    # a backup first; and REPLICAOF only on a server that holds nothing
""",
)
def replicaof(program: Program) -> Iterator[Hit]:
    """REPLICAOF host port."""
    for one in _named(program, "REPLICAOF", "SLAVEOF"):
        if [arg.upper() for arg in one.args] != ["NO", "ONE"]:
            yield at(one.place, command=one.name)


HAZARDS = (
    flushall,
    flushdb,
    keys_blocks,
    pattern_matches_new_keys,
    rdb_as_restore,
    shutdown_nosave,
    save_over_backup,
    config_set,
    debug,
    eval_with_keys,
    swapdb,
    replicaof,
    pattern_takes_unrelated_keys,
)
