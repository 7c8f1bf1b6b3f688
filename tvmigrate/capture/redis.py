"""Redis as it is at one moment: every key read, and read again until it no longer changes.

SCAN knows no moment. A key that is the same in two readings was so all the time between, and so at the end of the first
(https://redis.io/docs/latest/commands/scan/); one that changed is read again, up to `ROUNDS` times.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import redis

from tvmigrate.capture import masked
from tvmigrate.capture.redis_form import plain
from tvmigrate.capture.work import Work
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset import redis_form
from tvmigrate.dataset.model import DUMP, HASH, SET, STRING, ZSET, RedisKey
from tvmigrate.dataset.read import REDIS
from tvmigrate.dataset.redis_lengths import lengths
from tvmigrate.dataset.write import RedisWriter
from tvmigrate.migrate import redis_keys
from tvmigrate.migrate.redis_keys import Live
from tvmigrate.pace import Pace

ROUNDS = 5
_ITEM_BYTES = 100  # about as much as an item is
_BYTES = 8 << 20  # read at once; one key may have more
_KEYS = Pace(size=500, least=20, most=2000, target=0.25)
_SHOWN = 5
_TASK, _AGAIN = "capture redis", "redis: changed meanwhile"
# The dataset's form of a key that is not in the sample, or cannot be masked: nothing.
_NOTHING = b""


@dataclass(slots=True)
class _Reader:
    """One database of a live Redis, read in batches that its server answers in time."""

    work: Work
    db: int
    pace: Pace

    @property
    def client(self) -> redis.Redis:
        return self.work.clients.redis_db(self.db)

    def batches(self, keys: Sequence[bytes]) -> Iterator[list[Live]]:
        """Yield those keys that are there, as they are, in batches of bounded weight."""
        kinds = redis_keys.kinds(self.client, keys)
        there = [(key, kind) for key, kind in zip(keys, kinds, strict=True) if kind != "none"]
        throttle = self.work.throttle()
        for batch in self._bounded(there):
            began = time.monotonic()
            found = [live for live in redis_keys.read(self.client, batch, self.db) if live is not None]
            lives = plain(self.client, found, keep_dumps=self.work.asked.mask is None)
            seconds = time.monotonic() - began
            self.pace.answered(len(batch), seconds)
            throttle.took(len(batch), seconds)
            yield lives

    def _bounded(self, keys: list[tuple[bytes, str]]) -> Iterator[list[tuple[bytes, str]]]:
        known = lengths(self.client, keys, strings=True)
        batch: list[tuple[bytes, str]] = []
        weight = 0
        for key, kind in keys:
            more = known.get(key, 1) * (1 if kind == STRING else _ITEM_BYTES)
            if batch and (len(batch) >= self.pace.size or weight + more > _BYTES):
                yield batch
                batch, weight = [], 0
            batch.append((key, kind))
            weight += more
        if batch:
            yield batch


def capture(work: Work) -> None:
    """Write `redis.ndjson`; raises redis.RedisError."""
    if work.is_written(REDIS) is not None:
        return
    if work.notes.noted("redis.epoch_ms") is None:
        work.notes.note("redis.epoch_ms", redis_keys.now_ms(work.clients.redis))
    listed = work.clients.redis.info("keyspace")
    databases = sorted(int(name.removeprefix("db")) for name in listed)
    work.started(_TASK, "keys", sum(about["keys"] for about in listed.values()))
    work.notes.run("UPDATE keys SET round = 0")  # an interrupted capture may have compared some with an earlier moment
    done = work.notes.number("SELECT count(*) FROM keys")
    for db in databases:
        done = _first_reading(work, db, done)
    work.finished(_TASK, f"{done:,} keys")
    _until_settled(work, sorted({*databases, *(db for (db,) in work.notes.rows("SELECT DISTINCT db FROM keys"))}))
    _write(work)


def _reader(work: Work, db: int) -> _Reader:
    return _Reader(work, db, replace(_KEYS))


def _first_reading(work: Work, db: int, done: int) -> int:
    """Read what is not read yet; `done` keys are read already; return how many are then."""
    reader = _reader(work, db)
    known = "SELECT 1 FROM keys WHERE db = ? AND key = ?"
    for page in redis_keys.scan(reader.client):
        # SCAN may name a key twice; a capture that was interrupted has some already.
        fresh = [key for key in dict.fromkeys(page) if not list(work.notes.rows(known, (db, key)))]
        for lives in reader.batches(fresh):
            with work.notes.together() as notes:
                for live in lives:
                    _keep(work, notes, live, 0)
            done += len(lives)
            work.advanced(_TASK, done)
    return done


def _keep(work: Work, notes: sqlite3.Connection, live: Live, round_: int) -> None:
    notes.execute(
        "INSERT OR REPLACE INTO keys VALUES ((SELECT id FROM keys WHERE db = ?1 AND key = ?2), ?1, ?2, ?3, ?4, ?5, ?6)",
        (live.key.db, live.key.key, _digest(live.key), live.expires_ms, _line(work, live), round_),
    )


def _line(work: Work, live: Live) -> bytes:
    """Return the key's line in the dataset, empty if it is not to have one."""
    ttl = None if live.expires_ms is None else live.expires_ms - work.notes.noted("redis.epoch_ms")
    one = work.asked.sample.of_key(replace(live.key, ttl_ms=ttl), work.asked.layout)
    if one is None or (ttl is not None and ttl <= 0):
        return _NOTHING
    if work.asked.mask is not None:
        if one.type == DUMP:
            work.left_out(
                f"Redis key {show_bytes(one.key)} of database {one.db}",
                "its value can only be dumped, and a dump cannot be masked",
            )
            return _NOTHING
        one = masked.key(work.asked.mask, one, work.asked.layout)
    return redis_form.dump(one)


