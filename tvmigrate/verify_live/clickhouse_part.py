"""ClickHouse: rows that the rules make of old ones, found by their keys; the application inserts, and changes none."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from tvmigrate.contract import new, sql, values
from tvmigrate.contract.layout import Column, Table, literal, quoted
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.clickhouse_canonical import decode, expression, kind_of
from tvmigrate.verify.clickhouse_compare import Row, Shape
from tvmigrate.verify.clickhouse_rows import live_types, reference_has
from tvmigrate.verify.context import Context
from tvmigrate.verify.errors import VerificationError
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify_live.model import SAME, About, Due, Part, Seen, State, Times, different
from tvmigrate.verify_live.sample import Sample

_BUCKET_NS = 300 * values.NS_PER_S
_TIME = "timestamp"
_LATE = "its bucket was not over when the migration ended, and rows of the application's belong to it"
_SHOWN = 20  # rows that are looked for under another key, of one batch


class NoTable(VerificationError):  # noqa: N818 - it says what happened, as in `errors`
    """A table of the new layout, or a column of it, is not there to be looked at."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """A new table, and the SELECT of its expected rows in the reference."""

    about: About
    table: Table
    key: tuple[str, ...]
    query: str
    tolerant: frozenset[str] = frozenset()
    bucket_ns: int = 0

    @property
    def shape(self) -> Shape:
        names = self.table.column_names
        return Shape(names, tuple(kind_of(column.type) for column in self.table.columns), self.key, self.tolerant)

    def name(self, row: Row) -> str:
        shown = (decode(kind_of(self._column(name).type), text) for name, text in zip(self.key, row, strict=True))
        return f"{self.table.name} {' '.join(map(str, shown))}"

    def _column(self, name: str) -> Column:
        return next(column for column in self.table.columns if column.name == name)


class Rows:
    """The rows of one key each: as many, and the same in every column."""

    def __init__(self, subject: _Subject, context: Context, times: Times, sample: Sample) -> None:
        self.about = subject.about
        self._subject = subject
        self._context = context
        self._times = times
        self._sample = sample
        self._types: dict[str, str] = {}

    def total(self) -> int:
        """Return how many keys of rows there are; those of one key are looked at together."""
        key = ", ".join(map(quoted, self._subject.key))
        counted = f"SELECT count() AS n FROM (SELECT {key} FROM ({self._subject.query}) GROUP BY {key})"
        (row,) = self._context.reference.tables.query(counted)
        return int(row["n"])

    def due(self, skip: int) -> Generator[Due, None, None]:
        """Yield the expected rows in the order of their keys."""
        yield from islice(self._due(), skip, None)

    def _due(self) -> Iterator[Due]:
        subject, shape = self._subject, self._subject.shape
        made = {
            column.name: "String" if column.type.startswith("Enum") else column.type for column in subject.table.columns
        }
        query = f"SELECT {_hexed(subject.table, made)} FROM ({subject.query}) ORDER BY {_order(subject.key)}"
        rows = (
            tuple(bytes.fromhex(row[f"c{n}"]) for n in range(len(shape.names)))
            for row in self._context.reference.tables.rows(query)
        )
        for key, some in groupby(rows, key=shape.key_of):
            found = list(some)
            name = subject.name(key)
            if self._sample.takes(b"".join(key)):
                yield Due(name, (key, found))

    def look(self, due: Sequence[Due]) -> list[Seen]:
        """Compare the rows of these keys as they are now."""
        found = self._live([one.what[0] for one in due])
        seen = [self._one(one, found.get(one.what[0], [])) for one in due]
        self._explain(due, seen)
        return seen

    def _live(self, keys: Sequence[Row]) -> dict[Row, list[Row]]:
        """Return the live rows of keys, which stand together in the table's order."""
        subject, shape = self._subject, self._subject.shape
        types = self._columns()
        rows: dict[Row, list[Row]] = {key: [] for key in keys}
        for row in _read(self._context, subject.table, types, _among(subject, keys)):
            if (key := shape.key_of(row)) in rows:
                rows[key].append(row)
        return rows

    def _columns(self) -> dict[str, str]:
        if not self._types:
            found = live_types(self._context.clients.clickhouse, self._subject.table.name)
            if found is None:
                raise NoTable(f"There is no table {new.DATABASE}.{self._subject.table.name}.")
            self._types = found
        return self._types

    def _one(self, due: Due, live: list[Row]) -> Seen:
        key, expected = due.what
        unpaired = _unpaired(self._subject.shape, expected, live)
        if not any(unpaired):
            return SAME
        missing, extra = unpaired
        at = _nanoseconds(self._subject, key)
        if self._subject.bucket_ns and self._times.is_later(at + self._subject.bucket_ns):
            return Seen(State.UNCHECKED, why=_LATE)
        return different(*self._findings(due.name, missing, extra))

    def _findings(self, name: str, missing: list[Row], extra: list[Row]) -> Iterator[Finding]:
        shape, rule = self._subject.shape, self.about.rule
        while missing and extra:
            row, other = missing.pop(), extra.pop()
            for field in shape.differing(row, other):
                n = shape.names.index(field)
                one, two = decode(shape.kinds[n], row[n]), decode(shape.kinds[n], other[n])
                note = f"{field} of {name} is {two!r:.200}; the old data make it {one!r:.200}."
                where = {"old": name, "new": name, "field": field, "expected": one, "actual": two}
                yield Finding(Store.CLICKHOUSE, rule, Direction.CHANGED, note, **where)
        if missing:
            note = f"{name} is missing{f', {len(missing)} times' if len(missing) > 1 else ''}."
            yield Finding(Store.CLICKHOUSE, rule, Direction.MISSING, note, old=name, new=name)
        if extra:
            note = f"{name} stands there {len(extra)} times more than old rows map to it."
            yield Finding(Store.CLICKHOUSE, rule, Direction.EXTRA, note, new=name)

    def _explain(self, due: Sequence[Due], seen: list[Seen]) -> None:
        """Say of comments that are missing under their keys where else they are."""
        if self._subject.table is not new.RAW_COMMENTS:
            return
        id_at = self._subject.key.index("comment_id")
        lost = [n for n, one in enumerate(seen) if [f.direction for f in one.findings] == [Direction.MISSING]][:_SHOWN]
        if not lost:
            return
        named = ", ".join(literal(due[n].what[0][id_at][1:].decode("utf-8", "surrogateescape")) for n in lost)
        shape = self._subject.shape
        found: dict[bytes, list[Row]] = {}
        for row in _read(self._context, self._subject.table, self._columns(), f"comment_id IN ({named})"):
            found.setdefault(row[shape.names.index("comment_id")], []).append(row)
        for n in lost:
            # One with a later time is the application's: the old row is missing beside it.
            others = [
                row
                for row in found.get(due[n].what[0][id_at], [])
                if not self._times.is_later(_nanoseconds(self._subject, shape.key_of(row)))
            ]
            if len(others) == 1 and len(due[n].what[1]) == 1:
                seen[n] = different(*self._findings(due[n].name, list(due[n].what[1]), others))


