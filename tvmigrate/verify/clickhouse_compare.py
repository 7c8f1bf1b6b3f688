"""Compare the rows of two ClickHouse servers: digests by bucket first, then only what differs, row by row.

Both sides compute count, sum and xor of their rows' hashes by bucket of a hash of the key; buckets that agree are done.
Rows of the others are read in the order of their keys and paired, each row as often as it stands there.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

from clickhouse_connect.driver.client import Client as ClickHouse

from tvmigrate.verify.clickhouse_canonical import Kind, as_double, mixed
from tvmigrate.verify.context import Reference, ReferenceTables
from tvmigrate.verify.spool import Spool

RELATIVE_TOLERANCE = 1e-12
ROWS_A_BUCKET = 1000
MAX_BUCKETS = 2**16
MAX_CHOSEN = 2000  # buckets named in a query, which a server limits to 256 KB; more are read as all
HELD = 5000  # unpaired rows a side that wait for one that differs in its key alone
_PAIRED_BY_LIKENESS = 20

Row = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns compared: their names and kinds, which of them are the key, and which have a tolerance."""

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    key: tuple[str, ...]
    tolerant: frozenset[str] = frozenset()

    def key_of(self, row: Row) -> Row:
        """Return the canonical strings of the key's columns."""
        return tuple(row[self.names.index(name)] for name in self.key)

    def differing(self, expected: Row, actual: Row) -> tuple[str, ...]:
        """Return the names of the columns in which two rows differ by more than their tolerance."""
        both = zip(self.names, expected, actual, strict=True)
        return tuple(name for name, a, b in both if a != b and not (name in self.tolerant and _close(a, b)))


@dataclass(frozen=True, slots=True)
class Difference:
    """An expected row and what is there: a pair with the fields that differ, or one side alone.

    `copies` is given where a row is there, and not as often as it should: how often it should, and how often it is.
    """

    expected: Row | None
    actual: Row | None
    fields: tuple[str, ...] = ()
    copies: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """Where rows come from: `source` is a table or a subquery.

    `columns` are the canonical SQL of its columns in the shape's order, `hashes` that of their hashes. `sums` are
    whole numbers of a row, in SQL of its columns, which are added up in the same scan for whoever else asks for them.
    """

    source: str
    columns: tuple[str, ...]
    hashes: tuple[str, ...]
    sums: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Digests:
    """By bucket: how many rows, and sum and xor of their hashes; and the side's `sums`, of all buckets."""

    buckets: dict[int, tuple[int, int, int]]
    sums: tuple[int, ...] = ()

    @property
    def rows(self) -> int:
        """Rows in all buckets."""
        return sum(count for count, _, _ in self.buckets.values())


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides whose digests are known: expected rows in the verifier's own tables, actual ones on the live server."""

    reference: ReferenceTables
    live: ClickHouse
    shape: Shape
    expected: Side
    actual: Side
    bucket_count: int
    expected_digests: Digests
    actual_digests: Digests

    @classmethod
    def of(  # noqa: PLR0913, PLR0917 - two servers, two sides, and what they are compared by
        cls, reference: Reference, live: ClickHouse, shape: Shape, expected: Side, actual: Side, size: int
    ) -> Comparison:
        """Compute both sides' digests, the reference's only once; `size` is about how many rows there are.

        Raises:
            ClickHouseError, OSError, TvmigrateError: a side cannot be read.
        """
        count = bucket_count(size)
        with ThreadPoolExecutor(1, thread_name_prefix="live-digests") as pool:
            answer = pool.submit(_live_digests, live, _digest_query(shape, actual, count))
            mine = expected_digests(reference, shape, expected, size)
            theirs = answer.result()
        return cls(reference.tables, live, shape, expected, actual, count, mine, theirs)

    def differences(self) -> Iterator[Difference]:
        """Yield every difference; a row moved to another key, and else equal, is one difference, not two."""
        alone = _Alone(self.shape)
        buckets = self.differing
        if buckets:
            for found in self._explain(buckets):
                yield from alone.take(found)
        yield from alone.rest()

    @property
    def differing(self) -> list[int]:
        """The buckets that do not hold the same on both sides."""
        mine, theirs = self.expected_digests.buckets, self.actual_digests.buckets
        return sorted(bucket for bucket in mine.keys() | theirs.keys() if mine.get(bucket) != theirs.get(bucket))

    def _explain(self, buckets: Sequence[int]) -> Iterator[Difference]:
        """Read the rows of `buckets` of both sides in the order of their keys, and merge them key by key."""
        width = range(len(self.shape.names))
        mine = (
            tuple(bytes.fromhex(found[f"h{n}"]) for n in width)
            for found in self.reference.rows(_rows_query(self.shape, self.expected, self.bucket_count, buckets))
        )
        query = _rows_query(self.shape, self.actual, self.bucket_count, buckets)
        with self.live.query_rows_stream(query) as stream:
            theirs = (tuple(bytes.fromhex(text) for text in found) for found in stream)
            for expected, group in _by_key(groupby(mine, self.shape.key_of), groupby(theirs, self.shape.key_of)):
                yield from self._pair(Counter(expected), group)

    def _pair(self, expected: Counter[Row], group: Iterator[Row]) -> Iterator[Difference]:
        """Pair the rows of one key: equal ones first, then each of the others with the one most like it."""
        due = dict(expected)
        room = expected.total()
        surplus: Counter[Row] = Counter()
        unequal: list[Row] = []
        for row in group:
            if expected[row] > 0:
                expected[row] -= 1
            elif row in due:
                surplus[row] += 1
            elif len(unequal) < room:
                unequal.append(row)
            else:
                yield Difference(None, row)
        for row in surplus.elements():
            yield Difference(None, row, copies=(due[row], due[row] + surplus[row]))
        left = list(expected.elements())
        while left and unequal:
            row = unequal.pop()
            near = left[:_PAIRED_BY_LIKENESS]
            mate = min(near, key=lambda other: len(self.shape.differing(other, row)))
            left.remove(mate)
            fields = self.shape.differing(mate, row)
            if fields:
                yield Difference(mate, row, fields)
        found = {row: due[row] - count for row, count in expected.items()}
        for row in left:
            yield Difference(row, None, copies=(due[row], found[row]) if found[row] else None)
        for row in unequal:
            yield Difference(None, row)