def _digest(key: RedisKey) -> bytes:
    value = key.value
    if key.type == SET:
        value = sorted(value)
    elif key.type == ZSET:
        value = sorted((member, score.hex()) for member, score in value)
    elif key.type == HASH:
        value = sorted(value.items())
    return hashlib.blake2b(repr((key.type, value)).encode(), digest_size=16).digest()


def _until_settled(work: Work, databases: Sequence[int]) -> None:
    """Read every key again, and those that changed since once more, until none does."""
    work.started(_AGAIN, "keys")
    moved = sum(_second_reading(work, db) for db in databases)
    with work.notes.together() as notes:
        # Gone since, or in a database that is empty by now.
        moved += notes.execute("DELETE FROM keys WHERE round = 0").rowcount
    changing = moved
    round_ = 2
    while changing and round_ < ROUNDS:
        changing = sum(_read_again(work, db, round_) for db in databases)
        round_ += 1
    work.finished(_AGAIN, f"{moved:,} keys changed, came or went, and were read again")
    if changing:
        some = "SELECT key FROM keys WHERE round = ? AND round > 1 LIMIT ?"
        names = [show_bytes(key) for (key,) in work.notes.rows(some, (round_, _SHOWN))]
        work.left_out(
            f"one moment of {changing:,} Redis keys",
            f"they changed each of the {ROUNDS} times that they were read, and are as they were read last "
            f"({', '.join(names)}{' and more' if changing > len(names) else ''})",
        )


def _second_reading(work: Work, db: int) -> int:
    """Mark every key that is still as it was by round 1, one that changed or came by round 2; return how many did."""
    reader = _reader(work, db)
    moved = 0
    for page in redis_keys.scan(reader.client):
        fresh = [key for key in dict.fromkeys(page) if not _is_marked(work, db, key)]
        for lives in reader.batches(fresh):
            moved += _compare(work, lives, 1)
    return moved


def _is_marked(work: Work, db: int, key: bytes) -> bool:
    return bool(list(work.notes.rows("SELECT 1 FROM keys WHERE db = ? AND key = ? AND round > 0", (db, key))))


def _compare(work: Work, lives: Sequence[Live], round_: int) -> int:
    moved = 0
    with work.notes.together() as notes:
        for live in lives:
            key = live.key
            found = notes.execute("SELECT digest, expires_ms FROM keys WHERE db = ? AND key = ?", (key.db, key.key))
            before = found.fetchone()
            same = (
                before is not None and before[0] == _digest(key) and redis_keys.same_expiry(before[1], live.expires_ms)
            )
            if same:
                notes.execute("UPDATE keys SET round = 1 WHERE db = ? AND key = ?", (key.db, key.key))
            else:
                moved += 1
                _keep(work, notes, live, round_ + 1)
    return moved


def _read_again(work: Work, db: int, round_: int) -> int:
    """Read the keys that the round before found changed; return how many changed again."""
    reader = _reader(work, db)
    moved = 0
    some = "SELECT key FROM keys WHERE db = ? AND round = ? AND round > 1 LIMIT ?"
    # Whatever is read is of another round then.
    while page := [key for (key,) in work.notes.rows(some, (db, round_, _KEYS.most))]:
        there: set[bytes] = set()
        for lives in reader.batches(page):
            there |= {live.key.key for live in lives}
            moved += _compare(work, lives, round_)
        with work.notes.together() as notes:
            gone = [(db, key) for key in page if key not in there]
            notes.executemany("DELETE FROM keys WHERE db = ? AND key = ?", gone)
    return moved


def _write(work: Work) -> None:
    with RedisWriter(work.folder / REDIS) as writer:
        for (line,) in work.notes.rows("SELECT line FROM keys WHERE line != x'' ORDER BY id"):
            writer.write_line(line)
    work.written(writer.close())
