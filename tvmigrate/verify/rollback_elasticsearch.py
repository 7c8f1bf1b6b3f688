"""Whether a rollback brought Elasticsearch back: indices, aliases, mappings, settings, documents, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tvmigrate.contract import exact_json
from tvmigrate.contract.outcome import Rule, Store, Unmappable
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.compare import ABSENT, differences, plain_number, shown
from tvmigrate.verify.context import Context
from tvmigrate.verify.elasticsearch_live import by_ids, scan
from tvmigrate.verify.findings import Direction, Finding, Phase
from tvmigrate.verify.reference import live_indices
from tvmigrate.verify.spool import Spool

_RULE = Rule.ROLLBACK_ELASTICSEARCH
# What Elasticsearch gives an index itself (contract §3, Rollback).
_OWN_SETTINGS = ("index.uuid", "index.creation_date", "index.provided_name", "index.routing_partition_size")
_OWN_PREFIXES = ("index.version.", "index.resize.")
_BLOCK = "index.blocks."


def _check(name: str, claim: str) -> Check:
    return Check(f"rollback.elasticsearch{name}", Phase.ROLLBACK, Store.ELASTICSEARCH, _RULE, claim)


DOCUMENTS = _check("", "Assert that every document of every old index is back with just the _source it had.")
SCHEMA = _check("-schema", "Assert that every old index is back with its aliases, mappings, settings and blocks.")
EXTRA = _check("-extra", "Assert that no index or alias is left that was not there before the migration.")


@examines(SCHEMA, EXTRA)
def indices(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare what Elasticsearch says of its indices with what it said before the migration."""
    before, live = context.reference.baseline.indices, live_indices(context.clients)
    schema, extra = sheets[SCHEMA.id], sheets[EXTRA.id]
    schema.old_side_has(len(before))
    for name, wanted in before.items():
        schema.saw()
        for finding in _schema_findings(name, wanted, live):
            schema.find(finding)
    extra.saw()
    for name in sorted(live.keys() - before.keys()):
        extra.saw()
        note = f"The index {name} was not there before the migration. A rollback leaves nothing new behind: delete it."
        extra.find(_finding(Direction.EXTRA, note, new=name, field="index", actual=sorted(live[name]["aliases"])))


