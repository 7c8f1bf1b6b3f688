"""ClickHouse and the records set aside, against the hand-written lines of `expected/`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tvmigrate.contract import exact_json, new
from tvmigrate.contract.layout import literal, quoted
from tvmigrate.contract.outcome import Rule, Store, Unmappable
from tvmigrate.verify.clickhouse_canonical import Kind, decode, expression, kind_of
from tvmigrate.verify.clickhouse_rows import live_types
from tvmigrate.verify.compare import differences, same, shown
from tvmigrate.verify.context import Context
from tvmigrate.verify.expected_files import Line, lines, nanoseconds
from tvmigrate.verify.findings import Direction, Finding

MEAN = "avg_sentiment"
MEAN_TOLERANCE = 1e-12
_MOST_ROWS = 100  # of one line


@dataclass(frozen=True, slots=True)
class _Readable:
    """A line whose columns can all be read: `kinds` says as what, in the order in which they are asked for."""

    line: Line
    kinds: Mapping[str, Kind]


def judge(context: Context, table: str, types: Mapping[str, str] | None, told: Sequence[Line]) -> Iterator[Finding]:
    """Yield what differs between the rows that each line of `told` selects of `table` and what it says of them.

    `types` are the live columns' (`clickhouse_rows.live_types`), None if there is no such table. It is one query.
    """
    readable = []
    for line in told:
        if types is None:
            where = {"new": _named(table, line)}
            yield line.find(Store.CLICKHOUSE, Direction.MISSING, f"There is no table {table}.", **where)
            continue
        columns = sorted({name for row in _wanted(line) for name in row} | line.body["key"].keys())
        kinds = {name: _kind(types.get(name), name, line) for name in columns}
        unread = [name for name in columns if _text(types, name, kinds[name]) is None]
        for name in unread:
            what = f"Column {name} of {table} is {types.get(name, 'missing')}, and cannot be read as {kinds[name]}."
            yield line.find(
                Store.CLICKHOUSE, Direction.SCHEMA, what, new=_named(table, line), field=name, actual=types.get(name)
            )
        if not unread:
            readable.append(_Readable(line, kinds))
    if types is not None and readable:
        found = _rows(context, table, types, readable)
        for one, rows in zip(readable, found, strict=True):
            yield from _compare(one.line, _wanted(one.line), rows, {"new": _named(table, one.line)})


def _named(table: str, line: Line) -> str:
    return f"{table} {' '.join(map(str, line.body['key'].values()))}"


def _text(types: Mapping[str, str], name: str, kind: Kind) -> str | None:
    return expression(kind, quoted(name), types[name]) if name in types else None


def _rows(
    context: Context, table: str, types: Mapping[str, str], asked: Sequence[_Readable]
) -> list[list[dict[str, Any]]]:
    """Return the rows that each line selects, up to `_MOST_ROWS`, in the order of their columns' texts."""
    columns = sorted({column for one in asked for column in one.kinds.items()})
    place = {column: n for n, column in enumerate(columns)}
    texts = ", ".join(f"{_text(types, name, kind)} AS _{place[name, kind]}" for name, kind in columns)
    # Lines by the columns of their keys: which of them a row is of.
    keyed: dict[tuple[int, ...], dict[tuple[str, ...], list[int]]] = {}
    for number, one in enumerate(asked):
        key = one.line.body["key"]
        at = tuple(place[name, one.kinds[name]] for name in key)
        values = tuple(_canonical(value, name) for name, value in key.items())
        keyed.setdefault(at, {}).setdefault(values, []).append(number)
    chosen = " OR ".join(
        f"({', '.join(f'_{n}' for n in at)}) IN ({', '.join(map(_tuple, values))})" for at, values in keyed.items()
    )
    shown = ", ".join(f"hex(_{n})" for n in range(len(columns)))
    query = f"SELECT {shown} FROM (SELECT {texts} FROM {quoted(new.DATABASE)}.{quoted(table)}) WHERE {chosen}"
    found: list[list[tuple[bytes, ...]]] = [[] for _ in asked]
    with context.clients.clickhouse.query_rows_stream(query) as rows:
        for row in rows:
            canonical = tuple(map(bytes.fromhex, row))
            for at, lines_of in keyed.items():
                for number in lines_of.get(tuple(canonical[n].decode("utf-8", "replace") for n in at), ()):
                    kinds = asked[number].kinds.items()
                    _take(found[number], tuple(canonical[place[column]] for column in kinds))
    return [
        [
            {name: decode(kind, text) for (name, kind), text in zip(one.kinds.items(), row, strict=True)}
            for row in sorted(rows)[:_MOST_ROWS]
        ]
        for one, rows in zip(asked, found, strict=True)
    ]


def _tuple(values: Sequence[str]) -> str:
    return f"({', '.join(map(literal, values))})"


def _take(rows: list[tuple[bytes, ...]], row: tuple[bytes, ...]) -> None:
    """Hold `row`; of many the first in order."""
    rows.append(row)
    if len(rows) >= 10 * _MOST_ROWS:
        rows.sort()
        del rows[_MOST_ROWS:]


def _wanted(line: Line) -> list[Mapping[str, Any]]:
    if line.body.get("absent"):
        return []
    return line.body["rows"] if "rows" in line.body else [line.body["row"]]


def _kind(live: str | None, name: str, line: Line) -> Kind:
    """Return what a column is compared as: what the line's own value is, else what the live column is."""
    value = next((row[name] for row in [*_wanted(line), line.body["key"]] if row.get(name) is not None), None)
    if isinstance(value, list):
        return Kind.TEXTS
    if isinstance(value, str):
        return Kind.INSTANT if name == "timestamp" else Kind.TEXT
    return Kind.TEXT if live is None else kind_of(live)


