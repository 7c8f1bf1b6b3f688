"""Live keys held against what plain ones are to be, by whole parts in workers: which of them are not just so."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from typing import Any

import redis

from tvmigrate.contract import new
from tvmigrate.engines.redis_opener import open_redis
from tvmigrate.engines.redis_wire import ask, ask_unless, of_hash, pack

TTL_TOLERANCE_MS = 1000  # contract §3, Rollback: to a second
_BATCH = 1000
_CLOCK = 100  # keys between two looks at the server's clock
_NAMES = tuple(name.encode() for name in new.EAOS_FIELDS)
_TIME = pack(b"TIME")
_PTTL = b"*2\r\n$4\r\nPTTL\r\n$%d\r\n%b\r\n"
_HGETALL = b"*2\r\n$7\r\nHGETALL\r\n$%d\r\n%b\r\n"
# Both of a hash that does not expire, and what they are answered where it is as expected, field after field: in RESP3,
# which the driver speaks unless its URL says otherwise; then all is read.
_LOOK = _PTTL + _HGETALL
_FOUND = b":-1\r\n%%%%%d\r\n" % len(_NAMES) + b"".join(
    b"$%d\r\n%b\r\n$%%d\r\n%%b\r\n" % (len(name), name) for name in _NAMES
)
_LRANGE = b"*4\r\n$6\r\nLRANGE\r\n$%d\r\n%b\r\n$1\r\n0\r\n$%d\r\n%d\r\n"
_HPEXPIRETIME = (b"FIELDS", b"%d" % len(_NAMES), *_NAMES)


def unlike_hashes(given: tuple[str, bytes, bool]) -> list[int]:
    """Return which of the plain keys are not there just as expected; `fields_expire` if any hash has such fields."""
    url, pickled, fields_expire = given
    expected = pickle.loads(pickled)  # noqa: S301 - of our own making
    unlike: list[int] = []
    with open_redis(url) as client:
        for start in range(0, len(expected), _BATCH):
            some = list(enumerate(expected[start : start + _BATCH], start))
            if fields_expire:
                unlike += _unlike_one_by_one(client, some, fields_expire=True)
                continue
            lasting = [one for one in some if one[1][4] is None]
            unlike += _unlike_lasting(client, lasting)
            unlike += _unlike_one_by_one(client, [one for one in some if one[1][4] is not None], fields_expire=False)
    return sorted(unlike)


_Numbered = tuple[int, tuple[bytes, bytes, tuple[bytes, ...], tuple[str, ...], int | None]]  # as in `PlainKey`


def _unlike_lasting(client: redis.Redis, some: Sequence[_Numbered]) -> Iterator[int]:
    """Yield the numbers of those of the keys, none of which expires, that are not there just as expected."""
    commands, wanted = [], []
    for _, (key, _, texts, _, _) in some:
        size = len(key)
        commands.append(_LOOK % (size, key, size, key))
        wanted.append(_FOUND % tuple([part for text in texts for part in (len(text), text)]))
    if not some:
        return
    answers = ask_unless(client, b"".join(commands), 2 * len(some), b"".join(wanted))
    if answers is None:
        return
    for (n, (_, _, texts, _, _)), left, fields in zip(some, answers[::2], answers[1::2], strict=True):
        if left != -1 or not _is_hash(fields, texts):
            yield n


def _unlike_one_by_one(client: redis.Redis, some: Sequence[_Numbered], *, fields_expire: bool) -> Iterator[int]:
    commands: list[bytes] = []
    for at, (_, (key, _, _, _, _)) in enumerate(some):
        if at % _CLOCK == 0:
            commands.append(_TIME)
        size = len(key)
        commands.append(_PTTL % (size, key))
        commands.append(_HGETALL % (size, key))
        if fields_expire:
            commands.append(pack(b"HPEXPIRETIME", key, *_HPEXPIRETIME))
    answers = iter(ask(client, b"".join(commands), len(commands)) if commands else ())
    clock = 0
    for at, (n, (_, _, texts, _, deadline)) in enumerate(some):
        if at % _CLOCK == 0:
            clock = _ms(next(answers))
        left, fields = next(answers), next(answers)
        right = _same_deadline(deadline, clock, left) and _is_hash(fields, texts)
        if fields_expire and not _none_expires(next(answers)):
            right = False
        if not right:
            yield n


def unlike_lists(given: tuple[str, Sequence[tuple[bytes, Sequence[str], int | None]]]) -> list[bool]:
    """Return of each list (key, items, deadline) whether it is not there just as expected."""
    url, lists = given
    commands: list[bytes] = []
    for key, items, _ in lists:
        last = b"%d" % len(items)  # one more than there should be
        commands += (_TIME, _PTTL % (len(key), key), _LRANGE % (len(key), key, len(last), len(items)))
    with open_redis(url) as client:
        answers = iter(ask(client, b"".join(commands), len(commands)))
    unlike = []
    for _, items, deadline in lists:
        clock, left, found = _ms(next(answers)), next(answers), next(answers)
        right = _same_deadline(deadline, clock, left) and found == [item.encode() for item in items]
        unlike.append(not right)
    return unlike


def _same_deadline(deadline: int | None, clock: int, left: Any) -> bool:
    if deadline is None:
        return bool(left == -1)
    return isinstance(left, int) and left >= 0 and abs(clock + left - deadline) <= TTL_TOLERANCE_MS


def _is_hash(fields: Any, texts: tuple[bytes, ...]) -> bool:
    if isinstance(fields, Exception):
        return False  # it is of another type
    return of_hash(fields) == dict(zip(_NAMES, texts, strict=True))


def _none_expires(answer: Any) -> bool:
    if isinstance(answer, Exception):  # before Redis 7.4 fields did not expire
        return "unknown command" in str(answer)
    return not answer or all(at <= 0 for at in answer)


def _ms(clock: Any) -> int:
    if isinstance(clock, Exception):
        raise clock
    seconds, microseconds = clock
    return int(seconds) * 1000 + int(microseconds) // 1000
