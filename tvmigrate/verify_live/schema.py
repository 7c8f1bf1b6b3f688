"""The published JSON Schema of `live.json`: `python -m tvmigrate.verify_live.schema > docs/live.schema.json`."""

from __future__ import annotations

import json
import sys
from typing import Any

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.report.schema import COUNT, FINDING, MADE, POLICY, TEXT, TEXT_OR_NULL, array, object_of, one_of
from tvmigrate.verify.findings import State as Verdict
from tvmigrate.verify_live.model import State

ID = "urn:tvmigrate:live:1"
_SECONDS = {"type": "number", "minimum": 0}
_COUNTS = {"type": "object", "additionalProperties": COUNT}


def _or_null(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": [kind, "null"], **more}


def schema() -> dict[str, Any]:
    """Return the schema, of draft 2020-12."""
    instant = {**TEXT, "format": "date-time"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "live.json of tvmigrate",
        "description": "What a verification on live stores came to.",
        **object_of(
            verdict=one_of(Verdict, "fail > error > pass > empty; error also where it was stopped"),
            stopped={**TEXT, "description": "why it is not whole, empty if it is"},
            parts=array(_PART),
            rechecks=object_of(rounds={**COUNT, "description": "looks at all that differed"}, seconds=_SECONDS),
            reference=object_of(
                name=TEXT,
                is_complete={"type": "boolean", "description": "whether it has all that was in Redis"},
                migrated_from=instant,
                migrated_until={**instant, "description": "what is later is the application's"},
            ),
            policy=POLICY,
            asked=_ASKED,
            engines={"type": "object", "additionalProperties": TEXT, "description": "the version of each store"},
            first_began={**instant, "description": "when the looking was begun that this command went on with"},
            ended=instant,
            made=MADE,
        ),
    }


_ASKED = object_of(
    sample={"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    max_rate=_or_null("number", description="records a second"),
    max_time=_or_null("number", description="seconds"),
    max_findings={"type": "integer", "minimum": 1},
    rounds={"type": "integer", "minimum": 1},
    recheck={**_SECONDS, "description": "seconds between two looks"},
    no_writers={"type": "boolean"},
    old={"enum": ["removed", "kept"]},
    only={**array(TEXT), "description": "ids of parts; empty: all"},
)
_DIFFERENT = object_of(
    name={**TEXT, "description": "of the record, unique in its part"},
    age_seconds={**_SECONDS, "description": "since it was first seen to differ"},
    rounds={"type": "integer", "minimum": 1, "description": "looks in a row at which it differed in the same way"},
    findings=array(FINDING),
)
_PART = object_of(
    id=TEXT,
    store=one_of(Store),
    rule=one_of(Rule),
    claim=TEXT,
    unit={**TEXT, "description": "what is counted"},
    state=one_of(Verdict),
    total=_or_null("integer", minimum=0, description="records of the old system; null where that is not known"),
    looked=COUNT,
    done={"type": "boolean", "description": "whether it was looked at to its end"},
    seen={**_COUNTS, "propertyNames": one_of(State), "description": "records by what was seen of them"},
    different=array(_DIFFERENT),
    unsettled={**COUNT, "description": "further records that differed when last looked at"},
    unchecked={**_COUNTS, "description": "why records are unchecked, and how many"},
    wrong_at_most=_or_null("integer", minimum=0, description="of all records; null unless a sample was looked at"),
    confidence=_or_null("number", description="of that bound"),
    seconds={**_SECONDS, "description": "of the first look at all of them"},
    error=TEXT_OR_NULL,
)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=1, ensure_ascii=False) + "\n")
