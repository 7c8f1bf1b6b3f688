"""Packed Redis commands sent to whichever master has their keys, in units of one key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.commands.cluster import READ_COMMANDS

from tvmigrate.engines.redis_client import ClusterClient, SentinelClient
from tvmigrate.engines.redis_units import Command, Unit

Routed = ClusterClient | SentinelClient
_READS = frozenset(name.encode() for name in READ_COMMANDS) | {b"TIME"}


@dataclass(slots=True)
class _Group:
    """Commands in a row about one key, between MULTI and EXEC if `atomic`."""

    key: bytes | None = None
    commands: list[Command] = field(default_factory=list)
    atomic: bool = False

    def unit(self) -> Unit:
        if self.key is None:
            raise ValueError(f"{self.commands} name no key, and so no server")
        writes = any(words[0] not in _READS for words in self.commands)
        return Unit(self.key, tuple(self.commands), self.atomic, writes)


def route(client: Routed, commands: Iterable[Sequence[bytes]]) -> list[Any]:
    """Send commands, each as its words, and return their answers in order.

    Commands in a row about one key stay together; one that names no key, such as TIME, goes with the one after it.
    Between MULTI and EXEC all are of one key, as one step that replicas confirm.

    Raises:
        redis.RedisError: see `redis_units.send_each`; an error that a command is answered with stands in its place.
    """
    groups = list(_groups(commands))
    answers: list[Any] = []
    for group, answer in zip(groups, client.send_each([group.unit() for group in groups]), strict=True):
        if not group.atomic:
            answers += answer
            continue
        refused = next((one for one in answer if isinstance(one, Exception)), None)
        answers += [b"OK", *(b"QUEUED" for _ in answer), refused if refused is not None else answer]
    return answers


def create(client: Routed, commands: Iterable[Sequence[bytes]]) -> None:
    """Carry out commands that put keys in place of whatever is there, or remove them: each key in one step.

    A key's commands begin with its DEL. What would grow under another name and be renamed grows within the step: two
    names are of two slots.

    Raises:
        redis.RedisError: see `redis_units.send_each`; the first error that a command is answered with.
    """
    for answer in client.send_each(list(_creations(commands))):
        for one in answer:
            if isinstance(one, Exception):
                raise one


def _groups(commands: Iterable[Sequence[bytes]]) -> Iterator[_Group]:
    group = _Group()
    for verb, *rest in commands:
        if verb == b"MULTI" or (rest and group.key is not None and not group.atomic and rest[0] != group.key):
            keyless = _take_keyless(group)
            if group.commands:
                yield group
            group = _Group(commands=keyless, atomic=verb == b"MULTI")
        if verb == b"EXEC":
            yield group
            group = _Group()
        elif verb != b"MULTI":
            group.commands.append((verb, *rest))
            group.key = rest[0] if rest else group.key
    if group.commands:
        yield group


def _take_keyless(group: _Group) -> list[Command]:
    """Take from the end of a group what names no key: it belongs to what comes next."""
    taken: list[Command] = []
    while group.commands and len(group.commands[-1]) == 1:
        taken.insert(0, group.commands.pop())
    return taken


def _creations(commands: Iterable[Sequence[bytes]]) -> Iterator[Unit]:
    key, some = b"", list[Command]()
    for verb, *words in commands:
        if verb in {b"MULTI", b"EXEC"}:
            continue
        if verb == b"RENAME":
            key = words[1]
            continue
        if verb == b"DEL":
            if some:
                yield _creation(key, some)
            key, some = words[0], []
        some.append((verb, *words[1:]))
    if some:
        yield _creation(key, some)


def _creation(key: bytes, some: Iterable[Command]) -> Unit:
    return Unit(key, tuple((verb, key, *words) for verb, *words in some), atomic=True, writes=True)
