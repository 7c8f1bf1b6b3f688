"""Documents as sums of digests: equal sums are equal documents, and what differs is looked for in a few buckets."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tvmigrate.engines.clients import Clients, open_elasticsearch
from tvmigrate.verify.elasticsearch_live import hits_of, point_in_time
from tvmigrate.workers import Workers

BUCKETS = 1024
SCHEMA = "CREATE TABLE sums (bucket INTEGER PRIMARY KEY, documents INT, digests TEXT)"
_SLICE_DOCUMENTS = 50_000
_MOST_SLICES = 1024  # that Elasticsearch makes of a point in time, unless told otherwise
_SUM = 2**128

Hit = Mapping[str, Any]
Digest = Callable[[str, Mapping[str, Any]], bytes]


def bucket_of(name: str) -> int:
    """Return the bucket of a document by its `_id`."""
    return zlib.crc32(name.encode("utf-8", "surrogatepass")) % BUCKETS


@dataclass(slots=True)
class Sums:
    """How many documents there are in all, and by bucket how many and the sum of their digests, in whatever order."""

    documents: int = 0
    counts: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    digests: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    def add(self, name: str, digest: bytes) -> None:
        """Take in a document."""
        bucket = bucket_of(name)
        self.documents += 1
        self.counts[bucket] += 1
        self.digests[bucket] += int.from_bytes(digest, "little")

    def take(self, other: Sums) -> None:
        """Take in what other sums have."""
        self.documents += other.documents
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.digests = [mine + theirs for mine, theirs in zip(self.digests, other.digests, strict=True)]

    def rows(self) -> Iterator[tuple[int, int, str]]:
        """Yield bucket, count and digests as `SCHEMA` has them."""
        for bucket in range(BUCKETS):
            yield bucket, self.counts[bucket], f"{self.digests[bucket] % _SUM:x}"

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[Any, ...]]) -> Sums:
        """Return what `rows` were made of."""
        found = cls()
        for bucket, count, digests in rows:
            found.documents += count
            found.counts[bucket], found.digests[bucket] = count, int(digests, 16)
        return found

    def differing(self, other: Sums) -> frozenset[int]:
        """Return the buckets that do not hold the same documents in both."""
        return frozenset(
            bucket
            for bucket in range(BUCKETS)
            if self.counts[bucket] != other.counts[bucket] or (self.digests[bucket] - other.digests[bucket]) % _SUM != 0
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """What stands behind a name at a point in time, to be read in slices by any process; `timeout` in seconds."""

    url: str
    timeout: float
    name: str
    pit: str
    documents: int

    def slices(self) -> Iterator[Slice]:
        """Yield its parts, of some 50,000 documents each."""
        of = max(1, min(_MOST_SLICES, -(-self.documents // _SLICE_DOCUMENTS)))
        return (Slice(self, number, of) for number in range(of))


@dataclass(frozen=True, slots=True)
class Slice:
    """One of `of` parts of a moment."""

    moment: Moment
    number: int
    of: int

    def hits(self) -> Iterator[Hit]:
        """Yield its hits; raises AnswerCut, ApiError, TransportError."""
        sliced = {"id": self.number, "max": self.of} if self.of > 1 else None
        with open_elasticsearch(self.moment.url, self.moment.timeout) as client:
            yield from hits_of(client, self.moment.name, self.moment.pit, sliced)


@contextmanager
def moment_of(clients: Clients, name: str) -> Iterator[Moment]:
    """Open a point in time of `name`, for `with`; raises AnswerCut."""
    client = clients.elasticsearch
    with point_in_time(client, name) as pit:
        about = int(client.count(index=name)["count"])  # for the number of slices alone
        yield Moment(clients.endpoints.elasticsearch, clients.timeout, name, pit, about)


def sums_of(workers: Workers, moment: Moment, digest: Digest) -> Sums:
    """Return the sums of a moment's documents; `digest` is a module's function."""
    found = Sums()
    for part in workers.each(partial(_sums_of_slice, digest), moment.slices()):
        found.take(part)
    return found


def _sums_of_slice(digest: Digest, part: Slice) -> Sums:
    found = Sums()
    for hit in part.hits():
        found.add(hit["_id"], digest(hit["_id"], hit.get("_source", {})))
    return found


def digests_within(
    workers: Workers, moment: Moment, digest: Digest, buckets: frozenset[int]
) -> Iterator[tuple[str, bytes]]:
    """Yield `_id` and digest of a moment's documents that are in `buckets`."""
    for part in workers.each(partial(_digests_of_slice, digest, buckets), moment.slices()):
        yield from part


def _digests_of_slice(digest: Digest, buckets: frozenset[int], part: Slice) -> list[tuple[str, bytes]]:
    return [
        (hit["_id"], digest(hit["_id"], hit.get("_source", {})))
        for hit in part.hits()
        if bucket_of(hit["_id"]) in buckets
    ]
