"""The partitions of Redis's steps: what a worker does with a part of the backup, or with a piece of the new keys.

Each function opens its own connection, does nothing but with the keys it is given, and may be done again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import redis

from tvmigrate.contract import old
from tvmigrate.contract.keys import NewKey, UnrelatedKey, classify
from tvmigrate.contract.old_layout import OldLayout
from tvmigrate.contract.policy import Policy
from tvmigrate.dataset import redis_form
from tvmigrate.dataset.model import LIST, RedisKey
from tvmigrate.engines.redis_opener import open_redis
from tvmigrate.engines.redis_routed import Routed, create
from tvmigrate.engines.redis_wire import ask, pack, unpack
from tvmigrate.migrate.redis_assess import STAYS, WHOLE, Assessed, Terms, lives_in, of_lines, of_lives
from tvmigrate.migrate.redis_compare_delete import remove_each
from tvmigrate.migrate.redis_keys import BATCH, Live, now_ms, read, read_expected, same_value, says_the_same
from tvmigrate.migrate.redis_pack import created, creating
from tvmigrate.migrate.redis_spool import KEPT, WRITTEN, Piece
from tvmigrate.migrate.spool import Spool
from tvmigrate.migrate.work import Work, batches

_PART_BYTES = 1 << 21
Apart = tuple[bytes, str]  # an old key, and in what it is not as the backup has it
_PLAIN = frozenset({int, bytes, bool, float, type(None)})  # types of answers that are no errors, and hold none
_EXISTS = b"*2\r\n$6\r\nEXISTS\r\n$%d\r\n%b\r\n"


@dataclass(frozen=True, slots=True)
class Part:
    """Whole lines of the backup; `stays` says what of old keys among them stays."""

    id: int
    url: str
    lines: bytes
    epoch_ms: int
    stays: Mapping[bytes, str]
    begun: bool = False  # some of its old keys may be gone already


def cut(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield a file's whole lines in parts of two megabytes and a bit, each with where it starts."""
    start = 0
    with path.open("rb") as file:
        while lines := file.read(_PART_BYTES):
            lines += file.readline()
            yield start, lines
            start += len(lines)


def parts(work: Work, where: str = "true") -> Iterator[Part]:
    """Yield the parts that the new keys were built from."""
    epoch = work.noted("redis.epoch_ms")
    db = work.spool.db
    with (work.backup / "redis.ndjson").open("rb") as file:
        found = db.execute(f"SELECT id, start, size, removing FROM part WHERE {where} ORDER BY id").fetchall()
        for number, start, size, removing in found:
            stays = dict(db.execute("SELECT key, kept FROM stays WHERE part = ?", (number,)))
            file.seek(start)
            yield Part(number, work.endpoints.redis, file.read(size), epoch, stays, bool(removing))


# ------------------------------------------------------------------------------------------------------------- the plan


def assess_live(given: tuple[str, list[tuple[bytes, str]], Terms]) -> tuple[int, Assessed]:
    """Map old keys (name, type) as they are now; return how many there are, and of `targets` those that are there.

    Where there is none of them, nobody needs to know the commands that would make them, and they are left out.
    """
    url, names, terms = given
    with open_redis(url) as client:
        lives = read_old(client, names, terms.policy.layout)
        found = of_lives(lives, terms)
        found.targets = existing(client, found.targets)
    if not found.targets:
        found.commands, found.replies = b"", 0
    return len(lives), found


def read_old(client: redis.Redis, names: Sequence[tuple[bytes, str]], layout: OldLayout) -> list[Live]:
    """Return the keys (name, type) that are there, and are old ones or of a wrong type, also by the type of now."""
    found = (live for live in read(client, names) if live is not None)
    return [live for live in found if is_old(live.key.key, live.key.type, layout)]


def is_old(key: bytes, kind: str, layout: OldLayout) -> bool:
    """Return whether a key of the old database is an old one, or of a wrong type."""
    return not isinstance(classify(old.REDIS_DB, key, kind, layout), UnrelatedKey | NewKey)


# ----------------------------------------------------------------------------------------------------------- the backup


def dumped(given: tuple[str, list[tuple[bytes, str]], OldLayout, int]) -> tuple[int, bytes]:
    """Return old keys (name, type) as lines of the backup, whose TTLs count from an instant, and how many they are."""
    url, names, layout, epoch_ms = given
    lines: list[bytes] = []
    with open_redis(url) as client:
        for live in read_old(client, names, layout):
            ttl = None if live.expires_ms is None else live.expires_ms - epoch_ms
            lines.append(redis_form.dump(replace(live.key, ttl_ms=ttl)))
    return len(lines), b"".join(lines)


