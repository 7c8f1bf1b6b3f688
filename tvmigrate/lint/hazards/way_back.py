"""The way back: whether there is one, for what this program takes away."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tvmigrate.lint.hazard import Hit, Severity, at, hazard
from tvmigrate.lint.history import history
from tvmigrate.lint.indices import alias_changes, copied, deleted, writes_many
from tvmigrate.lint.keys import is_new, is_old
from tvmigrate.lint.statement import Http, Place, Program, Redis, Shell, Sql, Store, word_set
from tvmigrate.lint.tables import OLD, all_facts

_SAVES = frozenset({"--RDB", "SAVE", "BGSAVE", "DUMP", "COPY", "RENAME", "RENAMENX", "MIGRATE"})
_BRINGS_BACK = word_set("RESTORE COPY RENAME RENAMENX SET HSET ZADD RPUSH SADD MSET MIGRATE ZUNIONSTORE ZRANGESTORE")
_FILE_BACK = re.compile(r"\.rdb\b|appendonly|/backup", re.IGNORECASE)
_STORE_NAMES = {"redis": "Redis", "clickhouse": "ClickHouse", "elasticsearch": "Elasticsearch"}


def _takes_old_keys(one: Redis) -> bool:
    if one.name in {"FLUSHALL", "FLUSHDB"}:
        return True
    if one.name in {"DEL", "UNLINK"}:
        if one.args and all(is_new(key) for key in one.args):
            return False
        return one.many or "..." in one.args or any(is_old(key) for key in one.args)
    return False


def _restores_redis(program: Program) -> bool:
    """Say whether the way back brings any key back: by command, or by laying the file back."""
    commands = any(one.place.rollback and one.name in _BRINGS_BACK for one in program.redis)
    files = any(
        one.place.rollback
        and one.name in {"cp", "mv", "rsync", "docker", "install", "sudo"}
        and "redis-cli" not in one.args
        and _FILE_BACK.search(" ".join(one.args))
        for one in program.shell
    )
    return commands or files


def _has_way_back(program: Program) -> bool:
    return any(one.place.rollback for one in program.statements)


@hazard(
    "TVM410",
    "in-place-without-way-back",
    Severity.ERROR,
    "From here on the old data of {what} is gone: {why}.",
    """
redis-cli --rdb before.rdb && redis-check-rdb before.rdb       # Redis, and a rollback that lays the file back
CREATE TABLE comments_kept CLONE AS comments;                  -- ClickHouse
POST /tv_comments/_clone/tv_comments_kept                      # Elasticsearch, after PUT /tv_comments/_block/write
""",
)
def in_place_without_way_back(program: Program) -> Iterator[Hit]:
    """The first statement that destroys old data of a store without a copy, or with a rollback that brings none back."""
    yield from _redis_in_place(program)
    for sql, done, before in history(program):
        if done.rewrites and done.action != "DROP" and not sql.place.rollback and before.last_copy(done.rewrites):
            what = f"ClickHouse's {done.rewrites}"
            yield at(
                sql.place, what=what, why=f"{done.rewrites} is changed in place, and no copy of it was made before"
            )
            break
    saved = False
    for one in program.http:
        saved = saved or copied(one) is not None
        if "_update_by_query" in one.parts and not saved and not one.place.rollback:
            why = "documents are changed in place, and no copy of the index was made before"
            yield at(one.place, what=f"Elasticsearch's {one.parts[0]}", why=why)
            break


def _redis_in_place(program: Program) -> Iterator[Hit]:
    saved = False
    for one in program.redis:
        saved = saved or one.name in _SAVES
        if one.place.rollback or not _takes_old_keys(one):
            continue
        if not saved:
            yield at(one.place, what="Redis", why="nothing has saved the keys before")
        elif _has_way_back(program) and not _restores_redis(program):
            yield at(one.place, what="Redis", why="the way back given here holds no command that brings a key back")
        else:
            continue
        return


@hazard(
    "TVM406",
    "rollback-restores-nothing",
    Severity.ERROR,
    "This way back of {store} restores nothing: {why}.",
    """
