"""The end of a run on the terminal: checks, ledger, findings in full, the verdict, where the report lies."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tvmigrate.contract.outcome import LedgerLine
from tvmigrate.printable import printable
from tvmigrate.report.looks import AGAIN, first_look
from tvmigrate.report.prose import explain, headline, repeat_lines
from tvmigrate.verify.check import Check
from tvmigrate.verify.findings import CheckResult, State, Verdict

STYLES: Mapping[State, str] = {
    State.PASS: "green",
    State.FAIL: "bold red",
    State.ERROR: "bold magenta",
    State.EMPTY: "yellow",
}
SHOWN = 3  # findings of a check that are told in full; verdict.json has the others
PAPER_WIDTH = 120  # columns where stdout is no terminal
_FATES = ("mapped", "filled", "quarantined", "untouched", "expired")


def stdout_console() -> Console:
    """Return a console on stdout that is wide enough for the ledger, also in a pipe."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PAPER_WIDTH)


def print_verdict(
    console: Console,
    verdict: Verdict,
    checks: Mapping[str, Check],
    repeat: Callable[[str], str],
    reports: Sequence[Path] = (),
) -> None:
    """Print the whole outcome; `repeat(check_id)` is the shell command that runs just that check again."""
    console.print(check_table(verdict.checks))
    console.print()
    console.print(ledger_table(verdict.ledger))
    for told in inconsistency_lines(verdict):
        console.print(Text(told), soft_wrap=True)
    explained: set[str] = set()
    for result in verdict.checks:
        if result.state not in {State.FAIL, State.ERROR}:
            continue
        console.print()
        first = first_look(result.id)
        if first in explained:
            console.print(Text(f"{headline(result)}; told above of an earlier look"), soft_wrap=True)
            continue
        explained.add(first)
        console.print(Text(explain(result, checks.get(result.id), SHOWN)), soft_wrap=True)
        console.print(Text(f"\n{repeat_lines(repeat(result.id))}"), soft_wrap=True)
    console.print()
    for path in reports:
        console.print(Text(f"report: {path}"), soft_wrap=True)
    for line in verdict_lines(verdict):
        console.print(line, soft_wrap=True)


def verdict_lines(verdict: Verdict) -> list[Text]:
    """Return the last lines: the state at each look, then of the whole."""
    looks: dict[str, list[CheckResult]] = {}
    for result in verdict.checks:
        again = result.id.removeprefix(first_look(result.id))
        looks.setdefault(AGAIN.get(again, f"after the {result.phase}"), []).append(result)
    lines = [_state_line(look, results) for look, results in looks.items()]
    took = f" ({sum(verdict.seconds.values()):.1f} s)" if verdict.seconds else ""
    lines.append(Text.assemble("verdict: ", (str(verdict.state), STYLES[verdict.state]), took))
    return lines


def inconsistency_lines(verdict: Verdict) -> list[str]:
    """Return what the old stores contradicted each other or themselves in: kept as it is, and no failure."""
    if not verdict.inconsistencies:
        return []
    lines = ["", "Inconsistencies of the old data, kept as they are and no failure"]
    for entry in verdict.inconsistencies:
        examples = entry.get("examples") or [{"note": ""}]
        first = textwrap.shorten(printable(str(examples[0]["note"])), 100)
        example = f", such as: {first}" if first else ""
        lines.append(f"{entry.get('rule')}: {entry.get('count'):,} {entry.get('kind')}{example}")
    return lines


def check_table(results: Sequence[CheckResult]) -> Table:
    """Return every check with its state, how much it examined, and how many differences it found.

    Of later looks (after a second migration and the like) only what did not pass: the last lines count the others.
    """
    table = Table("after the", "check", "state", title="Checks", title_justify="left", box=None, pad_edge=False)
    table.add_column("examined", justify="right")
    table.add_column("differences", justify="right")
    for result in results:
        if result.state in {State.PASS, State.EMPTY} and first_look(result.id) != result.id:
            continue
        table.add_row(
            str(result.phase),
            result.id,
            Text(str(result.state), STYLES[result.state]),
            f"{result.examined:,}",
            f"{result.findings_total:,}",
        )
    return table


def ledger_table(lines: Sequence[LedgerLine]) -> Table:
    """Return the ledger, with whether each line balances."""
    table = Table("store", "rule", title="Ledger", title_justify="left", box=None, pad_edge=False)
    for name in ("old", *_FATES):
        table.add_column(name, justify="right")
    table.add_column("balance")
    for line in lines:
        old = "derived" if line.old is None else f"{line.old:,}"
        fates = (f"{getattr(line, fate):,}" for fate in _FATES)
        table.add_row(str(line.store), str(line.rule), old, *fates, _sum(line))
    return table


def _sum(line: LedgerLine) -> Text:
    if line.old is None:
        return Text("")
    if line.balanced:
        return Text("balanced", "green")
    return Text(f"off by {line.accounted - line.old:+,}", "bold red")


def _state_line(what: str, results: Sequence[CheckResult]) -> Text:
    counts = {state: sum(result.state is state for result in results) for state in State}
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return Text(printable(f"{what}: {told}, {sum(result.examined for result in results):,} examined"))
