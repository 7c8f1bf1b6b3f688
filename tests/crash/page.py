"""docs/crash.md and docs/nightly/crash.json, from the outcomes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests import nightly
from tests.crash.matrix import APPLY, FINISH, ROLLBACK, WAYS
from tests.crash.outcomes import GOOD, Outcomes
from tests.crash.trap import Moment, Point

PAGE = nightly.ROOT / "docs" / "crash.md"
COMMAND = "python -m tests.crash"
_WHAT = {
    APPLY: "`apply` killed at each of its writes; then `apply` ends it, or `rollback` goes back",
    ROLLBACK: "`rollback` killed at each of its writes; then `rollback` ends it",
    "compressed": "with `--compress`: the writes that pack the backup and unpack it, as those above",
    "resumed": "`apply` killed, and killed again as it goes on; pairs of writes drawn by a seed",
    "workers": "a worker of `apply` killed at its write, or `apply` itself at that moment",
    "side by side": "`apply` and `rollback` with workers, all stores at once, killed at moments drawn by a seed",
    "signals": "SIGINT, SIGTERM and SIGHUP, in turn, at each write of `apply` and of `rollback`",
    FINISH: "`finish` killed at each of its writes; then `finish` ends it, or `rollback` goes back or is refused",
}
_MOMENTS = (Moment.BEFORE, Moment.HALFWAY, Moment.AFTER)
_HEAD = """# What a killed run leaves

Every write that `apply` and `rollback` send is counted as they run: commands on a Redis connection, requests to
ClickHouse and Elasticsearch that may change something, commits of the journal and of the run's files of records, and
the system's calls that make, fill, sync, rename and remove files. Then the command is run again and killed with `kill
-9` **just before** the n-th write, **halfway** (an engine was sent the request and has not answered; half of a file's
bytes are written) and **just after** it (the engine answered, the call returned). After each:

1. `tvmigrate status` says what the journal holds since its last commit: not begun, in progress and at which step,
   applied, rolling back.
2. One time `tvmigrate apply` goes on and ends well, and what it made passes: it is equal, record by record, to what a
   run that nobody killed makes, which passes every check of `tvmigrate rehearse`; at every tenth write the checks
   themselves look.
3. The other time `tvmigrate rollback` ends well. After either, and `rollback` after 2, all three stores are what they
   were before, bit for bit: types and values of every Redis key, rows, `CREATE TABLE` and UUID of every table, source
   of every document, settings, mappings, aliases. An expiry may be a second off: it is read as what is left by
   Redis's clock, and written back as an instant.

Nothing is written between a write and the next, so just before one is as just after the other; these come last. The
machinery is in `tests/crash/`, and none of it in the tool. `python -m tests.crash` tries all of it on
fixtures/standard, goes on where it was stopped with the same code, and makes this page: it ends after as many trials
as the table counts, each of so many seconds (`--minutes N` stops earlier, and any beginning is a fair sample; kinds
may be tried side by side, each in a worktree of its own, and `--join` brings their results together). `.ci/run` tries
one of each kind on fixtures/clean, which has every kind of write but one, another with each commit (`pytest
tests/crash`). A commit of SQLite is one write here: that a kill within it loses nothing is SQLite's own promise.
"""


def write(outcomes: Outcomes) -> None:
    """Write both."""
    PAGE.write_text(page(outcomes.kinds), encoding="utf-8")
    run = nightly.Run("crash", "trials")
    for kind, told in outcomes.kinds.items():
        good = _good(told)
        run.counts[kind] = {"ran": len(told["outcomes"]), "of": told["of"], "failed": len(told["outcomes"]) - good}
        run.seconds_of[kind] = told["seconds"]
    path = nightly.write(run, COMMAND)
    result = json.loads(path.read_text(encoding="utf-8"))
    for kind, told in outcomes.kinds.items():  # each may have been tried with another commit than ours
        result["kinds"][kind] |= {"date": told["date"], "commit": told["commit"]}
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def page(kinds: dict[str, dict[str, Any]]) -> str:
    """Return docs/crash.md for these outcomes."""
    return "\n".join(_lines(kinds)) + "\n"


def _lines(kinds: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield _HEAD
    yield "| what | writes | tried | good | seconds each | dataset | commit | date |"
    yield "|---|---|---|---|---|---|---|---|"
    for kind, words in _WHAT.items():
        if told := kinds.get(kind):
            tried = f"{len(told['outcomes'])} of {told['of']}"
            shown = [
                words,
                len(told["points"]),
                tried,
                _good(told),
                _each(told),
                told["dataset"],
                f"`{told['commit']}`",
            ]
            yield "| " + " | ".join(map(str, [*shown, told["date"][:10]])) + " |"
    failed = [
        (kind, name, out) for kind, told in kinds.items() for name, out in told["outcomes"].items() if out != GOOD
    ]
    for kind, name, outcome in failed:
        yield f"\nNot good: {kind}, {name}: {outcome.splitlines()[0]}"
    for command in (APPLY, ROLLBACK, FINISH):
        if command in kinds:
            yield from _table(command, kinds[command])


def _table(command: str, told: dict[str, Any]) -> Iterator[str]:
    ways = WAYS[command]
    words = {APPLY: "`apply`, `rollback`", ROLLBACK: "`rollback`", FINISH: "`finish`, `rollback`"}[command]
    yield f"\n## The writes of `{command}`\n"
    yield f"A cell is what came of {words} afterwards: ✓ good, ✗ not, · not tried yet; empty: no such moment.\n"
    yield "| | step | write | before | halfway | after |"
    yield "|---|---|---|---|---|---|"
    for one in told["points"]:
        point = Point(*one)
        cells = [_cell(told, command, point, moment, ways) for moment in _MOMENTS]
        yield f"| {point.n} | {point.step} | {point.kind}: {_short(point.what)} | {' | '.join(cells)} |"


def _cell(told: dict[str, Any], command: str, point: Point, moment: Moment, ways: tuple[str, ...]) -> str:
    if moment is Moment.HALFWAY and not point.halves:
        return ""
    outcomes = [told["outcomes"].get(f"{command} {point.n} {moment} {way}") for way in ways]
    return " ".join("·" if one is None else "✓" if one == GOOD else "✗" for one in outcomes)


def _short(what: str) -> str:
    return (
        what.replace("`", "")
        .replace("tv_analytics.", "")
        .replace("|", "\\|")
        .partition(" ( ")[0]
        .partition(" SELECT ")[0]
    )


def _each(told: dict[str, Any]) -> str:
    return f"{told['seconds'] / max(1, len(told['outcomes'])):.0f}"


def _good(told: dict[str, Any]) -> int:
    return sum(outcome == GOOD for outcome in told["outcomes"].values())
