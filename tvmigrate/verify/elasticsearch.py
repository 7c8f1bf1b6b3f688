"""The documents behind `tv_comments` against what the rules make of the old ones (contract §3, `elasticsearch.*`)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from elasticsearch import BadRequestError

from tvmigrate.contract import exact_json, new
from tvmigrate.contract.outcome import Fate, Quarantined, Rule, Store
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.clickhouse_schema import keeps_quarantine_tables
from tvmigrate.verify.context import Context
from tvmigrate.verify.elasticsearch_documents import differing_fields, digest, expected_documents
from tvmigrate.verify.elasticsearch_live import PAGE, by_ids, scan, stored, target
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
QUARANTINE = _check("quarantine", "Assert that each old document that does not map is in quarantine, with its reason.")
ARCHIVE = _check("archive", "Assert that fields without a place in the new mapping are in the archive.")

_SCHEMA = """
    CREATE TABLE expected (id TEXT PRIMARY KEY, digest BLOB, filled INT, reason TEXT) WITHOUT ROWID;
    CREATE TABLE live (id TEXT, digest BLOB, program TEXT, sentiment TEXT, topics INT);
    CREATE TABLE missing (id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE differing (id TEXT, source TEXT)"""

_INSERT_LIVE = "INSERT INTO live VALUES (?, ?, ?, ?, ?)"


@examines(COMMENTS, INDEXED)
def documents(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare every field of every document, count their fates, and ask the index for what it was given."""
    sheet = sheets[COMMENTS.id]
    client = context.clients.elasticsearch
    with Spool(_SCHEMA) as spool:
        spool.add("INSERT INTO expected VALUES (?, ?, ?, ?)", _expected_rows(context))
        due = spool.number("SELECT count(*) FROM expected WHERE reason IS NULL")
        context.book.old_has(RULE, spool.number("SELECT count(*) FROM expected"))
        for each in sheets.values():
            each.old_side_has(due)
        unmapped = spool.rows("SELECT id, reason FROM expected WHERE reason IS NOT NULL")
        set_aside_due = ((show_bytes(name.encode()), reason) for name, reason in unmapped)
        count_set_aside(context, Store.ELASTICSEARCH, RULE, set_aside_due)
        if not target(client).indices:
            finding = _finding(Direction.MISSING, f"There is neither an alias nor an index {new.ALIAS}.", new=new.ALIAS)
            for each in sheets.values():
                each.find(finding)
            context.book.came_to(RULE, Fate.MAPPED, 0)
            return
        spool.add(_INSERT_LIVE, _live_rows(context, sheets[INDEXED.id]))
        spool.run("CREATE INDEX live_id ON live (id)")
        spool.run(
            "INSERT INTO missing SELECT id FROM expected WHERE reason IS NULL AND id NOT IN (SELECT id FROM live)"
        )
        _missing(context, sheets, spool)
        sheet.saw(max(due, spool.number("SELECT count(*) FROM live")))
        _extra(sheet, spool)
        _changed(context, sheet, spool)
        _fates(context, spool)
        _indexed(context, sheets[INDEXED.id], spool)


def _expected_rows(context: Context) -> Iterator[tuple[str, bytes | None, bool, str | None]]:
    for name, outcome in expected_documents(context):
        if isinstance(outcome, Quarantined):
            yield name, None, False, str(outcome.reason)
        else:
            yield name, digest(outcome.value.source), outcome.fate is Fate.FILLED, None


def _live_rows(context: Context, indexed: Sheet) -> Iterator[tuple[str, bytes, str, str, bool]]:
    for hit in scan(context.clients.elasticsearch, new.ALIAS):
        yield _live_row(hit, indexed)


def _live_row(hit: Mapping[str, Any], indexed: Sheet) -> tuple[str, bytes, str, str, bool]:
    """Return what is kept of a hit; fields that the index left out are findings."""
    source = hit.get("_source", {})
    for field in hit.get("_ignored", ()):
        note = f"Field {field} of document {hit['_id']} is stored, but the index left it out: no search finds it."
        indexed.find(_finding(Direction.CHANGED, note, old=hit["_id"], new=hit["_id"], field=field))
    program, sentiment = (_text(source.get(name)) for name in ("program_id", "sentiment"))
    return hit["_id"], digest(source), program, sentiment, bool(source.get("topics"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _finding(direction: Direction, note: str, **where: Any) -> Finding:
    return Finding(Store.ELASTICSEARCH, RULE, direction, note, **where)


def _missing(context: Context, sheets: Mapping[str, Sheet], spool: Spool) -> None:
    """Find documents that no search gives; what is stored all the same had not been refreshed, or never is."""
    client = context.clients.elasticsearch
    names = (name for (name,) in spool.rows("SELECT id FROM missing ORDER BY id"))
    indices = list(target(client).indices)
    while batch := list(islice(names, PAGE)):
        there = {name for index in indices for name in stored(client, index, batch)}
        late = _refreshed(context, there)
        indexed = sheets[INDEXED.id]
        spool.add(_INSERT_LIVE, (_live_row(hit, indexed) for hit in late.values()))
        spool.add("DELETE FROM missing WHERE id = ?", ((name,) for name in late))
        for name in batch:
            if name in late:
                continue
            if name in there:
                note = (
                    f"Document {name} is stored but no search finds it: refresh the index, and let it refresh itself."
                )
                indexed.find(_finding(Direction.MISSING, note, old=name, new=name))
            else:
                note = f"Document {name} is missing behind {new.ALIAS}, though the old document maps."
            finding = _finding(Direction.MISSING, note, old=name, new=name)
            sheets[COMMENTS.id].find(finding)
            context.book.without_fate(finding)


def _refreshed(context: Context, names: set[str]) -> dict[str, Mapping[str, Any]]:
    """Return the hits of those of `names` that a search finds within the time that a refresh takes."""
    found: dict[str, Mapping[str, Any]] = {}
    deadline = time.monotonic() + REFRESH_PATIENCE_S
    while len(found) < len(names):
        left = iter(sorted(names - found.keys()))
        found |= {hit["_id"]: hit for hit in by_ids(context.clients.elasticsearch, new.ALIAS, left)}
        if time.monotonic() > deadline:
            break
        if len(found) < len(names):
            time.sleep(0.2)
    return found


def _extra(sheet: Sheet, spool: Spool) -> None:
    strangers = """
        SELECT live.id, expected.reason FROM live LEFT JOIN expected USING (id)
        WHERE expected.id IS NULL OR expected.reason IS NOT NULL ORDER BY live.id"""
    for name, reason in spool.rows(strangers):
        why = f"the old document does not map ({reason})" if reason else "there was no such old document"
        note = f"Document {name} should not be there: {why}."
        sheet.find(_finding(Direction.EXTRA, note, old=name if reason else None, new=name))
    for name, times in spool.rows("SELECT id, count(*) FROM live GROUP BY id HAVING count(*) > 1 ORDER BY id"):
        note = f"Document {name} is {times} times behind {new.ALIAS}, in as many indices or shards."
        sheet.find(_finding(Direction.EXTRA, note, new=name, expected=1, actual=times))


def _changed(context: Context, sheet: Sheet, spool: Spool) -> None:
    """Read the documents whose digests differ, and name the fields."""
    differ = """
        SELECT DISTINCT live.id FROM live JOIN expected USING (id)
        WHERE expected.reason IS NULL AND live.digest <> expected.digest"""
    if spool.one(differ) is None:
        return
    names = (name for (name,) in spool.rows(differ))
    hits = by_ids(context.clients.elasticsearch, new.ALIAS, names)
    spool.add("INSERT INTO differing VALUES (?, ?)", ((hit["_id"], json.dumps(hit["_source"])) for hit in hits))
    spool.run("CREATE INDEX differing_id ON differing (id)")
    for name, outcome in expected_documents(context):
        if isinstance(outcome, Quarantined):
            continue
        for (text,) in spool.rows("SELECT source FROM differing WHERE id = ?", (name,)):
            for field, expected, actual in sorted(differing_fields(outcome.value.source, json.loads(text))):
                note = f"{field} of document {name} is {actual!r:.200}, and should be {expected!r:.200}."
                sheet.find(
                    _finding(Direction.CHANGED, note, old=name, new=name, field=field, expected=expected, actual=actual)
                )


def _fates(context: Context, spool: Spool) -> None:
    found = "SELECT count(*) FROM expected WHERE reason IS NULL AND filled = ? AND id NOT IN (SELECT id FROM missing)"
    context.book.came_to(RULE, Fate.MAPPED, spool.number(found, (0,)))
    context.book.came_to(RULE, Fate.FILLED, spool.number(found, (1,)))


_ALWAYS_INDEXED = tuple(name for name in new.DOCUMENT_FIELDS if name not in {"text", "topics"})
_TERMS_ASKED = 200  # the most frequent values; each is one query


def _indexed(context: Context, sheet: Sheet, spool: Spool) -> None:
    """Ask the index for counts, and compare them with those of the stored documents."""
    client = context.clients.elasticsearch
    total = spool.number("SELECT count(*) FROM live")
    sheet.saw(total)
    asked: list[tuple[str, str, Mapping[str, Any], int]] = [
        (field, f"have {field}", {"exists": {"field": field}}, total) for field in _ALWAYS_INDEXED
    ]
    with_topics = spool.number("SELECT count(*) FROM live WHERE topics")
    asked.append(("topics", "have topics", {"exists": {"field": "topics"}}, with_topics))
    for field, column in (("program_id", "program"), ("sentiment", "sentiment")):
        most = f"SELECT {column}, count(*) FROM live GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_TERMS_ASKED}"
        for value, times in spool.rows(most):
            asked.append((field, f"say {field} is {value!r}", {"term": {field: value}}, times))
    for field, what, query, expected in asked:
        try:
            actual = client.count(index=new.ALIAS, query=query)["count"]
        except BadRequestError as refused:
            note = f"A search for documents that {what} is refused, so that none is found by {field}: {refused}."
            sheet.find(_finding(Direction.SCHEMA, note, new=new.ALIAS, field=field, expected=expected))
            continue
        if actual != expected:
            note = f"A search finds {actual} documents that {what}, but {expected} are stored: the index is not theirs."
            sheet.find(_finding(Direction.CHANGED, note, new=new.ALIAS, field=field, expected=expected, actual=actual))


@examines(QUARANTINE, ARCHIVE, applies=keeps_quarantine_tables)
def set_aside(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare quarantine and archive with what the rules set aside of old documents."""
    # Both lists come from one pass over the documents, since the rules are what costs time.
    with Spool("CREATE TABLE refused (key TEXT, reason TEXT); CREATE TABLE archived (key TEXT, fields TEXT)") as spool:
        for name, outcome in expected_documents(context):
            key = show_bytes(name.encode())
            if isinstance(outcome, Quarantined):
                spool.run("INSERT INTO refused VALUES (?, ?)", (key, str(outcome.reason)))
            elif outcome.archived:
                spool.run("INSERT INTO archived VALUES (?, ?)", (key, exact_json.dump(dict(outcome.archived))))
        refused = ((key, reason) for key, reason in spool.rows("SELECT key, reason FROM refused"))
        compare_quarantine(context, sheets[QUARANTINE.id], Store.ELASTICSEARCH, RULE, refused)
        archived = ((key, exact_json.parse(text)) for key, text in spool.rows("SELECT key, fields FROM archived"))
        compare_archive(context, sheets[ARCHIVE.id], Store.ELASTICSEARCH, RULE, archived)
