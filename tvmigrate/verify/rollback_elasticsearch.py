"""Whether a rollback brought Elasticsearch back: indices, aliases, mappings, settings, documents, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.context import Context
from tvmigrate.verify.elasticsearch_same import compare_documents, definition_findings
from tvmigrate.verify.findings import Direction, Finding, Phase
from tvmigrate.verify.law import Law
from tvmigrate.verify.reference import live_indices

_RULE = Rule.ROLLBACK_ELASTICSEARCH
_BACK = Law(Store.ELASTICSEARCH, _RULE, "A rollback brings every document back.")
_INDEX_BACK = Law(
    Store.ELASTICSEARCH,
    _RULE,
    "A rollback brings the old index back under its own name; what it brings it back from is counted before the index "
    "is deleted.",
)


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
        for finding in definition_findings(name, wanted, live, _INDEX_BACK):
            schema.find(finding)
    extra.saw()
    for name in sorted(live.keys() - before.keys()):
        extra.saw()
        note = f"The index {name} was not there before the migration. A rollback leaves nothing new behind: delete it."
        extra.find(_finding(Direction.EXTRA, note, new=name, field="index", actual=sorted(live[name]["aliases"])))


@examines(DOCUMENTS)
def documents(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Compare every document's `_source` with the dataset's, as JSON: digests first, then what differs."""
    sheet = sheets[DOCUMENTS.id]
    for index in context.reference.dataset.indices:
        compare_documents(context, sheet, index, _BACK)


def _finding(direction: Direction, note: str, **where: Any) -> Finding:
    return Finding(Store.ELASTICSEARCH, _RULE, direction, note, **where)