def bucket_count(size: int) -> int:
    """Return in how many buckets about `size` rows are compared."""
    return max(1, min(MAX_BUCKETS, size // ROWS_A_BUCKET))


def _live_digests(live: ClickHouse, query: str) -> Digests:
    with live.query_rows_stream(query) as stream:
        return Digests({int(bucket): (int(n), int(s), int(x)) for bucket, n, s, x in stream})


def expected_digests(reference: Reference, shape: Shape, side: Side, size: int) -> Digests:
    """Return the digests of the reference's side, asked for once a rehearsal: the old data never change."""
    query = _digest_query(shape, side, bucket_count(size))
    places = [f"e{n}" for n in range(len(side.sums))]

    def fill(spool: Spool) -> None:
        rows = (
            (row["bucket"], row["n"], row["s"], row["x"], " ".join(row[place] for place in places))
            for row in reference.tables.rows(query)
        )
        spool.add("INSERT INTO digests VALUES (?, ?, ?, ?, ?)", rows)

    schema = "CREATE TABLE digests (bucket TEXT, n TEXT, s TEXT, x TEXT, sums TEXT)"
    buckets: dict[int, tuple[int, int, int]] = {}
    totals = [0] * len(places)
    with Spool(kept=reference.kept.spool("digests", query, schema, fill)) as spool:
        for bucket, n, s, x, sums in spool.rows("SELECT * FROM kept.digests"):
            buckets[int(bucket)] = (int(n), int(s), int(x))
            totals = [total + int(part) for total, part in zip(totals, sums.split(), strict=True)]
    return Digests(buckets, tuple(totals))


Groups = Iterator[tuple[Row, Iterator[Row]]]


def _by_key(mine: Groups, theirs: Groups) -> Iterator[tuple[Iterator[Row], Iterator[Row]]]:
    """Merge two groupings that are in the order of their keys; a side without a key gives no rows for it."""
    left, right = next(mine, None), next(theirs, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            yield left[1] if left else iter(()), iter(())
            left = next(mine, None)
        elif left is None or right[0] < left[0]:
            yield iter(()), right[1]
            right = next(theirs, None)
        else:
            yield left[1], right[1]
            left, right = next(mine, None), next(theirs, None)


class _Alone:
    """Holds rows that only one side has, and pairs those that differ in one key column alone."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._held: dict[bool, list[Difference]] = {True: [], False: []}

    def take(self, difference: Difference) -> Iterator[Difference]:
        """Yield `difference` at once, unless it is one to be held."""
        missing = difference.actual is None
        one_sided = difference.expected is None or missing
        if one_sided and len(self._held[missing]) < HELD:
            self._held[missing].append(difference)
        else:
            yield difference

    def rest(self) -> Iterator[Difference]:
        """Yield what was held, as pairs where it can be."""
        missing, extra = self._held[True], self._held[False]
        for moved in self._shape.key:
            waiting: dict[Row, list[Difference]] = {}
            for alone in extra:
                waiting.setdefault(self._without(moved, alone.actual), []).append(alone)
            unpaired = []
            for alone in missing:
                mates = waiting.get(self._without(moved, alone.expected))
                if mates:
                    yield Difference(alone.expected, mates.pop().actual, (moved,))
                else:
                    unpaired.append(alone)
            missing, extra = unpaired, [alone for many in waiting.values() for alone in many]
        yield from missing
        yield from extra

    def _without(self, moved: str, row: Row | None) -> Row:
        named = zip(self._shape.names, row or (), strict=True)
        return tuple(_rounded(text) if name in self._shape.tolerant else text for name, text in named if name != moved)


def _rounded(canonical: bytes) -> bytes:
    return f"{as_double(canonical):.9e}".encode()


def _close(expected: bytes, actual: bytes) -> bool:
    return math.isclose(as_double(expected), as_double(actual), rel_tol=RELATIVE_TOLERANCE)


# Names that no column of a table has: an alias would be taken for a column of its name in the other expressions.
_BUCKET, _HASH, _COLUMN = "__tvmigrate_bucket", "__tvmigrate_hash", "__tvmigrate_"


def _bucket(shape: Shape, side: Side, count: int) -> str:
    return f"{mixed([side.hashes[shape.names.index(name)] for name in shape.key])} % {count}"


def _digest_query(shape: Shape, side: Side, count: int) -> str:
    # Text, since JSON readers differ on whole numbers beyond 2^53.
    sums = [f", toString(sum({_COLUMN}{n})) AS e{n}" for n in range(len(side.sums))]
    added = [f", {sql} AS {_COLUMN}{n}" for n, sql in enumerate(side.sums)]
    return (
        f"SELECT toString({_BUCKET}) AS bucket, toString(count()) AS n, toString(sumWithOverflow({_HASH})) AS s,"
        f" toString(groupBitXor({_HASH})) AS x{''.join(sums)}\n"
        f"FROM (SELECT {_bucket(shape, side, count)} AS {_BUCKET}, {mixed(list(side.hashes))} AS {_HASH}"
        f"{''.join(added)}\nFROM {side.source})\nGROUP BY {_BUCKET}"
    )


def _rows_query(shape: Shape, side: Side, count: int, buckets: Sequence[int]) -> str:
    named = ", ".join(f"{sql} AS {_COLUMN}{n}" for n, sql in enumerate(side.columns))
    shown = ", ".join(f"hex({_COLUMN}{n}) AS h{n}" for n in range(len(shape.names)))
    key = ", ".join(f"{_COLUMN}{shape.names.index(name)}" for name in shape.key)
    chosen = ", ".join(map(str, buckets))
    where = f" WHERE {_bucket(shape, side, count)} IN ({chosen})" if len(buckets) <= MAX_CHOSEN else ""
    return f"SELECT {shown} FROM (SELECT {named} FROM {side.source}{where}) ORDER BY {key}"
