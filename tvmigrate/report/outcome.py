"""What every way of running a rehearsal does with its verdict: the claims behind the checks, and the report files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tvmigrate.report import junit, verdict_json
from tvmigrate.verify.check import Check
from tvmigrate.verify.checks import REGISTRY
from tvmigrate.verify.findings import Verdict
from tvmigrate.verify.rehearsal import AFTER_SECOND_MIGRATION, MIGRATION_EXIT, ROLLBACK_EXIT, SECOND_MIGRATION, TWICE

AGAIN: Mapping[str, str] = {
    TWICE: "after the rollback command ran a second time",
    SECOND_MIGRATION: "after a second migration",
    AFTER_SECOND_MIGRATION: "after the rollback of a second migration",
}


def all_checks() -> list[Check]:
    """Return every check there is, in the order they run."""
    return [MIGRATION_EXIT, *REGISTRY.checks(), ROLLBACK_EXIT]


def first_look(check_id: str) -> str:
    """Return the id that a check has when it looks the first time: that is what `--only` takes."""
    for suffix in AGAIN:
        if check_id.endswith(suffix):
            return check_id.removesuffix(suffix)
    return check_id


def check_of(check_id: str) -> Check | None:
    """Return the check behind a result's id, None if there is none; of a second look the claim says which it is."""
    first = first_look(check_id)
    check = next((known for known in all_checks() if known.id == first), None)
    again = AGAIN.get(check_id.removeprefix(first))
    if check is None or again is None:
        return check
    return replace(check, id=check_id, claim=f"{check.claim} This was looked at {again}.")


def claims(verdict: Verdict) -> dict[str, Check]:
    """Return the check behind each result of `verdict`, by the result's id."""
    found = {result.id: check_of(result.id) for result in verdict.checks}
    return {check_id: check for check_id, check in found.items() if check is not None}


def write_reports(verdict: Verdict, directory: Path, repeat: Callable[[str], str]) -> list[Path]:
    """Write `verdict.json` and `junit.xml` into `directory`, and return their paths; raises ReportUnwritable.

    `repeat(check_id)` is the shell command that runs just that check again.
    """
    return [verdict_json.write(verdict, directory), junit.write(verdict, directory, claims(verdict), repeat)]