cp backup/dump.rdb /var/lib/redis/dump.rdb         # Redis: the file, while the server is stopped; or RESTORE KEY TTL DUMP
EXCHANGE TABLES comments_old AND comments;         -- ClickHouse
POST /tv_comments_old/_clone/tv_comments           # Elasticsearch
""",
)
def rollback_restores_nothing(program: Program) -> Iterator[Hit]:
    """A rollback without one command that brings data of a store back which the migration took away."""
    yield from _empty_rollbacks(program)
    redis = [one for one in program.redis if one.place.rollback]
    taken = any(_takes_old_keys(one) for one in program.redis if not one.place.rollback)
    if redis and not _restores_redis(program) and (taken or any(one.name == "--RDB" for one in redis)):
        yield at(redis[0].place, store="Redis", why="no command of it writes a key, or lays a file back")
    moved = [
        done
        for sql, done in all_facts(program)
        if not sql.place.rollback
        and OLD & {*done.drops, done.truncates, done.rewrites, *(one for one, _ in done.renames)}
    ]
    back = [(sql, done) for sql, done in all_facts(program) if sql.place.rollback]
    if back and moved and not any(_brings_rows(sql, done.verb, done.action) for sql, done in back):
        yield at(back[0][0].place, store="ClickHouse", why="no statement of it inserts, renames, exchanges or attaches")
    requests = [one for one in program.http if one.place.rollback]
    gone = any(deleted(one) for one in program.http if not one.place.rollback)
    if requests and gone and not any(copied(one) or writes_many(one) or _restored(one) for one in requests):
        yield at(requests[0].place, store="Elasticsearch", why="no request of it copies or restores an index")


def _brings_rows(sql: Sql, verb: str, action: str) -> bool:
    return verb in {"INSERT", "RENAME", "EXCHANGE", "RESTORE", "UNDROP", "ATTACH"} or action in {
        "ATTACH",
        "REPLACE",
        "MOVE",
    }


def _restored(one: Http) -> bool:
    return "_restore" in one.parts or bool(alias_changes(one))


def _empty_rollbacks(program: Program) -> Iterator[Hit]:
    """Yield rollback files that speak to no store while the migration does."""
    stores = {one.store for one in program.statements if isinstance(one, (Redis, Sql, Http)) and not one.place.rollback}
    for source in program.sources:
        if not source.rollback or not stores or source.kind == "markdown":
            continue
        runs = [one for one in source.statements if isinstance(one, (Redis, Sql, Http))]
        calls = [one for one in source.statements if isinstance(one, Shell) and one.name not in _TALK]
        if not runs and not calls and source.kind == "shell":
            place = Place(source.path, source.first_line, 1, True)
            yield at(place, store=_listed(stores), why="it speaks to no store and starts no program")


_TALK = word_set("echo printf set exit : true sleep trap cd export")


def _listed(stores: set[Store]) -> str:
    return " and ".join(sorted(_STORE_NAMES[store] for store in stores))


@hazard(
    "TVM413",
    "backup-never-checked",
    Severity.WARNING,
    "Nothing looks at the backup {file} after it was written: empty or cut short, it is found out when it is needed.",
    """
redis-check-rdb {file}
""",
)
def backup_never_checked(program: Program) -> Iterator[Hit]:
    """`redis-cli --rdb FILE` and no later command that reads FILE."""
    ordered = list(program.statements)
    for index, one in enumerate(ordered):
        if not (isinstance(one, Redis) and one.name == "--RDB") or one.place.rollback:
            continue
        file = one.args[0]
        later = (after for after in ordered[index + 1 :] if isinstance(after, Shell) and not after.place.rollback)
        if not any(file in " ".join(after.args) for after in later):
            yield at(one.place, file=file)


HAZARDS = (in_place_without_way_back, rollback_restores_nothing, backup_never_checked)
