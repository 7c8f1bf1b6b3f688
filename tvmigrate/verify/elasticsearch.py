"""The documents behind `tv_comments` against what the rules make of the old ones (contract §3, `elasticsearch.*`)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Fate, Quarantined, Rule, Store
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.clickhouse_schema import keeps_quarantine_tables
from tvmigrate.verify.comment_facts import as_text
from tvmigrate.verify.context import Context
from tvmigrate.verify.elasticsearch_documents import differing_fields, digest
from tvmigrate.verify.elasticsearch_expected import (
    archived_fields,
    expected_of,
    kept_documents,
    kept_sums,
    refused_documents,
    refused_records,
)
from tvmigrate.verify.elasticsearch_indexed import Counts, ask_the_index
from tvmigrate.verify.elasticsearch_live import PAGE, by_ids, stored, target
from tvmigrate.verify.elasticsearch_sums import Moment, Slice, Sums, bucket_of, moment_of
from tvmigrate.verify.findings import Direction, Finding, Phase
from tvmigrate.verify.quarantine import compare_archive, compare_quarantine
from tvmigrate.verify.set_aside import count_set_aside
from tvmigrate.verify.spool import Spool

RULE = Rule.ELASTICSEARCH_COMMENTS
REFRESH_PATIENCE_S = 3.0  # an index refreshes once a second unless it is told otherwise


def _check(what: str, claim: str) -> Check:
    return Check(f"elasticsearch.{what}", Phase.MIGRATION, Store.ELASTICSEARCH, RULE, claim)


COMMENTS = _check(
    "comments", "Assert that each old document that maps is there under its _id as the rules say, and no other."
)
INDEXED = _check(
    "indexed", "Assert that a search finds every document by its fields: what is indexed is what is stored."
)
QUARANTINE = _check(
    "quarantine", "Assert that each old document that does not map is in quarantine, whole and with its reason."
)
ARCHIVE = _check("archive", "Assert that fields without a place in the new mapping are in the archive.")

_SCHEMA = """
    CREATE TABLE live (id TEXT, digest BLOB, comment TEXT);
    CREATE TABLE missing (id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE moved (old TEXT PRIMARY KEY, new TEXT) WITHOUT ROWID;
    CREATE TABLE differing (id TEXT, source TEXT);
    CREATE TABLE suspect (bucket INTEGER PRIMARY KEY)"""

_INSERT_LIVE = "INSERT INTO live VALUES (?, ?, ?)"


@examines(COMMENTS, INDEXED)
def documents(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare every field of every document, count their fates, and ask the index for what it was given."""
    sheet = sheets[COMMENTS.id]
    client = context.clients.elasticsearch
    with Spool(_SCHEMA, kept=kept_documents(context)) as spool:
        due = spool.number("SELECT count(*) FROM kept.documents WHERE reason IS NULL")
        context.book.old_has(RULE, spool.number("SELECT count(*) FROM kept.documents"))
        for each in sheets.values():
            each.old_side_has(due)
        count_set_aside(context, Store.ELASTICSEARCH, RULE, refused_documents(context))
        if not target(client).indices:
            note = f"There is neither an alias nor an index {new.ALIAS}, so none of its documents can be there."
            finding = _finding(Direction.MISSING, note, new=new.ALIAS, expected=new.ALIAS)
            for each in sheets.values():
                each.find(finding)
            context.book.came_to(RULE, Fate.MAPPED, 0)
            return
        with moment_of(context.clients, new.ALIAS) as moment:
            live = _look(context, moment, sheets[INDEXED.id])
            differing = live.sums.differing(kept_sums(spool))
            if differing:
                spool.add("INSERT INTO suspect VALUES (?)", ((bucket,) for bucket in differing))
                spool.add(_INSERT_LIVE, _rows_within(context, moment, differing))
            else:
                context.book.as_due(RULE)
        spool.run("CREATE INDEX live_id ON live (id)")
        spool.run("CREATE INDEX live_comment ON live (comment)")
        spool.run(_NOT_LIVE)
        _missing(context, sheets, spool, live)
        sheet.saw(max(due, live.sums.documents))
        _extra(sheet, spool)
        _changed(context, sheet, spool)
        _fates(context, spool)
        ask_the_index(context.clients.elasticsearch, sheets[INDEXED.id], live.counts)


# Documents of other buckets are all there, and are the same.
_NOT_LIVE = """
    INSERT INTO missing SELECT id FROM kept.documents
    WHERE reason IS NULL AND bucket IN (SELECT bucket FROM suspect) AND id NOT IN (SELECT id FROM live)"""


@dataclass(slots=True)
class _Live:
    """What is kept of a slice's documents: sums, what they have to be found by, what the index left out of them."""

    sums: Sums = field(default_factory=Sums)
    counts: Counts = field(default_factory=Counts)
    left_out: list[Finding] = field(default_factory=list)

    def add(self, hit: Mapping[str, Any]) -> None:
        """Take in a hit."""
        name, source = hit["_id"], hit.get("_source", {})
        self.sums.add(name, digest(name, source))
        self.counts.add(source)
        for ignored in hit.get("_ignored", ()):
            note = f"Field {ignored} of document {name} is stored, but the index left it out: no search finds it."
            where = {"old": name, "new": name, "field": ignored}
            self.left_out.append(_finding(Direction.CHANGED, note, **where, expected=source.get(ignored)))


def _look(context: Context, moment: Moment, indexed: Sheet) -> _Live:
    """Read every document; fields that the index left out are findings."""
    live = _Live()
    for part in context.workers.each(_look_at_slice, moment.slices()):
        live.sums.take(part.sums)
        live.counts.take(part.counts)
        for finding in part.left_out:
            indexed.find(finding)
    return live


def _look_at_slice(part: Slice) -> _Live:
    live = _Live()
    for hit in part.hits():
        live.add(hit)
    return live


def _rows_within(context: Context, moment: Moment, buckets: frozenset[int]) -> Iterator[tuple[str, bytes, str]]:
    for rows in context.workers.each(partial(_rows_of_slice, buckets), moment.slices()):
        yield from rows


def _rows_of_slice(buckets: frozenset[int], part: Slice) -> list[tuple[str, bytes, str]]:
    return [_row(hit) for hit in part.hits() if bucket_of(hit["_id"]) in buckets]


def _row(hit: Mapping[str, Any]) -> tuple[str, bytes, str]:
    """Return a hit's `_id`, its digest, and the comment that it says it is."""
    source = hit.get("_source", {})
    return hit["_id"], digest(hit["_id"], source), as_text(source.get("comment_id"))


def _finding(direction: Direction, note: str, **where: Any) -> Finding:
    return Finding(Store.ELASTICSEARCH, RULE, direction, note, **where)


_MOVED = """
    INSERT INTO moved SELECT missing.id, min(live.id) FROM missing JOIN live ON live.comment = missing.id
    WHERE live.id NOT IN (SELECT id FROM kept.documents) GROUP BY missing.id"""


def _missing(context: Context, sheets: Mapping[str, Sheet], spool: Spool, live: _Live) -> None:
    """Find documents that no search gives: moved, hidden by the alias, not refreshed, or gone."""
    client = context.clients.elasticsearch
    names = (name for (name,) in spool.rows("SELECT id FROM missing ORDER BY id"))
    indices = list(target(client).indices)
    indexed = sheets[INDEXED.id]
    spool.run(_MOVED)
    while batch := list(islice(names, PAGE)):
        there = {name for index in indices for name in stored(client, index, batch)}
        late, hidden = _refreshed(context, indices, there)
        spool.add(_INSERT_LIVE, map(_row, late.values()))
        for hit in late.values():
            live.counts.add(hit.get("_source", {}))
            live.sums.documents += 1
        spool.add("DELETE FROM missing WHERE id = ?", ((name,) for name in late))
        for name in batch:
            if name in late:
                continue
            finding = _missing_one(spool, name, stored=name in there, hidden=name in hidden)
            if name in there and name not in hidden:
                indexed.find(finding)
            sheets[COMMENTS.id].find(finding)
            context.book.without_fate(finding)


def _missing_one(spool: Spool, name: str, *, stored: bool, hidden: bool) -> Finding:
    if hidden:
        note = f"The index has document {name}, but the alias {new.ALIAS} hides it: take filter and routing off it."
    elif stored:
        note = f"Document {name} is stored but no search finds it: refresh the index, and let it refresh itself."
    elif moved := spool.one("SELECT new FROM moved WHERE old = ?", (name,)):
        note = f"Document {name} is under the _id {moved[0]}: a new document has the _id of its old one."
        where = {"old": name, "new": moved[0], "field": "_id", "expected": name, "actual": moved[0]}
        return _finding(Direction.CHANGED, note, **where)
    else:
        note = f"Document {name} is missing behind {new.ALIAS}, though the old document maps."
    return _finding(Direction.MISSING, note, old=name, new=name, expected=name)


def _refreshed(
    context: Context, indices: Sequence[str], names: set[str]
) -> tuple[dict[str, Mapping[str, Any]], set[str]]:
    """Return the hits of those of `names` that a search finds within the time that a refresh takes.

    And those that it finds in their index, and not behind the alias.
    """
    client = context.clients.elasticsearch
    found: dict[str, Mapping[str, Any]] = {}
    hidden: set[str] = set()
    deadline = time.monotonic() + REFRESH_PATIENCE_S
    while True:
        seen = {hit["_id"] for index in indices for hit in by_ids(client, index, iter(sorted(names - found.keys())))}
        # Only now behind the alias: what a refresh brings in between is behind both.
        found |= {hit["_id"]: hit for hit in by_ids(client, new.ALIAS, iter(sorted(names - found.keys())))}
        hidden |= seen - found.keys()
        if len(found) + len(hidden) >= len(names) or time.monotonic() > deadline:
            return found, hidden
        time.sleep(0.2)


def _extra(sheet: Sheet, spool: Spool) -> None:
    strangers = """
        SELECT live.id, expected.reason, copied.id FROM live LEFT JOIN kept.documents AS expected USING (id)
        LEFT JOIN kept.documents AS copied ON expected.id IS NULL AND copied.id = live.comment AND copied.reason IS NULL
        WHERE (expected.id IS NULL OR expected.reason IS NOT NULL) AND live.id NOT IN (SELECT new FROM moved)
        ORDER BY live.id"""
    for name, reason, copied in spool.rows(strangers):
        if copied is not None:
            note = f"Document {name} is one more of {copied}, under an _id of its own: a write repeated without an _id."
            sheet.find(_finding(Direction.EXTRA, note, old=copied, new=name, field="_id", actual=name))
            continue
        why = f"the old document does not map ({reason})" if reason else "there was no such old document"
        note = f"Document {name} should not be there: {why}."
        sheet.find(_finding(Direction.EXTRA, note, old=name if reason else None, new=name, actual=name))
    for name, times in spool.rows("SELECT id, count(*) FROM live GROUP BY id HAVING count(*) > 1 ORDER BY id"):
        note = f"Document {name} is {times} times behind {new.ALIAS}, in as many indices or shards."
        sheet.find(_finding(Direction.EXTRA, note, new=name, expected=1, actual=times))


def _changed(context: Context, sheet: Sheet, spool: Spool) -> None:
    """Read the documents whose digests differ, and name the fields."""
    differ = """
        SELECT DISTINCT live.id FROM live JOIN kept.documents AS expected USING (id)
        WHERE expected.reason IS NULL AND live.digest <> expected.digest"""
    if spool.one(differ) is None:
        return
    names = (name for (name,) in spool.rows(differ))
    hits = by_ids(context.clients.elasticsearch, new.ALIAS, names)
    spool.add("INSERT INTO differing VALUES (?, ?)", ((h["_id"], json.dumps(h.get("_source", {}))) for h in hits))
    spool.run("CREATE INDEX differing_id ON differing (id)")

    def differs(name: str) -> bool:
        return spool.one("SELECT 1 FROM differing WHERE id = ?", (name,)) is not None

    for name, outcome in expected_of(context, differs):
        if isinstance(outcome, Quarantined):
            continue
        for (text,) in spool.rows("SELECT source FROM differing WHERE id = ?", (name,)):
            source = json.loads(text)
            for path, direction, expected, actual in sorted(differing_fields(outcome.value.source, source)):
                is_now = f"is {actual!r:.200}" if path in source else "is not there"
                should = f"be {expected!r:.200}" if path in outcome.value.source else "not be"
                note = f"{path} of document {name} {is_now}, and should {should}."
                sheet.find(_finding(direction, note, old=name, new=name, field=path, expected=expected, actual=actual))


def _fates(context: Context, spool: Spool) -> None:
    found = (
        "SELECT count(*) FROM kept.documents WHERE reason IS NULL AND filled = ? AND id NOT IN (SELECT id FROM missing)"
    )
    context.book.came_to(RULE, Fate.MAPPED, spool.number(found, (0,)))
    context.book.came_to(RULE, Fate.FILLED, spool.number(found, (1,)))


@examines(QUARANTINE, ARCHIVE, applies=keeps_quarantine_tables)
def set_aside(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare quarantine and archive with what the rules set aside of old documents."""
    refused, archived = refused_records(context), archived_fields(context)
    compare_quarantine(context, sheets[QUARANTINE.id], Store.ELASTICSEARCH, RULE, refused)
    compare_archive(context, sheets[ARCHIVE.id], Store.ELASTICSEARCH, RULE, archived)
