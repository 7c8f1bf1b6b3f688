"""Commands sent to a Redis whose masters may change: redirected, sent again after a failover, confirmed by replicas.

A unit is what is asked of one key, so that it never spans slots. Whatever a unit does, doing it twice has to have the
effect of doing it once: after a lost connection nobody knows whether the server had done it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import redis
from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - redis-py's, which is no OSError
    MasterDownError,
    MovedError,
    ReadOnlyError,
    RedisClusterException,
    ResponseError,
    TimeoutError,  # noqa: A004
    TryAgainError,
)

PATIENCE_SECONDS = 120.0  # a failover takes as long as nobody notices (15 s unless set otherwise), and an election
AWAY = (ConnectionError, TimeoutError, RedisClusterException, OSError)
ELSEWHERE = (AskError, TryAgainError, ClusterDownError, MasterDownError, ReadOnlyError)  # MOVED is a kind of ASK
_WAIT_MS, _WAITS = 1000, 5
_CIRCLES = 5
_ONLINE = re.compile(rb"^slave\d+:.*state=online", re.MULTILINE)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # seconds

Command = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """Commands about one key, sent in order; as one transaction if `atomic`. What `writes` is confirmed by replicas."""

    key: bytes
    commands: tuple[Command, ...]
    atomic: bool = False
    writes: bool = False

    def lines(self, asking: bool) -> list[Command]:
        """Return the commands as they are sent."""
        lines: list[Command] = [("ASKING",)] if asking else []
        return [*lines, ("MULTI",), *self.commands, ("EXEC",)] if self.atomic else [*lines, *self.commands]

    def answer(self, answers: Sequence[Any], asking: bool) -> list[Any]:
        """Return what the commands alone were answered, of the answers to `lines`."""
        answers = answers[1:] if asking else answers
        if not self.atomic:
            return list(answers)
        refused = next((one for one in answers[:-1] if isinstance(one, ResponseError)), None)
        if refused is not None or not isinstance(answers[-1], list):
            return [refused if refused is not None else answers[-1]] * len(self.commands)
        return list(answers[-1])


class Servers(Protocol):
    """Who serves a key at present, as far as is known."""

    def server_of(self, key: bytes) -> redis.Redis:
        """Return a client of the key's master."""

    def server_at(self, host: str, port: int) -> redis.Redis:
        """Return a client of the server at an address that a redirection named."""

    def moved(self, where: MovedError) -> None:
        """Take note of where a slot is now."""

    def look_again(self) -> None:
        """Ask anew who the masters are; raises one of `AWAY` if nobody answers."""

    def has_replicas(self, server: redis.Redis) -> bool:
        """Return whether the server is known to have replicas that answer, so that a write has to reach one."""


def send_each(servers: Servers, units: Iterable[Unit], patience: float = PATIENCE_SECONDS) -> list[list[Any]]:
    """Send every unit to whoever serves its key, until it was answered there and, if it writes, replicas have it.

    Returns the raw answers to each unit's commands, in the order of the units; an error that a command is answered with
    stands in its place.

    Raises:
        redis.RedisError: for `patience` seconds no server answered for the units that are left, or no replica had them.
    """
    todo = dict(enumerate(units))
    done: dict[int, list[Any]] = {}
    asked: dict[int, AskError] = {}
    deadline, pause = time.monotonic() + patience, _FIRST_PAUSE
    circles = 0
    while todo:
        before = len(todo)
        trouble = _attempt(servers, todo, asked, done)
        if len(todo) < before:
            deadline, pause = time.monotonic() + patience, _FIRST_PAUSE
        elif trouble is None:  # redirected, all of it: once is news, again and again is a cluster that disagrees
            circles += 1
            trouble = ClusterDownError("its servers send from one to another") if circles > _CIRCLES else None
        if trouble is not None:
            if time.monotonic() > deadline:
                raise trouble
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            with suppress(*AWAY):
                servers.look_again()
    return [done[number] for number in sorted(done)]


