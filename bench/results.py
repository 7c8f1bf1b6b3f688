"""A run's results as a file, written anew after every turn: a run that is cut short keeps what it has."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from bench.model import Turn
from bench.stand import ROOT

FOLDER = ROOT / "bench" / "results"


def _commit() -> str:
    return subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip


def _machine() -> dict[str, Any]:
    models = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
              if line.startswith("model name")]  # fmt: skip
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(psutil.getloadavg()[0], 2),
    }


@dataclass(slots=True)
class GroupResult:
    """What came of a group: which data, each side's turns, why a side had none, why it ended early.

    `run` says how it was measured where it was added to what another run had begun.
    """

    what: str
    turns: dict[str, list[Turn]] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)
    failed: str = ""
    seconds: float = 0.0
    run: str = ""


@dataclass(slots=True)
class Results:
    """What came of a run, and of which: command, commit, machine, scale."""

    command: str
    scale: float
    date: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    commit: str = field(default_factory=_commit)
    machine: Mapping[str, Any] = field(default_factory=_machine)
    groups: dict[str, GroupResult] = field(default_factory=dict)

    @property
    def run(self) -> str:
        """How it was measured, in a line."""
        return f"`{self.command}`, commit {self.commit}, {self.date}, load {self.machine['load_before']} before it"

    def write(self, path: Path) -> None:
        """Write it; the file is whole at any time."""
        body = {
            "command": self.command, "scale": self.scale, "date": self.date, "commit": self.commit,
            "machine": self.machine,
            "groups": {
                name: {
                    "what": group.what,
                    "seconds": round(group.seconds, 1),
                    "run": group.run,
                    "failed": group.failed,
                    "unavailable": group.unavailable,
                    "turns": {side: [turn.as_json() for turn in turns] for side, turns in group.turns.items()},
                }
                for name, group in self.groups.items()
            },
        }  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read what `write` wrote."""
        body = json.loads(path.read_text(encoding="utf-8"))
        groups = {
            name: GroupResult(
                group["what"],
                {side: [Turn.of_json(turn) for turn in turns] for side, turns in group["turns"].items()},
                group["unavailable"],
                group["failed"],
                group["seconds"],
                group.get("run", ""),
            )
            for name, group in body.pop("groups").items()
        }
        return cls(**body, groups=groups)


def newest() -> Path | None:
    """Return the newest result file, None if there is none."""
    return max(FOLDER.glob("*.json"), default=None)