def _schema_findings(name: str, wanted: Mapping[str, Any], live: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    found = live.get(name)
    if found is None:
        behind = sorted(index for index, body in live.items() if name in body["aliases"])
        what = f"is an alias on {', '.join(behind)}" if behind else "is not there"
        note = (
            f"{name} was an index and {what}. A rollback brings the old index back under its own name; "
            "what it brings it back from is counted before the index is deleted."
        )
        yield _finding(Direction.MISSING, note, old=name, new=name, field="index", expected=name, actual=behind or None)
        return
    parts = (
        ("aliases", wanted["aliases"], found["aliases"]),
        ("mappings", wanted["mappings"], found["mappings"]),
        ("settings", _settings(wanted["settings"]), _settings(found["settings"])),
    )
    for part, one, other in parts:
        for path, expected, actual in differences(one, other, part):
            note = f"{path} of the index {name} is not what it was{_why(path, expected)}."
            yield _finding(
                Direction.SCHEMA, note, old=name, new=name, field=path, expected=shown(expected), actual=shown(actual)
            )


def _why(path: str, expected: Any) -> str:
    """Return what `_clone` does to a setting that it is known to change."""
    if _BLOCK in path and expected is ABSENT:
        return "; its write block was not lifted, and a clone keeps the one that it was made under"
    if path.endswith(".number_of_replicas"):
        return "; a clone gets one replica unless number_of_replicas is said"
    return ""


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a rollback brings back; a block that is `false` is none."""
    return {
        name: value
        for name, value in settings.items()
        if name not in _OWN_SETTINGS
        and not name.startswith(_OWN_PREFIXES)
        and not (name.startswith(_BLOCK) and str(value).lower() == "false")
    }


@examines(DOCUMENTS)
def documents(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare every document's `_source` with the dataset's, as JSON: digests first, then what differs."""
    sheet = sheets[DOCUMENTS.id]
    for index in context.reference.dataset.indices:
        _compare(context, sheet, index)


def _compare(context: Context, sheet: Sheet, index: str) -> None:
    client = context.clients.elasticsearch
    schema = """
        CREATE TABLE expected (id TEXT PRIMARY KEY, digest BLOB, source TEXT);
        CREATE TABLE live (id TEXT, digest BLOB)"""
    with Spool(schema) as spool:
        spool.add(
            "INSERT OR REPLACE INTO expected VALUES (?, ?, ?)",
            ((d.id, _digest(_parsed(d.source)), d.source.encode("utf-8", "surrogatepass"))
             for d in context.reference.dataset.documents(index)),
        )  # fmt: skip
        sheet.old_side_has(spool.number("SELECT count(*) FROM expected"))
        if not client.indices.exists(index=index):
            note = f"There is no index {index}, so none of its documents is there."
            sheet.find(_finding(Direction.MISSING, note, old=index, new=index, field="index", expected=index))
            return
        client.indices.refresh(index=index)  # so that a search sees what was written last
        spool.add(
            "INSERT INTO live VALUES (?, ?)", ((hit["_id"], _digest(hit["_source"])) for hit in scan(client, index))
        )
        sheet.saw(max(spool.number(f"SELECT count(*) FROM {side}") for side in ("expected", "live")))
        spool.run("CREATE INDEX live_id ON live (id)")
        missing = "SELECT id FROM expected WHERE id NOT IN (SELECT id FROM live) ORDER BY id"
        for (name,) in spool.rows(missing):
            note = f"The document {name} of {index} is not there. A rollback brings every document back."
            sheet.find(_finding(Direction.MISSING, note, old=name, new=f"{index} {name}", field="_id", expected=name))
        for (name,) in spool.rows("SELECT id FROM live WHERE id NOT IN (SELECT id FROM expected) ORDER BY id"):
            note = f"The document {name} of {index} was not there before the migration."
            sheet.find(_finding(Direction.EXTRA, note, new=f"{index} {name}", field="_id", actual=name))
        changed = "SELECT e.id FROM expected e JOIN live l ON e.id = l.id WHERE e.digest <> l.digest ORDER BY e.id"
        for hit in by_ids(client, index, (name for (name,) in spool.rows(changed))):
            found = spool.one("SELECT source FROM expected WHERE id = ?", (hit["_id"],))
            wanted = _parsed(found[0].decode("utf-8", "surrogatepass")) if found else ABSENT
            for path, one, other in differences(wanted, hit["_source"]):
                note = f"{path or 'The _source'} of the document {hit['_id']} of {index} is not what it was."
                sheet.find(
                    _finding(
                        Direction.CHANGED, note, old=hit["_id"], new=f"{index} {hit['_id']}", field=path or "_source",
                        expected=shown(one), actual=shown(other),
                    )
                )  # fmt: skip


def _parsed(text: str) -> Any:
    """Return the JSON of a source; what the rules refuse (a key twice, half a surrogate) as Python reads it."""
    try:
        return exact_json.parse(text)
    except Unmappable:
        return json.loads(text)


def _digest(source: Any) -> bytes:
    return hashlib.blake2b(json.dumps(_canonical(source), sort_keys=True).encode(), digest_size=16).digest()


def _canonical(value: Any) -> Any:
    """Return JSON that is the same text where `compare.same` calls two values the same."""
    if isinstance(value, dict):
        return {name: _canonical(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    if isinstance(value, str | bool) or value is None:
        return value
    number = plain_number(value)
    whole = isinstance(number, float) and number.is_integer() and abs(number) < 2**63 and str(number) != "-0.0"
    return int(number) if whole else number


def _finding(direction: Direction, note: str, **where: Any) -> Finding:
    return Finding(Store.ELASTICSEARCH, _RULE, direction, note, **where)
