"""What the long runs came to: `docs/nightly/{run}.json`, and docs/nightly.md made from them.

A test of a run that has a short and a long form tells its share by the fixture `share` (tests/conftest.py). With
`HYPOTHESIS_PROFILE=nightly` the shares of a session become result files. `python -m tests.nightly` makes the page.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "nightly"
PAGE = ROOT / "docs" / "nightly.md"
WRITTEN = (
    "docs/nightly",
    "docs/nightly.md",
    "docs/mutation.md",
    "tests/mutation/result.json",
    "docs/crash.md",
    "tests/crash/result.json",
)
KEYS = ("ran", "of", "failed", "seed", "seconds", "date", "commit", "command")


@dataclass
class Run:
    """One run as it is counted, by kind: `counts` has its `ran`, `of` and `failed`, `seconds_of` how long it took."""

    name: str
    what: str
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)
    seconds_of: dict[str, float] = field(default_factory=dict)

    def total(self, of: str) -> int:
        return sum(count[of] for count in self.counts.values())

    @property
    def line(self) -> str:
        """What share of the whole was run, in words."""
        failed = self.total("failed")
        tail = f", {failed} failed" if failed else ""
        return f"{self.name.replace('-', ' ')}: {self.total('ran')} of {self.total('of')} {self.what}{tail}"


def counted(told: Iterable[tuple[Mapping[str, Any], bool, float]]) -> list[Run]:
    """Return the runs that `told` speaks of: (a share, whether its test passed, how many seconds it took).

    A share that goes on where an earlier session was stopped says itself how many seconds all of it took.
    """
    runs: dict[str, Run] = {}
    for share, passed, seconds in told:
        run = runs.setdefault(share["run"], Run(share["run"], share["what"]))
        count = run.counts.setdefault(share["kind"], {"ran": 0, "of": 0, "failed": 0})
        count["ran"] += share["ran"]
        count["of"] = max(count["of"], share["of"])
        count["failed"] += not passed
        took = seconds if share["seconds"] is None else share["seconds"]
        run.seconds_of[share["kind"]] = run.seconds_of.get(share["kind"], 0.0) + took
        if share["seed"] is not None:
            run.seeds[share["kind"]] = share["seed"]
    return list(runs.values())


def commit() -> str:
    """Return the commit that is checked out, with `-dirty` where files differ from it that no long run writes."""
    asked = ["git", "rev-parse", "--short=12", "HEAD"]
    found = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    compared = ["git", "diff", "--quiet", "HEAD", "--", ".", *(f":(exclude){path}" for path in WRITTEN)]
    differs = subprocess.run(compared, cwd=ROOT, check=False).returncode
    return f"{found}-dirty" if differs else found


def now() -> str:
    """Return the time as a result file has it, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write(run: Run, command: str) -> Path:
    """Write what `run`, which `command` repeats, came to into the run's result file; return its path.

    A long run may be run in pieces: each kind stands there as it was run last.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{run.name}.json"
    kinds = json.loads(path.read_text(encoding="utf-8"))["kinds"] if path.exists() else {}
    for kind, count in run.counts.items():
        told = {
            **count, "seed": run.seeds.get(kind), "seconds": round(run.seconds_of.get(kind, 0)), "date": now(),
            "commit": commit(), "command": command,
        }  # fmt: skip
        kinds[kind] = {key: told[key] for key in KEYS}
    result = {"run": run.name, "what": run.what, "kinds": kinds}
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def failures(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each kind of a kept run in which something failed."""
    return [
        f"{one['run']}, {kind}: {told['failed']} of {told['ran']} failed"
        for one in found
        for kind, told in one["kinds"].items()
        if told["failed"]
    ]


def results() -> list[dict[str, Any]]:
    """Return what the result files hold, by the name of the run."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]


def page(found: Iterable[Mapping[str, Any]]) -> str:
    """Return docs/nightly.md for these results."""
    lines = [
        "# Long runs",
        "",
        "What `.ci/run` runs in part, in full: `tox -e nightly`. This page is made by `python -m tests.nightly` from",
        "the files in `docs/nightly/`, which those runs write.",
        "",
        "| run | ran | failed | dates | minutes |",
        "|---|---|---|---|---|",
    ]
    found = list(found)
    if not found:
        return "\n".join([*lines[:5], "None is kept yet."]) + "\n"
    for result in found:
        kinds = result["kinds"].values()
        ran, of, failed, seconds = (sum(kind[key] for kind in kinds) for key in ("ran", "of", "failed", "seconds"))
        dates = f"{min(kind['date'] for kind in kinds)[:10]} to {max(kind['date'] for kind in kinds)[:10]}"
        lines.append(f"| {result['run']} | {ran} of {of} {result['what']} | {failed} | {dates} | {seconds / 60:.0f} |")
    for result in found:
        lines += ["", f"## {result['run']}", "", "Each kind as it was run last:", ""]
        lines += ["| kind | ran | of | failed | seed | date | commit | seconds |", "|---|---|---|---|---|---|---|---|"]
        for kind, told in result["kinds"].items():
            seed = "" if told["seed"] is None else told["seed"]
            shown = [kind, *(told[key] for key in ("ran", "of", "failed")), seed, told["date"], f"`{told['commit']}`"]
            lines.append("| " + " | ".join(map(str, [*shown, told["seconds"]])) + " |")
        commands = dict.fromkeys(told["command"] for told in result["kinds"].values())
        lines += ["", "By", "", "```", *commands, "```"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(results()), encoding="utf-8")
