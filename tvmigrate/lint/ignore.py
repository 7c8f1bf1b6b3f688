"""Comments that say a finding is meant: `# tvmigrate: ignore CODE reason`, on its line or the line above."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tvmigrate.lint.hazard import Finding, at, told
from tvmigrate.lint.hazards.own import ignore_matches_nothing, ignore_without_reason
from tvmigrate.lint.read.markdown import lines_of_data
from tvmigrate.lint.statement import Place, Source

_COMMENT = re.compile(r"(?:#|--|//|<!--)\s*tvmigrate:\s*ignore\b\s*([^\s]*)\s*(.*?)\s*(?:-->\s*)?$")
_COMMA = re.compile(r"TVM\d+(?:,TVM\d+)*")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One code in one comment. `lines`: those whose findings it speaks of."""

    place: Place
    code: str
    reason: str
    lines: frozenset[int]


def ignores(path: str, text: str, kind: str = "") -> Iterator[Ignore]:
    """Yield the ignores of a file."""
    lines = text.splitlines()
    data = lines_of_data(text) if kind == "markdown" else set()
    for number, line in enumerate(lines, start=1):
        found = _COMMENT.search(line)
        if found is None or number in data or _is_example(line, found.start()):
            continue
        alone = not line[: found.start()].strip()
        below = _next_line(lines, number) if alone else number
        codes, reason = (found[1].split(","), found[2]) if _COMMA.fullmatch(found[1]) else ([found[1] or "?"], found[2])
        for code in codes:
            yield Ignore(Place(path, number, found.start() + 1), code, reason, frozenset({number, below}))


def _is_example(line: str, start: int) -> bool:
    """Say whether the comment is quoted in prose: `` `# tvmigrate: ignore CODE reason` ``."""
    return line[:start].count("`") % 2 == 1


def _next_line(lines: Sequence[str], number: int) -> int:
    """Return the next line that is neither empty nor such a comment: several may stand above one statement."""
    while number < len(lines) and (_COMMENT.search(lines[number]) or lines[number].lstrip().startswith("```")):
        number += 1
    return number + 1


def without_ignored(
    found: Iterable[Finding], sources: Sequence[Source], judged: frozenset[str], known: frozenset[str]
) -> Iterator[Finding]:
    """Yield what no comment ignores, and the comments that are not right.

    `judged`: the codes that were looked for; an ignore of another that is `known` is no matter of this run. Comments of
    a file that another one feeds to a command hold, and are judged where that file is given itself.
    """
    said = [one for source in sources for one in ignores(source.path, source.text, source.kind)]
    given = {source.path for source in sources}
    fed = {path: text for source in sources for path, text in source.fed.items() if path not in given}
    heard = said + [one for path, text in fed.items() for one in ignores(path, text)]
    used: set[Ignore] = set()
    for finding in found:
        place = finding.place
        fitting = [
            one
            for one in heard
            if one.place.path == place.path and one.code == finding.code and place.line in one.lines
        ]
        used.update(fitting)
        if not any(one.reason for one in fitting):
            yield finding
    for one in said:
        if not one.reason:
            yield told(ignore_without_reason, at(one.place, code=one.code))
        elif one not in used and (one.code in judged or one.code not in known):
            where = "" if one.code in known else ", and there is no such code"
            yield told(ignore_matches_nothing, at(one.place, code=one.code, where=where))
