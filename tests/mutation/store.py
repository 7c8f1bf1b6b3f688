"""What is known of each mutant so far: a line of JSON a mutant, in a file that git does not see."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.mutation.judge import Told
from tests.mutation.mutants import Mutant, digest


class Outcomes:
    """The outcomes in a file, of mutants of files that have not changed since; appended as they come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, dict[str, object]] = {}
        self.once_alive: set[str] = set()  # those that survived until a test was written
        self.read()

    def read(self) -> None:
        """Take in what other processes added."""
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                told = json.loads(line)
                self.known[told["id"]] = told
                if told["outcome"] == "survived":
                    self.once_alive.add(told["id"])

    def of(self, mutant: Mutant) -> dict[str, object] | None:
        """Return what is known of a mutant, None if nothing is."""
        told = self.known.get(mutant.id)
        return told if told is not None and told["digest"] == digest(mutant.path) else None

    def open(self, mutants: Sequence[Mutant], *outcomes: str) -> Iterator[Mutant]:
        """Yield the mutants of which nothing is known, or one of `outcomes`."""
        for mutant in mutants:
            told = self.of(mutant)
            if told is None or told["outcome"] in outcomes:
                yield mutant

    def add(self, mutant: Mutant, told: Told) -> None:
        """Write what came of a mutant; it stands instead of what was known."""
        line = {"id": mutant.id, "digest": digest(mutant.path), **asdict(told)}
        self.known[mutant.id] = line
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
