"""Findings as text a person can act on: the claim, what was found, where, expected and actual, what it means."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from tvmigrate.printable import printable
from tvmigrate.report.plain import as_json_text
from tvmigrate.verify.check import Check
from tvmigrate.verify.findings import CheckResult, Direction, Finding, Group, Phase, State

VALUE_LIMIT = 1000  # characters of a value; verdict.json holds all of it
GROUPS_SHOWN = 10  # causes of a check on the terminal; verdict.json and junit.xml have the others
EXAMPLES = 3  # records named of a cause
EXAMPLE_WIDTH = 60  # characters of each

MEANINGS: Mapping[tuple[Phase, Direction], str] = {
    (Phase.MIGRATION, Direction.MISSING): (
        "The rules give this a place in the new data, and it is not there. Once the old data is dropped it is lost."
    ),
    (Phase.MIGRATION, Direction.EXTRA): (
        "Nothing in the old data becomes this: it was made up, doubled, or left behind."
    ),
    (Phase.MIGRATION, Direction.CHANGED): (
        "It is there, but not as the rule makes it of the old data. Who reads it is told something else than before."
    ),
    (Phase.MIGRATION, Direction.SCHEMA): (
        "The layout is not the one that readers and writers of the new data were built for."
    ),
    (Phase.ROLLBACK, Direction.MISSING): (
        "It was there before the migration, and the way back did not bring it back: it is lost."
    ),
    (Phase.ROLLBACK, Direction.EXTRA): "It was not there before the migration: the way back left it behind.",
    (Phase.ROLLBACK, Direction.CHANGED): (
        "The way back brought back something else than what was there before the migration."
    ),
    (Phase.ROLLBACK, Direction.SCHEMA): (
        "The way back did not restore the layout: programs that worked before the migration may fail now."
    ),
}


def counted(count: int, what: str) -> str:
    """Return `1 difference`, `1,234 differences`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def headline(result: CheckResult) -> str:
    """Return one line: the state, the check, its rule and how much it saw."""
    seen = f"{result.examined:,} examined"
    if result.findings_total:
        seen = f"{counted(result.findings_total, 'difference')}, {seen}"
    return f"{result.state.upper()} {result.id} (rule {result.rule}, after the {result.phase}): {seen}"


def explain(
    result: CheckResult, check: Check | None = None, shown: int | None = None, file: str = "verdict.json"
) -> str:
    """Return what a failed, stopped or empty check has to say, as lines.

    Where there is more than one difference, first a line for each cause, the largest first; then findings in full:
    those of the largest cause. `check` gives the claim; `shown` is how many findings are told (None: all that were
    kept of that cause), and bounds the causes told too. `file` is where the others are.
    """
    lines = [headline(result)]
    if check is not None:
        lines.append(f"  {check.claim}")
    if result.error:
        lines.append(f"  {printable(result.error)}")
    if result.state is State.EMPTY:
        lines.append("  Neither side has anything that this check could look at.")
    if result.findings_total > 1 and result.groups:
        lines.append("")
        lines += (f"  {line}" for line in group_lines(result, None if shown is None else GROUPS_SHOWN, file))
    largest = result.groups[0].samples if result.groups else range(len(result.findings))
    told = [result.findings[position] for position in largest][:shown]
    for number, finding in enumerate(told, 1):
        lines.append("")
        lines += (f"  {line}" for line in finding_lines(number, result.phase, finding))
    if (left := result.findings_total - len(told)) > 0:
        kept = len(result.findings) - len(told)
        where_else = f"{file} has {kept:,} of them" if kept else "--max-findings says how many are kept"
        lines += ["", f"  … and {left:,} more; {where_else}."]
    return "\n".join(lines)


def group_lines(result: CheckResult, most: int | None = None, file: str = "verdict.json") -> Iterator[str]:
    """Yield a line for each cause of the check's differences, and one for those beyond the first `most`."""
    for group in result.groups[:most]:
        yield group_line(result, group)
    if rest := result.groups[most:] if most is not None else ():
        count = sum(group.count for group in rest)
        yield f"{count:,} more, of {len(rest):,} other causes; {file} has them all"


def group_line(result: CheckResult, group: Group) -> str:
    """Return a cause as one line: how many, what share of what was examined, where, what, and a few examples."""
    # A record may differ in several places of a list, so that there are more differences than records.
    share = group.count / result.examined if 0 < group.count <= result.examined else None
    many = counted(group.count, "difference")
    count = many if share is None else f"{group.count:,} of {result.examined:,} examined ({percent(share)})"
    facts = [where_found(group), str(group.direction)]
    if group.kind:
        facts.append(printable(group.kind))
    line = f"{count}: {', '.join(facts)}"
    samples = [result.findings[position] for position in group.samples[:EXAMPLES]]
    names = dict.fromkeys(printable(finding.new or finding.old or "") for finding in samples)
    examples = ", ".join(textwrap.shorten(name, EXAMPLE_WIDTH, placeholder="…") for name in names if name)
    return f"{line}; e.g. {examples}" if examples else line


def where_found(group: Group) -> str:
    """Return the place of a cause: `redis.eaos, field score`."""
    rule = str(group.rule) if group.store in group.rule.split(".") else f"{group.store} {group.rule}"
    return rule if group.field is None else f"{rule}, field {printable(group.field)}"


def percent(share: float) -> str:
    """Return a share as `23.0 %`; what is not none and not all never reads so."""
    if share == 1:
        return "all"
    text = f"{100 * share:.1f}"
    return "under 0.1 %" if text == "0.0" else "over 99.9 %" if text == "100.0" else f"{text} %"


def finding_lines(number: int, phase: Phase, finding: Finding) -> Iterator[str]:
    """Yield the lines of one finding."""
    first, *more = printable(finding.note).splitlines() or [""]
    yield f"{number}. {first}"
    yield from (f"     {line}" for line in more)
    yield f"   where:    {where(finding)}"
    if finding.expected is not None or finding.actual is not None:
        yield f"   expected: {_value(finding.expected)}"
        yield f"   actual:   {_value(finding.actual)}"
    yield f"   {finding.direction}: {MEANINGS[phase, finding.direction]}"


def repeat_lines(command: str) -> str:
    """Return the lines that tell the shell command which runs a check again."""
    return f"  Repeat just this check:\n    {command}"


def where(finding: Finding) -> str:
    """Return the place of a finding: `redis, rule redis.eaos: old → new, field f`."""
    sides = " → ".join(printable(side) for side in (finding.old, finding.new) if side is not None)
    place = f"{finding.store}, rule {finding.rule}"
    if sides:
        place += f": {sides}"
    if finding.field is not None:
        place += f", field {printable(finding.field)}"
    return place


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    text = printable(as_json_text(value))
    if len(text) <= VALUE_LIMIT:
        return text
    return f"{text[:VALUE_LIMIT]}… ({len(text):,} characters; verdict.json holds them all)"
