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
_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def schema() -> dict[str, Any]:
    """Return the schema, of draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "verdict.json of tvmigrate",
        "description": "The verdict of a run: contract §5, with the further keys of §7.12 and §7.22.",
        **_object(
            verdict=_one_of(State, "fail > error > empty > pass; empty only if every check is"),
            show={**_TEXT_OR_NULL, "description": "entity x became the program id show/x; null with --keep-entities"},
            policy=_POLICY,
            engines={"type": "object", "additionalProperties": _TEXT, "description": "the version of each store"},
            checks=_array(_CHECK),
            ledger=_array(_LEDGER),
            inconsistencies=_array(_INCONSISTENCY),
            seconds={"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
            quarantine=_array(_QUARANTINE),
            not_judged=_array(_object(checks=_array(_TEXT), why=_TEXT)),
            made={"anyOf": [_MADE, {"type": "null"}]},
        ),
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


def _array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _one_of(names: Iterable[StrEnum], description: str = "") -> dict[str, Any]:
    told = {"enum": [str(name) for name in names]}
    return {**told, "description": description} if description else told


_POLICY = {
    "type": "object",
    "description": "what the run was asked for",
    "properties": {
        "show": _TEXT_OR_NULL,
        "keep_entities": {"type": "boolean"},
        "entity_map": {"type": "object", "additionalProperties": _TEXT},
        "old_layout": {"type": ["object", "null"], "description": "the site's names of old data"},
        "timezone": _TEXT,
        "missing_counts": {"enum": ["quarantine", "zero"]},
        "old": {"enum": ["removed", "kept"]},
        "quarantine": {"enum": ["table", "none"]},
        "migration": _TEXT,
        "rollback": _TEXT,
        "dataset": _TEXT,
    },
}
_FINDING = _object(
    store=_one_of(Store),
    rule=_one_of(Rule),
    old={**_TEXT_OR_NULL, "description": "the old record's name"},
    new={**_TEXT_OR_NULL, "description": "the new record's name"},
    field=_TEXT_OR_NULL,
    expected={"description": "any value; what JSON has no form for is text: nan, inf, -inf"},
    actual={"description": "any value, as expected"},
    direction=_one_of(Direction),
    note={**_TEXT, "description": "a sentence a person can act on"},
)
_GROUP = _object(
    store=_one_of(Store),
    rule=_one_of(Rule),
    direction=_one_of(Direction),
    field={**_TEXT_OR_NULL, "description": "[*] stands for positions in a list"},
    kind={**_TEXT, "description": "what lies between expected and actual, empty where there is nothing to compare"},
    count={"type": "integer", "minimum": 1},
    samples={**_array(_COUNT), "description": "positions in findings"},
)
_CHECK = _object(
    id={**_TEXT, "description": "of a later look it ends in .twice, .second-migration or .after-second-migration"},
    phase=_one_of(Phase),
    store=_one_of(Store),
    rule=_one_of(Rule),
    state=_one_of(State),
    examined=_COUNT,
    findings={**_array(_FINDING), "description": "up to --max-findings, some of each cause"},
    findings_total=_COUNT,
    error={**_TEXT_OR_NULL, "description": "why the check could not look"},
    groups={**_array(_GROUP), "description": "all findings by cause, the largest first; counts add up to the total"},
)
_LEDGER = _object(
    store=_one_of(Store),
    rule=_one_of(Rule),
    old={"type": ["integer", "null"], "minimum": 0, "description": "null of a derived rule"},
    **{str(fate): _COUNT for fate in Fate},
)
_INCONSISTENCY = _object(
    store=_one_of(Store), rule=_one_of(Rule), kind=_TEXT, count=_COUNT, examples=_array(_object(old=_TEXT, note=_TEXT))
)
_QUARANTINE = _object(
    store=_one_of(Store), rule=_one_of(Rule), reason=_one_of(Reason), count={"type": "integer", "minimum": 1}
)
_MADE = _object(
    began={**_TEXT, "format": "date-time"},
    tvmigrate=_TEXT,
    python=_TEXT,
    dataset_sha256={**_DIGEST, "description": "over the lines that sha256sum prints of the dataset's files, by name"},
    contract_sha256={**_DIGEST, "description": "the same of the package that holds the rules"},
    system={**_TEXT_OR_NULL, "description": "tells the stores that the dataset was captured from"},
    captured_at={**_TEXT_OR_NULL, "description": "when it was captured"},
)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=1, ensure_ascii=False) + "\n")
