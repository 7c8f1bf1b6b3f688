"""A looking's outcome as files: `live.json`, `live.html`, `live.md`, `live-junit.xml`, and every record by name.

They go through the reports' redactor: no comment's text, no user's name; what people read names no host either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tvmigrate.contract.exact_json import dump
from tvmigrate.report import junit, markdown
from tvmigrate.report.files import write_whole, written_whole
from tvmigrate.report.html import render
from tvmigrate.report.plain import as_json_text
from tvmigrate.report.prose import explain
from tvmigrate.report.redact import Redactor
from tvmigrate.verify_live import results
from tvmigrate.verify_live.checkpoint import Checkpoint
from tvmigrate.verify_live.model import State
from tvmigrate.verify_live.outcome import Outcome
from tvmigrate.verify_live.view import BLIND_SPOTS, TITLE, View, view

JSON, HTML, MARKDOWN, JUNIT = "live.json", "live.html", "live.md", "live-junit.xml"
LISTED = "live-listed.ndjson"
_SHOWN = 20  # differences of a cause that a build server is told


def write(
    outcome: Outcome, checkpoint: Path, folder: Path, repeat: Callable[[str], str], redactor: Redactor
) -> list[Path]:
    """Write the five files into `folder`, each whole or not at all, and return their paths.

    `repeat(part)` is the shell command that looks at that part alone; `redactor` decides which values are shown.

    Raises:
        ReportUnwritable: one cannot be written.
    """
    text = (as_json_text(results.safe(outcome, redactor).as_json(), indent=2) + "\n").encode()
    told = view(outcome, repeat, redactor, hashlib.sha256(text).hexdigest())
    say = partial(explain, shown=_SHOWN, file=JSON)
    contents = {
        JSON: text,
        HTML: page(told).encode(),
        MARKDOWN: summary(told).encode(),
        JUNIT: junit.text(redactor.verdict(results.verdict(outcome)), results.claims(outcome), repeat, say),
    }
    for name, content in contents.items():
        write_whole(folder / name, content)
    return [*(folder / name for name in contents), _list(checkpoint, folder / LISTED)]


def page(told: View) -> str:
    """Return `live.html`."""
    return render(
        "live.html.j2", view=told, state=told.state, headline=told.headline, sentences=told.sentences, title=TITLE,
        file=JSON, listed=LISTED, blind=BLIND_SPOTS,
        states=[str(one) for one in (State.SAME, State.MOVED_ON, State.UNCHECKED, State.EXPIRED)],
    )  # fmt: skip


def summary(told: View) -> str:
    """Return `live.md`; whatever comes from the data stands in code spans."""
    return "\n".join([*_head(told), *markdown.findings(told.problems, told.problems_left_out), *_rest(told), ""])


def _head(told: View) -> Iterator[str]:
    yield f"## {markdown.MARKS[told.state]} {told.headline}: {TITLE.lower()}"
    yield ""
    show = f"{markdown.code(told.show)}. " if told.show else ""
    yield show + " ".join(told.sentences).replace(told.reference, markdown.code(told.reference))
    yield ""


def _rest(told: View) -> Iterator[str]:
    yield "| part | state | looked at | moved on | unchecked | different |"
    yield "|---|---|--:|--:|--:|--:|"
    for row in told.rows:
        of = f" of {row.of}" if row.of else ""
        moved, unchecked = row.seen[State.MOVED_ON], row.seen[State.UNCHECKED]
        yield f"| {row.id} | {row.state} | {row.looked:,}{of} | {moved:,} | {unchecked:,} | {row.different:,} |"
    yield ""
    yield f"Not checked: {' '.join(told.not_checked)}"
    yield ""
    yield f"The whole report: `{HTML}`; what moved on and what is unchecked by name: `{LISTED}`."


def _list(checkpoint: Path, path: Path) -> Path:
    """Write the names of all records that moved on or are unchecked, one a line, as they come."""
    with written_whole(path) as file, Checkpoint(checkpoint) as known:
        for state in (State.MOVED_ON, State.UNCHECKED):
            for part, name, why in known.listed(state):
                line = dump({"part": part, "name": name, "state": str(state), "why": why or None}) + "\n"
                file.write(line.encode())
    return path
