"""Faults of ClickHouse after the migration: what is left of the old tables, and the copies that are kept of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tvmigrate.contract import new, old
from tvmigrate.contract.layout import Table, literal, quoted
from tvmigrate.verify.clickhouse_canonical import instant_text
from tvmigrate.verify.context import OldEndState
from tvmigrate.verify.faults.clickhouse_tables import ask, do, is_there, kept, kept_copy, number_of, place
from tvmigrate.verify.faults.model import Finds, Plant, after_migration
from tvmigrate.verify.faults.site import NothingToPlant, Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED = Direction.MISSING, Direction.EXTRA, Direction.CHANGED
_COMMENTS, _METRICS = old.COMMENTS, old.EAOS_METRICS
_TRIED = 50
# The columns that name a row: texts, and the time last.
_NAMED_BY: Mapping[str, tuple[str, ...]] = {
    _COMMENTS.name: ("comment_id", "entity", "created_at"),
    _METRICS.name: ("entity", "recorded_at"),
}


def _old(direction: Direction, field: str | None = None) -> Finds:
    return Finds("clickhouse.old-tables", direction, field)


# --------------------------------------------------------------------------------------------------- under the old name


@after_migration(
    _old(_EXTRA),
    incident="An application that was not stopped makes its tables at each start: CREATE TABLE IF NOT EXISTS comments.",
)
def old_table_made_anew(site: Site) -> Plant:
    """The old table comments is there again, empty, and takes what old writers send."""
    _requires_free_name(site)
    do(site, _COMMENTS.create(old.DATABASE))
    yield [f"{old.DATABASE}.{_COMMENTS.name}"]
    do(site, f"DROP TABLE {place(_COMMENTS.name)} SYNC")


@after_migration(
    _old(_EXTRA, "engine"),
    incident="A view for readers of the old name: a rollback's RENAME back to that name is refused while it is there.",
)
def view_under_the_old_name(site: Site) -> Plant:
    """A view of raw_comments stands under the name comments."""
    _requires_free_name(site)
    view, source = place(_COMMENTS.name), place(new.RAW_COMMENTS.name)
    do(site, f"CREATE VIEW {view} AS SELECT comment_id, program_id AS entity, text FROM {source}")
    yield [f"{old.DATABASE}.{_COMMENTS.name}"]
    do(site, f"DROP VIEW {view} SYNC")


def _requires_free_name(site: Site) -> None:
    if site.old_end_state is OldEndState.KEPT or is_there(site, _COMMENTS.name):
        raise NothingToPlant(f"there is no name free: {_COMMENTS.name} is to stay")


# --------------------------------------------------------------------------------------------------------- kept copies


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the kept copy `table`: how findings name it, and the condition that it alone fulfils."""

    table: str
    name: str
    where: str


def _rows(site: Site, table: Table, where: str) -> Iterator[_Row]:
    """Yield rows of the kept copy of `table` that fulfil `where` and are named as none else is."""
    copy = kept_copy(site, table)
    *texts, time = _NAMED_BY[table.name]
    valid = " AND ".join(f"isValidUTF8({quoted(column)})" for column in texts)
    columns = ", ".join([*map(quoted, texts), f"toInt64(toUnixTimestamp({quoted(time)}))"])
    query = (
        f"SELECT {columns} FROM {place(copy)} WHERE {valid} AND ({where})"
        f" ORDER BY cityHash64({columns}), {columns} LIMIT {_TRIED}"
    )
    for *said, seconds in ask(site, query):
        same = [f"{quoted(column)} = {literal(text)}" for column, text in zip(texts, said, strict=True)]
        alone = " AND ".join([*same, f"toInt64(toUnixTimestamp({quoted(time)})) = {seconds}"])
        if number_of(site, copy, alone) == 1:
            yield _Row(copy, f"{table.name} {said[-1]} {instant_text(seconds * 1000)}", alone)


@after_migration(
    _old(_MISSING),
    incident="A TTL of the old table goes on in its copy: ClickHouse drops old rows at the next merge.",
)
def kept_copy_lost_a_row(site: Site) -> Plant:
    """The copy kept of comments lacks one row, so that no rollback can bring it back."""
    row = first(_rows(site, _COMMENTS, "true"), "row in the copy kept of comments")
    with kept(site, row.table) as copy:
        copy.drop(row.where)
        yield [row.name]


@after_migration(
    _old(_EXTRA, "copies"),
    incident="A copy by INSERT … SELECT that was begun again after it had stopped half way.",
)
def kept_copy_has_a_row_twice(site: Site) -> Plant:
    """The copy kept of eaos_metrics has one row twice."""
    row = first(_rows(site, _METRICS, "true"), "row in the copy kept of eaos_metrics")
    with kept(site, row.table) as copy:
        copy.add(row.where)
        yield [row.name]


@after_migration(
    _old(_CHANGED, "text"),
    incident="MySQL's utf8 holds three bytes a character: by way of it each emoji becomes a question mark.",
)
def kept_copy_without_emoji(site: Site) -> Plant:
    """In the copy kept of comments one text has a question mark for an emoji."""
    emoji = "[\\\\x{10000}-\\\\x{10FFFF}]"
    row = first(_rows(site, _COMMENTS, f"isValidUTF8(text) AND match(text, '{emoji}')"), "text with an emoji")
    with kept(site, row.table) as copy:
        copy.change(row.where, text=f"replaceRegexpAll(text, '{emoji}', '?')")
        yield [row.name]


@after_migration(
    _old(_CHANGED, "created_at"),
    incident="Local times that were written in summer and read in winter are an hour off.",
)
def kept_copy_off_by_an_hour(site: Site) -> Plant:
    """In the copy kept of comments one time is an hour later, as by daylight saving."""
    where = "created_at < toDateTime('2106-02-07 00:00:00', 'UTC')"
    row = first(_rows(site, _COMMENTS, where), "row in the copy kept of comments")
    with kept(site, row.table) as copy:
        copy.change(row.where, created_at="created_at + INTERVAL 1 HOUR")
        yield [row.name]


@after_migration(
    _old(_CHANGED, "sentiment_breakdown"),
    incident="Text that goes through a JSON column comes back written anew: other blanks, other order of keys.",
)
def kept_copy_with_json_written_anew(site: Site) -> Plant:
    """In the copy kept of eaos_metrics one breakdown is the same JSON in other bytes."""
    where = "position(sentiment_breakdown, ': ') > 0 AND isValidUTF8(sentiment_breakdown)"
    row = first(_rows(site, _METRICS, where), "breakdown with a blank behind a colon")
    with kept(site, row.table) as copy:
        copy.change(row.where, sentiment_breakdown="replaceAll(sentiment_breakdown, ': ', ':')")
        yield [row.name]


@after_migration(
    _old(_MISSING, "rows"),
    incident="CREATE TABLE … AS without SELECT takes over the columns, and no row.",
)
def backup_without_rows(site: Site) -> Plant:
    """A table comments_backup is there to go back to, and is empty."""
    name = f"{_COMMENTS.name}_backup"
    if is_there(site, name):
        raise NothingToPlant(f"there is no name free: {name} is taken")
    if not site.reference.dataset.tables.get(_COMMENTS.name):
        raise NothingToPlant("there is no old table comments that could have a copy")
    do(site, _COMMENTS.create(old.DATABASE, name))
    yield [f"{old.DATABASE}.{name}"]
    do(site, f"DROP TABLE {place(name)} SYNC")
