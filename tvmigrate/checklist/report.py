"""The checklist as files and on the terminal: `checklist.json`, `.html` and `.md`, `checklist-junit.xml`.

What people read goes through the report's redactor: no host, no home directory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tvmigrate.checklist.item import Checklist, Evidence, Item, Light
from tvmigrate.checklist.trouble import Trouble
from tvmigrate.printable import printable
from tvmigrate.report import markdown
from tvmigrate.report.files import write_whole
from tvmigrate.report.html import render
from tvmigrate.report.plain import as_json_text
from tvmigrate.report.redact import Redactor

JSON, HTML, JUNIT, MARKDOWN = "checklist.json", "checklist.html", "checklist-junit.xml", "checklist.md"
SHOWN = 20  # sentences of an item that people are shown
_STYLES = {
    Light.GREEN: "green",
    Light.RED: "bold red",
    Light.COULD_NOT_LOOK: "bold magenta",
    Light.NOT_LOOKED_AT: "yellow",
}
_CLASSES = {Light.GREEN: "pass", Light.RED: "fail", Light.COULD_NOT_LOOK: "error", Light.NOT_LOOKED_AT: "empty"}
_MARKS = {Light.GREEN: "✅", Light.RED: "❌", Light.COULD_NOT_LOOK: "⚠️", Light.NOT_LOOKED_AT: "⬜"}


@dataclass(frozen=True, slots=True)
class _Told:
    """An item as people are shown it."""

    name: str
    claim: str
    light: str
    state: str
    why: Sequence[str]
    why_left_out: int
    troubles: Sequence[Trouble]
    evidence: Sequence[Evidence]


def write(found: Checklist, directory: Path, redactor: Redactor) -> list[Path]:
    """Write the four files into `directory`, each whole or not at all, and return their paths.

    Raises:
        ReportUnwritable: one cannot be written.
    """
    text = (as_json_text(found.as_json(), indent=2) + "\n").encode()
    told = [_told(item, redactor) for item in found.items]
    contents = {
        JSON: text,
        JUNIT: _junit(found),
        HTML: _html(found, told, hashlib.sha256(text).hexdigest()).encode(),
        MARKDOWN: _markdown(found, told).encode(),
    }
    for name, content in contents.items():
        write_whole(directory / name, content)
    return [directory / name for name in contents]


def print_checklist(console: Console, found: Checklist, paths: Sequence[Path] = ()) -> None:
    """Print every item, and of those that are not green why, what to do, and what was asked."""
    table = Table("item", "", "state", title="Checklist", title_justify="left", box=None, pad_edge=False)
    for item in found.items:
        table.add_row(str(item.name), item.claim, Text(str(item.light), _STYLES[item.light]))
    console.print(table)
    for item in found.items:
        if item.light is not Light.GREEN:
            console.print()
            for line in _lines(item):
                console.print(Text(printable(line)), soft_wrap=True)
    console.print()
    for path in paths:
        console.print(Text(f"report: {path}"), soft_wrap=True)
    console.print(Text.assemble("checklist: ", (headline(found), _STYLES[found.light])), soft_wrap=True)


def headline(found: Checklist) -> str:
    """Return `all green`, or how many are of which state."""
    if found.light is Light.GREEN:
        return "all green"
    counts = {light: sum(item.light is light for item in found.items) for light in Light}
    return ", ".join(f"{count} {light}" for light, count in counts.items() if count)


def _lines(item: Item) -> list[str]:
    lines = [f"{str(item.light).upper()} {item.name}: {item.claim}"]
    lines += [f"  {sentence}" for sentence in item.why[:SHOWN]]
    if len(item.why) > SHOWN:
        lines.append(f"  … and {len(item.why) - SHOWN:,} more; {JSON} has them.")
    lines += [f"  {trouble.cause}: {trouble.remedy}" for trouble in item.troubles]
    lines += [f"  {one.at}  asked: {one.asked}\n    answer: {one.answer}" for one in item.evidence]
    return lines


def _told(item: Item, redactor: Redactor) -> _Told:
    return _Told(
        str(item.name), item.claim, str(item.light), _CLASSES[item.light],
        [redactor.text(sentence) for sentence in item.why[:SHOWN]], max(0, len(item.why) - SHOWN), item.troubles,
        [Evidence(redactor.short(one.asked), redactor.short(one.answer), one.at) for one in item.evidence],
    )  # fmt: skip


def _html(found: Checklist, told: Sequence[_Told], digest: str) -> str:
    green = sum(item.light is Light.GREEN for item in found.items)
    return render(
        "checklist.html.j2",
        list=found,
        items=told,
        digest=digest,
        state=_CLASSES[found.light],
        headline=headline(found).capitalize(),
        sentences=[
            f"{green} of {len(found.items)} items are green. Only green is good: what was not looked at is not."
        ],
    )


def _junit(found: Checklist) -> bytes:
    report, suite = JUnitXml("tvmigrate"), TestSuite("checklist")
    for item in found.items:
        case = TestCase(str(item.name), "checklist")
        kind = {Light.RED: Failure, Light.COULD_NOT_LOOK: Error, Light.NOT_LOOKED_AT: Skipped}.get(item.light)
        if kind is not None:
            result = kind(printable(item.why[0] if item.why else str(item.light)), str(item.light))
            result.text = printable("\n".join(_lines(item)))
            case.result = [result]
        suite.add_testcase(case)
    report.add_testsuite(suite)
    report.update_statistics()
    return bytes(report.tostring())


def _markdown(found: Checklist, told: Sequence[_Told]) -> str:
    lines = [f"## Checklist: {headline(found)}", "", "| item | state | |", "|---|---|---|"]
    for item, light in zip(told, (one.light for one in found.items), strict=True):
        first = item.why[0] if item.why else ""
        lines.append(f"| {item.claim} | {_MARKS[light]} {light} | {_cell(first)} |")
    return "\n".join([*lines, "", f"Looked at {found.began} to {found.ended} by tvmigrate {found.tvmigrate}.", ""])


def _cell(text: str) -> str:
    """Return a text as it may stand in a cell of a table."""
    return markdown.code(text).replace("|", "\\|") if text else ""
