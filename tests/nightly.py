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
KEYS = ("run", "what", "date", "commit", "command", "share", "failed", "counts", "seeds", "seconds")


@dataclass
class Run:
    """One run as it is counted: `counts` maps a kind to its `ran`, `of` and `failed`."""

    name: str
    what: str
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)
    seconds: float = 0

    def total(self, of: str) -> int:
        return sum(count[of] for count in self.counts.values())

    @property
    def line(self) -> str:
        """What share of the whole was run, in words."""
        failed = self.total("failed")
        tail = f", {failed} failed" if failed else ""
        return f"{self.name.replace('-', ' ')}: {self.total('ran')} of {self.total('of')} {self.what}{tail}"


def counted(told: Iterable[tuple[Mapping[str, Any], bool, float]]) -> list[Run]:
    """Return the runs that `told` speaks of: (a share, whether its test passed, how many seconds it took)."""
    runs: dict[str, Run] = {}
    for share, passed, seconds in told:
        run = runs.setdefault(share["run"], Run(share["run"], share["what"]))
        count = run.counts.setdefault(share["kind"], {"ran": 0, "of": 0, "failed": 0})
        count["ran"] += share["ran"]
        count["of"] = max(count["of"], share["of"])
        count["failed"] += not passed
        run.seconds += seconds
        if share["seed"] is not None:
            run.seeds[share["kind"]] = share["seed"]
    return list(runs.values())


def write(run: Run, command: str) -> Path:
    """Write the result file of `run`, which `command` repeats; return its path."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    result = {
        "run": run.name,
        "what": run.what,
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": commit.stdout.strip(),
        "command": command,
        "share": {"ran": run.total("ran"), "of": run.total("of")},
        "failed": run.total("failed"),
        "counts": run.counts,
        "seeds": run.seeds,
        "seconds": round(run.seconds),
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{run.name}.json"
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def merged(parts: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the result of one run that was run in several sessions, each of them a part that no other ran."""
    counts: dict[str, dict[str, int]] = {}
    for kind, count in (item for part in parts for item in part["counts"].items()):
        sums = counts.setdefault(kind, {"ran": 0, "of": count["of"], "failed": 0})
        sums |= {name: sums[name] + count[name] for name in ("ran", "failed")}
    together = {"counts": counts, "seeds": {kind: seed for part in parts for kind, seed in part["seeds"].items()}}
    return {
        **max(parts, key=lambda part: part["date"]),
        **together,
        "commit": ", ".join(dict.fromkeys(part["commit"] for part in parts)),
        "command": "; ".join(part["command"] for part in parts),
        "share": {name: sum(count[name] for count in counts.values()) for name in ("ran", "of")},
        "failed": sum(count["failed"] for count in counts.values()),
        "seconds": sum(part["seconds"] for part in parts),
    }


def results() -> list[dict[str, Any]]:
    """Return what the result files hold, by the name of the run."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]


def page(found: Iterable[Mapping[str, Any]]) -> str:
    """Return docs/nightly.md for these results."""
    lines = [
        "# Long runs",
        "",
        "What `.ci/run` runs in part, in full: `tox -e nightly`. This page is made by `python -m tests.nightly` from",
        "the files in [nightly/](nightly/), which those runs write.",
        "",
        "| run | ran | failed | date | commit | minutes |",
        "|---|---|---|---|---|---|",
    ]
    found = list(found)
    for result in found:
        share = result["share"]
        lines.append(
            f"| {result['run']} | {share['ran']} of {share['of']} {result['what']} | {result['failed']}"
            f" | {result['date']} | `{result['commit']}` | {result['seconds'] / 60:.0f} |"
        )
    for result in found:
        lines += ["", f"## {result['run']}", "", f"`{result['command']}`", ""]
        lines += ["| kind | ran | of | failed | seed |", "|---|---|---|---|---|"]
        for kind, count in result["counts"].items():
            seed = result["seeds"].get(kind, "")
            lines.append(f"| {kind} | {count['ran']} | {count['of']} | {count['failed']} | {seed} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(results()), encoding="utf-8")
