"""The page `docs/checks.md`: what each check claims, the faults that prove it, what it says, and what it cannot see.

`python -m tvmigrate.report.check_page FAULTS_JSON` takes samples from a report of `tvmigrate faults` into
`docs/samples.json`, beside those of other checks that are there, and writes the page.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.report.blind_spots import BLIND_SPOTS, IN_GENERAL
from tvmigrate.report.outcome import all_checks
from tvmigrate.report.prose import finding_lines
from tvmigrate.verify.check import Check
from tvmigrate.verify.faults.all import CATALOGUE
from tvmigrate.verify.faults.judge import BY_HAND
from tvmigrate.verify.findings import Direction, Finding, Phase

PAGE = Path("docs/checks.md")
SAMPLES = Path("docs/samples.json")

_HEAD = """# The checks

Written by `python -m tvmigrate.report.check_page`; a test keeps it true. The samples are of a run of
`tvmigrate faults --dataset fixtures/standard --show the_voice`, kept in [samples.json](samples.json).

What the verification looks at, by the ids that `verdict.json`, `junit.xml` and `--only` use. A check passes when it
looked at something and found no difference; it *fails* with findings (store, rule, key, field, expected, actual,
direction), is an *error* where it could not look, and is *empty* where neither side has anything to look at. A check
that examined nothing while the old side has something fails. What is across stores is looked at last.

With `--second-round`, and always in pytest, a rehearsal looks again after the rollback; the ids of these looks end in
`.twice` (the rollback command ran a second time), `.second-migration` and `.after-second-migration`.
"""

_TITLES = {Phase.MIGRATION: "After the migration", Phase.ROLLBACK: "After the rollback"}
Samples = Mapping[str, Mapping[str, Any]]


def page(samples: Samples) -> str:
    """Return the page; `samples` maps a check to its first finding of a fault, as `verdict.json` has it."""
    return "\n".join([_HEAD, *_lists(samples), _blind()])


def samples_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first sample of each check's own faults in the content of a `faults.json`."""
    samples: dict[str, Any] = {}
    for told in report["faults"]:
        if told["outcome"] == "caught" and told["sample"] is not None:
            samples.setdefault(CATALOGUE.faults[told["id"]].finds[0].asked.id, told["sample"])
    return samples


def _lists(samples: Samples) -> Iterator[str]:
    for phase, title in _TITLES.items():
        checks = sorted((check for check in all_checks() if check.phase is phase), key=lambda check: check.id)
        yield f"## {title}\n"
        yield "| check | rule | asserts that |"
        yield "|---|---|---|"
        for check in checks:
            yield f"| `{check.id}` | `{check.rule}` | {check.claim.removeprefix('Assert that ')} |"
        yield ""
        for check in checks:
            yield from _section(check, samples.get(check.id))
    yield ""


def _blind() -> str:
    lines = (f"- **{title}** {told}" for title, told in IN_GENERAL.items())
    told = "\n".join(textwrap.fill(line, 120, subsequent_indent="  ") for line in lines)
    return f"## What none of them can see\n\n{told}\n"


def _section(check: Check, sample: Mapping[str, Any] | None) -> Iterator[str]:
    yield f"### `{check.id}`\n"
    yield f"{check.claim}\n"
    if sample is not None:
        yield "```text"
        yield from finding_lines(1, check.phase, _finding(sample))
        yield "```\n"
    proofs = [f"`{fault.id}`" for fault in CATALOGUE if fault.finds[0].check == check.id]
    if proofs:
        yield f"Proved by the [planted faults](faults.md) {', '.join(proofs)}.\n"
    elif check.id.startswith(BY_HAND):
        yield "Proved by mutants of the rules: it tells what is wrong on both sides of the other checks.\n"
    yield f"**It cannot see:** {BLIND_SPOTS[check.id]}\n"


def _finding(sample: Mapping[str, Any]) -> Finding:
    return Finding(
        Store(sample["store"]), Rule(sample["rule"]), Direction(sample["direction"]), sample["note"], sample["old"],
        sample["new"], sample["field"], sample["expected"], sample["actual"],
    )  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) > 1:
        kept = json.loads(SAMPLES.read_bytes()) if SAMPLES.exists() else {}
        kept |= samples_of(json.loads(Path(sys.argv[1]).read_bytes()))
        SAMPLES.write_text(json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(page(json.loads(SAMPLES.read_bytes())), encoding="utf-8")
