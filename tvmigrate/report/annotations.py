"""What did not pass, as a build server shows it beside a change: GitHub's lines on stdout, GitLab's code-quality file.

A finding is about a record and lies in no source file. Each is told of the file that names the data the run was about,
`dataset.toml`, in its first line: a build server shows only what has a place in the clone.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tvmigrate.dataset.read import TOML
from tvmigrate.report.files import write_whole
from tvmigrate.report.problems import Problem
from tvmigrate.report.prose import counted
from tvmigrate.report.view import View

GITLAB_FILE = "gl-code-quality-report.json"
GITHUB_MOST = 10  # errors that GitHub shows of one step
GITLAB_MOST = 100
_SEVERITIES = {"fail": "critical", "error": "blocker"}


def place(dataset: Path) -> str:
    """Return where a dataset is annotated: its `dataset.toml`, as seen from the directory we are in."""
    found = os.path.relpath(dataset / TOML)
    return str(dataset.absolute() / TOML) if found.startswith(os.pardir) else Path(found).as_posix()


def github(view: View, dataset: Path) -> list[str]:
    """Return workflow commands: an error for each check that did not pass, the last for all that are too many."""
    total = len(view.problems) + view.problems_left_out
    shown = view.problems if total <= GITHUB_MOST else view.problems[: GITHUB_MOST - 1]
    lines = [_command(place(dataset), problem.id, "\n".join(_told(problem))) for problem in shown]
    if left := total - len(shown):
        told = f"{counted(left, 'more check')} did not pass; report.html tells of all."
        lines.append(_command(place(dataset), view.headline, told))
    return lines


def write_gitlab(view: View, dataset: Path, directory: Path) -> Path:
    """Write GitLab's code-quality report into `directory` and return its path; raises ReportUnwritable."""
    path = directory / GITLAB_FILE
    entries = list(_entries(view, place(dataset)))[:GITLAB_MOST]
    write_whole(path, (json.dumps(entries, indent=2, ensure_ascii=False) + "\n").encode())
    return path


@contextmanager
def nothing_obeyed(echo: Callable[[str], object]) -> Iterator[None]:
    """Keep GitHub from obeying what is printed meanwhile: a line of the data may look like one of its commands."""
    # https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands, "Stopping and starting"
    token = secrets.token_hex(16)
    echo(f"::stop-commands::{token}")
    try:
        yield
    finally:
        echo(f"::{token}::")


def _told(problem: Problem) -> Iterator[str]:
    found = f"{counted(problem.total, 'difference')}, {problem.examined:,} examined."
    total = found if problem.total else problem.error
    yield f"{problem.claim} {total}".strip()
    for cause in problem.causes[:3]:
        yield f"{cause.count:,}: {cause.words}"
    yield f"Repeat: {problem.repeat}"


def _command(path: str, title: str, message: str) -> str:
    # https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts says what is escaped, and how.
    def data(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    def value(text: str) -> str:
        return data(text).replace(":", "%3A").replace(",", "%2C")

    return f"::error file={value(path)},line=1,title={value(title)}::{data(message)}"


def _entries(view: View, path: str) -> Iterator[dict[str, object]]:
    seen: Counter[tuple[str, str]] = Counter()
    for problem in view.problems:
        causes = [(cause.words, f"{cause.count:,}: {cause.words}") for cause in problem.causes]
        for cause, told in causes or [("", problem.error)]:
            # The same cause in two runs is one finding: its count is no part of what it is known by. Two causes whose
            # values are not shown may read alike.
            seen[problem.id, cause] += 1
            known_by = f"{problem.id}\n{cause}\n{seen[problem.id, cause]}".encode()
            yield {
                "description": f"{problem.id}: {told}",
                "check_name": problem.id,
                "fingerprint": hashlib.sha256(known_by).hexdigest(),
                "severity": _SEVERITIES[problem.state],
                "location": {"path": path, "lines": {"begin": 1}},
            }
