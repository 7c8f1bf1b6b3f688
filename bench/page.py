"""docs/benchmarks.md and its plots, made from the newest result file: `python -m bench.page`."""

from __future__ import annotations

import statistics
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.groups import growth
from bench.model import Turn
from bench.results import GroupResult, Results, newest
from bench.rows import GROUPS, ROWS, Row
from bench.stand import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "benchmarks"
NOTES = ROOT / "bench" / "notes.toml"

_HEAD = """\
# Benchmarks

What the tool does against what one would take instead, and against what engines and drivers can do at best; on one machine, in one
run, in turns (A B A B …). This page is made from {file} by `python -m bench.page`.

```
{command}
```

{machine}; commit {commit}, {date}, scale {scale:g} of the standard size (500,000 keys, 10,000,000 rows, 200,000 documents).{added}

A ratio is that of one turn of ours and the turn of the other after it. For a rate it is ours over theirs, and is to be at least the
target; for time and memory also ours over theirs, and at most the target. *Migrate* is the step that transforms and writes, out of a
whole `tvmigrate apply` with all that it does in production; the whole stands below. *Verify* is the examination alone, each with
nothing kept of an earlier one. The other side's time begins when its processes are ready and its connections open.
*CPU* is how many times the other side's CPU time, engines included, ours takes for a record: of use where a machine was not quiet.

## What was reached
"""
_RUN = """
## How to run it

`tox -e bench` or `python -m bench [NAME…] [--scale F] [--turns N] [--minutes M] [--add] [--out FILE]`, after
`pip install -e '.[test,bench]'`. A name is that of a group below, or of a row. Results are written after every turn, so a run
that is cut short keeps what it has; `--minutes` shares the time out, and a group that has used its part up takes no further turn.
`--add` puts its groups into the newest result file, so that this page may come of several runs. For a quiet machine of two cores,
each some ten minutes, and then `python -m bench.page`:

```
python -m bench redis.migrate elasticsearch.migrate clickhouse.migrate verify rehearse --scale 0.05 --turns 3 --minutes 11
python -m bench suite --turns 2 --minutes 10 --add
python -m bench growth --scale 1 --turns 1 --add
```

The engines are the three embedded ones. `elasticdump` is installed by `npm`, `reladiff` with DuckDB by `pip` into an environment of
its own, both once, below the user's cache directory; where one cannot be, its row says so. CPU is read ten times a
second and memory once: of the side's own processes, and of each engine; of pages that processes share, each has its part. A ClickHouse that the verifier runs in a child (`chdb`) counts as an engine.
Groups of commits before 9596e70 were read with memory ten times a second too, which takes a part of a core from either side.
`tvmigrate generate` has a chdb in its own process, and its memory is mostly that: the bound in MB is not for it.
"""


@dataclass(frozen=True, slots=True)
class Compared:
    """A row's turns, pair by pair, and their ratios."""

    row: Row
    ours: Sequence[Turn]
    theirs: Sequence[Turn]

    @property
    def ratios(self) -> list[float]:
        """Return the ratio of each pair."""
        return [_ratio(self.row, ours, theirs) for ours, theirs in zip(self.ours, self.theirs, strict=False)]

    @property
    def median(self) -> float:
        """Return the median ratio."""
        return statistics.median(self.ratios)

    @property
    def met(self) -> bool:
        """Whether the median reaches the target; memory must also stay below the bound in bytes."""
        return self.row.met(self.median, max(turn.peak for turn in self.ours))

    @property
    def cpu(self) -> float | None:
        """Return CPU a record, ours over theirs, of all processes and engines: the median. None where there is none."""
        pairs = [
            (o.cpu * (t.records or 1), t.cpu * (o.records or 1)) for o, t in zip(self.ours, self.theirs, strict=False)
        ]
        ratios = [ours / theirs for ours, theirs in pairs if theirs]
        return statistics.median(ratios) if ratios and self.row.measure == "rate" else None


def _ratio(row: Row, ours: Turn, theirs: Turn) -> float:
    match row.measure:
        case "rate":
            return (ours.records / ours.seconds) / (theirs.records / theirs.seconds)
        case "time":
            return ours.seconds / theirs.seconds
        case _:
            return ours.peak / theirs.peak


def compared(results: Results) -> Iterator[Compared | tuple[Row, str]]:
    """Yield each row with its turns, or with the sentence that says why it has none."""
    for row in ROWS:
        group = results.groups.get(row.group)
        if group is None:
            yield row, "not part of this run"
            continue
        ours, theirs = group.turns.get(row.ours, ()), group.turns.get(row.theirs, ())
        if ours and theirs:
            yield Compared(row, ours, theirs)
        else:
            why = [group.unavailable.get(side, "") for side in (row.ours, row.theirs)]
            yield row, " ".join(filter(None, [*why, group.failed])) or "the run was cut before it had a turn"


