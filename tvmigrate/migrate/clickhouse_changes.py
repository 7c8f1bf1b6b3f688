"""Rows that V2 wrote after the switch: archived, carried back into the old tables, brought forward again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvmigrate.contract import new, sql, values
from tvmigrate.contract.layout import Table, literal, quoted
from tvmigrate.contract.old_layout import At, OldLayout, OldTable
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.sql import TableRule
from tvmigrate.migrate import after, backup_pack, inverse, moved
from tvmigrate.migrate.after import Carried
from tvmigrate.migrate.clickhouse_build import table_rules
from tvmigrate.migrate.clickhouse_old import holder, noted_digest
from tvmigrate.migrate.clickhouse_quiet import wait_until_quiet
from tvmigrate.migrate.clickhouse_settle import (
    COPIES,
    ROW,
    drop,
    hashed,
    insert,
    insert_file,
    more,
    scratch,
    settle,
    write_rows,
)
from tvmigrate.migrate.clickhouse_tables import (
    GROUP_SETTINGS,
    Name,
    cast,
    columns,
    digest,
    place,
    rows,
    uuids,
)
from tvmigrate.migrate.inverse import Back, NoWayBack
from tvmigrate.migrate.work import Work

Row = dict[str, Any]
_UTC = Policy(keep_entities=True)
_FOLDER = "clickhouse"


@dataclass(frozen=True, slots=True)
class _Way:
    """How rows of a new table come back: into which old one, by which inverse."""

    old: OldTable
    back: Callable[[Mapping[str, Any], Policy], Back[Row]]

    @property
    def rule(self) -> Rule:
        """The rule of the old rows."""
        return self.old.rule


def _ways(layout: OldLayout) -> Mapping[str, _Way]:
    return {
        new.RAW_COMMENTS.name: _Way(layout.comments, inverse.comment),
        new.EAOS_METRICS.name: _Way(layout.eaos_metrics, inverse.eaos_metric),
    }


_NO_WAY = {new.COMMENT_AGGREGATES.name: Rule.CLICKHOUSE_AGGREGATES, new.ANOMALIES.name: Rule.CLICKHOUSE_ANOMALIES}


# ---------------------------------------------------------------------------------------------------------- the archive


def archive(work: Work) -> None:
    """Write the rows that V2 added to new tables, or took away, to the archive; before the switch there are none."""
    client, counts = work.clients.clickhouse, {after.NEW: 0, after.DELETED: 0}
    wait_until_quiet(work)
    now, folder = uuids(client), work.after_switch / _FOLDER
    for table in new.TABLES:
        before = noted_digest(work, f"clickhouse.new.{table.name}")
        if before is None or now.get(table.name) != work.noted(f"clickhouse.built.{table.name}"):
            continue
        there = f"SELECT * FROM {place(table.name)}"
        if digest(client, there) == before:
            continue
        with ExitStack() as stack:
            due = _due(work, table, stack)
            for what, query, end in (
                (after.NEW, more(there, due, ROW), ""),
                (after.DELETED, more(due, there, ROW), ".deleted"),
            ):
                path = folder / f"{table.name}{end}.ndjson"
                write_rows(work, query, path)
                counts[what] += sum(int(line["copies"]) for line in after.read(path))
    after.counted(work, Store.CLICKHOUSE, counts, folder)


def _due(work: Work, table: Table, stack: ExitStack) -> str:
    """Return the SELECT of the rows that the migration wrote: of the kept old table, if nobody wrote to that."""
    if table is new.ANOMALIES:
        return f"SELECT * FROM {place(table.name)} WHERE 0"
    known = work.layout.eaos_metrics if table is new.EAOS_METRICS else work.layout.comments
    source: Name = holder(work, known)
    if moved.counts(work.journal, work.run.id).get(Store.CLICKHOUSE):
        name = f"{known.name}__backup__staging_{work.run.id}"
        stack.enter_context(scratch(work, name, source))
        backup_pack.unpack(work.folder, f"clickhouse/{known.name}.ndjson")
        path = work.backup / _FOLDER / f"{known.name}.ndjson"
        insert_file(work, name, path)
        source = name
    if table is new.COMMENT_AGGREGATES:
        return cast(table, sql.aggregates(work.policy, known.read(place(source))))
    rule = next(rule for rule in table_rules(work.policy) if rule.target is table)
    return cast(table, rule.query(known.read(place(source))))


# --------------------------------------------------------------------------------------------------------- carried back


def carry(work: Work) -> None:
    """Write what V2 wrote into the old tables, which are back: how often each row is to be there is worked out once."""
    if not work.noted(after.CARRY):
        return
    carried = Carried()
    folder = work.after_switch / _FOLDER
    for name, way in _ways(work.layout).items():
        targets = f"{way.old.name}__targets__staging_{work.run.id}"
        if not work.noted(f"after.targets.{name}"):
            _carry_targets(work, name, way, targets, carried)
            work.note(f"after.targets.{name}", [[*key, n] for key, n in carried.counts.items()])
        else:
            for rule, what, why, n in work.noted(f"after.targets.{name}"):
                carried.counts[rule, what, why] = n
        if targets in uuids(work.clients.clickhouse):
            settle(work, way.old.at, targets)
    for name, rule in _NO_WAY.items():
        for end in ("", ".deleted"):
            lines = sum(int(line["copies"]) for line in after.read(folder / f"{name}{end}.ndjson"))
            if lines:
                carried.take(rule, Carried.KEPT, inverse.DECLARED[rule].lost, lines)
    after.note(work, Store.CLICKHOUSE, carried)


def _carry_targets(work: Work, name: str, way: _Way, targets: str, carried: Carried) -> None:
    """Make the table that says how often each old row is to be there, once V2's rows are carried back."""
    folder, client = work.after_switch / _FOLDER, work.clients.clickhouse
    added, deleted = folder / f"{name}.ndjson", folder / f"{name}.deleted.ndjson"
    drop(work, targets)
    if not added.exists() and not deleted.exists():
        return
    table = way.old.at
    with (
        scratch(work, f"{way.old.name}__delta__staging_{work.run.id}", table, "__copies Int64") as delta,
        scratch(work, f"{name}__deleted__staging_{work.run.id}", _model(work, name), "copies Int64") as gone,
    ):
        insert(work, delta, _carried_rows(work, name, way, carried))
        insert(work, gone, after.read(deleted))
        rule = next(rule for rule in table_rules(work.policy) if rule.target.name == name)
        _victims(work, rule, table, gone, delta)
        names = list(columns(client, table))
        listed, one = ", ".join(map(quoted, names)), hashed(names)
        client.command(
            f"CREATE TABLE {place(targets)} ENGINE = MergeTree ORDER BY tuple() AS SELECT {listed},"
            " greatest(0, toInt64(ifNull(x.n, 0)) + d.n) AS __target"
            f" FROM (SELECT {listed}, {one} AS h FROM {place(delta)} LIMIT 1 BY h) AS rows"
            f" INNER JOIN (SELECT {one} AS h, sum(__copies) AS n FROM {place(delta)} GROUP BY h) AS d ON rows.h = d.h"
            f" LEFT JOIN (SELECT {one} AS h, count() AS n FROM {place(table)} GROUP BY h) AS x ON rows.h = x.h",
            settings=dict(GROUP_SETTINGS),
        )
    n = sum(line["copies"] for line in after.read(deleted))
    if n:
        carried.take(way.rule, Carried.WHOLE, "", n)


