"""The records set aside and the fields kept in the archive, compared with what the rules say of each (contract §2, §3).

Both tables hold all three stores' records, so every store's checks compare its part through here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from clickhouse_connect.driver.common import StreamContext
from clickhouse_connect.driver.exceptions import DatabaseError

from tvmigrate.contract import exact_json, new
from tvmigrate.contract.layout import literal, quoted
from tvmigrate.contract.old_layout import CONTRACT, OldLayout
from tvmigrate.contract.outcome import Rule, Store, Unmappable
from tvmigrate.verify.check import Sheet
from tvmigrate.verify.compare import differences, shown
from tvmigrate.verify.context import QuarantineKind
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.old_record import ANY, Expected, compared, digests
from tvmigrate.verify.redis_names import by_weight
from tvmigrate.verify.spool import Spool
from tvmigrate.workers import ALONE, Workers

if TYPE_CHECKING:
    from tvmigrate.verify.context import Context

R = TypeVar("R")
_PART_CHARACTERS = 1 << 17  # of records whose digests are made together
_ROW_CHARACTERS = 100  # that a row counts for besides those of its record: a part has not too many for one question
_QUARANTINE = f"{quoted(new.DATABASE)}.{quoted(new.QUARANTINE.name)}"
SCHEMA = """
    CREATE TABLE expected (key TEXT, reason TEXT, form TEXT, record TEXT, digest BLOB, optional INT);
    CREATE TABLE live (key TEXT, reason TEXT, record TEXT, digest BLOB)"""
_ARCHIVE = f"{quoted(new.DATABASE)}.{quoted(new.ARCHIVE.name)}"


def quarantined_rows(context: Context, store: Store, rule: Rule) -> Iterator[tuple[Any, ...]] | None:
    """Return (record_key, reason, how often) of the live quarantine rows of one rule's records.

    None where there is no such table: `compare_quarantine` finds that.
    """
    source = context.policy.layout.sources[rule]
    query = (
        f"SELECT record_key, toString(reason), count() FROM {_QUARANTINE}"
        f" WHERE store = {literal(store)} AND source = {literal(source)} GROUP BY record_key, reason"
    )
    return rows_of(context, new.QUARANTINE.name, query)


def compare_quarantine(  # noqa: PLR0913, PLR0917 - what is compared, and where its findings go
    context: Context,
    sheet: Sheet,
    store: Store,
    rule: Rule,
    expected: Iterable[Expected],
    optional: Iterable[Expected] = (),
) -> None:
    """Find quarantine rows that are missing, extra, doubled, or have another reason or another record.

    `expected` gives each old record of `rule` that does not map, `optional` those whose rows may be there or not,
    because their TTL ran out during the run. Examines each expected record, and at
    least the table. Does nothing where the migration keeps its quarantine elsewhere (`--quarantine none`).
    """
    if context.quarantine is QuarantineKind.NONE:
        return
    with Spool(SCHEMA) as spool:
        keep_expected(spool, expected, optional, context.workers)
        due = spool.number("SELECT count(*) FROM expected WHERE NOT optional")
        sheet.old_side_has(due)
        query = (
            f"SELECT record_key, toString(reason), record FROM {_QUARANTINE}"
            f" WHERE store = {literal(store)} AND source = {literal(context.policy.layout.sources[rule])}"
        )
        live = rows_of(context, new.QUARANTINE.name, query)
        if live is None:
            if due:
                sheet.saw(due)
                sheet.find(_no_table(store, rule, new.QUARANTINE.name, f"{due} records of {rule} do not map"))
            return
        spool.add("INSERT INTO live VALUES (?, ?, ?, ?)", live_rows(spool, live, context.workers))
        sheet.saw(max(1, due))
        spool.run("CREATE INDEX live_key ON live (key)")
        for finding in _quarantine_findings(spool, store, rule, context.policy.layout):
            sheet.find(finding)
        for finding in record_findings(spool, store, rule, context.policy.layout):
            sheet.find(finding)


def keep_expected(
    spool: Spool, expected: Iterable[Expected], optional: Iterable[Expected] = (), workers: Workers = ALONE
) -> None:
    """Fill `expected` of `SCHEMA`; `workers` make the digests."""
    for records, is_optional in ((expected, 0), (optional, 1)):
        # Of a record of which only counts that it is there, any other is the one that is due.
        due = ((one, (one.form, "any" if one.form == ANY else one.record)) for one in records)
        rows = ((*one, found, is_optional) for one, found in _with_digests(workers, due))
        spool.add("INSERT INTO expected VALUES (?, ?, ?, ?, ?, ?)", rows)
    spool.run("CREATE INDEX expected_key ON expected (key)")


def live_rows(
    spool: Spool, live: Iterable[tuple[str, str, str]], workers: Workers = ALONE
) -> Iterator[tuple[str, str, str, bytes]]:
    """Yield key, reason, record and digest of live rows; of a key that is not expected, no record."""
    for (key, reason, record), found in _with_digests(workers, _with_forms(spool, live)):
        yield (key, reason, "", b"") if found is None else (key, reason, record, found)


def _with_forms(
    spool: Spool, live: Iterable[tuple[str, str, str]]
) -> Iterator[tuple[tuple[str, str, str], tuple[str, str] | None]]:
    """Yield live rows, each with form and record of which the digest is asked for; with None if it is not expected."""
    for some in by_weight(live, _weight, _PART_CHARACTERS):
        keys = {key for key, _, _ in some}
        marks = ", ".join("?" * len(keys))
        forms = dict(spool.rows(f"SELECT key, form FROM expected WHERE key IN ({marks})", list(keys)))
        for row in some:
            form = forms.get(row[0])
            yield row, None if form is None else (form, row[2])


def _weight(row: tuple[str, str, str]) -> int:
    return _ROW_CHARACTERS + len(row[2])


def _with_digests(workers: Workers, rows: Iterable[tuple[R, tuple[str, str] | None]]) -> Iterator[tuple[R, Any]]:
    """Yield rows with the digest of the (form, record) that each comes with, None if it comes with none."""
    waiting = deque[list[tuple[R, tuple[str, str] | None]]]()

    def given() -> Iterator[list[tuple[str, str]]]:
        for some in by_weight(rows, lambda one: _ROW_CHARACTERS + (len(one[1][1]) if one[1] else 0), _PART_CHARACTERS):
            waiting.append(some)
            yield [asked for _, asked in some if asked is not None]

    for found in workers.each(digests, given()):
        left = iter(found)
        for row, asked in waiting.popleft():
            yield row, None if asked is None else next(left)


def record_findings(spool: Spool, store: Store, rule: Rule, layout: OldLayout = CONTRACT) -> Iterator[Finding]:
    """Yield how the records kept differ from the old ones (contract §7.20).

    Of rows that share a key, those that are equal belong together, and the others in the order of their digests.
    """
    # What has no partner is counted by `_quarantine_findings`; here are the pairs of what is left on both sides.
    left = """
        CREATE TABLE left_{table} AS SELECT id, key, row_number() OVER (PARTITION BY key ORDER BY {order}) AS n FROM (
            SELECT rowid AS id, *, row_number() OVER (PARTITION BY key, digest ORDER BY {order}) AS copy FROM {table})
        LEFT JOIN (SELECT key, digest, count(*) AS copies FROM {other} GROUP BY key, digest) USING (key, digest)
        WHERE copies IS NULL OR copy > copies"""
    spool.run(left.format(table="expected", other="live", order="optional, digest"))
    spool.run(left.format(table="live", other="expected", order="digest"))
    spool.run("CREATE INDEX left_live_key ON left_live (key, n)")
    pairs = """
        SELECT expected.key, form, expected.record, live.record
        FROM left_expected JOIN left_live USING (key, n)
        JOIN expected ON expected.rowid = left_expected.id JOIN live ON live.rowid = left_live.id
        ORDER BY expected.key"""
    for key, form, wanted, found in spool.rows(pairs):
        where = f"{_where(store, rule, layout)} {key}"
        for field, one, other in compared(form, wanted, found):
            nothing = other is None and field == "record"
            what = "nothing of the record itself" if nothing else f"another {field} than the old data"
            note = (
                f"The quarantine row of {where} holds {what}. A record that cannot be mapped is set aside whole: when "
                "the old data are gone, its row is all that is left of it."
            )
            yield Finding(
                store, rule, Direction.MISSING if nothing else Direction.CHANGED, note, old=key,
                new=new.QUARANTINE.name, field=field, expected=one, actual=other,
            )  # fmt: skip


def _quarantine_findings(spool: Spool, store: Store, rule: Rule, layout: OldLayout = CONTRACT) -> Iterator[Finding]:
    # Records that share a key (two rows with one comment_id) are counted here, and told apart by their records below.
    query = """
        SELECT key, reason, sum(due), sum(may), sum(found) FROM (
            SELECT key, reason, NOT optional AS due, optional AS may, 0 AS found FROM expected
            UNION ALL SELECT key, reason, 0, 0, 1 FROM live)
        GROUP BY key, reason HAVING sum(found) < sum(due) OR sum(found) > sum(due) + sum(may) ORDER BY key, reason"""
    for key, reason, due, may, found in spool.rows(query):
        where = f"{_where(store, rule, layout)} {key}"
        if found > due + may:
            if spool.number("SELECT count(*) FROM expected WHERE key = ?", (key,)) == 0:
                note = (
                    f"{where} is in quarantine as {reason}, but its rule maps it. A record that maps belongs in the "
                    "new layout; quarantine is for what no rule can map."
                )
            elif due + may == 0:
                continue  # its right reason is missing, and that finding names this one
            else:
                note = f"{where} has {found} quarantine rows for {reason}, and {due + may} is right: one a record."
            yield Finding(
                store, rule, Direction.EXTRA, note, old=key, new=new.QUARANTINE.name, field="reason",
                expected=None if due + may == 0 else due + may, actual=reason if due + may == 0 else found,
            )  # fmt: skip
            continue
        others = [r for (r,) in spool.rows("SELECT reason FROM live WHERE key = ? AND reason <> ?", (key, reason))]
        if found == 0 and others:
            note = f"{where} is quarantined as {', '.join(others)}; the first thing wrong with it is {reason}."
            yield Finding(
                store, rule, Direction.CHANGED, note, old=key, new=new.QUARANTINE.name, field="reason",
                expected=reason, actual=others[0],
            )  # fmt: skip
        else:
            note = (
                f"{where} does not map ({reason}) and {'has no quarantine row' if not found else f'{due} such records'}"
                f"{'' if not found else f' have {found} quarantine rows'}. A record that cannot be mapped is set aside "
                f"with its reason in {new.QUARANTINE.name}, so that somebody can mend it."
            )
            yield Finding(
                store, rule, Direction.MISSING, note, old=key, new=new.QUARANTINE.name, field="reason",
                expected=reason, actual=found or None,
            )  # fmt: skip


def compare_archive(  # noqa: PLR0913, PLR0917 - as above
    context: Context,
    sheet: Sheet,
    store: Store,
    rule: Rule,
    expected: Iterable[tuple[str, Mapping[str, Any]]],
    optional: Iterable[tuple[str, Mapping[str, Any]]] = (),
) -> None:
    """Find archived fields that are missing, extra or changed.

    `expected` gives (record_key, fields) of each mapped record with fields that have no place in the new layout, read
    by `exact_json.parse`; `optional` as for `compare_quarantine`. Records without such fields are left out. Does
    nothing with `--quarantine none`, whose migration has no such table either.
    """
    if context.quarantine is QuarantineKind.NONE:
        return
    schema = """
        CREATE TABLE expected (key TEXT, fields TEXT, optional INT);
        CREATE TABLE live (key TEXT, fields TEXT)"""
    with Spool(schema) as spool:
        insert = "INSERT INTO expected VALUES (?, ?, {})"
        spool.add(insert.format(0), ((key, exact_json.dump(fields)) for key, fields in expected))
        spool.add(insert.format(1), ((key, exact_json.dump(fields)) for key, fields in optional))
        due = spool.number("SELECT count(*) FROM expected WHERE NOT optional")
        sheet.old_side_has(due)
        query = (
            f"SELECT record_key, fields FROM {_ARCHIVE}"
            f" WHERE store = {literal(store)} AND source = {literal(context.policy.layout.sources[rule])}"
        )
        live = rows_of(context, new.ARCHIVE.name, query)
        if live is None:
            if due:
                sheet.saw(due)
                sheet.find(_no_table(store, rule, new.ARCHIVE.name, f"{due} records have fields without a new place"))
            return
        spool.add("INSERT INTO live VALUES (?, ?)", live)
        sheet.saw(max(1, due))
        spool.run("CREATE INDEX live_key ON live (key)")
        for finding in _archive_findings(spool, store, rule, context.policy.layout):
            sheet.find(finding)


def _archive_findings(spool: Spool, store: Store, rule: Rule, layout: OldLayout = CONTRACT) -> Iterator[Finding]:
    # Rows that share a key are paired in the order of their text, which is exact for all but doubled keys.
    pairs = """
        SELECT key, max(fields), max(kept), max(optional) FROM (
            SELECT key, row_number() OVER (PARTITION BY key ORDER BY fields) AS n, fields, NULL AS kept, optional
            FROM expected
            UNION ALL
            SELECT key, row_number() OVER (PARTITION BY key ORDER BY fields), NULL, fields, 0 FROM live)
        GROUP BY key, n ORDER BY key"""
    for key, fields, kept, optional in spool.rows(pairs):
        where = f"{_where(store, rule, layout)} {key}"
        if fields is None:
            note = (
                f"{where} has archived fields, though it maps whole or not at all. The archive holds just the fields "
                "of mapped records that have no place in the new layout."
            )
            yield Finding(store, rule, Direction.EXTRA, note, old=key, new=new.ARCHIVE.name, actual=kept)
        elif kept is None:
            if optional:
                continue
            note = (
                f"The fields of {where} that have no place in the new layout are lost. Each such record has one row in "
                f"{new.ARCHIVE.name} with those fields as JSON."
            )
            yield Finding(
                store, rule, Direction.MISSING, note, old=key, new=new.ARCHIVE.name, expected=_shown_text(fields)
            )
        elif fields != kept:
            yield from _archived_differences(store, rule, key, fields, kept, layout)


def _archived_differences(  # noqa: PLR0913, PLR0917 - what is compared, and how it is named
    store: Store, rule: Rule, key: str, fields: str, kept: str, layout: OldLayout = CONTRACT
) -> Iterator[Finding]:
    where = f"{_where(store, rule, layout)} {key}"
    try:
        found = exact_json.parse(kept)
    except Unmappable as problem:
        note = f"The archived fields of {where} cannot be read: {problem}."
        yield Finding(
            store, rule, Direction.CHANGED, note, old=key, new=new.ARCHIVE.name, field="fields", expected=fields,
            actual=kept,
        )  # fmt: skip
        return
    for path, wanted, actual in differences(exact_json.parse(fields), found):
        note = f"The archived field {path or 'fields'} of {where} is not what the old record held."
        yield Finding(
            store, rule, Direction.CHANGED, note, old=key, new=new.ARCHIVE.name, field=path or "fields",
            expected=shown(wanted), actual=shown(actual),
        )  # fmt: skip


def _shown_text(text: str) -> Any:
    return shown(exact_json.parse(text))


def _where(store: Store, rule: Rule, layout: OldLayout) -> str:
    return f"{store} {layout.sources[rule]} record"


def _no_table(store: Store, rule: Rule, table: str, why: str) -> Finding:
    note = (
        f"There is no table {new.DATABASE}.{table}, though {why}. The migration creates it and keeps such records "
        "there; a migration that keeps them elsewhere is judged with --quarantine none."
    )
    return Finding(store, rule, Direction.SCHEMA, note, new=f"{new.DATABASE}.{table}", expected=table)


def rows_of(context: Context, table: str, query: str) -> Iterator[tuple[Any, ...]] | None:
    """Return the rows of `query`, which reads `table` of the live new database; None if there is no such table.

    Raises:
        ClickHouseError, OSError: the query is refused though the table is there, or cannot be asked.
    """
    client = context.clients.clickhouse
    try:
        stream = client.query_rows_stream(query)
    except DatabaseError:
        where = f"database = {literal(new.DATABASE)} AND name = {literal(table)}"
        if client.query(f"SELECT count() FROM system.tables WHERE {where}").result_rows[0][0]:
            raise
        return None
    return _rows(stream)


def _rows(stream: StreamContext) -> Iterator[tuple[Any, ...]]:
    with stream as rows:
        for row in rows:
            yield tuple(row)
