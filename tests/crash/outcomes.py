"""What is known of each trial: `result.json`, in which a run that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from tests import nightly
from tests.crash.trap import Point
from tests.mutation.mutants import digest_of_product

FILE = Path(__file__).with_name("result.json")
GOOD = "good"


class Outcomes:
    """The outcomes of the product as it is: those of another are forgotten, kind by kind, when it is tried again."""

    def __init__(self, path: Path = FILE) -> None:
        self._path = path
        self.kinds: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.exists() else {}

    def begin(self, kind: str, dataset: str, points: list[Point], trials: Sequence[str]) -> None:
        """Say what is to be tried: of a kind, at these writes, the trials of these names; others are forgotten."""
        listed = [list(astuple(point)) for point in points]
        said = {"product": digest_of_product(), "dataset": dataset}
        known = self.kinds.get(kind, {})
        if {name: known.get(name) for name in said} != said:
            known = said | {"commit": nightly.commit(), "date": nightly.now(), "seconds": 0, "outcomes": {}}
        kept = {name: outcome for name, outcome in known["outcomes"].items() if name in set(trials)}
        self.kinds[kind] = known | {"points": listed, "of": len(trials), "outcomes": kept}

    def join(self, path: Path) -> None:
        """Take what another such file has of a kind: more of the same trials; or all, if it is newer or has more."""
        for kind, told in json.loads(path.read_text("utf-8")).items():
            ours = self.kinds.get(kind)
            same = ours is not None and ours["product"] == told["product"]
            if same and ours["of"] == told["of"]:
                more = {name: out for name, out in told["outcomes"].items() if name not in ours["outcomes"]}
                ours["outcomes"] |= more
                ours["seconds"] = round(
                    ours["seconds"] + told["seconds"] * len(more) / max(1, len(told["outcomes"])), 1
                )
                ours["date"] = max(ours["date"], told["date"])
            elif ours is None or (
                len(told["outcomes"]) > len(ours["outcomes"]) if same else told["date"] > ours["date"]
            ):
                self.kinds[kind] = told
        self._write()

    def known(self, kind: str, trial: str) -> bool:
        """Return whether a trial has been good."""
        return self.kinds[kind]["outcomes"].get(trial) == GOOD

    def add(self, kind: str, trial: str, outcome: str, seconds: float) -> None:
        """Keep how a trial came out, on disk too."""
        told = self.kinds[kind]
        told["outcomes"][trial] = outcome
        told["seconds"] = round(told["seconds"] + seconds, 1)
        told["date"] = nightly.now()
        self._write()

    def _write(self) -> None:
        self._path.write_text(json.dumps(self.kinds, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
