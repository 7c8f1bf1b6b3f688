"""Cutting a stream of records into what one request may hold, each record checked on the way."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from src.errors import InvalidValue

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits(Generic[T]):
    """When a batch is full: by its records, by the parts (partitions) that they are in, by their size in bytes."""

    records: int
    parts: int = 1
    part: Callable[[T], Hashable] | None = None
    size: int = 0
    weigh: Callable[[T], int] | None = None


def batches(what: str, given: Iterable[object], check: Callable[[object], T], limits: Limits[T]) -> Iterator[list[T]]:
    """Check each record of `given` and yield what the checks return, as many at a time as `limits` say.

    Raises:
        InvalidValue: a record cannot be written; it says at which position, and how many before it were yielded.
    """
    batch: list[T] = []
    parts: set[Hashable] = set()
    size = yielded = 0
    for position, one in enumerate(given):
        try:
            batch.append(checked := check(one))
        except InvalidValue as error:
            raise InvalidValue(
                error.field,
                f"The {what} at position {position} (from 0) cannot be written; the first {yielded} are. {error}",
            ) from error
        if limits.part:
            parts.add(limits.part(checked))
        if limits.weigh:
            size += limits.weigh(checked)
        full = (limits.part and len(parts) >= limits.parts) or (limits.weigh and size >= limits.size)
        if full or len(batch) == limits.records:
            yield batch
            yielded += len(batch)
            batch, parts, size = [], set(), 0
    if batch:
        yield batch
