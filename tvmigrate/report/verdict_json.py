"""`verdict.json`: the verdict as contract §5 lays it out."""

from __future__ import annotations

from pathlib import Path

from tvmigrate.report.files import write_whole
from tvmigrate.report.plain import as_json_text
from tvmigrate.verify.findings import Verdict

FILE = "verdict.json"


def write(verdict: Verdict, directory: Path) -> Path:
    """Write `verdict.json` into `directory`, whole or not at all, and return its path; raises ReportUnwritable."""
    path = directory / FILE
    write_whole(path, (as_json_text(verdict.as_json(), indent=2) + "\n").encode())
    return path
