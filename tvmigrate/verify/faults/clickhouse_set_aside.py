"""Faults of ClickHouse after the migration: its own records in quarantine, and what stands in the archive."""

from __future__ import annotations

import json

from tvmigrate.contract import new, old
from tvmigrate.contract.layout import Table, literal
from tvmigrate.contract.outcome import Reason, Rule, Store
from tvmigrate.verify.faults.clickhouse_tables import ask, do, kept, lost, place, victims
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_migration
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED = Direction.MISSING, Direction.EXTRA, Direction.CHANGED
_QUARANTINE, _ARCHIVE = new.QUARANTINE, new.ARCHIVE


def _finds(table: Table, direction: Direction) -> Finds:
    return Finds(f"clickhouse.quarantine.{table.name}", direction, "reason")


def _refused(site: Site, table: Table) -> tuple[str, str, str]:
    return _one_of(site, _QUARANTINE, table, "toString(any(reason))", "record_key != ''")


def _one_of(site: Site, kept_in: Table, source: Table, value: str, such: str) -> tuple[str, str, str]:
    """Return key and `value` of such a row of an old table in one of ours, and the condition that it alone fulfils."""
    site.needs_quarantine_tables()
    of_table = f"store = {literal(Store.CLICKHOUSE)} AND source = {literal(source.name)}"
    query = (
        f"SELECT record_key, {value} FROM {place(kept_in.name)} WHERE {of_table} AND {such}"
        " GROUP BY record_key HAVING count() = 1 ORDER BY cityHash64(record_key) LIMIT 1"
    )
    key, found = first(ask(site, query), f"row of {source.name} in {kept_in.name}")
    return str(key), str(found), f"{of_table} AND record_key = {literal(key)}"


@after_migration(
    _finds(old.COMMENTS, _MISSING),
    *lost(Rule.CLICKHOUSE_COMMENTS),
    incident="INSERT … SELECT … WHERE takes the rows that fit, and nobody asks for the rest.",
)
def refused_comment_forgotten(site: Site) -> Plant:
    """A comment that does not map is nowhere: neither in raw_comments nor in quarantine."""
    key, _, where = _refused(site, old.COMMENTS)
    with kept(site, _QUARANTINE.name) as table:
        table.drop(where)
        yield [key, key, AnyOf.KEY]


@after_migration(
    _finds(old.COMMENTS, _CHANGED),
    incident="A catch-all at the end of a chain of checks gives its reason to what an earlier one should have named.",
)
def refused_comment_with_another_reason(site: Site) -> Plant:
    """A comment is in quarantine with a reason that is not its own."""
    key, reason, where = _refused(site, old.COMMENTS)
    wrong = next(other for other in (Reason.BAD_JSON, Reason.TOO_LARGE) if other != reason)
    with kept(site, _QUARANTINE.name) as table:
        table.change(where, reason=literal(wrong))
        yield [key]


@after_migration(
    Finds("clickhouse.quarantine.comments", _CHANGED, "record.username"),
    incident="A row is mended before it is found that it cannot be, and what is set aside is the mended one.",
)
def refused_comment_with_another_user(site: Site) -> Plant:
    """A comment is in quarantine with a user name in lower case and in brackets, which the old row does not have."""
    key, _, where = _refused(site, old.COMMENTS)
    (record,) = first(ask(site, f"SELECT record FROM {place(_QUARANTINE.name)} WHERE {where}"), "record")
    row = json.loads(record)
    changed = json.dumps({**row, "username": f"[{str(row['username']).lower()}]"}, ensure_ascii=False)
    with kept(site, _QUARANTINE.name) as table:
        table.change(where, record=literal(changed))
        yield [key]


@after_migration(
    _finds(old.COMMENTS, _EXTRA),
    incident="A batch is set aside whole for one bad row in it, and its good rows are written in a second try.",
)
def good_comment_in_quarantine(site: Site) -> Plant:
    """A comment has two fates: it is mapped, and in quarantine too."""
    site.needs_quarantine_tables()
    victim = first(victims(site, new.RAW_COMMENTS), "comment whose id is its own")
    key = str(victim.values["comment_id"])
    with kept(site, _QUARANTINE.name) as table:
        values = ", ".join(map(literal, ("", Store.CLICKHOUSE, old.COMMENTS.name, key, Reason.BAD_JSON)))
        columns = "run_id, store, source, record_key, reason, detail, record, quarantined_at"
        do(site, f"INSERT INTO {table.live} ({columns}) VALUES ({values}, 'batch 7', '{{}}', now())")
        yield [key]


@after_migration(
    _finds(old.EAOS_METRICS, _EXTRA), incident="The retry of an insert that had timed out after it was written."
)
def refused_metrics_twice_in_quarantine(site: Site) -> Plant:
    """A row of eaos_metrics is in quarantine twice."""
    key, _, where = _refused(site, old.EAOS_METRICS)
    with kept(site, _QUARANTINE.name) as table:
        table.add(where)
        yield [key]


