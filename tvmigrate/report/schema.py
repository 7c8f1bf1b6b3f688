"""The published JSON Schema of `verdict.json`: `python -m tvmigrate.report.schema > docs/verdict.schema.json`.

It names every key, in the words of contract §5 and §7, so that a program that reads a verdict can rely on it; a new key
comes with a new version of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from tvmigrate.contract.outcome import Fate, Reason, Rule, Store
from tvmigrate.verify.findings import Direction, Phase, State

ID = "urn:tvmigrate:verdict:1"
COUNT = {"type": "integer", "minimum": 0}
TEXT = {"type": "string"}
TEXT_OR_NULL = {"type": ["string", "null"]}
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def schema() -> dict[str, Any]:
    """Return the schema, of draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "verdict.json of tvmigrate",
        "description": "The verdict of a run: contract §5, with the further keys of §7.12 and §7.22.",
        **object_of(
            verdict=one_of(State, "fail > error > empty > pass; empty only if every check is"),
            show={**TEXT_OR_NULL, "description": "entity x became the program id show/x; null with --keep-entities"},
            policy=POLICY,
            engines={"type": "object", "additionalProperties": TEXT, "description": "the version of each store"},
            checks=array(_CHECK),
            ledger=array(_LEDGER),
            inconsistencies=array(_INCONSISTENCY),
            seconds={"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
            quarantine=array(_QUARANTINE),
            not_judged=array(object_of(checks=array(TEXT), why=TEXT)),
            made={"anyOf": [MADE, {"type": "null"}]},
        ),
    }


def object_of(**properties: Any) -> dict[str, Any]:
    """Return the schema of an object that has just these keys, all of them."""
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


def array(items: Any) -> dict[str, Any]:
    """Return the schema of an array of `items`."""
    return {"type": "array", "items": items}


def one_of(names: Iterable[StrEnum], description: str = "") -> dict[str, Any]:
    """Return the schema of one of these texts."""
    told = {"enum": [str(name) for name in names]}
    return {**told, "description": description} if description else told


POLICY = {
    "type": "object",
    "description": "what the run was asked for",
    "properties": {
        "show": TEXT_OR_NULL,
        "keep_entities": {"type": "boolean"},
        "entity_map": {"type": "object", "additionalProperties": TEXT},
        "old_layout": {"type": ["object", "null"], "description": "the site's names of old data"},
        "timezone": TEXT,
        "missing_counts": {"enum": ["quarantine", "zero"]},
        "old": {"enum": ["removed", "kept"]},
        "quarantine": {"enum": ["table", "none"]},
        "migration": TEXT,
        "rollback": TEXT,
        "dataset": TEXT,
    },
}
FINDING = object_of(
    store=one_of(Store),
    rule=one_of(Rule),
    old={**TEXT_OR_NULL, "description": "the old record's name"},
    new={**TEXT_OR_NULL, "description": "the new record's name"},
    field=TEXT_OR_NULL,
    expected={"description": "any value; what JSON has no form for is text: nan, inf, -inf"},
    actual={"description": "any value, as expected"},
    direction=one_of(Direction),
    note={**TEXT, "description": "a sentence a person can act on"},
)
_GROUP = object_of(
    store=one_of(Store),
    rule=one_of(Rule),
    direction=one_of(Direction),
    field={**TEXT_OR_NULL, "description": "[*] stands for positions in a list"},
    kind={**TEXT, "description": "what lies between expected and actual, empty where there is nothing to compare"},
    count={"type": "integer", "minimum": 1},
    samples={**array(COUNT), "description": "positions in findings"},
)
_CHECK = object_of(
    id={**TEXT, "description": "of a later look it ends in .twice, .second-migration or .after-second-migration"},
    phase=one_of(Phase),
    store=one_of(Store),
    rule=one_of(Rule),
    state=one_of(State),
    examined=COUNT,
    findings={**array(FINDING), "description": "up to --max-findings, some of each cause"},
    findings_total=COUNT,
    error={**TEXT_OR_NULL, "description": "why the check could not look"},
    groups={**array(_GROUP), "description": "all findings by cause, the largest first; counts add up to the total"},
)
_LEDGER = object_of(
    store=one_of(Store),
    rule=one_of(Rule),
    old={"type": ["integer", "null"], "minimum": 0, "description": "null of a derived rule"},
    **{str(fate): COUNT for fate in Fate},
)
_INCONSISTENCY = object_of(
    store=one_of(Store), rule=one_of(Rule), kind=TEXT, count=COUNT, examples=array(object_of(old=TEXT, note=TEXT))
)
_QUARANTINE = object_of(
    store=one_of(Store), rule=one_of(Rule), reason=one_of(Reason), count={"type": "integer", "minimum": 1}
)
MADE = object_of(
    began={**TEXT, "format": "date-time"},
    tvmigrate=TEXT,
    python=TEXT,
    dataset_sha256={**_DIGEST, "description": "over the lines that sha256sum prints of the dataset's files, by name"},
    contract_sha256={**_DIGEST, "description": "the same of the package that holds the rules"},
    system={**TEXT_OR_NULL, "description": "tells the stores that the dataset was captured from"},
    captured_at={**TEXT_OR_NULL, "description": "when it was captured"},
)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=1, ensure_ascii=False) + "\n")
