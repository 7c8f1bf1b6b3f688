"""A report as text for people, as JSON for programs, and as SARIF 2.1.0 for code scanners."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tvmigrate import __version__
from tvmigrate.lint.hazard import Finding, Hazard, Severity
from tvmigrate.lint.run import Report
from tvmigrate.printable import one_line

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def as_text(report: Report) -> str:
    """Return the report for a terminal: place, code, danger, the line itself, what to do instead."""
    lines = {source.path: source.text.splitlines() for source in report.sources}
    parts = [_paragraph(finding, lines.get(finding.place.path, [])) for finding in report.findings]
    return "\n\n".join([*parts, summary(report)])


def summary(report: Report) -> str:
    """Return the last line: how much was found, in how much."""
    counted = ", ".join(f"{report.of(severity)} {severity.value}" for severity in Severity)
    files = len(report.sources)
    return f"{counted}; {report.statements} statements read in {files} {'file' if files == 1 else 'files'}"


def _paragraph(finding: Finding, lines: Sequence[str]) -> str:
    place = finding.place
    where = f"{one_line(str(place.path))}:{place.line}:{place.column}"
    head = f"{where}: {finding.severity.value} {finding.code} {finding.name}"
    danger = textwrap.fill(finding.danger, 118, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    shown = f"      {one_line(lines[place.line - 1].strip())}\n" if 0 < place.line <= len(lines) else ""
    instead = textwrap.indent(finding.instead, "      ")
    return f"{head}\n{shown}{danger}\n  Instead:\n{instead}"


def as_json(report: Report) -> str:
    """Return the report as one JSON object: `findings`, counts by severity, files and statements read."""
    body = {
        "findings": [
            {
                "code": one.code,
                "name": one.name,
                "severity": one.severity.value,
                "path": one.place.path,
                "line": one.place.line,
                "column": one.place.column,
                "danger": one.danger,
                "instead": one.instead,
            }
            for one in report.findings
        ],
        "counts": {severity.value: report.of(severity) for severity in Severity},
        "files": [source.path for source in report.sources],
        "statements": report.statements,
    }
    return json.dumps(body, indent=2, ensure_ascii=False)


def as_sarif(report: Report, hazards: Sequence[Hazard]) -> str:
    """Return the report as SARIF 2.1.0 (OASIS), with every rule there is, found or not."""
    numbers = {hazard.code: number for number, hazard in enumerate(hazards)}
    body = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "tvmigrate", "version": __version__, "rules": [_rule(one) for one in hazards]}
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(one, numbers[one.code]) for one in report.findings],
            }
        ],
    }
    return json.dumps(body, indent=2, ensure_ascii=False)


def _rule(hazard: Hazard) -> dict[str, Any]:
    return {
        "id": hazard.code,
        "name": "".join(part.capitalize() for part in hazard.name.split("-")),
        "shortDescription": {"text": hazard.danger},
        "help": {"text": hazard.instead},
        "defaultConfiguration": {"level": _LEVELS[hazard.severity]},
    }


def _result(finding: Finding, number: int) -> dict[str, Any]:
    region = {"startLine": finding.place.line, "startColumn": max(1, finding.place.column)}
    return {
        "ruleId": finding.code,
        "ruleIndex": number,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.danger}\nInstead:\n{finding.instead}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(finding.place.path)}, "region": region}}],
    }


def _uri(path: str) -> str:
    file = Path(path)
    return file.as_uri() if file.is_absolute() else quote(file.as_posix())


def listing(hazards: Sequence[Hazard]) -> Iterator[str]:
    """Yield a line for each code."""
    width = max(len(hazard.name) for hazard in hazards)
    return (f"{one.code}  {one.severity.value:<7}  {one.name:<{width}}  {one.danger}" for one in hazards)


def as_page(hazards: Sequence[Hazard]) -> str:
    """Return the part of docs/lint.md that is generated: a table of all codes, then each with what to do instead."""
    table = ["| code | severity | name | the danger |", "|---|---|---|---|"]
    table += [
        f"| [`{one.code}`](#{one.code.lower()}-{one.name}) | {one.severity.value} | {one.name} | {_cell(one.danger)} |"
        for one in hazards
    ]
    parts = [f"### {one.code} {one.name}\n\n{_cell(one.danger)}\n\n```text\n{one.instead}\n```" for one in hazards]
    return "\n".join(table) + "\n\n## What to do instead\n\n" + "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("{", "*").replace("}", "*")