class Extra:
    """Rows that no old row maps to and that are no later than the migration."""

    def __init__(self, subject: _Subject, context: Context, times: Times) -> None:
        self.about = About(
            f"{subject.about.id}.extra", Store.CLICKHOUSE, subject.about.rule, "months",
            f"{subject.table.name} holds no row of before the migration's end that no old row maps to.",
        )  # fmt: skip
        self._subject = subject
        self._context = context
        self._until = None if times.no_writers else (times.ended_ns - subject.bucket_ns) // values.NS_PER_MS

    def total(self) -> int:
        """Return how many months there are to be counted."""
        return len(self._months())

    def due(self, skip: int) -> Generator[Due, None, None]:
        """Yield months, and how many rows each should have."""
        for month, count in islice(sorted(self._months().items()), skip, None):
            yield Due(f"{self._subject.table.name} {month}", (month, count))

    def _months(self) -> dict[int, int]:
        table = self._context.reference.tables
        query = f"SELECT toYYYYMM({_TIME}) AS m, count() AS n FROM ({self._subject.query}) {self._where()} GROUP BY m"
        expected = {int(row["m"]): int(row["n"]) for row in table.query(query)}
        live = self._context.clients.clickhouse.query(
            f"SELECT DISTINCT toYYYYMM({_TIME}) FROM {_place(self._subject.table)} {self._where()}"
        )
        return {int(month): 0 for (month,) in live.result_rows} | expected

    def _where(self, month: int | None = None) -> str:
        wanted = []
        if self._until is not None:
            wanted.append(f"toUnixTimestamp64Milli(toDateTime64({_TIME}, 3, 'UTC')) <= {self._until}")
        if month is not None:
            wanted.append(f"toYYYYMM({_TIME}) = {month}")
        return f"WHERE {' AND '.join(wanted)}" if wanted else ""

    def look(self, due: Sequence[Due]) -> list[Seen]:
        """Count the rows of months; where there are more than should be, name them."""
        return [self._month(*one.what) for one in due]

    def _month(self, month: int, expected: int) -> Seen:
        client, place, where = self._context.clients.clickhouse, _place(self._subject.table), self._where(month)
        (live,) = client.query(f"SELECT count() FROM {place} {where}").result_rows[0]
        if live <= expected:  # one that is missing is told where it is looked for
            return SAME
        return different(*islice(self._named(month, where), _SHOWN))

    def _named(self, month: int, where: str) -> Iterator[Finding]:
        subject = self._subject
        columns, order = ", ".join(_key_text(subject, name) for name in subject.key), _order(subject.key)
        asked = f"SELECT {columns} FROM {{}} {where} ORDER BY {order}"
        known = self._context.reference.tables.rows(asked.format(f"({subject.query})"))
        with self._context.clients.clickhouse.query_rows_stream(asked.format(_place(subject.table))) as live:
            both = heapq.merge(
                ((tuple(map(bytes.fromhex, row)), 1) for row in live),
                ((tuple(bytes.fromhex(row[f"k{n}"]) for n in range(len(subject.key))), 0) for row in known),
                key=lambda one: _sorting(subject, one[0]),
            )
            for key, some in groupby(both, key=lambda one: one[0]):
                sides = Counter(side for _, side in some)
                if sides[1] > sides[0]:
                    name = subject.name(key)
                    note = f"{name} comes from no old row{f', {sides[1]} times' if sides[1] > 1 else ''}."
                    yield Finding(Store.CLICKHOUSE, self.about.rule, Direction.EXTRA, note, new=name)


