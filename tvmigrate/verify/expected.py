"""The hand-written expectations of a dataset, judged without any of the contract's rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify import expected_redis, expected_tables
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.clickhouse_rows import live_types
from tvmigrate.verify.clickhouse_schema import keeps_quarantine_tables
from tvmigrate.verify.context import Context
from tvmigrate.verify.elasticsearch_live import by_ids, target
from tvmigrate.verify.expected_files import Line, folder, holds, lines, unequal
from tvmigrate.verify.findings import Direction, Finding, Phase


def _check(what: str, store: Store, rule: Rule, claim: str) -> Check:
    return Check(f"expected.{what}", Phase.MIGRATION, store, rule, f"Assert that {claim} written by hand.")


REDIS = _check("redis", Store.REDIS, Rule.REDIS_EAOS, "keys, values and TTLs are those")
CLICKHOUSE = _check("clickhouse", Store.CLICKHOUSE, Rule.CLICKHOUSE_COMMENTS, "rows of the new tables are those")
DOCUMENTS = _check("elasticsearch", Store.ELASTICSEARCH, Rule.ELASTICSEARCH_COMMENTS, "documents are those")
QUARANTINE = _check("quarantine", Store.CROSS, Rule.LEDGER_BALANCE, "the quarantine holds just what is")
ARCHIVE = _check("archive", Store.CROSS, Rule.LEDGER_BALANCE, "archived fields are what is")

_TIMES = frozenset({"timestamp"})
_TABLES = "clickhouse"
_LINES_AT_ONCE = 200


@examines(REDIS, applies=holds)
def redis(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Judge Redis by `redis.ndjson`."""
    sheet = sheets[REDIS.id]
    for line in lines(context, "redis.ndjson"):
        sheet.saw()
        for finding in expected_redis.judge(context, line):
            sheet.find(finding)


@examines(CLICKHOUSE, applies=holds)
def clickhouse(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Judge the new tables by `clickhouse/{table}.ndjson`."""
    sheet = sheets[CLICKHOUSE.id]
    for path in sorted((folder(context) / _TABLES).glob("*.ndjson")):
        types = live_types(context.clients.clickhouse, path.stem)
        told = lines(context, f"{_TABLES}/{path.name}")
        while batch := list(islice(told, _LINES_AT_ONCE)):
            sheet.saw(len(batch))
            for finding in expected_tables.judge(context, path.stem, types, batch):
                sheet.find(finding)


@examines(DOCUMENTS, applies=holds)
def elasticsearch(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Judge the documents by `elasticsearch.ndjson`."""
    sheet = sheets[DOCUMENTS.id]
    client = context.clients.elasticsearch
    there = bool(target(client).indices)
    told = lines(context, "elasticsearch.ndjson")
    while batch := list(islice(told, _LINES_AT_ONCE)):
        sheet.saw(len(batch))
        hits: dict[str, list[Any]] = {line.body["_id"]: [] for line in batch}
        for hit in by_ids(client, new.ALIAS, iter(hits)) if there else ():
            hits[hit["_id"]].append(hit.get("_source", {}))
        for line in batch:
            for finding in _document(line, hits[line.body["_id"]]):
                sheet.find(finding)


def _document(line: Line, found: list[Any]) -> Iterator[Finding]:
    name = line.body["_id"]
    at = {"old": name, "new": name}
    wanted = 0 if line.body.get("absent") else 1
    if len(found) != wanted:
        what = f"Document {name} is {len(found)} times there, and should be {wanted} times."
        direction = Direction.EXTRA if len(found) > wanted else Direction.MISSING
        yield line.find(Store.ELASTICSEARCH, direction, what, **at, expected=wanted, actual=len(found))
        return
    for source in found:
        for field, expected, actual in unequal(line.body["source"], source, _TIMES):
            what = f"{field} of document {name} is {actual!r:.200}, and should be {expected!r:.200}."
            named = {"field": field, "expected": expected, "actual": actual}
            yield line.find(Store.ELASTICSEARCH, Direction.CHANGED, what, **at, **named)


def _holds_set_aside(context: Context) -> str:
    return keeps_quarantine_tables(context) or holds(context)


@examines(QUARANTINE, applies=_holds_set_aside)
def quarantine(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Judge the quarantine by `quarantine.ndjson`, which names every quarantined record of the dataset."""
    sheet = sheets[QUARANTINE.id]
    for looked_at, findings in expected_tables.judge_quarantine(context):
        sheet.saw(looked_at)
        for finding in findings:
            sheet.find(finding)


@examines(ARCHIVE, applies=_holds_set_aside)
def archive(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Judge the archive by `archive.ndjson`."""
    sheet = sheets[ARCHIVE.id]
    told = lines(context, "archive.ndjson")
    while batch := list(islice(told, _LINES_AT_ONCE)):
        sheet.saw(len(batch))
        for finding in expected_tables.judge_archive(context, batch):
            sheet.find(finding)
