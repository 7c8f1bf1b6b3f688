"""ClickHouse and the records set aside, against the hand-written lines of `expected/`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
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


def judge(context: Context, table: str, types: Mapping[str, str] | None, line: Line) -> Iterator[Finding]:
    """Yield what differs between the rows that `line` selects of `table` and what it says of them.

    `types` are the live columns' (`clickhouse_rows.live_types`), None if there is no such table.
    """
    key, wanted = line.body["key"], _wanted(line)
    at = {"new": f"{table} {' '.join(map(str, key.values()))}"}
    if types is None:
        yield line.find(Store.CLICKHOUSE, Direction.MISSING, f"There is no table {table}.", **at)
        return
    columns = {name for row in wanted for name in row} | key.keys()
    kinds = {name: _kind(types.get(name), name, line) for name in columns}
    texts = {name: expression(kinds[name], quoted(name), types.get(name, "")) for name in columns if name in types}
    unread = sorted(name for name in columns if texts.get(name) is None)
    for name in unread:
        what = f"Column {name} of {table} is {types.get(name, 'missing')}, and cannot be read as {kinds[name]}."
        yield line.find(Store.CLICKHOUSE, Direction.SCHEMA, what, **at, field=name, actual=types.get(name))
    if unread:
        return
    chosen = " AND ".join(f"{texts[name]} = {literal(_canonical(value, name))}" for name, value in key.items())
    shown_columns = sorted(columns)
    select = ", ".join(f"hex({texts[name]})" for name in shown_columns)
    query = f"SELECT {select} FROM {quoted(new.DATABASE)}.{quoted(table)} WHERE {chosen} ORDER BY ALL LIMIT 100"
    found = [
        {name: decode(kinds[name], bytes.fromhex(text)) for name, text in zip(shown_columns, row, strict=True)}
        for row in context.clients.clickhouse.query(query).result_rows
    ]
    yield from _compare(line, wanted, found, at)


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


def judge_archive(context: Context, line: Line) -> Iterator[Finding]:
    """Yield what differs between the archived fields of the record that `line` names and what it says they are."""
    table, store, key = new.ARCHIVE.name, Store(line.body["store"]), line.body["record_key"]
    at = {"old": key, "new": table}
    if live_types(context.clients.clickhouse, table) is None:
        yield line.find(store, *_no(table), **at)
        return
    query = (
        f"SELECT fields FROM {quoted(new.DATABASE)}.{quoted(table)}"
        f" WHERE store = {literal(store)} AND record_key = {literal(key)}"
    )
    found = [row[0] for row in context.clients.clickhouse.query(query).result_rows]
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