def page(results: Results, file: str) -> str:
    """Return the whole page."""
    found = list(compared(results))
    rows = [one for one in found if isinstance(one, Compared)]
    sections = [
        _HEAD.format(
            file=f"`bench/results/{file}`", command=results.command, machine=_machine(results.machine),
            commit=results.commit, date=results.date, scale=results.scale, added=_added(results.groups),
        ).rstrip(),
        _table(found),
        "![Ratios, each over its target](benchmarks/ratios.svg)" if rows else "",
        _apply_table(results.groups),
        _growth(results.groups.get("growth")),
        _where(rows),
        _RUN.strip(),
        _groups(results.groups),
    ]  # fmt: skip
    return "\n\n".join(filter(None, sections)) + "\n"


def _added(groups: Mapping[str, GroupResult]) -> str:
    runs: dict[str, list[str]] = {}
    for name, group in groups.items():
        if group.run:
            runs.setdefault(group.run, []).append(f"`{name}`")
    return "".join(f"\nAdded: {', '.join(names)}, by {run}." for run, names in runs.items())


def _machine(machine: Mapping[str, object]) -> str:
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, Python"
        f" {machine['python']}, load {machine['load_before']} before the run"
    )


def _table(found: Sequence[Compared | tuple[Row, str]]) -> str:
    lines = [
        "| work | compared with | target | median | min – max | turns | ours | theirs | CPU | met |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        row = one.row if isinstance(one, Compared) else one[0]
        target = f"{'≥' if row.measure == 'rate' else '≤'} {row.target:g}"
        if row.most_bytes is not None:
            target += f", < {row.most_bytes // 1_000_000} MB"
        head = f"| {row.work} | {row.peer} | {target} |"
        if not isinstance(one, Compared):
            lines.append(f"{head} | | | | | | not measured: {one[1]} |")
            continue
        spread = f"{min(one.ratios):.2f} – {max(one.ratios):.2f}"
        met = "yes" if one.met else "**no**"
        ours, theirs = (_figure(row, turns) for turns in (one.ours, one.theirs))
        cpu = "" if one.cpu is None else f"{one.cpu:.2f}"
        lines.append(f"{head} {one.median:.2f} | {spread} | {len(one.ratios)} | {ours} | {theirs} | {cpu} | {met} |")
    return "\n".join(lines)


def _figure(row: Row, turns: Sequence[Turn]) -> str:
    match row.measure:
        case "rate":
            return f"{_round(statistics.median(turn.records / turn.seconds for turn in turns))}/s"
        case "time":
            return f"{statistics.median(turn.seconds for turn in turns):.1f} s"
        case _:
            return f"{max(turn.peak for turn in turns) / 1e6:.0f} MB"


def _round(rate: float) -> str:
    """Return a rate with three digits that count."""
    return f"{float(f'{rate:.3g}'):,.0f}" if rate >= 100 else f"{rate:.3g}"


def _apply_table(groups: Mapping[str, GroupResult]) -> str:
    """Return the whole `apply` beside the step that a row is of."""
    lines = []
    for name, group in groups.items():
        turns = group.turns.get("apply")
        if not turns or not name.endswith(".migrate"):
            continue
        turn = sorted(turns, key=lambda turn: turn.wall)[len(turns) // 2]
        longest = sorted(((s, step) for step, s in turn.beside.items() if step != "apply"), reverse=True)[:6]
        steps = ", ".join(f"{step} {seconds:.1f}" for seconds, step in longest)
        lines.append(
            f"| {name} | {group.what} | {turn.seconds:.1f} s | {turn.wall:.1f} s | {turn.peak / 1e6:.0f} MB | {steps} |"
        )
    if not lines:
        return ""
    return "\n".join([
        "## The whole `apply`", "",
        "Backup, compare, switch and removal too: the turn of median length.", "",
        "| group | data | the step | whole process | memory | longest steps, in seconds |", "|---|---|---|---|---|---|",
        *lines,
    ])  # fmt: skip


def _growth(group: GroupResult | None) -> str:
    if group is None or not group.turns:
        return ""
    lines = ["## How it grows", "", f"10N is {group.what}. Seconds, and MB of the command's own processes at most.", ""]
    lines += [
        "| command | " + " | ".join(f"{factor}N" if factor > 1 else "N" for factor in growth.FACTORS) + " |",
        "|---|" + "---|" * len(growth.FACTORS),
    ]
    for command in growth.COMMANDS:
        cells = []
        for factor in growth.FACTORS:
            turns = group.turns.get(growth.side(command, factor))
            if not turns:
                cells.append("–")
                continue
            seconds = statistics.median(turn.seconds for turn in turns)
            chdb = max(turn.engines["chdb"].peak if "chdb" in turn.engines else 0 for turn in turns)
            also = f" + {chdb / 1e6:.0f} of its chdb" if chdb else ""
            cells.append(f"{seconds:.1f} s, {max(turn.peak for turn in turns) / 1e6:.0f} MB{also}")
        lines.append(f"| `tvmigrate {command}` | {' | '.join(cells)} |")
    return "\n".join([*lines, "", "![Time and memory at N, 3N and 10N](benchmarks/growth.svg)"])


def _where(rows: Sequence[Compared]) -> str:
    """Return where the time goes, for each row that does not reach its target."""
    notes = tomllib.loads(NOTES.read_text("utf-8")) if NOTES.exists() else {}
    parts = [
        "## Where the time goes",
        (
            "Of each target that is not met, the turn of median length: CPU seconds of the side's own processes and of each engine"
            " (user + system) while it ran. What is left of the time is waiting: for an engine, for the other core, for the disk."
        ),
    ]
    missed = [one for one in rows if not one.met]
    if not missed:
        return ""
    for one in missed:
        text = f"**{one.row.work}**, against {one.row.peer}:\n\n"
        text += "| side | seconds | own user | own system | engines |\n|---|---|---|---|---|\n"
        sides = ((one.row.ours, one.ours), (one.row.theirs, one.theirs))
        text += "\n".join(_spent(name, turns) for name, turns in sides)
        if one.row.name in notes:
            text += f"\n\n{notes[one.row.name].strip()}"
        parts.append(text)
    return "\n\n".join(parts)


def _spent(name: str, turns: Sequence[Turn]) -> str:
    turn = sorted(turns, key=lambda turn: turn.seconds)[len(turns) // 2]
    engines = ", ".join(
        f"{engine} {usage.user:.1f} + {usage.system:.1f}"
        for engine, usage in sorted(turn.engines.items(), key=lambda item: -(item[1].user + item[1].system))
        if usage.user + usage.system >= 0.05
    )
    return f"| {name} | {turn.seconds:.1f} | {turn.tool.user:.1f} | {turn.tool.system:.1f} | {engines or 'next to nothing'} |"


def _groups(groups: Mapping[str, GroupResult]) -> str:
    lines = ["| group | data | sides, in the order of their turns | took |", "|---|---|---|---|"]
    for group in GROUPS:
        if (result := groups.get(group.name)) is not None:
            sides = ", ".join(result.turns) or "none"
            lines.append(f"| `{group.name}` | {result.what} | {sides} | {result.seconds:.0f} s |")
    return "\n".join(lines)


def draw(results: Results) -> None:
    """Draw the plots; the same results give the same files."""
    import matplotlib as mpl  # noqa: PLC0415 - who only compares the page needs none

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.size": 8})
    from matplotlib import pyplot as plt  # noqa: PLC0415

    PLOTS.mkdir(parents=True, exist_ok=True)
    kept: dict[str, Any] = {"metadata": {"Date": None}, "bbox_inches": "tight"}
    rows = [one for one in compared(results) if isinstance(one, Compared) and not one.row.name.startswith("growth")]
    if rows:
        figure, axes = plt.subplots(figsize=(8, 0.4 * len(rows) + 0.8))
        for place, one in enumerate(reversed(rows)):
            scores = [r / one.row.target if one.row.measure == "rate" else one.row.target / r for r in one.ratios]
            axes.plot([min(scores), max(scores)], [place, place], color="grey")
            axes.plot(statistics.median(scores), place, "o", color="tab:green" if one.met else "tab:red")
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set_yticks(range(len(rows)), [one.row.name for one in reversed(rows)])
        axes.set_xscale("log")
        axes.set_xlabel(
            "how far from the target (1: just reached; right is better); line: from the worst turn to the best"
        )
        figure.savefig(PLOTS / "ratios.svg", **kept)
    if (group := results.groups.get("growth")) and group.turns:
        figure, (time, memory) = plt.subplots(1, 2, figsize=(8, 3))
        for command in growth.COMMANDS:
            there = [f for f in growth.FACTORS if growth.side(command, f) in group.turns]
            turns = [group.turns[growth.side(command, factor)] for factor in there]
            time.plot(there, [statistics.median(t.seconds for t in some) for some in turns], "o-", label=command)
            memory.plot(there, [max(t.peak for t in some) / 1e6 for some in turns], "o-", label=command)
        time.set(xscale="log", yscale="log", xlabel="N", ylabel="seconds")
        memory.set(xscale="log", xlabel="N", ylabel="MB, the command's own processes", ylim=(0, None))
        memory.legend()
        figure.savefig(PLOTS / "growth.svg", **kept)


def main() -> None:
    """Write the page and the plots."""
    path = newest()
    if path is None:
        raise SystemExit("There is no result yet: run `python -m bench` first.")
    results = Results.read(path)
    PAGE.write_text(page(results, path.name), encoding="utf-8")
    draw(results)


if __name__ == "__main__":
    main()