# ------------------------------------------------------------------------------------------------------------ the build


def assess(given: tuple[Part, Terms]) -> Assessed:
    """Map the keys of a part; of `targets` those are left that are there already."""
    part, terms = given
    found = of_lines(part.lines, part.epoch_ms, terms)
    with open_redis(part.url) as client:
        found.targets = existing(client, found.targets)
    return found


def existing(client: redis.Redis, targets: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return those of the targets (new key, old key) whose new key is there."""
    if not targets:
        return []
    if not isinstance(client, Routed):
        some = [pack(b"EXISTS", *(key for key, _ in few)) for few in batches(targets, BATCH)]
        if not any(_sure(ask(client, b"".join(some), len(some)))):
            return []
    answers = ask(client, b"".join([_EXISTS % (len(key), key) for key, _ in targets]), len(targets))
    return [target for target, there in zip(targets, _sure(answers), strict=True) if there]


def send(given: tuple[str, Piece]) -> int:
    """Create the keys of a piece; return how many commands that took."""
    url, piece = given
    with open_redis(url) as client:
        carry_out(client, piece.commands, piece.replies)
    return piece.replies


def carry_out(client: redis.Redis, commands: bytes, replies: int) -> None:
    """Have commands carried out; those between MULTI and EXEC are of one key. Raises the first error they get."""
    if isinstance(client, Routed):
        create(client, unpack(commands))
    elif replies:
        _sure(ask(client, commands, replies))


def put(client: redis.Redis, lives: Iterable[Live], temporary: bytes) -> None:
    """Write keys in place of whatever is there, each with its expiry in one step; one past its expiry is not there."""
    made = [creating(live, temporary) for live in lives]
    carry_out(client, b"".join(commands for commands, _ in made), sum(replies for _, replies in made))


# ----------------------------------------------------------------------------------------------------------- comparing


def differing(given: tuple[str, Piece, Policy, bytes]) -> list[bytes]:
    """Return the new keys of a piece that are not there as they were to be."""
    url, piece, policy, temporary = given
    found: list[bytes] = []
    with open_redis(url) as client:
        for lives in batches(created(piece.commands, temporary), BATCH):
            there = read_expected(client, lives)
            clock = now_ms(client)
            for live, one in zip(lives, there, strict=True):
                if not (one is None and live.gone(clock)) and not _as_wanted(piece.state, live, one, policy):
                    found.append(live.key.key)
    return found


def _as_wanted(state: str, live: Live, there: Live | None, policy: Policy) -> bool:
    if state in WRITTEN:
        return live.equals(there)
    return state == KEPT or (there is not None and says_the_same(live, there, policy))


def changed(part: Part) -> tuple[list[Apart], list[bytes]]:
    """Return the old keys of a part that are not as the backup has them, and all that are there."""
    apart: list[Apart] = []
    present: list[bytes] = []
    with open_redis(part.url) as client:
        for lives in batches(lives_in(part.lines, part.epoch_ms), BATCH):
            there = read_expected(client, lives)
            clock = now_ms(client)
            for live, one in zip(lives, there, strict=True):
                if one is not None:
                    present.append(live.key.key)
                if not (live.equals(one) or (one is None and live.gone(clock))):
                    apart.append((live.key.key, how(live, one)))
    return apart, present


def how(live: Live, there: Live | None) -> str:
    """Return in what a key that was `live` is another one now."""
    if there is None:
        return "deleted"
    if live.key.type != there.key.type:
        return "of another type"
    return "another time to live" if same_value(live.key, there.key) else "another value"


def otherwise(given: tuple[str, Piece, bytes]) -> list[tuple[Live, Live | None]]:
    """Return the new keys of a piece that are not as they were written, each with what is there; none that expired."""
    url, piece, temporary = given
    found: list[tuple[Live, Live | None]] = []
    with open_redis(url) as client:
        for lives in batches(created(piece.commands, temporary), BATCH):
            there = read_expected(client, lives)
            clock = now_ms(client)
            pairs = zip(lives, there, strict=True)
            found += [
                (live, one) for live, one in pairs if not (live.equals(one) or (one is None and live.gone(clock)))
            ]
    return found


def not_as_left(part: Part) -> list[Live]:
    """Return what is there under the names of the old keys of a part that went, and is not what was left of them."""
    found: list[Live] = []
    with open_redis(part.url) as client:
        for pairs in batches(removable(part), BATCH):
            there = read(client, [(live.key.key, live.key.type) for live, _ in pairs])
            for (live, rest), one in zip(pairs, there, strict=True):
                if one is None or same_value(live.key, one.key):
                    continue
                if rest is None or not same_value(rest.key, one.key):
                    found.append(one)
    return found


# ------------------------------------------------------------------------------------------- what goes, and comes back


def removable(part: Part) -> Iterator[tuple[Live, Live | None]]:
    """Yield the old keys of a part that go, each with what is left of it: a list of its quarantined items, or None."""
    for live in lives_in(part.lines, part.epoch_ms):
        kept = part.stays.get(live.key.key)
        if kept not in STAYS:
            yield live, _rest(live, kept)


def _rest(live: Live, kept: str | None) -> Live | None:
    if kept is None:
        return None
    items = [live.key.value[position] for position in json.loads(kept)]
    return Live(RedisKey(live.key.db, live.key.key, LIST, None, items), live.expires_ms)


def remove(part: Part) -> list[Apart]:
    """Remove what goes of the old keys of a part that equal the backup; return those that do not, and are left.

    Among them are those that somebody else deleted, and those that stay and are not as they were.
    """
    left: list[Apart] = []
    with open_redis(part.url) as client:
        clock = now_ms(client)
        staying = (live for live in lives_in(part.lines, part.epoch_ms) if part.stays.get(live.key.key) in STAYS)
        for lives in batches(staying, BATCH):
            there = read_expected(client, lives)
            pairs = zip(lives, there, strict=True)
            left += [
                (live.key.key, how(live, one))
                for live, one in pairs
                if not (live.equals(one) or (one is None and live.gone(clock)))
            ]
        for batch in batches(removable(part), BATCH):
            found = remove_each(client, batch) if isinstance(client, Routed) else remove_batch(client, batch)
            for live, one in found:
                if one is not None or not (part.begun or live.gone(clock)):
                    left.append((live.key.key, how(live, one)))
    return left


def remove_batch(client: redis.Redis, batch: list[tuple[Live, Live | None]]) -> list[tuple[Live, Live | None]]:
    """Remove keys that equal their backup under WATCH, so that no write in between is lost.

    Return the others, each with what is there instead: nothing, or what is left.

    The keys are watched and changed in one transaction, and so all of one server.
    """
    lives = [live for live, _ in batch]
    while True:
        with client.pipeline(transaction=True) as pipe:
            pipe.watch(*(live.key.key for live in lives))  # type: ignore[no-untyped-call]
            found = read_expected(client, lives)
            pipe.multi()
            left: list[tuple[Live, Live | None]] = []
            gone: list[bytes] = []
            for (live, rest), there in zip(batch, found, strict=True):
                if rest is not None and rest.equals(there):
                    continue
                if not live.equals(there):
                    left.append((live, there))
                    continue
                gone.append(live.key.key)
                if rest is not None:
                    pipe.delete(live.key.key)
                    pipe.rpush(live.key.key, *rest.key.value)
                    if rest.expires_ms is not None:
                        pipe.pexpireat(live.key.key, rest.expires_ms)
                    gone.pop()
            if gone:
                pipe.delete(*gone)
            try:
                pipe.execute()
            except redis.WatchError:
                continue
            return left


def bring_back(given: tuple[Part, bytes]) -> None:
    """Write the old keys of a part that went as the backup has them; one that expired meanwhile stays gone."""
    part, temporary = given
    with open_redis(part.url) as client:
        for batch in batches(removable(part), BATCH):
            lives = [live for live, _ in batch]
            found = read(client, [(live.key.key, live.key.type) for live in lives])
            put(client, [live for live, there in zip(lives, found, strict=True) if not live.equals(there)], temporary)


def delete(client: redis.Redis, keys: Sequence[bytes]) -> None:
    """Remove keys, a command each."""
    carry_out(client, b"".join([pack(b"DEL", key) for key in keys]), len(keys))


def _sure(answers: list[Any]) -> list[Any]:
    if _PLAIN.issuperset(map(type, answers)):
        return answers
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, list):
            _sure(answer)
    return answers


def mark_removing(spool: Spool, part: int) -> None:
    """Note that old keys of a part may be gone from now on."""
    spool.db.execute("UPDATE part SET removing = 1 WHERE id = ?", (part,))


def let_stay(spool: Spool, part: int, keys: Iterable[bytes]) -> None:
    """Note that old keys of a part stay as they are, and are not to be brought back either."""
    spool.db.executemany("INSERT OR REPLACE INTO stays VALUES (?, ?, ?)", ((part, key, WHOLE) for key in keys))
