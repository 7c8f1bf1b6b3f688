"""Whether a live index holds just the documents that it held before anything began, whatever their fields are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tvmigrate.contract import exact_json
from tvmigrate.contract.outcome import Unmappable
from tvmigrate.deep import deeply
from tvmigrate.verify.check import Sheet
from tvmigrate.verify.compare import ABSENT, differences, plain_number, shown
from tvmigrate.verify.context import Context
from tvmigrate.verify.elasticsearch_live import by_ids
from tvmigrate.verify.elasticsearch_sums import BUCKETS, digests_within, moment_of
from tvmigrate.verify.elasticsearch_whole import refresh
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.law import Law
from tvmigrate.verify.redis_names import by_weight
from tvmigrate.verify.spool import Spool

# What Elasticsearch gives an index itself (contract §3, Rollback).
_OWN_SETTINGS = ("index.uuid", "index.creation_date", "index.provided_name", "index.routing_partition_size")
_OWN_PREFIXES = ("index.version.", "index.resize.")
_BLOCK = "index.blocks."
_PART_CHARACTERS = 1 << 20  # of sources that are digested together


def compare_documents(context: Context, sheet: Sheet, index: str, law: Law) -> None:
    """Find how the documents of a live index differ from those of the dataset's, by digest, then field by field."""
    client = context.clients.elasticsearch
    with Spool("CREATE TABLE live (id TEXT, digest BLOB)", kept=_kept_documents(context, index)) as spool:
        sheet.old_side_has(spool.number("SELECT count(*) FROM kept.expected"))
        if not client.indices.exists(index=index):
            note = f"There is no index {index}, so none of its documents is there."
            sheet.find(law.finding(Direction.MISSING, note, old=index, new=index, field="index", expected=index))
            return
        refresh(client, index)
        spool.add("INSERT INTO live VALUES (?, ?)", _live(context, index))
        sheet.saw(max(spool.number(f"SELECT count(*) FROM {side}") for side in ("kept.expected", "live")))
        spool.run("CREATE INDEX live_id ON live (id)")
        missing = "SELECT id FROM kept.expected WHERE id NOT IN (SELECT id FROM live) ORDER BY id"
        for (name,) in spool.rows(missing):
            note = f"The document {name} of {index} is not there. {law.says}"
            sheet.find(
                law.finding(Direction.MISSING, note, old=name, new=f"{index} {name}", field="_id", expected=name)
            )
        for (name,) in spool.rows("SELECT id FROM live WHERE id NOT IN (SELECT id FROM kept.expected) ORDER BY id"):
            note = f"The document {name} of {index} was not there before the migration."
            sheet.find(law.finding(Direction.EXTRA, note, new=f"{index} {name}", field="_id", actual=name))
        changed = "SELECT e.id FROM kept.expected e JOIN live l ON e.id = l.id WHERE e.digest <> l.digest ORDER BY e.id"
        for hit in by_ids(client, index, (name for (name,) in spool.rows(changed))):
            found = spool.one("SELECT source FROM kept.expected WHERE id = ?", (hit["_id"],))
            wanted = _parsed(found[0].decode("utf-8", "surrogatepass")) if found else ABSENT
            for path, one, other in deeply(lambda one, other: list(differences(one, other)), wanted, hit["_source"]):
                note = f"{path or 'The _source'} of the document {hit['_id']} of {index} is not what it was."
                sheet.find(
                    law.finding(
                        Direction.CHANGED, note, old=hit["_id"], new=f"{index} {hit['_id']}", field=path or "_source",
                        expected=shown(one), actual=shown(other),
                    )
                )  # fmt: skip


def _live(context: Context, index: str) -> Iterator[tuple[str, bytes]]:
    """Yield id and digest of every live document."""
    with moment_of(context.clients, index) as moment:
        yield from digests_within(context.workers, moment, _of_hit, frozenset(range(BUCKETS)))


def _of_hit(_: str, source: Mapping[str, Any]) -> bytes:
    return _digest(source)


def _kept_documents(context: Context, index: str) -> Path:
    """Return the spool with id, digest and source of every document of the dataset's index, in `expected`."""

    def fill(spool: Spool) -> None:
        parts = by_weight(context.reference.dataset.documents(index), lambda one: len(one.source), _PART_CHARACTERS)
        for told in context.workers.each(_told, ([(d.id, d.source) for d in some] for some in parts)):
            spool.add("INSERT OR REPLACE INTO expected VALUES (?, ?, ?)", told)

    schema = "CREATE TABLE expected (id TEXT PRIMARY KEY, digest BLOB, source BLOB)"
    return context.reference.kept.spool("documents as they were", index, schema, fill)


def _told(documents: Sequence[tuple[str, str]]) -> list[tuple[str, bytes, bytes]]:
    """Return id, digest and source of documents of the dataset, given as id and source."""
    return [(name, _digest(_parsed(text)), text.encode("utf-8", "surrogatepass")) for name, text in documents]


def definition_findings(
    name: str, wanted: Mapping[str, Any], live: Mapping[str, Mapping[str, Any]], law: Law
) -> Iterator[Finding]:
    """Yield how an index differs from what it was in aliases, mappings and settings; `live` is `live_indices`."""
    found = live.get(name)
    if found is None:
        behind = sorted(index for index, body in live.items() if name in body["aliases"])
        what = f"is an alias on {', '.join(behind)}" if behind else "is not there"
        note = f"{name} was an index and {what}. {law.says}"
        yield law.finding(
            Direction.MISSING, note, old=name, new=name, field="index", expected=name, actual=behind or None
        )
        return
    parts = (
        ("aliases", wanted["aliases"], found["aliases"]),
        ("mappings", wanted["mappings"], found["mappings"]),
        ("settings", _settings(wanted["settings"]), _settings(found["settings"])),
    )
    for part, one, other in parts:
        for path, expected, actual in differences(one, other, part):
            note = f"{path} of the index {name} is not what it was{_why(path, expected)}."
            yield law.finding(
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
    """Return the settings that a rollback brings back; a block that is `false` is none, and so is a setting of null.

    A clone that is told `"index.blocks.write": null` has the setting, and no block.
    """
    return {
        name: value
        for name, value in settings.items()
        if value is not None
        and name not in _OWN_SETTINGS
        and not name.startswith(_OWN_PREFIXES)
        and not (name.startswith(_BLOCK) and str(value).lower() == "false")
    }


def _parsed(text: str) -> Any:
    """Return the JSON of a source; what the rules refuse (a key twice, half a surrogate) as Python reads it."""
    try:
        return exact_json.parse(text)
    except Unmappable:
        return deeply(json.loads, text)


def _digest(source: Any) -> bytes:
    return deeply(_digest_of, source)


def _digest_of(source: Any) -> bytes:
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