def _canonical(value: Any, name: str) -> str:
    instant = nanoseconds(value) if name == "timestamp" else None
    return f"={instant // 10**6}" if instant is not None else f"={value}"


def _compare(
    line: Line, wanted: list[Mapping[str, Any]], found: list[dict[str, Any]], at: Mapping[str, str]
) -> Iterator[Finding]:
    store, where = Store.CLICKHOUSE, at["new"]
    if len(found) < len(wanted):
        what = f"There are {len(found)} rows {where}, and should be {len(wanted)}."
        yield line.find(store, Direction.MISSING, what, **at, expected=len(wanted), actual=len(found))
    elif len(found) > len(wanted):
        what = f"There are {len(found)} rows {where}, and should be {len(wanted) or 'none'}."
        yield line.find(store, Direction.EXTRA, what, **at, expected=len(wanted), actual=len(found))
    for row, live in zip(wanted, found, strict=False):
        for name, value in row.items():
            if not _same(name, value, live[name]):
                what = f"{name} of {where} is {live[name]!r}, and should be {value!r}."
                yield line.find(store, Direction.CHANGED, what, **at, field=name, expected=value, actual=live[name])


def _same(name: str, expected: Any, actual: Any) -> bool:
    if name == "timestamp":
        return nanoseconds(expected) == nanoseconds(actual)
    if name == MEAN and isinstance(actual, int | float):
        return math.isclose(expected, actual, rel_tol=MEAN_TOLERANCE)
    return same(expected, actual)


def judge_quarantine(context: Context) -> Iterator[tuple[int, list[Finding]]]:
    """Yield how many expectations were looked at, with what differs: all that is quarantined, in any store."""
    table = new.QUARANTINE.name
    wanted = list(lines(context, "quarantine.ndjson"))
    if live_types(context.clients.clickhouse, table) is None:
        yield len(wanted), [line.find(Store(line.body["store"]), *_no(table)) for line in wanted]
        return
    query = (
        "SELECT toString(store), record_key, toString(reason), count()"
        f" FROM {quoted(new.DATABASE)}.{quoted(table)} GROUP BY store, record_key, reason"
    )
    with context.clients.clickhouse.query_rows_stream(query) as rows:
        live = Counter({(store, key, reason): n for store, key, reason, n in rows})
    unmatched = []
    for line in wanted:
        named = (line.body["store"], line.body["record_key"], line.body["reason"])
        if live[named] > 0:
            live[named] -= 1
        else:
            unmatched.append(line)
        yield 1, []
    for line in unmatched:
        store, key = line.body["store"], line.body["record_key"]
        others = [other for other, n in live.items() if n > 0 and other[:2] == (store, key)]
        at = {"old": key, "new": table, "field": "reason", "expected": line.body["reason"]}
        if others:
            live[others[0]] -= 1
            what = f"{store} record {key} is quarantined as {others[0][2]}, and should be as {line.body['reason']}."
            yield 0, [line.find(Store(store), Direction.CHANGED, what, **at, actual=others[0][2])]
        else:
            what = f"{store} record {key} is not in quarantine."
            yield 0, [line.find(Store(store), Direction.MISSING, what, **at)]
    for (store, key, reason), n in sorted(live.items()):
        if n > 0:
            note = (
                f"{store} record {key} is in quarantine as {reason}, and expected/quarantine.ndjson names all that are."
            )
            yield 0, [
                Finding(
                    Store(store) if store in set(Store) else Store.CROSS, Rule.LEDGER_BALANCE, Direction.EXTRA, note,
                    old=key, new=table, field="reason", actual=reason,
                )
            ]  # fmt: skip


def _no(table: str) -> tuple[Direction, str]:
    return Direction.MISSING, f"There is no table {table}."


def judge_archive(context: Context, told: Sequence[Line]) -> Iterator[Finding]:
    """Yield what differs between the archived fields of the records that the lines name and what they say."""
    table = new.ARCHIVE.name
    if live_types(context.clients.clickhouse, table) is None:
        for line in told:
            yield line.find(Store(line.body["store"]), *_no(table), old=line.body["record_key"], new=table)
        return
    named = ", ".join(f"({literal(line.body['store'])}, {literal(line.body['record_key'])})" for line in told)
    query = (
        f"SELECT toString(store), record_key, fields FROM {quoted(new.DATABASE)}.{quoted(table)}"
        f" WHERE (toString(store), record_key) IN ({named})"
    )
    found: dict[tuple[str, str], list[str]] = {}
    with context.clients.clickhouse.query_rows_stream(query) as rows:
        for store, key, fields in rows:
            found.setdefault((store, key), []).append(fields)
    for line in told:
        yield from _archived(line, found.get((line.body["store"], line.body["record_key"]), []))


def _archived(line: Line, found: list[str]) -> Iterator[Finding]:
    table, store, key = new.ARCHIVE.name, Store(line.body["store"]), line.body["record_key"]
    at = {"old": key, "new": table}
    if len(found) != 1:
        what = f"{store} record {key} has {len(found)} rows in {table}, and should have one."
        direction = Direction.EXTRA if found else Direction.MISSING
        yield line.find(store, direction, what, **at, expected=line.body["fields"], actual=len(found))
        return
    try:
        fields = exact_json.parse(found[0])
    except Unmappable as why:
        what = f"The archived fields of {store} record {key} cannot be read: {why}."
        yield line.find(store, Direction.CHANGED, what, **at, field="fields", actual=found[0])
        return
    for path, expected, actual in differences(line.body["fields"], fields):
        what = f"{path} of the archived fields of {store} record {key} is not what it was."
        named = {"field": path or "fields", "expected": shown(expected), "actual": shown(actual)}
        yield line.find(store, Direction.CHANGED, what, **at, **named)
