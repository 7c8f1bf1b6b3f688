"""`summary.md`: the verdict in a few lines, for a pull request or a build server's page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tvmigrate.report.files import write_whole
from tvmigrate.report.problems import Problem
from tvmigrate.report.prose import counted
from tvmigrate.report.view import STORES, View

FILE = "summary.md"
PROBLEMS = 10
CAUSES = 3
REASONS = 5

MARKS = {"pass": "✅", "fail": "❌", "error": "⚠️", "empty": "⚪"}
_TICKS = re.compile("`+")
_FATES = ("mapped", "filled", "quarantined", "untouched", "expired")


def write(view: View, directory: Path) -> Path:
    """Write `summary.md` into `directory`, whole or not at all, and return its path; raises ReportUnwritable."""
    path = directory / FILE
    write_whole(path, text(view).encode())
    return path


def text(view: View) -> str:
    """Return the summary; whatever comes from the data stands in code spans, where Markdown and HTML mean nothing."""
    return "\n".join([*_head(view), *findings(view.problems, view.problems_left_out), *_ledger(view), *_rest(view), ""])


def code(value: str) -> str:
    """Return `value` as one code span, also with backticks in it."""
    flat = " ".join(value.split())
    fence = "`" * (1 + max((len(ticks) for ticks in _TICKS.findall(flat)), default=0))
    pad = " " if fence != "`" or not flat else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def _head(view: View) -> Iterator[str]:
    yield f"## {MARKS[view.state]} {view.headline}: {view.title.lower()}"
    yield ""
    facts = [code(view.verdict.show)] if view.verdict.show else []
    facts += [code(str(name))] if (name := view.verdict.policy.get("dataset")) else []
    if facts:
        yield f"{', data '.join(facts)}. {' '.join(view.sentences)}"
    else:
        yield " ".join(view.sentences)
    yield ""


def findings(problems: Sequence[Problem], left_out: int) -> Iterator[str]:
    """Yield the lines about the checks that did not pass; `left_out` is how many are not among `problems`."""
    for problem in problems[:PROBLEMS]:
        yield from _problem(problem)
    left = len(problems) - PROBLEMS + left_out
    if left > 0:
        yield f"- … and {counted(left, 'more check')} that did not pass"
    if problems:
        yield ""


def _problem(problem: Problem) -> Iterator[str]:
    found = f"{counted(problem.total, 'difference')}, {problem.examined:,} examined"
    total = found if problem.total else problem.state
    yield f"- **{problem.id}**: {total}, {problem.look}"
    if problem.error:
        yield f"  - {code(problem.error[:200])}"
    for cause in problem.causes[:CAUSES]:
        share = f" ({cause.share_words})" if cause.share_words else ""
        yield f"  - {cause.count:,}{share}: {code(cause.words)}"
    if (left := len(problem.causes) - CAUSES + problem.causes_left_out) > 0:
        yield f"  - … and {counted(left, 'more cause')}"


def _ledger(view: View) -> Iterator[str]:
    if not view.ledger:
        return
    yield "| rule | old | mapped | filled | quarantined | untouched | expired | |"
    yield "|---|--:|--:|--:|--:|--:|--:|---|"
    for line in view.ledger:
        old = "derived" if line.old is None else f"{line.old:,}"
        off = "" if line.old is None else f"**off by {line.accounted - line.old:+,}**"
        balance = "balanced" if off and line.balanced else off
        yield f"| {line.rule} | {old} | {' | '.join(f'{getattr(line, fate):,}' for fate in _FATES)} | {balance} |"
    yield ""


def _rest(view: View) -> Iterator[str]:
    if view.reasons:
        shown = ", ".join(f"{row.total:,} {row.reason}" for row in view.reasons[:REASONS])
        more = f", and {len(view.reasons) - REASONS} more reasons" if len(view.reasons) > REASONS else ""
        yield f"Quarantined: {shown}{more}."
        yield ""
    unchecked = view.unchecked
    left_out = [*unchecked.stopped, *(check for _, checks in unchecked.left_out for check in checks)]
    if left_out:
        more = f" and {len(left_out) - REASONS} more" if len(left_out) > REASONS else ""
        yield f"Not checked: {', '.join(code(check) for check in left_out[:REASONS])}{more}."
        yield ""
    engines = ", ".join(f"{STORES.get(name, name)} {version}" for name, version in view.verdict.engines.items())
    made = view.verdict.made
    yield f"{f'tvmigrate {made.tvmigrate}, ' if made else ''}{engines}. The whole report: `report.html`."
