"""The new Elasticsearch index as an object: alias, mapping, blocks, replicas; and the copy kept of the old one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elasticsearch import Elasticsearch

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.compare import ABSENT, differences, shown
from tvmigrate.verify.context import Context
from tvmigrate.verify.elasticsearch_documents import plain_digest
from tvmigrate.verify.elasticsearch_expected import kept_plain_documents, kept_sums
from tvmigrate.verify.elasticsearch_live import Target, blocks_of, mappings_of, settings_of, target
from tvmigrate.verify.elasticsearch_sums import digests_within, moment_of, sums_of
from tvmigrate.verify.findings import Direction, Finding, Phase
from tvmigrate.verify.spool import Spool

REPLICAS = "index.number_of_replicas"
WRITE_BLOCK = "index.blocks.write"


def _check(what: str, claim: str) -> Check:
    return Check(f"elasticsearch.{what}", Phase.MIGRATION, Store.ELASTICSEARCH, Rule.ELASTICSEARCH_SCHEMA, claim)


ALIAS = _check("alias", f"Assert that {new.ALIAS} is an alias, on {new.INDEX.name} alone, that shows and routes all.")
MAPPING = _check("mapping", "Assert that the index behind the alias has exactly the contract's mapping, and is strict.")
SETTINGS = _check("settings", "Assert that the index behind the alias takes writes and has as many replicas as before.")
KEPT = _check("old-index", "Assert that a copy kept of the old index is closed to writes and holds just its documents.")


def _finding(direction: Direction, note: str, **where: Any) -> Finding:
    return Finding(Store.ELASTICSEARCH, Rule.ELASTICSEARCH_SCHEMA, direction, note, **where)


@examines(ALIAS)
def alias(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Judge what the name stands for."""
    judge_alias(context.clients.elasticsearch, sheets[ALIAS.id])


def judge_alias(client: Elasticsearch, sheet: Sheet) -> None:
    """Find what the name stands for but the new index alone."""
    sheet.saw()
    found = target(client)
    wanted = new.INDEX.name
    if not found.indices:
        note = f"There is no alias {new.ALIAS}; put it on the index {wanted}."
        sheet.find(_finding(Direction.MISSING, note, new=new.ALIAS, field="alias", expected=[wanted]))
        return
    if not found.is_alias:
        note = f"{new.ALIAS} is an index, and should be an alias on the index {wanted}."
        sheet.find(_finding(Direction.SCHEMA, note, new=new.ALIAS, field="alias", expected=[wanted], actual="an index"))
        return
    if list(found.indices) != [wanted]:
        note = f"The alias {new.ALIAS} is on {', '.join(found.indices)}, and should be on {wanted} alone."
        direction = Direction.EXTRA if wanted in found.indices else Direction.CHANGED
        sheet.find(
            _finding(direction, note, new=new.ALIAS, field="alias", expected=[wanted], actual=list(found.indices))
        )
    for index, own in found.indices.items():
        for name, value in own.items():
            if (name, value) == ("is_write_index", True):
                continue
            note = f"The alias {new.ALIAS} on {index} has {name} = {value!r}; it should show and take every document."
            sheet.find(_finding(Direction.SCHEMA, note, new=new.ALIAS, field=name, actual=value))


def _behind(sheet: Sheet, found: Target) -> list[str]:
    """Return the indices to judge; that there is none is a finding here too, since nothing could be looked at."""
    sheet.saw(max(1, len(found.indices)))
    if not found.indices:
        note = f"There is no index behind {new.ALIAS} to be judged."
        sheet.find(_finding(Direction.MISSING, note, new=new.ALIAS, expected=new.INDEX.name))
    return list(found.indices)


