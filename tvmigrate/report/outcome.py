"""What every way of running a rehearsal does with its verdict: the claims behind the checks, and the report files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tvmigrate.report import html, junit, markdown, verdict_json
from tvmigrate.report.looks import AGAIN, first_look
from tvmigrate.report.problems import Telling
from tvmigrate.report.redact import Redactor
from tvmigrate.report.view import View, view
from tvmigrate.verify.check import Check
from tvmigrate.verify.checks import REGISTRY
from tvmigrate.verify.findings import Verdict
from tvmigrate.verify.rehearsal import MIGRATION_EXIT, ROLLBACK_EXIT


def all_checks() -> list[Check]:
    """Return every check there is, in the order they run."""
    return [MIGRATION_EXIT, *REGISTRY.checks(), ROLLBACK_EXIT]


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


@dataclass(frozen=True, slots=True)
class Written:
    """The report files of a run, and what `report.html` and `summary.md` tell of it."""

    paths: Sequence[Path]
    view: View


def write_reports(
    verdict: Verdict, directory: Path, repeat: Callable[[str], str], redactor: Redactor | None = None
) -> Written:
    """Write `verdict.json`, `junit.xml`, `report.html` and `summary.md` into `directory`; raises ReportUnwritable.

    `repeat(check_id)` is the shell command that runs just that check again; `redactor` decides which values they show,
    and the last two name no host either.
    """
    checks = claims(verdict)
    redactor = redactor or Redactor()
    safe = redactor.verdict(verdict)
    paths = [verdict_json.write(safe, directory), junit.write(safe, directory, checks, repeat)]
    digest = hashlib.sha256(paths[0].read_bytes()).hexdigest()
    told = view(verdict, Telling(checks, repeat, redactor, verdict_sha256=digest))
    return Written([*paths, html.write(told, directory), markdown.write(told, directory)], told)