def _attempt(
    servers: Servers, todo: dict[int, Unit], asked: dict[int, AskError], done: dict[int, list[Any]]
) -> redis.RedisError | None:
    """Send what is to be done, and move what was done to `done`; return why to pause before the rest is sent again."""
    trouble: redis.RedisError | None = None
    shares: dict[int, tuple[redis.Redis, dict[int, tuple[Unit, bool]]]] = {}
    for number, unit in todo.items():
        ask = asked.pop(number, None)
        try:
            server = servers.server_of(unit.key) if ask is None else servers.server_at(ask.host, ask.port)
        except AWAY as away:
            trouble = told(away)
        else:
            shares.setdefault(id(server), (server, {}))[1][number] = (unit, ask is not None)
    for server, share in shares.values():
        try:
            answers, unconfirmed = _exchange(server, share, servers.has_replicas(server))
        except AuthenticationError:
            raise
        except AWAY as away:
            trouble = told(away)
            continue
        for number, answer in answers.items():
            elsewhere = next((one for one in answer if isinstance(one, ELSEWHERE)), None)
            if elsewhere is None and not (unconfirmed is not None and todo[number].writes):
                done[number] = answer
                del todo[number]
            elif elsewhere is None:
                trouble = unconfirmed
            else:
                trouble = _redirected(servers, elsewhere) or trouble
                if isinstance(elsewhere, AskError) and not isinstance(elsewhere, MovedError):
                    asked[number] = elsewhere
    return trouble


def _redirected(servers: Servers, elsewhere: redis.RedisError) -> redis.RedisError | None:
    """Follow a redirection; return it if it is one to wait for, or if it may lead in a circle."""
    if isinstance(elsewhere, MovedError):
        servers.moved(elsewhere)
        return None
    return None if isinstance(elsewhere, AskError) else elsewhere


def _exchange(
    server: redis.Redis, share: Mapping[int, tuple[Unit, bool]], has_replicas: bool
) -> tuple[dict[int, list[Any]], redis.RedisError | None]:
    """Send units to one server in one go; return the answers to each, and what kept its replicas from having them."""
    lines = {number: unit.lines(asking) for number, (unit, asking) in share.items()}
    with _connection(server) as connection:
        answers = _ask(connection, [line for some in lines.values() for line in some])
        wrote = any(unit.writes for unit, _ in share.values())
        unconfirmed = _unconfirmed(connection, has_replicas) if wrote else None
    result = {}
    position = 0
    for number, (unit, asking) in share.items():
        result[number] = unit.answer(answers[position : position + len(lines[number])], asking)
        position += len(lines[number])
    return result, unconfirmed


def _unconfirmed(connection: Any, has_replicas: bool) -> redis.RedisError | None:
    """Wait until every replica that is connected has what this connection wrote; return why that is not so.

    https://redis.io/docs/latest/commands/wait/: it counts what was written by this very connection.
    """
    needed = 0
    for _ in range(_WAITS):
        (told_of,) = _ask(connection, [("INFO", "replication")])
        if isinstance(told_of, Exception):
            raise told_of
        needed = max(len(_ONLINE.findall(told_of)), 1 if has_replicas else 0)
        if not needed:
            return None
        (reached,) = _ask(connection, [("WAIT", needed, _WAIT_MS)])
        if isinstance(reached, Exception):
            raise reached
        if reached >= needed:
            return None
    return redis.TimeoutError(f"what was written had not reached {needed} replicas within {_WAITS * _WAIT_MS} ms")


@contextmanager
def _connection(server: redis.Redis) -> Iterator[Any]:
    pool = server.connection_pool
    connection = pool.get_connection()
    try:
        yield connection
    except BaseException:
        connection.disconnect()  # type: ignore[no-untyped-call]  # answers may be left in it
        raise
    finally:
        pool.release(connection)


def _ask(connection: Any, lines: Sequence[Command]) -> list[Any]:
    connection.send_packed_command(connection.pack_commands(lines))
    return [_read(connection) for _ in lines]


def _read(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as refused:
        return refused


def told(away: Exception) -> redis.RedisError:
    """Return what kept a server from answering as an error of redis-py's one family, which all callers know."""
    return away if isinstance(away, redis.RedisError) else redis.ConnectionError(str(away) or type(away).__name__)
