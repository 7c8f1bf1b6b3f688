"""redis-py's pipeline over a Redis whose masters may change: the same methods, the same answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import redis
from redis.client import NEVER_DECODE, Pipeline
from redis.commands.cluster import READ_COMMANDS

from tvmigrate.engines.redis_units import Unit

_Queued = tuple[tuple[Any, ...], dict[str, Any]]
_READS = frozenset(READ_COMMANDS) | {"TIME", "XINFO STREAM"}
_OF_THE_DRIVER = {NEVER_DECODE, "EMPTY_RESPONSE", "keys"}


class UnitPipeline(Pipeline):
    """Commands in a row about one key go as one unit, in one transaction if the pipeline is one.

    A command that names no key, such as TIME, belongs to the key of the command after it. It cannot watch keys: what
    is written after a look is to say itself when it has no effect.
    """

    def __init__(self, client: redis.Redis, transaction: bool, send: Callable[[list[Unit]], list[list[Any]]]) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, transaction, None)
        self._send = send

    def watch(self, *names: Any) -> None:
        """Refuse."""
        raise redis.RedisError(f"{len(names)} keys cannot be watched here: their slots may be of several servers.")

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Send what is queued; return the answers in order. See `redis_units.send_each` for errors."""
        queued: list[_Queued] = self.command_stack
        try:
            groups = list(_by_key(queued))
            units = [
                Unit(
                    key,
                    tuple(args for args, _ in group),
                    atomic=bool(self.transaction),
                    writes=any(args[0] not in _READS for args, _ in group),
                )
                for key, group in groups
            ]
            answers = [
                self._parsed(command, answer)
                for (_, group), given in zip(groups, self._send(units), strict=True)
                for command, answer in zip(group, given, strict=True)
            ]
        finally:
            self.reset()
        if raise_on_error:
            self.raise_first_error(queued, answers)  # type: ignore[no-untyped-call]
        return answers

    def _parsed(self, command: _Queued, answer: Any) -> Any:
        args, options = command
        if isinstance(answer, Exception) or args[0] not in self.response_callbacks:
            return answer
        told = {name: value for name, value in options.items() if name not in _OF_THE_DRIVER}
        return self.response_callbacks[args[0]](answer, **told)


def _by_key(queued: Sequence[_Queued]) -> Iterator[tuple[bytes, list[_Queued]]]:
    group: list[_Queued] = []
    keyless: list[_Queued] = []
    key: bytes | None = None
    for command in queued:
        args, _ = command
        if len(args) == 1:
            keyless.append(command)
            continue
        name = args[1] if isinstance(args[1], bytes) else str(args[1]).encode()
        if key is not None and name != key:
            yield key, group
            group = []
        key = name
        group += [*keyless, command]
        keyless = []
    if key is not None:
        yield key, [*group, *keyless]
    elif keyless:
        raise redis.RedisError(f"{keyless[0][0][0]} is asked of no key, and so of no server.")