@examines(MAPPING)
def mapping(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare the whole mapping with the contract's: no field, sub-field or parameter more, none less."""
    judge_mapping(context.clients.elasticsearch, sheets[MAPPING.id])


def judge_mapping(client: Elasticsearch, sheet: Sheet) -> None:
    """Find what tells the mapping behind the alias from the contract's."""
    for index in _behind(sheet, target(client)):
        live = mappings_of(client, index)
        fields, live_fields = new.INDEX.mappings["properties"], live.get("properties", {})
        for name in {**fields, **live_fields}:
            if fields.get(name) != live_fields.get(name):
                expected, actual = fields.get(name), live_fields.get(name)
                note = (
                    f"Field {name} of {index} is mapped as {actual or 'nothing'}, and should be {expected or 'absent'}."
                )
                sheet.find(_finding(Direction.SCHEMA, note, new=index, field=name, expected=expected, actual=actual))
        rest = {name: value for name, value in new.INDEX.mappings.items() if name != "properties"}
        live_rest = {name: value for name, value in live.items() if name != "properties"}
        for path, expected, actual in differences(rest, live_rest):
            said = "absent" if actual is ABSENT else repr(actual)
            wanted = "absent" if expected is ABSENT else repr(expected)
            note = f"{path} in the mapping of {index} is {said}, and should be {wanted}."
            sheet.find(
                _finding(Direction.SCHEMA, note, new=index, field=path, expected=shown(expected), actual=shown(actual))
            )


@examines(SETTINGS)
def settings(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Find blocks left on the index, and another number of replicas than the old index had."""
    sheet = sheets[SETTINGS.id]
    client = context.clients.elasticsearch
    before = context.reference.baseline.indices.get(context.policy.layout.index, {}).get("settings", {})
    hidden = [block for block in blocks_of(client, new.INDEX.name) if "metadata" in block]
    if hidden:  # then nothing else can be asked of it
        sheet.saw()
        note = f"{new.INDEX.name} is blocked, {', '.join(hidden)}: lift the block, or nobody can use it."
        sheet.find(
            _finding(
                Direction.SCHEMA, note, new=new.INDEX.name, field="index.blocks.metadata", actual=", ".join(hidden)
            )
        )
        return
    for index in _behind(sheet, target(client)):
        live = settings_of(client, index)
        for name, value in sorted(live.items()):
            if name.startswith("index.blocks.") and str(value).lower() == "true":
                note = f"{name} is set on {index}: lift the block, or the application cannot use it."
                if name == WRITE_BLOCK:
                    note += " `_clone` asks for it; the index keeps it after that, and so does the clone."
                sheet.find(_finding(Direction.SCHEMA, note, new=index, field=name, actual=str(value)))
        if REPLICAS in before and live.get(REPLICAS) != before[REPLICAS]:
            note = (
                f"{index} has {live.get(REPLICAS)} replicas, and the old index had {before[REPLICAS]}. An index gets "
                "one, a clone too, unless number_of_replicas is said."
            )
            sheet.find(
                _finding(
                    Direction.SCHEMA,
                    note,
                    old=context.policy.layout.index,
                    new=index,
                    field=REPLICAS,
                    expected=before[REPLICAS],
                    actual=live.get(REPLICAS),
                )
            )


@examines(KEPT)
def kept_index(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare copies kept of the old index with its documents; that there is one is the migration's own choice."""
    sheet = sheets[KEPT.id]
    client = context.clients.elasticsearch
    sheet.saw()
    copies = client.indices.get(
        index=new.kept_index(context.policy.layout.index, "*"), expand_wildcards="all", flat_settings=True
    )
    for index, body in copies.body.items():
        if index in context.reference.baseline.indices:
            continue
        if str(body["settings"].get(WRITE_BLOCK)).lower() != "true":
            note = f"{index}, kept of the old index, takes writes; it is to stay as it was until `finish`."
            sheet.find(_finding(Direction.SCHEMA, note, new=index, field=WRITE_BLOCK, expected="true"))
        _compare_copy(context, sheet, index)


def _compare_copy(context: Context, sheet: Sheet, index: str) -> None:
    with (
        Spool("CREATE TABLE live (id TEXT, digest BLOB)", kept=kept_plain_documents(context)) as spool,
        moment_of(context.clients, index) as moment,
    ):
        live = sums_of(context.workers, moment, plain_digest)
        sheet.saw(live.documents)
        differing = live.differing(kept_sums(spool))
        if not differing:
            return
        spool.add("INSERT INTO live VALUES (?, ?)", digests_within(context.workers, moment, plain_digest, differing))
        unequal = f"""
            SELECT id, max(mine), max(theirs) FROM (
                SELECT id, digest AS mine, NULL AS theirs FROM kept.documents
                WHERE bucket IN ({", ".join(map(str, differing))})
                UNION ALL SELECT id, NULL, digest FROM live)
            GROUP BY id HAVING max(mine) IS NOT max(theirs) ORDER BY id"""
        for name, mine, theirs in spool.rows(unequal):
            direction = Direction.CHANGED if mine and theirs else Direction.MISSING if mine else Direction.EXTRA
            what = {
                Direction.CHANGED: "is not as the old one was",
                Direction.MISSING: "is missing",
                Direction.EXTRA: "was not in the old index",
            }[direction]
            note = f"Document {name} of {index}, kept of the old index, {what}."
            sides = {"expected": name if mine else None, "actual": name if theirs else None}
            sheet.find(
                _finding(
                    direction,
                    note,
                    old=name,
                    new=f"{index} {name}",
                    **(sides if mine is None or theirs is None else {}),
                )
            )