@after_migration(
    _finds(old.EAOS_METRICS, _CHANGED),
    incident="Reasons typed by hand in each script differ by a letter, and nothing counts them together.",
)
def refused_metrics_with_a_reason_of_its_own(site: Site) -> Plant:
    """A row of eaos_metrics is in quarantine with a reason that is not in the closed list."""
    key, reason, where = _refused(site, old.EAOS_METRICS)
    with kept(site, _QUARANTINE.name) as table:
        table.change(where, reason=literal(reason.replace("-", "_").upper()))
        yield [key]


@after_migration(
    _finds(old.EAOS_METRICS, _MISSING),
    _finds(old.COMMENTS, _EXTRA),
    *lost(Rule.CLICKHOUSE_EAOS_METRICS),
    incident="One function for several tables, called with the other one's name.",
)
def refused_metrics_of_another_source(site: Site) -> Plant:
    """A row of eaos_metrics is in quarantine as one of comments."""
    key, _, where = _refused(site, old.EAOS_METRICS)
    with kept(site, _QUARANTINE.name) as table:
        table.change(where, source=literal(old.COMMENTS.name))
        yield [key, key, key, AnyOf.KEY]


@after_migration(
    Finds("clickhouse.archive.comments", _EXTRA),
    incident="Writing every column to the archive to be on the safe side makes it a second copy of personal data.",
)
def archive_of_what_is_mapped(site: Site) -> Plant:
    """The archive holds fields of a comment that have their place in the new layout."""
    site.needs_quarantine_tables()
    key = str(first(victims(site, new.RAW_COMMENTS), "comment whose id is its own").values["comment_id"])
    yield from _archived(site, old.COMMENTS, key, '{"username":"lan"}')


@after_migration(
    Finds("clickhouse.archive.eaos_metrics", _EXTRA),
    incident="An archive that an earlier trial run had filled is kept, and read as if it were of this one.",
)
def archive_of_another_run(site: Site) -> Plant:
    """The archive holds fields of a row of eaos_metrics that these old data never had."""
    site.needs_quarantine_tables()
    yield from _archived(site, old.EAOS_METRICS, "rehearsal@2001-01-01T00:00:00Z", '{"channel":"trial"}')


@after_migration(
    Finds("clickhouse.archive.eaos_metrics", _MISSING),
    incident="An INSERT … SELECT into the archive with one condition too many leaves out rows that nobody counts.",
)
def archive_of_a_row_lost(site: Site) -> Plant:
    """The columns of one row of eaos_metrics that have no place in the new layout are nowhere."""
    key, _, where = _one_of(site, _ARCHIVE, old.EAOS_METRICS, "any(fields)", "true")
    with kept(site, _ARCHIVE.name) as table:
        table.drop(where)
        yield [key]


@after_migration(
    Finds("clickhouse.archive.eaos_metrics", _CHANGED, AnyOf.FIELD),
    incident="JSON that is put together by hand, with quotes around whatever comes, makes a text of a number.",
)
def archived_column_became_text(site: Site) -> Plant:
    """A number that a row of eaos_metrics held in a column without a place is kept as text."""
    key, fields, where = _one_of(site, _ARCHIVE, old.EAOS_METRICS, "any(fields)", r"match(fields, ':-?\\d')")
    texts = {name: str(value) for name, value in json.loads(fields).items()}
    with kept(site, _ARCHIVE.name) as table:
        table.change(where, fields=literal(json.dumps(texts, ensure_ascii=False)))
        yield [key]


def _archived(site: Site, source: Table, key: str, fields: str) -> Plant:
    with kept(site, _ARCHIVE.name) as table:
        values = ", ".join(map(literal, ("", Store.CLICKHOUSE, source.name, key, fields)))
        columns = "run_id, store, source, record_key, fields, archived_at"
        do(site, f"INSERT INTO {table.live} ({columns}) VALUES ({values}, now())")
        yield [key]


@after_migration(
    Finds("ledger.balance", _EXTRA, "source"),
    Finds("elasticsearch.archive", _MISSING),
    incident="What is filed under the new name of its index is looked for under the old one, and not found.",
)
def archive_under_the_new_name(site: Site) -> Plant:
    """The archived fields of a document are filed under an index that it never was in."""
    site.needs_quarantine_tables()
    of_index = f"store = {literal(Store.ELASTICSEARCH)} AND source = {literal(old.INDEX.name)}"
    query = f"SELECT record_key FROM {place(_ARCHIVE.name)} WHERE {of_index} ORDER BY record_key LIMIT 1"
    (key,) = first(ask(site, query), "document in the archive")
    with kept(site, _ARCHIVE.name) as table:
        table.change(f"{of_index} AND record_key = {literal(key)}", source=literal(new.INDEX.name))
        yield [key, key]