def _model(work: Work, name: str) -> str:
    """Return the name of a table that has the columns of the new table `name`: under that may be the old one."""
    uuid = work.noted(f"clickhouse.built.{name}")
    return next(found for found, its in uuids(work.clients.clickhouse).items() if its == uuid)


def _carried_rows(work: Work, name: str, way: _Way, carried: Carried) -> Iterator[Row]:
    """Yield the old rows for those that V2 added; write down what is to be brought forward later."""
    folder = work.after_switch / _FOLDER
    made: list[Row] = []
    bases: list[Row] = []
    lines: list[Row] = []
    for number, line in enumerate(after.read(folder / f"{name}.ndjson"), 1):
        copies = int(line["copies"])
        try:
            back = way.back(_typed(line), work.policy)
            json.dumps(line, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            carried.take(way.rule, Carried.KEPT, "it is not UTF-8", copies)
            lines.append(line | {"what": after.NEW, "id": 0})
            continue
        except NoWayBack as why:
            carried.take(way.rule, Carried.KEPT, str(why), copies)
            lines.append(line | {"what": after.NEW, "id": 0})
            continue
        carried.take(way.rule, Carried.PARTLY if back.lost else Carried.WHOLE, back.lost, copies)
        instant = way.old.instant
        told = {**back.old, instant: _moment(back.old[instant])}
        made.append({**{theirs: told[name] for name, theirs in way.old.theirs.items()}, "__copies": copies})
        lines.append(line | {"what": after.NEW, "id": number if back.lost else 0})
        if back.lost:
            bases.append({**back.again, "timestamp": _moment(back.again["timestamp"]), COPIES: copies, "id": number,
                          "what": "base"})  # fmt: skip
    after.write(folder / f"{name}.forward.ndjson", lines)
    after.write(folder / f"{name}.base.ndjson", bases)
    yield from made


def _typed(line: Row) -> Row:
    """Return a row as the rules have it: its instant in ns since the epoch."""
    return {**line, "timestamp": values.instant(line["timestamp"], _UTC)}


def _moment(ns: int) -> str:
    return values.rfc3339(ns)


def _victims(work: Work, rule: TableRule, table: At, gone: str, delta: str) -> None:
    """Find old rows that become those that V2 took away, as many, and take each from what is to be there."""
    client = work.clients.clickhouse
    names = columns(client, table)
    listed = ", ".join(map(quoted, names))
    # Their names are read beside the meanings, which may be the same words for other columns.
    theirs = {name: f"__theirs_{number}" for number, name in enumerate(names)}
    mapped = ", ".join(f"CAST({rule.select[column.name]}, {literal(column.type)})" for column in rule.target.columns)
    kept = ", ".join(theirs.values())
    meant = ", ".join(map(quoted, (*rule.source.column_names, *rule.derived)))
    became = (
        f"SELECT {kept}, cityHash64(tuple({mapped})) AS __new FROM (SELECT {kept}, {meant}"
        f" FROM {rule.source.read(place(table), theirs)} WHERE {rule.mapped})"
    )
    again = ", ".join(f"{alias} AS {quoted(name)}" for name, alias in theirs.items())
    numbered = (
        f"SELECT {again}, __new, row_number() OVER (PARTITION BY __new ORDER BY {hashed(list(theirs.values()))}) AS __n"
        f" FROM ({became})"
    )
    taken = f"SELECT {hashed(rule.target.column_names)} AS h, copies FROM {place(gone)}"
    client.command(
        f"INSERT INTO {place(delta)} ({listed}, __copies) SELECT {listed}, -1 FROM ({numbered}) AS rows"
        f" INNER JOIN ({taken}) AS taken ON rows.__new = taken.h WHERE toInt64(rows.__n) <= taken.copies",
        settings=dict(GROUP_SETTINGS),
    )


# ------------------------------------------------------------------------------------------------------ brought forward


def bring(work: Work) -> None:
    """Let each new table have the rows that V2 had left there, in place of what the migration made of them."""
    if work.noted(after.FROM) is None:
        return
    folder = work.folder.parent / work.noted(after.FROM) / work.after_switch.name / _FOLDER
    left: list[str] = []
    for table in new.TABLES:
        targets = f"{table.name}__targets__staging_{work.run.id}"
        if not work.noted(f"after.forward.{table.name}"):
            left += _bring_targets(work, table, folder, targets)
            work.note(f"after.forward.{table.name}", True)
        if targets in uuids(work.clients.clickhouse):
            settle(work, table.name, targets)
            drop(work, targets)
    after.not_brought(work, Store.CLICKHOUSE, left)


def _bring_targets(work: Work, table: Table, folder: Path, targets: str) -> list[str]:
    """Make the table that says how often each row is to be there; return the rows that stay in the archive."""
    name, client = table.name, work.clients.clickhouse
    drop(work, targets)
    carried = folder / f"{name}.forward.ndjson"
    added = carried if carried.exists() else folder / f"{name}.ndjson"
    deleted, bases = folder / f"{name}.deleted.ndjson", folder / f"{name}.base.ndjson"
    if not added.exists() and not deleted.exists():
        return []
    listed, one = ", ".join(map(quoted, table.column_names)), hashed(table.column_names)
    have = f"(SELECT {one} AS h, count() AS n FROM {place(name)} GROUP BY h)"
    more_columns = ("copies Int64", "total Int64", "id UInt64")
    suffix = f"__staging_{work.run.id}"
    with (
        scratch(work, f"{name}__v2{suffix}", name, *more_columns) as v2,
        scratch(work, f"{name}__base{suffix}", name, *more_columns) as base,
        scratch(work, f"{name}__gone{suffix}", name, *more_columns) as gone,
    ):
        insert(work, v2, after.read(added))
        insert(work, base, after.read(bases))
        if table is not new.COMMENT_AGGREGATES:  # worked out anew from the comments that there are
            insert(work, gone, after.read(deleted))
        sound = (
            f"SELECT id FROM (SELECT id, {one} AS h, copies FROM {place(base)}) AS b INNER JOIN {have} AS x"
            " ON b.h = x.h WHERE toInt64(x.n) >= b.copies"
        )
        fits = f"(id = 0 OR id IN ({sound}))"
        if table is new.COMMENT_AGGREGATES:
            fits = f"(program_id, timestamp, topic) NOT IN (SELECT program_id, timestamp, topic FROM {place(name)})"
        each = (
            f"SELECT {listed}, {one} AS h, total AS at_least, -1 AS at_most, 0 AS less FROM {place(v2)} WHERE {fits}"
            f" UNION ALL SELECT {listed}, {one}, 0, total - copies, 0 FROM {place(gone)}"
            f" UNION ALL SELECT {listed}, {one}, 0, -1, copies FROM {place(base)} WHERE id IN ({sound})"
        )
        together = (
            "SELECT h, max(at_least) AS least, max(at_most) AS most, max(at_most) >= 0 AS bounded, sum(less) AS fewer"
            f" FROM ({each}) GROUP BY h"
        )
        kept = "greatest(toInt64(ifNull(x.n, 0)) - t.fewer, t.least)"
        client.command(
            f"CREATE TABLE {place(targets)} ENGINE = MergeTree ORDER BY tuple() AS SELECT {listed},"
            f" greatest(0, if(t.bounded, least({kept}, greatest(t.most, t.least)), {kept})) AS __target"
            f" FROM (SELECT {listed}, h FROM ({each}) LIMIT 1 BY h) AS rows INNER JOIN ({together}) AS t ON"
            f" rows.h = t.h LEFT JOIN {have} AS x ON rows.h = x.h",
            settings=dict(GROUP_SETTINGS),
        )
        told = "comment_id" if table is new.RAW_COMMENTS else "concat(program_id, '@', toString(timestamp))"
        unfit = rows(client, f"SELECT DISTINCT {told} FROM {place(v2)} WHERE NOT {fits} ORDER BY 1")
    return [f"{name} {row[0]}" for row in unfit]