def parts(context: Context, times: Times, sample: Sample) -> list[Part]:
    """Return ClickHouse's parts in the order in which they are looked at."""
    found: list[Part] = []
    for subject in _subjects(context):
        found += [Rows(subject, context, times, sample), Extra(subject, context, times)]
    return found


def _subjects(context: Context) -> Iterator[_Subject]:
    for rule, what, name, key in (
        (sql.comments(context.policy), "comments", Rule.CLICKHOUSE_COMMENTS, ("program_id", _TIME, "comment_id")),
        (sql.eaos_metrics(context.policy), "eaos_metrics", Rule.CLICKHOUSE_EAOS_METRICS, ("program_id", _TIME)),
    ):
        if reference_has(context, rule.source):
            claim = f"{rule.target.name} holds the row that each old one maps to, as often."
            about = About(f"live.clickhouse.{what}", Store.CLICKHOUSE, name, "rows", claim)
            yield _Subject(about, rule.target, key, rule.query(rule.source.read()))
    comments = context.policy.layout.comments
    if reference_has(context, comments):
        claim = "comment_aggregates holds count and mean of the old comments by program, bucket and topic."
        about = About("live.clickhouse.aggregates", Store.CLICKHOUSE, Rule.CLICKHOUSE_AGGREGATES, "rows", claim)
        yield _Subject(
            about, new.COMMENT_AGGREGATES, ("program_id", "topic", _TIME),
            sql.aggregates(context.policy, comments.read()), frozenset({"avg_sentiment"}), _BUCKET_NS,
        )  # fmt: skip


def _place(table: Table) -> str:
    return f"{quoted(new.DATABASE)}.{quoted(table.name)}"


def _order(key: Sequence[str]) -> str:
    # As text: LowCardinality columns and an aggregate's are in the order of their bytes then, here and there.
    return ", ".join(f"CAST({quoted(name)} AS String)" if name != _TIME else quoted(name) for name in key)


def _sorting(subject: _Subject, key: Row) -> tuple[Any, ...]:
    return tuple(int(text[1:]) if name == _TIME else text for name, text in zip(subject.key, key, strict=True))


def _key_text(subject: _Subject, name: str) -> str:
    column = next(column for column in subject.table.columns if column.name == name)
    return f"hex({expression(kind_of(column.type), quoted(name), column.type)}) AS k{subject.key.index(name)}"


def _hexed(table: Table, types: Mapping[str, str]) -> str:
    shown = []
    for n, column in enumerate(table.columns):
        found = types.get(column.name)
        text = None if found is None else expression(kind_of(column.type), quoted(column.name), found)
        if text is None:
            raise NoTable(
                f"Column {column.name} of {new.DATABASE}.{table.name} is {found or 'missing'}, expected {column.type}: "
                "its rows cannot be compared."
            )
        shown.append(f"hex({text}) AS c{n}")
    return ", ".join(shown)


def _read(context: Context, table: Table, types: Mapping[str, str], where: str) -> Iterator[Row]:
    query = f"SELECT {_hexed(table, types)} FROM {_place(table)} WHERE {where}"
    settings = {"max_query_size": 1 << 24, "max_ast_elements": 1 << 20, "max_expanded_ast_elements": 1 << 20}
    with context.clients.clickhouse.query_rows_stream(query, settings=settings) as rows:
        for row in rows:
            yield tuple(map(bytes.fromhex, row))


def _among(subject: _Subject, keys: Sequence[Row]) -> str:
    """Return a condition that the rows of these keys meet, and few others."""
    wanted = []
    for n, name in enumerate(subject.key):
        if name == _TIME:
            instants = [int(key[n][1:]) for key in keys]
            wanted.append(f"{_TIME} BETWEEN {_instant(min(instants))} AND {_instant(max(instants))}")
        else:
            texts = sorted({key[n][1:].decode("utf-8", "surrogateescape") for key in keys})
            wanted.append(f"{quoted(name)} IN ({', '.join(map(literal, texts))})")
    return " AND ".join(wanted)


def _instant(milliseconds: int) -> str:
    return f"fromUnixTimestamp64Milli(toInt64({milliseconds}), 'UTC')"


def _nanoseconds(subject: _Subject, key: Row) -> int:
    return int(key[subject.key.index(_TIME)][1:]) * values.NS_PER_MS


def _unpaired(shape: Shape, expected: Sequence[Row], live: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return the rows of each side that have no equal one on the other, as often as they stand there."""
    missing, extra = [], list(live)
    for row in expected:
        found = next((n for n, other in enumerate(extra) if not shape.differing(row, other)), None)
        if found is None:
            missing.append(row)
        else:
            del extra[found]
    return missing, extra
